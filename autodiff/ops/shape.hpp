// Operations that move no data, or copy it as it is: other axes, other lengths, the same elements.
#pragma once

#include <vector>

#include "../axes.hpp"
#include "arithmetic.hpp"

namespace autodiff {

/// The same elements in another shape, of which one length may be -1. Throws ShapeError when their number differs.
template <Real T>
Variable<T> reshape(const Variable<T>& x, const Lengths& lengths);
/// All elements from axis `first` on along one axis.
template <Real T>
Variable<T> flatten(const Variable<T>& x, int first = 0);

/// Axis i of the result is axis order[i] of x; by default they are reversed. Throws AxisError unless each is named
/// once.
template <Real T>
Variable<T> permute(const Variable<T>& x, const Axes& order);
/// The axes reversed: of a matrix, its transpose.
template <Real T>
Variable<T> transpose(const Variable<T>& x);
/// NumPy's other name for permute.
template <Real T>
Variable<T> transpose(const Variable<T>& x, const Axes& order);
/// Two axes swapped.
template <Real T>
Variable<T> swap_axes(const Variable<T>& x, int a, int b);

/// `x` repeated along new axes in front and along axes of length one. Throws ShapeError when it does not fit.
template <Real T>
Variable<T> broadcast_to(const Variable<T>& x, const Shape& shape);

/// Without the axes of length one, or without these. Throws ShapeError when one is longer.
template <Real T>
Variable<T> squeeze(const Variable<T>& x, const Axes& axes = {});
/// With a new axis of length one at this place of the result.
template <Real T>
Variable<T> expand_dims(const Variable<T>& x, int axis);

/// Each element this many times in a row along an axis, as in NumPy.
template <Real T>
Variable<T> repeat(const Variable<T>& x, std::size_t times, int axis = 0);
/// The whole array this many times along each axis; new axes in front where there are more numbers than axes.
template <Real T>
Variable<T> tile(const Variable<T>& x, const std::vector<std::size_t>& times);
/// Vectors broadcast against each other, one axis each: the coordinates of a grid. Throws ShapeError for what is no
/// vector.
template <Real T>
std::vector<Variable<T>> meshgrid(const std::vector<Variable<T>>& vectors);

}  // namespace autodiff
