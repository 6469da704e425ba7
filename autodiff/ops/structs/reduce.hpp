// Reductions, as operations.
#pragma once

#include "../reduce.hpp"
#include "listed.hpp"

namespace autodiff {

/// What every reduction has: its axes, checked against the shape.
struct OverAxes {
  static constexpr bool fails = false;
  Axes axes;
  bool keep = false;
  friend bool operator==(const OverAxes&, const OverAxes&) = default;
  /// The axes of samples that are stacked to have this shape.
  Axes behind(std::string_view operation, Dims stacked) const;
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
    if (ct.dimension() == 0) return broadcast_to(ct, x.shape());
    return broadcast_to(reshape(ct, reduced_shape(x.shape(), axes.mask(name, x.shape()), true)), x.shape());
  }
  std::vector<View> cotangent_views(const View& ct, std::span<const Dims> x) const;
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return sum(x[0], behind(name, x[0].shape()), keep);
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
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    const Axes all = behind(name, x[0].shape());
    return largest ? max(x[0], all, keep) : min(x[0], all, keep);
  }
};
using Max = Extremum<true>;
using Min = Extremum<false>;

/// The place of the largest or smallest element along an axis, the first of several; from 0, as numbers of its type.
template <bool largest>
struct PlaceOfExtremum {
  static constexpr bool fails = false;
  static constexpr auto name = largest ? "argmax" : "argmin";
  static constexpr bool differentiable[1] = {false};  // Clang 14 needs the 1
  static constexpr auto reads = Reads::nothing;
  int axis;
  friend bool operator==(const PlaceOfExtremum&, const PlaceOfExtremum&) = default;
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return largest ? argmax(x[0], axis_behind(axis)) : argmin(x[0], axis_behind(axis));
  }
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
};
using ArgMax = PlaceOfExtremum<true>;
using ArgMin = PlaceOfExtremum<false>;

struct CumulativeSum {
  static constexpr bool fails = false;
  static constexpr auto name = "cumsum";
  static constexpr auto reads = Reads::nothing;
  int axis;
  bool reverse = false;
  friend bool operator==(const CumulativeSum&, const CumulativeSum&) = default;
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return cumsum(x[0], axis_behind(axis), reverse);
  }
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

/// y_i = a_i y_(i-1) + b_i along an axis, from nothing; in reverse, from the next.
struct LinearRecurrence {
  static constexpr bool fails = false;
  static constexpr auto name = "linear_recurrence";
  static constexpr auto reads = Reads::both;
  int axis;
  bool reverse = false;
  friend bool operator==(const LinearRecurrence&, const LinearRecurrence&) = default;
  Shape shape(Dims a, Dims b) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a, Operand<const T> b) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& a, const V& b) const;
};

struct CumulativeLogSumExp {
  static constexpr bool fails = false;
  static constexpr auto name = "logcumsumexp";
  static constexpr auto reads = Reads::both;
  int axis;
  friend bool operator==(const CumulativeLogSumExp&, const CumulativeLogSumExp&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& x) const;
};

// clang-format off
#define AUTODIFF_REDUCE(X) \
  X(Sum) X(Max) X(Min) X(ArgMax) X(ArgMin) X(CumulativeSum) X(LinearRecurrence) X(CumulativeLogSumExp)
// clang-format on
AUTODIFF_REDUCE(AUTODIFF_EXTERN)

}  // namespace autodiff
