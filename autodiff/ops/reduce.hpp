// Reductions over any axes, and what is derived from them.
#pragma once

#include "../axes.hpp"
#include "shape.hpp"

namespace autodiff {

/// `shape` with the axes of the set at length one, or without them.
Shape reduced_shape(Dims shape, std::uint32_t axes, bool keep);

/// What every reduction has: its axes, checked against the shape.
struct OverAxes {
  static constexpr bool fails = false;
  Axes axes;
  bool keep = false;
  friend bool operator==(const OverAxes&, const OverAxes&) = default;
};

struct Sum : OverAxes {
  static constexpr auto name = "sum";
  static constexpr auto reads = Reads::nothing;
  friend bool operator==(const Sum&, const Sum&) = default;
  Shape shape(Dims x) const { return reduced_shape(x, axes.mask(name, x), keep); }
  template <class T>
  Reduction<T> reduction(Dims x) const {
    return {axes.mask(name, x), kernels::sum_middle<T>};
  }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const {
    return broadcast_to(reshape(ct, reduced_shape(x.shape(), axes.mask(name, x.shape()), true)), x.shape());
  }
};

/// The largest or smallest element; its gradient is shared equally by those that tie.
template <bool largest>
struct Extremum : OverAxes {
  static constexpr auto name = largest ? "max" : "min";
  static constexpr auto reads = Reads::both;
  friend bool operator==(const Extremum&, const Extremum&) = default;
  Shape shape(Dims x) const {
    const auto mask = axes.mask(name, x);
    for (std::size_t i = 0; i < x.size(); ++i)
      if (mask >> i & 1 && x[i] == 0) fail<ShapeError>(name, "nothing to choose from along axis ", i, ": ", x);
    return reduced_shape(x, mask, keep);
  }
  template <class T>
  Reduction<T> reduction(Dims x) const {
    return {axes.mask(name, x), largest ? kernels::max_middle<T> : kernels::min_middle<T>};
  }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& x) const {
    const auto kept = reduced_shape(x.shape(), axes.mask(name, x.shape()), true);
    const V tied = x == reshape(y, kept);
    return tied * reshape(ct, kept) / sum(tied, axes, keepdims);
  }
};
using Max = Extremum<true>;
using Min = Extremum<false>;

/// The place of the largest element along an axis, the first of several; counted from 0, as numbers of the same type.
struct ArgMax {
  static constexpr auto name = "argmax";
  static constexpr bool fails = false;
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  int axis;
  friend bool operator==(const ArgMax&, const ArgMax&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
};

struct CumulativeSum {
  static constexpr auto name = "cumsum";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::nothing;
  int axis;
  bool reverse = false;
  friend bool operator==(const CumulativeSum&, const CumulativeSum&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

// Reductions take axes by number (negative from the end), all of them by default, and leave them out of the result, or
// at length one with `keepdims`. They throw AxisError for axes that the array does not have or that are named twice.

/// The sum over the axes; 0 over none.
template <Real T>
Variable<T> sum(const Variable<T>& x, const Axes& axes = {}, bool keep = false) {
  return listed(Sum{{axes, keep}}, x);
}

/// Undoes a broadcast: sums `x` over the axes along which `shape` was repeated to get its shape.
template <Real T>
Variable<T> sum_to(const Variable<T>& x, const Shape& shape);

/// With the axes of the set last and joined into one, for what works along one axis.
template <Real T>
Variable<T> axes_last(const Variable<T>& x, std::uint32_t axes);

/// The largest element over the axes; equal ones share the gradient. NaN wins. Throws ShapeError for empty axes.
template <Real T>
Variable<T> max(const Variable<T>& x, const Axes& axes = {}, bool keep = false) {
  return listed(Max{{axes, keep}}, x);
}
/// The smallest element over the axes; equal ones share the gradient. NaN wins. Throws ShapeError for empty axes.
template <Real T>
Variable<T> min(const Variable<T>& x, const Axes& axes = {}, bool keep = false) {
  return listed(Min{{axes, keep}}, x);
}

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

/// Where the largest element along the axis is, from 0; has no gradient. Throws ShapeError for an empty axis.
template <Real T>
Variable<T> argmax(const Variable<T>& x, int axis = -1) {
  return listed(ArgMax{axis}, x);
}

/// The running sum along the axis, from its first element, or from its last in reverse.
template <Real T>
Variable<T> cumsum(const Variable<T>& x, int axis = -1, bool reverse = false) {
  return listed(CumulativeSum{axis, reverse}, x);
}

template <int I, class V>
V CumulativeSum::vjp(const V& ct, const V&, const V&) const {
  return cumsum(ct, axis, !reverse);
}

#define AUTODIFF_REDUCE(X) X(Sum) X(Max) X(Min) X(ArgMax) X(CumulativeSum)
AUTODIFF_REDUCE(AUTODIFF_EXTERN)

}  // namespace autodiff
