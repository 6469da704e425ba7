// Parts of arrays and their reverse: slices, joins, pads.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "shape.hpp"

namespace autodiff {

/// What to take of one axis, as in Python's start:stop:step; left out means from the one end to the other.
struct Range {
  std::optional<std::ptrdiff_t> start, stop;
  std::ptrdiff_t step = 1;
  friend bool operator==(const Range&, const Range&) = default;
};
/// Everything along an axis.
inline constexpr Range all{};

struct Slice {
  static constexpr auto name = "slice";
  static constexpr auto reads = Reads::nothing;
  std::vector<Range> ranges;
  std::uint32_t dropped = 0;  // axes that the result is without, as a set; of each, the range leaves one element
  friend bool operator==(const Slice&, const Slice&) = default;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  CotangentLike<V> vjp(const V& ct, const V&, const V& x) const;
};

/// The reverse of a slice: zeros of shape `whole`, but for x in the place of the slice.
struct Embed {
  static constexpr auto name = "embed";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::nothing;
  Slice slice;
  Shape whole;
  friend bool operator==(const Embed&, const Embed&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const {
    accumulate<T>(y, x, 1, 0);
  }
  bool takes(const View&) const { return true; }
  bool accumulates(Dims) const { return true; }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> x, T alpha, T beta) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

struct Concatenate {
  static constexpr auto name = "concatenate";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::nothing;
  int axis;
  friend bool operator==(const Concatenate&, const Concatenate&) = default;
  Shape shape(std::span<const Dims> x) const;
  bool takes(std::span<const View>) const { return true; }
  template <class T>
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const;
  template <class V>
  std::vector<V> vjp(const V& ct, const V&, std::span<const V> x, const std::vector<bool>& wanted) const;
};

/// The part of x that the ranges choose, axis by axis from the first; axes without a range are taken whole. Bounds are
/// clipped to the axis, negative ones count from its end, a negative step walks backwards, as in NumPy. Throws
/// AxisError for more ranges than axes, ValueError for a step of zero.
template <Real T>
Variable<T> slice(const Variable<T>& x, const std::vector<Range>& ranges) {
  return listed(Slice{ranges}, x);
}
/// The element, or for fewer indices than axes the part, at these indices, whose axes are left out; negative ones count
/// from the end. Throws ValueError for an index out of range, AxisError for more indices than axes.
template <Real T>
Variable<T> at(const Variable<T>& x, const std::vector<std::ptrdiff_t>& indices);
/// All parts x[0], x[1], ... along an axis, which they are without. Throws AxisError for an axis that x does not have.
template <Real T>
std::vector<Variable<T>> unstack(const Variable<T>& x, int axis = 0);
template <Real T>
template <std::integral... Indices>
Variable<T> Variable<T>::operator()(Indices... indices) const {
  return at(*this, {static_cast<std::ptrdiff_t>(indices)...});
}
/// Elements start to stop (not included) along one axis, the others whole.
template <Real T>
Variable<T> take_range(const Variable<T>& x, int axis, std::ptrdiff_t start, std::ptrdiff_t stop);
/// The axes turned round: all of them by default.
template <Real T>
Variable<T> flip(const Variable<T>& x, const Axes& axes = {});

/// Zeros, or `value`, in front of and behind x: one pair of widths an axis. Throws ShapeError for another number of
/// pairs.
template <Real T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths,
                std::type_identity_t<T> value = 0);

/// Arrays joined along an axis. Throws ShapeError when there are none, or their other lengths differ.
template <Real T>
Variable<T> concatenate(const std::vector<Variable<T>>& xs, int axis = 0) {
  return listed<Concatenate, T>(Concatenate{axis}, xs);
}
/// Arrays of one shape joined along a new axis. Throws ShapeError when there are none, or their shapes differ.
template <Real T>
Variable<T> stack(const std::vector<Variable<T>>& xs, int axis = 0);
template <Real T>
Variable<T> concatenate(std::initializer_list<Variable<T>> xs, int axis = 0) {
  return concatenate(std::vector<Variable<T>>(xs), axis);
}
template <Real T>
Variable<T> stack(std::initializer_list<Variable<T>> xs, int axis = 0) {
  return stack(std::vector<Variable<T>>(xs), axis);
}

/// One of a braced list of variables, arrays, lazy expressions and numbers.
template <Real T>
struct Part : Variable<T> {
  template <class A>
  requires(ArrayLike<A> || Number<A> || std::same_as<ElementOf<A>, T>) Part(A&& a)
      : Variable<T>(to_variable<T>(std::forward<A>(a))) {}
};
// The same for variables and arrays mixed, at least one a variable, as in concatenate({x, xt::ones<double>({2})}).
// Not templates, which could not tell T from such a list.
inline Variable<float> concatenate(std::initializer_list<Part<float>> xs, int axis = 0) {
  return concatenate(std::vector<Variable<float>>(xs.begin(), xs.end()), axis);
}
inline Variable<double> concatenate(std::initializer_list<Part<double>> xs, int axis = 0) {
  return concatenate(std::vector<Variable<double>>(xs.begin(), xs.end()), axis);
}
inline Variable<float> stack(std::initializer_list<Part<float>> xs, int axis = 0) {
  return stack(std::vector<Variable<float>>(xs.begin(), xs.end()), axis);
}
inline Variable<double> stack(std::initializer_list<Part<double>> xs, int axis = 0) {
  return stack(std::vector<Variable<double>>(xs.begin(), xs.end()), axis);
}
/// The array cut into this many equal parts along an axis. Throws ShapeError when they would not be equal.
template <Real T>
std::vector<Variable<T>> split(const Variable<T>& x, std::size_t parts, int axis = 0);
/// The array cut before each of these places along an axis. Throws ValueError unless they ascend within the axis.
template <Real T>
std::vector<Variable<T>> split_at(const Variable<T>& x, const std::vector<std::size_t>& places, int axis = 0);

#define AUTODIFF_SLICE(X) X(Slice) X(Embed) X(Concatenate)
AUTODIFF_SLICE(AUTODIFF_EXTERN)

}  // namespace autodiff
