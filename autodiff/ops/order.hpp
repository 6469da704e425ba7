// Order: sorting, what is sorted by, and values chosen by rank, with their places. Places are counted from 0, as
// numbers of the same type, which have no gradient; that of the values finds its way back by place. NaN counts as the
// largest: it is sorted last, and makes a maximum, median or quantile NaN. Functions along an axis throw AxisError for
// one that the array does not have, and ValueError where it is longer than T counts exactly.
#pragma once

#include <array>

#include "reduce.hpp"

namespace autodiff {

/// The elements along an axis in ascending order, or descending.
template <Real T>
Variable<T> sort(const Variable<T>& x, int axis = -1, bool descending = false);

/// Where each element of the sorted array stands in x; equal ones in their order.
template <Real T>
Variable<T> argsort(const Variable<T>& x, int axis = -1, bool descending = false);

/// The k largest elements along an axis, the largest first, or the smallest, and their places:
/// auto [values, places] = topk(x, 3). Throws ValueError for k beyond the length.
template <Real T>
std::array<Variable<T>, 2> topk(const Variable<T>& x, std::size_t k, int axis = -1, bool largest = true);

/// The largest element along an axis, the first of several, and its place. Its gradient goes to that element alone,
/// where that of max is shared by equal ones. Where many are compared and few chosen, as in k-means, it is cheaper to
/// look for places without a gradient, and to compute again what is there: gather(centres, argmin(stop_gradient(d),
/// 1)). Throws ShapeError for an empty axis.
template <Real T>
std::array<Variable<T>, 2> max_with_place(const Variable<T>& x, int axis = -1, bool keep = false);
/// The same of the smallest element.
template <Real T>
std::array<Variable<T>, 2> min_with_place(const Variable<T>& x, int axis = -1, bool keep = false);

/// The largest element so far along an axis, and its place: of equal ones the latest, as in PyTorch.
template <Real T>
std::array<Variable<T>, 2> cummax(const Variable<T>& x, int axis = -1);
/// The same of the smallest.
template <Real T>
std::array<Variable<T>, 2> cummin(const Variable<T>& x, int axis = -1);

/// The number below which a share q of the elements over the axes is: of two that are next to it, the point between
/// them in proportion, as in NumPy. Throws ValueError unless 0 <= q <= 1, ShapeError for empty axes.
template <Real T>
Variable<T> quantile(const Variable<T>& x, double q, const Axes& axes = {}, bool keep = false);

/// The element in the middle, or the mean of the two there.
template <Real T>
Variable<T> median(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

namespace detail {
template <Real T>
Variable<T> searchsorted(const Variable<T>& sorted, const Variable<T>& values, bool right);
}  // namespace detail

/// Before which element of a sorted vector each value belongs, or with `right` behind those that are equal. Of rows
/// (..., n), each has values (..., m) of its own. Throws ShapeError unless the lengths in front agree.
template <class A, class B>
requires Operands<A, B>
auto searchsorted(A&& sorted, B&& values, bool right = false) {
  using T = ElementOf<A, B>;
  return detail::searchsorted<T>(to_variable<T>(std::forward<A>(sorted)), to_variable<T>(std::forward<B>(values)),
                                 right);
}

}  // namespace autodiff
