// Variable<T>: a value and its place on a tape.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "array.hpp"
#include "error.hpp"
#include "primitive.hpp"
#include "value.hpp"

namespace autodiff {

template <Real T>
class Tape;

namespace detail {
/// Where a tape can be found while it lives. Anchors are never freed, only used again with the next `life`, so a
/// variable can always ask whether its tape is still there, also while the tape ends on another thread.
template <Real T>
struct Anchor {
  std::atomic<Tape<T>*> tape = nullptr;
  std::atomic<std::uint64_t> life = 0;
};

/// Where a node of a tape is: what can be kept of a variable without keeping its array.
template <Real T>
struct NodePlace {
  Anchor<T>* anchor;
  std::uint64_t life;
  std::uint32_t index;
  bool alive() const { return anchor->life == life; }
  bool beside(const NodePlace& other) const { return anchor == other.anchor && life == other.life; }
};
}  // namespace detail

/// What x(i, j, ...) takes. A concept: where && of variables is declared, Clang 14 takes one written out for another.
template <class... Indices>
concept AtIndices = sizeof...(Indices) > 0 && !(std::same_as<Indices, bool> || ...);

/// A value, and the node of the tape that it came from. Cheap to copy: the array is shared, and changed only by += of a
/// plain value that nobody shares.
/// A variable without a node is a plain value: operations on plain values alone record nothing. One of an abstract tape
/// (see Tape) has a shape and, unless it follows from constants alone, no value.
template <Real T>
class Variable {
 public:
  using value_type = T;

  /// No value: everything but assignment throws TapeError.
  Variable() = default;
  /// A plain value, off any tape.
  explicit Variable(Array<T> value) : value_(std::move(value)) {}
  explicit Variable(Value<T> value) : value_(std::move(value)) {}

  /// The array. Throws TapeError when the variable is empty, its tape has been cleared or is gone, or only a run of a
  /// program knows the value: the error says which inputs and variables it depends on.
  const Array<T>& value() const& { return check_value(), *value_; }
  /// Of a temporary: an array of its own, so that nothing refers to what is about to go.
  Array<T> value() && {
    check_value();
    return std::move(value_).take();
  }
  const Shape& shape() const { return check_alive(), value_.shape(); }
  /// The length of an axis, from 0. Throws AxisError for one that the array does not have.
  std::size_t shape(std::size_t axis) const {
    const Shape& lengths = shape();
    if (axis >= lengths.size())
      fail<AxisError>("shape", "axis ", static_cast<std::ptrdiff_t>(axis), " is out of range for shape ",
                      Dims(lengths));
    return lengths[axis];
  }
  std::size_t dimension() const { return shape().size(); }
  std::size_t size() const { return count(Dims(shape())); }
  /// The only element. Throws ShapeError when there is not exactly one, and what value() throws.
  T item() const;

  /// Whether it can be used: it is not empty, and its tape, if it has one, has not been cleared and is not gone.
  bool alive() const noexcept { return value_ && (!anchor_ || anchor_->life == life_); }
  /// Whether it has a shape alone, since only a run of the program that is being recorded knows the value.
  bool abstract() const { return abstract_; }
  /// Whether both are plain, or were recorded on one tape in one life of it.
  bool beside(const Variable& other) const noexcept { return anchor_ == other.anchor_ && life_ == other.life_; }
  /// Whether it has a node on a tape.
  bool recorded() const { return anchor_ != nullptr; }
  /// The tape that holds it. Throws TapeError for a plain value, or when the tape is gone.
  Tape<T>& tape() const;
  /// Its node's number on the tape, in order of recording.
  std::size_t index() const { return index_; }
  /// The same with its tape, of a variable that is recorded.
  detail::NodePlace<T> place() const { return {anchor_, life_, index_}; }
  /// Its full name with scopes, "layer1/W", or "" when it has none.
  std::string name() const;
  /// Names the node (in the current scope) and returns the variable itself: `auto h = tanh(a).named("h")`.
  const Variable& named(const std::string& name) const&;
  Variable named(const std::string& name) &&;

