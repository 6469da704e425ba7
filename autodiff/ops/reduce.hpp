// Reductions over any axes, and what is derived from them.
#pragma once

#include "../axes.hpp"
#include "shape.hpp"

namespace autodiff {

/// `shape` with the axes of the set at length one, or without them.
Shape reduced_shape(Dims shape, std::uint32_t axes, bool keep);

// Reductions take axes by number (negative from the end), all of them by default, and leave them out of the result, or
// at length one with `keepdims`. They throw AxisError for axes that the array does not have or that are named twice.

/// The sum over the axes; 0 over none.
template <Real T>
Variable<T> sum(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

/// Undoes a broadcast: sums `x` over the axes along which `shape` was repeated to get its shape.
template <Real T>
Variable<T> sum_to(const Variable<T>& x, const Shape& shape);

/// With the axes of the set last and joined into one, for what works along one axis.
template <Real T>
Variable<T> axes_last(const Variable<T>& x, std::uint32_t axes);

/// The largest element over the axes; equal ones share the gradient. NaN wins. Throws ShapeError for empty axes.
template <Real T>
Variable<T> max(const Variable<T>& x, const Axes& axes = {}, bool keep = false);
/// The smallest element over the axes; equal ones share the gradient. NaN wins. Throws ShapeError for empty axes.
template <Real T>
Variable<T> min(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

/// The mean over the axes. Throws ShapeError for empty axes.
template <Real T>
Variable<T> mean(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

/// The product over the axes; its gradient is right where elements are zero, too.
template <Real T>
Variable<T> prod(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

/// The mean of squared differences from the mean, times n / (n - ddof): ddof = 1 gives the unbiased estimate.
/// Throws ShapeError unless more than `ddof` elements are reduced.
template <Real T>
Variable<T> variance(const Variable<T>& x, const Axes& axes = {}, bool keep = false, std::size_t ddof = 0);

/// The Euclidean norm over the axes, without overflow or underflow on the way; its gradient at zero is zero.
template <Real T>
Variable<T> norm(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

/// Where the largest element along the axis is, from 0; has no gradient. Throws ShapeError for an empty axis,
/// ValueError for one longer than T counts exactly.
template <Real T>
Variable<T> argmax(const Variable<T>& x, int axis = -1);

/// The running sum along the axis, from its first element, or from its last in reverse.
template <Real T>
Variable<T> cumsum(const Variable<T>& x, int axis = -1, bool reverse = false);

}  // namespace autodiff
