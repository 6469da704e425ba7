// Elements chosen by index. Indices are whole numbers held in the array's own element type, which is exact up to 2^24
// for float and 2^53 for double; they have no gradient.
#pragma once

#include <string>

#include "shape.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> gather(const Variable<T>& x, const Variable<T>& index, int axis);
template <Real T>
Variable<T> scatter_add(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis);
}  // namespace detail

/// Slices of x along an axis, chosen by index: x's shape with that axis replaced by the shape of the indices. Equal
/// indices give equal slices, whose gradients add up. Throws ValueError for an index that is not a whole number from 0
/// to the length of the axis, AxisError for an axis that x does not have.
template <class X, class I>
requires Operands<X, I>
auto gather(X&& x, I&& index, int axis = 0) {
  using T = ElementOf<X, I>;
  return detail::gather<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)), axis);
}
/// NumPy's name for gather.
template <class X, class I>
requires Operands<X, I>
auto take(X&& x, I&& index, int axis = 0) { return gather(std::forward<X>(x), std::forward<I>(index), axis); }

/// x with slices added along an axis, at these indices; `updates` has the shape of gather(x, index, axis). Indices may
/// repeat. Throws ShapeError for updates of another shape, and what gather throws.
template <class X, class I, class U>
requires Operands<X, I, U>
auto scatter_add(X&& x, I&& index, U&& updates, int axis = 0) {
  using T = ElementOf<X, I, U>;
  return detail::scatter_add<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)),
                                to_variable<T>(std::forward<U>(updates)), axis);
}

/// A new last axis of length `classes`: one at the index, else zero. Throws ValueError for an index that is not a whole
/// number from 0 to `classes`; `caller` is named in that error.
template <Real T>
Variable<T> one_hot(const Variable<T>& index, std::size_t classes, const std::string& caller = "one_hot");
/// The same for an array of labels, as a plain value: one_hot<float>(labels, 10).
template <Real T, class A>
requires ArrayLike<A> Variable<T> one_hot(A&& index, std::size_t classes) {
  return one_hot(Variable<T>(to_array<T>(std::forward<A>(index))), classes);
}

}  // namespace autodiff
