// Attention by blocks, as operations.
#pragma once

#include "../attention.hpp"
#include "listed.hpp"

namespace autodiff {

/// Of queries, keys, values, a mask if there is one, and key and step of random numbers if weights are dropped: the
/// means, and the logarithms of the sums of the exponentials of the scores, from which the gradient computes the
/// weights again. Weights are dropped as by dropout of all at once.
struct Attention {
  static constexpr auto name = "scaled_dot_product_attention";
  static constexpr std::size_t results = 2;
  static constexpr bool differentiable[6] = {true, true, true, false, false, false};
  static constexpr bool result_differentiable[2] = {true, false};
  double scale = 1;
  bool causal = false;
  double rate = 0;
  bool fails() const { return rate > 0; }  // for what is no key
  friend bool operator==(const Attention&, const Attention&) = default;
  std::array<Shape, 2> shape(std::span<const Dims> x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, std::span<const Operand<const T>> x) const;
  /// Matrices whose rows are dense, batches of them in any order.
  bool takes(std::span<const View> x) const;
  template <class V>
  std::vector<V> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, std::span<const V> x,
                     const std::vector<bool>& wanted) const;
  template <class V>
  std::vector<V> batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// The cotangents of queries, keys and values, of those three, both results of Attention, the cotangent of the first
/// one, and what else Attention was given. Both results follow from the others, and so does their derivative.
struct AttentionGradient {
  static constexpr auto name = "scaled_dot_product_attention_gradient";
  static constexpr std::size_t results = 3;
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[9] = {true, true, true, false, false, true, false, false, false};
  double scale = 1;
  bool causal = false;
  double rate = 0;
  bool fails() const { return rate > 0; }
  friend bool operator==(const AttentionGradient&, const AttentionGradient&) = default;
  std::array<Shape, 3> shape(std::span<const Dims> x) const;
  template <class T>
  void forward(std::array<Operand<T>, 3> y, std::span<const Operand<const T>> x) const;
  bool takes(std::span<const View> x) const;
  template <class V>
  std::vector<V> vjp(const std::array<V, 3>& ct, const std::array<V, 3>& y, std::span<const V> x,
                     const std::vector<bool>& wanted) const;
  template <class V>
  std::vector<V> batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

#define AUTODIFF_ATTENTION(X) X(Attention) X(AttentionGradient)
AUTODIFF_ATTENTION(AUTODIFF_EXTERN)

}  // namespace autodiff
