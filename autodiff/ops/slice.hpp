// Parts of arrays and their reverse: slices, joins, pads.
#pragma once

#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>
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

/// The part of x that the ranges choose, axis by axis from the first; axes without a range are taken whole. Bounds are
/// clipped to the axis, negative ones count from its end, a negative step walks backwards, as in NumPy. Throws
/// AxisError for more ranges than axes, ValueError for a step of zero.
template <Real T>
Variable<T> slice(const Variable<T>& x, const std::vector<Range>& ranges);
/// The element, or for fewer indices than axes the part, at these indices, whose axes are left out; negative ones count
/// from the end. Throws ValueError for an index out of range, AxisError for more indices than axes.
template <Real T>
Variable<T> at(const Variable<T>& x, const std::vector<std::ptrdiff_t>& indices);
template <Real T>
template <std::integral... Indices>
requires AtIndices<Indices...> Variable<T> Variable<T>::operator()(Indices... indices) const {
  if ((std::cmp_greater(indices, std::numeric_limits<std::ptrdiff_t>::max()) || ...))
    fail<ValueError>("at", "an index is out of range: ", Dims(shape()));  // n - 1 of an n that is 0
  return at(*this, {static_cast<std::ptrdiff_t>(indices)...});
}
/// All parts x[0], x[1], ... along an axis, which they are without. Throws AxisError for an axis that x does not have.
template <Real T>
std::vector<Variable<T>> unstack(const Variable<T>& x, int axis = 0);
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
Variable<T> concatenate(const std::vector<Variable<T>>& xs, int axis = 0);
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

}  // namespace autodiff
