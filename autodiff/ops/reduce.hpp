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

/// The same of the smallest element.
template <Real T>
Variable<T> argmin(const Variable<T>& x, int axis = -1);

/// The running sum along the axis, from its first element, or from its last in reverse.
template <Real T>
Variable<T> cumsum(const Variable<T>& x, int axis = -1, bool reverse = false);

/// The running product along the axis; its gradient is right where elements are zero, too.
template <Real T>
Variable<T> cumprod(const Variable<T>& x, int axis = -1);

/// The running log(sum(exp(x))) along the axis, whatever the size of x.
template <Real T>
Variable<T> logcumsumexp(const Variable<T>& x, int axis = -1);

/// y_i = a_i y_(i-1) + b_i along the axis, with y_0 = b_0; in reverse, y_i = a_i y_(i+1) + b_i from the last:
/// discounted sums, filters, state spaces. Throws ShapeError unless a and b have one shape.
template <Real T>
Variable<T> linear_recurrence(const Variable<T>& a, const Variable<T>& b, int axis = -1, bool reverse = false);

/// The root of variance; its gradient at zero is zero.
template <Real T>
Variable<T> stddev(const Variable<T>& x, const Axes& axes = {}, bool keep = false, std::size_t ddof = 0);

/// The norm of this order over the axes: (sum |x|^order)^(1 / order), the sum of sizes for 1, the largest size for
/// infinity; no power overflows on the way. Throws ValueError unless the order is positive.
template <Real T>
Variable<T> vector_norm(const Variable<T>& x, double order, const Axes& axes = {}, bool keep = false);

/// Whether any element over the axes is not zero, or all of them are not: 1 or 0. NaN is not zero.
template <Real T>
Variable<T> any_of(const Variable<T>& x, const Axes& axes = {}, bool keep = false);
template <Real T>
Variable<T> all_of(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

// Reductions that leave out NaN, as NumPy's of these names. Where there is nothing else, they give NaN, but nansum 0.

template <Real T>
Variable<T> nansum(const Variable<T>& x, const Axes& axes = {}, bool keep = false);
template <Real T>
Variable<T> nanmean(const Variable<T>& x, const Axes& axes = {}, bool keep = false);
template <Real T>
Variable<T> nanvariance(const Variable<T>& x, const Axes& axes = {}, bool keep = false, std::size_t ddof = 0);
template <Real T>
Variable<T> nanmax(const Variable<T>& x, const Axes& axes = {}, bool keep = false);
template <Real T>
Variable<T> nanmin(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

}  // namespace autodiff
