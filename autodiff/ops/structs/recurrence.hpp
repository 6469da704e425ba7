// Steps of recurrent networks, as operations: what elementwise operations would do in many passes.
#pragma once

#include "../recurrence.hpp"
#include "listed.hpp"

namespace autodiff {

/// h, c', and the gates i, f, g, o side by side, of which the gradient is made.
struct LstmCell {
  static constexpr auto name = "lstm_cell";
  static constexpr std::size_t results = 3;
  static constexpr bool fails = false;
  friend bool operator==(const LstmCell&, const LstmCell&) = default;
  std::array<Shape, 3> shape(Dims x, Dims y, Dims c) const;
  template <class T>
  void forward(std::array<Operand<T>, 3> to, Operand<const T> x, Operand<const T> y, Operand<const T> c) const;
  template <class V>
  std::array<V, 3> vjp(const std::array<V, 3>& ct, const std::array<V, 3>& result, const V& x, const V& y,
                       const V& c) const;
  template <class V>
  std::vector<V> batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// From gates, c, and the cotangents of h and c', those of x + y and of c.
struct LstmCellGradient {
  static constexpr auto name = "lstm_cell_gradient";
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::inputs;
  friend bool operator==(const LstmCellGradient&, const LstmCellGradient&) = default;
  std::array<Shape, 2> shape(Dims gates, Dims c, Dims of_h, Dims of_next) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> to, Operand<const T> gates, Operand<const T> c, Operand<const T> of_h,
               Operand<const T> of_next) const;
  template <class V>
  std::array<V, 4> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& result, const V& gates, const V& c,
                       const V& of_h, const V& of_next) const;
  template <class V>
  std::vector<V> batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

#define AUTODIFF_RECURRENCE(X) X(LstmCell) X(LstmCellGradient)
AUTODIFF_RECURRENCE(AUTODIFF_EXTERN)

}  // namespace autodiff
