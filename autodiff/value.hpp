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

/// An array that is shared and counted, or none. A small one is a shape and its elements in one block of memory; an
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
  static Value like(const Value& other);
  static Value number(T number) {
    Value value = small(1, 0);
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
    return array ? array->shape() : block_->shape();
  }
  std::size_t dimension() const { return shape().size(); }
  std::size_t size() const {
    const Array<T>* array = made();
    return array ? array->size() : block_->elements;
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
    return {block_->data(), Dims(block_->shape()), Steps(block_->steps(), block_->shape().size())};
  }
  Operand<T> elements() {
    if (Array<T>* array = made()) return operand(*array);
    return {block_->data(), Dims(block_->shape()), Steps(block_->steps(), block_->shape().size())};
  }
  bool same_shape(const Value& other) const {
    const Shape &a = shape(), &b = other.shape();
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return false;  // here, not by a call of memcmp for a few bytes
    return true;
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
  /// The head of a block. Behind it stands an Array, or the shape of a small one, its steps and its elements.
  struct Block {
    std::int32_t owners;
    std::uint16_t bytes;
    std::uint8_t first, elements;  // of a small one: where they begin, and how many there are
    std::atomic<Array<T>*> array;

    char* at(std::size_t byte) { return reinterpret_cast<char*>(this) + byte; }
    Array<T>* inside() { return reinterpret_cast<Array<T>*>(this + 1); }
    Shape& shape() { return *reinterpret_cast<Shape*>(this + 1); }
    std::ptrdiff_t* steps() { return reinterpret_cast<std::ptrdiff_t*>(at(sizeof(Block) + sizeof(Shape))); }
    T* data() { return reinterpret_cast<T*>(at(first)); }
  };

  /// Adds to a count, which several threads may do where there are several; gives what it was.
  [[gnu::always_inline]] static std::int32_t count(std::int32_t& owners, std::int32_t by) noexcept {
#if __has_include(<ext/atomicity.h>)
    if (__gnu_cxx::__is_single_threaded()) return std::exchange(owners, owners + by);
#endif
    return __atomic_fetch_add(&owners, by, __ATOMIC_ACQ_REL);
  }
  [[gnu::always_inline]] Array<T>* made() const { return block_->array.load(std::memory_order_acquire); }
  /// With a shape of so many axes, to be filled in.
  static Value small(std::size_t elements, std::size_t axes);
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
