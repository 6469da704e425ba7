// Value<T>: the array that variables and nodes share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#if __has_include(<ext/atomicity.h>)
#include <ext/atomicity.h>
#endif

#include "array.hpp"

namespace autodiff {

namespace detail {
/// The shape of small arrays and the steps along its axes: one of each in a process, so that equal ones are the same.
struct SmallLayout {
  SmallLayout(std::uint32_t its_key, std::size_t its_elements, Shape its_shape)
      : key(its_key), elements(its_elements), shape(std::move(its_shape)) {}
  std::uint32_t key;
  std::size_t elements;
  Shape shape;
  std::ptrdiff_t steps[4] = {};
  SmallLayout* next = nullptr;  // another one that is kept in the same place
};
/// That of this shape, where it is of arrays that are small: of 1 to 64 elements, and at most 4 axes; else null.
const SmallLayout* small_layout(Dims shape);
}  // namespace detail

/// An array that is shared and counted, or none. A small one is a layout and its elements in one block of memory; an
/// Array is made of it when somebody asks for one, once for all that share it.
template <Real T>
class Value {
 public:
  Value(std::nullptr_t = nullptr) noexcept {}
  explicit Value(Array<T> array);
  /// Of this shape, its elements not set; and a shape alone, whose elements must not be read.
  static Value uninitialised(Dims shape);
  static Value without_elements(Dims shape) { return Value(autodiff::without_elements<T>(shape)); }
  /// Of the shape of another one, its elements not set.
  static Value like(const Value& other) {
    return other.made() ? uninitialised(other.shape()) : small(other.block_->layout);
  }
  static Value number(T number) {
    static const auto* const layout = detail::small_layout({});
    Value value = small(layout);
    *value.block_->data() = number;
    return value;
  }

  Value(const Value& other) noexcept : block_(other.block_) {
    if (block_) count(block_->owners, 1);
  }
  Value(Value&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Value& operator=(Value other) noexcept { return std::swap(block_, other.block_), *this; }
  [[gnu::always_inline]] ~Value() {
    if (block_ && count(block_->owners, -1) == 1) destroy(block_);
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  bool shared() const noexcept { return __atomic_load_n(&block_->owners, __ATOMIC_ACQUIRE) != 1; }

  const Shape& shape() const {
    const Array<T>* array = made();
    return array ? array->shape() : block_->layout->shape;
  }
  std::size_t dimension() const { return shape().size(); }
  std::size_t size() const {
    const Array<T>* array = made();
    return array ? array->size() : block_->layout->elements;
  }
  const T* data() const {
    const Array<T>* array = made();
    return array ? array->data() : block_->data();
  }
  /// To be changed, as are the elements of one that is not const: by the only owner.
  T* data() {
    Array<T>* array = made();
    return array ? array->data() : block_->data();
  }
  Operand<const T> elements() const {
    if (const Array<T>* array = made()) return operand(*array);
    return block_->template elements<const T>();
  }
  Operand<T> elements() {
    if (Array<T>* array = made()) return operand(*array);
    return block_->template elements<T>();
  }
  [[gnu::always_inline]] bool same_shape(const Value& other) const {
    if (!made() && !other.made()) return block_->layout == other.block_->layout;
    return std::ranges::equal(shape(), other.shape());
  }

  bool has_elements() const {
    const Array<T>* array = made();
    return !array || autodiff::has_elements(*array);
  }

  /// The array, from now on where the elements are.
  Array<T>* get() const { return !block_ ? nullptr : made() ? made() : make(); }
  Array<T>& operator*() const { return *get(); }
  /// For what Value and arrays have in common, which needs no array to be made.
  const Value* operator->() const { return this; }
  /// An array of the caller's own: this one where nobody else has it.
  Array<T> take() &&;
  operator std::shared_ptr<const Array<T>>() const {
    if (!block_) return nullptr;
    return {get(), [keep = *this](const Array<T>*) {}};
  }

 private:
  /// The head of a block. Behind it stands an Array, or the elements of a small one.
  struct Block {
    std::int32_t owners;
    std::uint32_t bytes;
    const detail::SmallLayout* layout;  // of a small one
    std::atomic<Array<T>*> array;

    Array<T>* inside() { return reinterpret_cast<Array<T>*>(this + 1); }
    T* data() { return reinterpret_cast<T*>(this + 1); }
    template <class E>
    Operand<E> elements() {
      return {data(), Dims(layout->shape), Steps(layout->steps, layout->shape.size())};
    }
  };

  /// Adds to a count, which several threads may do where there are several; gives what it was.
  [[gnu::always_inline]] static std::int32_t count(std::int32_t& owners, std::int32_t by) noexcept {
#if __has_include(<ext/atomicity.h>)
    if (__gnu_cxx::__is_single_threaded()) return std::exchange(owners, owners + by);
#endif
    return __atomic_fetch_add(&owners, by, __ATOMIC_ACQ_REL);
  }
  [[gnu::always_inline]] Array<T>* made() const { return block_->array.load(std::memory_order_acquire); }
  static Value small(const detail::SmallLayout* layout) {
    const std::size_t elements = layout->elements;
    const auto bytes =
        static_cast<std::uint32_t>(sizeof(Block) + (elements > 1 ? std::max(elements * sizeof(T), apart) : sizeof(T)));
    Value value;
    value.block_ = new (detail::take_memory(bytes)) Block{1, bytes, layout, nullptr};
    return value;
  }
  // Bytes from the elements to the next block, where there are several elements: the load of a whole register, even
  // under a mask, waits for stores to what it spans.
  static constexpr std::size_t apart = 64;
  Array<T>* make() const;
  Array<T> copied() const;
  static void destroy(Block* block) noexcept;

  Block* block_ = nullptr;
};

template <Real T>
Operand<const T> operand(const Value<T>& value) {
  return value.elements();
}
template <Real T>
bool has_elements(const Value<T>& value) {
  return value.has_elements();
}

extern template class Value<float>;
extern template class Value<double>;

}  // namespace autodiff
