// Elements chosen by index, as operations.
#pragma once

#include <string>

#include "../index.hpp"
#include "listed.hpp"

namespace autodiff {

/// Whole slices of x along an axis: y[.., i.., ..] = x[.., index[i..], ..].
struct Gather {
  static constexpr auto name = "gather";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;
  friend bool operator==(const Gather&, const Gather&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(Dims x, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const;
  template <int I, class V>
  requires(I == 0) CotangentLike<V> vjp(const V& ct, const V&, const V& x, const V& index)
  const;
};

/// The reverse of a gather: zeros of length `length` along the axis, to which each slice is added at its index.
struct ScatterAdd {
  static constexpr auto name = "scatter_add";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;  // of the result, from 0
  std::size_t length;
  friend bool operator==(const ScatterAdd&, const ScatterAdd&) = default;
  Shape shape(Dims updates, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> updates, Operand<const T> index) const {
    accumulate<T>(y, updates, index, 1, 0);
  }
  bool accumulates(Dims, Dims) const { return true; }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> updates, Operand<const T> index, T alpha, T beta) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V&, const V&, const V& index)
  const;
};

/// A row for each index: one at the index, else zero.
struct OneHot {
  static constexpr auto name = "one_hot";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  std::size_t classes;
  std::string caller = name;  // who is named in errors
  friend bool operator==(const OneHot&, const OneHot&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> index) const;
};

#define AUTODIFF_INDEX(X) X(Gather) X(ScatterAdd) X(OneHot)
AUTODIFF_INDEX(AUTODIFF_EXTERN)

}  // namespace autodiff