  /// The array, to be changed in place: null unless it is a plain value that nobody else shares.
  Array<T>* exclusive() { return is_exclusive() ? value_.get() : nullptr; }
  bool is_exclusive() const { return value_ && !anchor_ && !value_.shared(); }
  /// The elements where they are, which needs no array to be made: throws what value() throws. Those of an exclusive
  /// one may be changed.
  Operand<const T> elements() const { return check_value(), value_.elements(); }
  Operand<T> exclusive_elements() { return value_.elements(); }

  /// The element at these indices as a variable, or for fewer indices than axes a part: see at(). x(i, j).
  template <std::integral... Indices>
  requires AtIndices<Indices...> Variable operator()(Indices... indices) const;

  /// Replaces the variable by what the operation gives; a plain value that nobody shares is changed in place.
  template <class A>
  Variable& operator+=(A&& a);
  template <class A>
  Variable& operator-=(A&& a);
  template <class A>
  Variable& operator*=(A&& a);
  template <class A>
  Variable& operator/=(A&& a);

 private:
  friend class Tape<T>;
  Variable(Value<T> value, detail::Anchor<T>* anchor, std::uint64_t life, std::uint32_t index, bool abstract = false)
      : value_(std::move(value)), anchor_(anchor), life_(life), index_(index), abstract_(abstract) {}
  void check_alive() const {
    if (!alive()) fail_dead();
  }
  void check_value() const {
    if (abstract_ || !alive()) fail_valueless();
  }
  [[noreturn]] void fail_dead() const;
  [[noreturn]] void fail_valueless() const;

  Value<T> value_;
  detail::Anchor<T>* anchor_ = nullptr;
  std::uint64_t life_ = 0;
  std::uint32_t index_ = 0;
  bool abstract_ = false;
};

template <Real T>
std::vector<Variable<T>> Primitive<T>::batched(std::size_t, const std::vector<bool>&,
                                               std::span<const Variable<T>>) const {
  return {};
}
template <Real T>
Variable<T> Primitive<T>::summed(std::span<const Variable<T>>) const {
  return {};
}
template <Real T>
std::shared_ptr<const Primitive<T>> Primitive<T>::prepared(const std::vector<bool>&, std::span<Variable<T>>) const {
  return nullptr;
}

/// The type of what a vjp gives that is zero but for a part: see Cotangent.
template <class V>
using CotangentLike = Cotangent<typename V::value_type>;

extern template class Variable<float>;
extern template class Variable<double>;

// ---- mixing variables with arrays, lazy expressions and numbers ----

namespace detail {
template <class A>
struct ElementType {
  using type = void;
};
template <Real T>
struct ElementType<Variable<T>> {
  using type = T;
};
template <class... As>
struct FirstElementType {
  using type = void;
};
template <class A, class... As>
struct FirstElementType<A, As...> {
  using here = typename ElementType<std::remove_cvref_t<A>>::type;
  using type =
      typename std::conditional_t<std::is_void_v<here>, FirstElementType<As...>, std::type_identity<here>>::type;
};
}  // namespace detail

template <class A>
concept AnyVariable = !std::is_void_v<typename detail::ElementType<std::remove_cvref_t<A>>::type>;
template <class A>
concept AnyOperand = AnyVariable<A> || ArrayLike<A> || Number<A>;
/// At least one variable among operands: what an operation accepts.
template <class... As>
concept Operands = (AnyOperand<As> && ...) && (AnyVariable<As> || ...);
/// The element type of the first variable among the arguments; the others are converted to it.
template <class... As>
using ElementOf = typename detail::FirstElementType<As...>::type;

/// Any operand as a variable: itself, or a plain value that becomes a constant of the tape when it is recorded.
template <Real T, class A>
decltype(auto) to_variable(A&& a) {
  if constexpr (AnyVariable<A>) {
    constexpr bool same = std::is_same_v<ElementOf<A>, T>;
    static_assert(same, "[autodiff] variables of float and of double cannot be mixed");
    if constexpr (same)
      return static_cast<const Variable<T>&>(a);
    else
      return Variable<T>();  // so that no other error follows
  } else {
    if constexpr (Number<A>)
      return Variable<T>(Value<T>::number(static_cast<T>(a)));
    else
      return Variable<T>(to_array<T>(std::forward<A>(a)));
  }
}

}  // namespace autodiff
