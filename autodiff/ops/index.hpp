// Elements chosen by index. Indices are whole numbers held in the array's own element type, which is exact up to 2^24
// for float and 2^53 for double; they have no gradient.
#pragma once

#include <string>
#include <vector>

#include "shape.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> gather(const Variable<T>& x, const Variable<T>& index, int axis);
template <Real T>
Variable<T> scatter_add(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis);
template <Real T>
Variable<T> take_along_axis(const Variable<T>& x, const Variable<T>& index, int axis);
template <Real T>
Variable<T> add_along_axis(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis);
template <Real T>
Variable<T> put_along_axis(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis);
template <Real T>
Variable<T> at_coordinates(const Variable<T>& x, const std::vector<Variable<T>>& coordinates);
template <Real T>
Variable<T> index_put(const Variable<T>& x, const std::vector<Variable<T>>& coordinates, const Variable<T>& updates,
                      bool accumulate);
template <Real T>
Variable<T> bincount(const Variable<T>& index, std::size_t length, const Variable<T>& weights);
template <Real T>
Variable<T> segment_sum(const Variable<T>& x, const Variable<T>& index, std::size_t segments);
template <Real T>
Variable<T> segment_mean(const Variable<T>& x, const Variable<T>& index, std::size_t segments);
template <Real T>
Variable<T> segment_max(const Variable<T>& x, const Variable<T>& index, std::size_t segments);
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

// Along an axis, an index chooses one element, not a slice: indices have the shape of x but for this axis. These throw
// ShapeError where they have not, and what gather throws.

/// y[.., i, ..] = x[.., index[.., i, ..], ..]; of the shape of the indices, as in NumPy and as PyTorch's gather.
template <class X, class I>
requires Operands<X, I>
auto take_along_axis(X&& x, I&& index, int axis = -1) {
  using T = ElementOf<X, I>;
  return detail::take_along_axis<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)), axis);
}
/// x with an element of `updates` added at each index; indices may repeat. PyTorch's scatter_add.
template <class X, class I, class U>
requires Operands<X, I, U>
auto add_along_axis(X&& x, I&& index, U&& updates, int axis = -1) {
  using T = ElementOf<X, I, U>;
  return detail::add_along_axis<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)),
                                   to_variable<T>(std::forward<U>(updates)), axis);
}
/// x with an element of `updates` in the place of each index; where indices repeat, the last stays, and has the
/// gradient alone. PyTorch's scatter.
template <class X, class I, class U>
requires Operands<X, I, U>
auto put_along_axis(X&& x, I&& index, U&& updates, int axis = -1) {
  using T = ElementOf<X, I, U>;
  return detail::put_along_axis<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)),
                                   to_variable<T>(std::forward<U>(updates)), axis);
}

/// The elements at these coordinates, one array an axis, all of one shape, as in NumPy's x[i, j]. Throws ShapeError
/// for other numbers and shapes of coordinates, ValueError for one that is out of range.
template <Real T>
Variable<T> at_coordinates(const Variable<T>& x, const std::type_identity_t<std::vector<Variable<T>>>& coordinates) {
  return detail::at_coordinates(x, coordinates);
}
/// x with `updates`, which broadcast to the shape of the coordinates, in those places, or added there: NumPy's
/// x[i, j] = u, and PyTorch's index_put. Coordinates may repeat: the last stays. Throws what at_coordinates throws.
template <Real T, class U>
requires AnyOperand<U> Variable<T> index_put(const Variable<T>& x,
                                             const std::type_identity_t<std::vector<Variable<T>>>& coordinates,
                                             U&& updates, bool accumulate = false) {
  return detail::index_put<T>(x, coordinates, to_variable<T>(std::forward<U>(updates)), accumulate);
}

/// How often each whole number below `length` is among the indices, or the sum of the weights of those, which
/// broadcast. Throws ValueError for an index out of range.
template <Real T>
Variable<T> bincount(const Variable<T>& index, std::size_t length) {
  return detail::bincount(index, length, Variable<T>(to_array<T>(1)));
}
template <class I, class W>
requires Operands<I, W>
auto bincount(I&& index, std::size_t length, W&& weights) {
  using T = ElementOf<I, W>;
  return detail::bincount<T>(to_variable<T>(std::forward<I>(index)), length, to_variable<T>(std::forward<W>(weights)));
}

/// The lengths of sequences as they are, asked at every run: throws ValueError, which names the operation that they are
/// for, what they are lengths of, and the first that is no whole number from 0 to `longest`.
template <Real T>
Variable<T> checked_lengths(const std::string& operation, const std::string& what, const Variable<T>& lengths,
                            std::size_t longest);

// Of slices x[i] along the first axes, which have the shape of the indices: those of one segment put together. A
// segment of none is 0, or minus infinity for segment_max. They throw ShapeError, and ValueError for an index out of
// range.

/// The sum of the slices of each segment.
template <class X, class I>
requires Operands<X, I>
auto segment_sum(X&& x, I&& index, std::size_t segments) {
  using T = ElementOf<X, I>;
  return detail::segment_sum<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)), segments);
}
/// Their mean.
template <class X, class I>
requires Operands<X, I>
auto segment_mean(X&& x, I&& index, std::size_t segments) {
  using T = ElementOf<X, I>;
  return detail::segment_mean<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)), segments);
}
/// The largest of them, element by element; equal ones share the gradient.
template <class X, class I>
requires Operands<X, I>
auto segment_max(X&& x, I&& index, std::size_t segments) {
  using T = ElementOf<X, I>;
  return detail::segment_max<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<I>(index)), segments);
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
