// Array<T>: the one array type of the library, and the one header that includes xtensor by path.
#pragma once

#include <concepts>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#if __has_include(<xtensor/containers/xarray.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xarray.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xview.hpp>
#endif

#include "kernels/operand.hpp"
#include "memory.hpp"

namespace autodiff {

/// The element types that the library is compiled for.
template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

/// Memory aligned for any SIMD register, where there is enough of it to matter. An allocator of our own, because
/// xtensor's default one, and with it the type of xt::xarray, changes with the flags of the translation unit.
template <class T>
struct Allocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  static constexpr std::size_t aligned_from = 64;  // elements; aligned memory takes several times as long to get
  // Bytes between small arrays: the load of a whole register, even under a mask, waits for stores to what it spans.
  static constexpr std::size_t apart = 64;
  Allocator() = default;
  template <class U>
  Allocator(const Allocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    if (n > std::size_t(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
    // Not as conditional expressions: of these, Clang 14 runs both sides.
    if (n < aligned_from) return static_cast<T*>(detail::take_memory(n * sizeof(T) + apart));
    if (n * sizeof(T) >= detail::large_memory) return static_cast<T*>(detail::take_large_memory(n * sizeof(T)));
    return static_cast<T*>(::operator new(n * sizeof(T), alignment));
  }
  void deallocate(T* p, std::size_t n) noexcept {
    if (n < aligned_from)
      detail::give_memory(p, n * sizeof(T) + apart);
    else if (n * sizeof(T) >= detail::large_memory)
      detail::give_large_memory(p, n * sizeof(T));
    else
      ::operator delete(p, alignment);
  }
  friend bool operator==(Allocator, Allocator) { return true; }
};

/// A dense row-major array of any number of axes; an xtensor container like xt::xarray, and assignable to and from it.
template <Real T>
using Array = xt::xarray_container<xt::uvector<T, Allocator<T>>, xt::layout_type::row_major,
                                   xt::svector<std::size_t, 4, std::allocator<std::size_t>, true>>;

/// The same as an argument of which another one decides the element type: any array is converted to it.
template <Real T>
using ArrayBeside = std::type_identity_t<Array<T>>;

/// The lengths of the axes of an array.
using Shape = Array<double>::shape_type;

/// Anything that can stand for an array in an operation: an xtensor container or lazy expression.
template <class E>
concept ArrayLike = xt::is_xexpression<std::decay_t<E>>::value;

template <class E>
concept Number = std::is_arithmetic_v<std::decay_t<E>>;

/// The same lengths as a Shape of their own.
inline Shape to_shape(Dims dims) { return Shape(dims.begin(), dims.end()); }

/// Throws ShapeError, which names the operation, for more than 32 axes, or more elements than memory can hold.
void check_shape(std::string_view operation, Dims shape);

/// An array of this shape whose elements are not set.
template <Real T>
Array<T> uninitialised(Dims shape) {
  return Array<T>(to_shape(shape));
}

/// A shape alone, as an array whose elements must not be read: for values that are not computed.
template <Real T>
Array<T> without_elements(Dims shape) {
  typename Array<T>::inner_strides_type strides(shape.size());
  xt::compute_strides(shape, xt::layout_type::row_major, strides);
  return Array<T>(typename Array<T>::storage_type(), to_shape(shape), std::move(strides));
}

/// Whether there is memory for the elements, and not a shape alone.
template <Real T>
bool has_elements(const Array<T>& a) {
  return a.storage().size() == count(Dims(a.shape().data(), a.shape().size()));
}

/// Evaluates an expression, array or number into an Array<T>, converting the elements. Throws what check_shape throws.
template <Real T, class E>
Array<T> to_array(E&& e) {
  if constexpr (Number<E>) {
    Array<T> a(Shape{});
    a.data()[0] = static_cast<T>(e);
    return a;
  } else if constexpr (std::same_as<std::remove_cvref_t<E>, Array<T>>) {
    return std::forward<E>(e);
  } else {
    static_assert(ArrayLike<E>, "an array, a lazy xtensor expression or a number is needed");
    using value_type = typename std::decay_t<E>::value_type;
    static_assert(std::is_arithmetic_v<value_type>, "[autodiff] elements must be real numbers");
    const auto& lengths = e.shape();
    check_shape("array", Shape(lengths.begin(), lengths.end()));
    if constexpr (std::same_as<value_type, T>)
      return Array<T>(std::forward<E>(e));
    else
      return Array<T>(xt::cast<T>(std::forward<E>(e)));
  }
}

/// The memory of an array, with lengths and steps, as kernels take it.
template <Real T>
Operand<const T> operand(const Array<T>& a) {
  return {a.data(), Dims(a.shape().data(), a.shape().size()), Steps(a.strides().data(), a.strides().size())};
}
template <Real T>
Operand<T> operand(Array<T>& a) {
  return {a.data(), Dims(a.shape().data(), a.shape().size()), Steps(a.strides().data(), a.strides().size())};
}

}  // namespace autodiff
