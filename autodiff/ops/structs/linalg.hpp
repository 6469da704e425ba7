// The matrix product, as an operation.
#pragma once

#include "../linalg.hpp"
#include "listed.hpp"

namespace autodiff {

/// a b over the last two axes, either of them transposed; axes in front are batches, which broadcast.
struct Matmul {
  static constexpr auto name = "matmul";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  bool transpose_a = false, transpose_b = false;
  friend bool operator==(const Matmul&, const Matmul&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  template <class V>
  V summed(std::span<const V> x) const;
  /// A product copies what it reads transposed.
  template <class V>
  std::optional<Matmul> prepared(const std::vector<bool>& fixed, std::span<V> x) const;
  Shape shape(Dims a, Dims b) const;
  template <class T>
  void forward(const Operand<T>& y, const Operand<const T>& a, const Operand<const T>& b) const {
    accumulate<T>(y, a, b, 1, 0);
  }
  template <class T>
  void accumulate(const Operand<T>& y, const Operand<const T>& a, const Operand<const T>& b, T alpha, T beta) const;
  bool accumulates(Dims a, Dims b) const;
  double arithmetic(Dims a, Dims b) const;
  /// Matrices whose rows or whose columns are dense, batches of them in any order.
  bool takes(const View& a, const View& b) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a, const V& b) const;

 private:
  template <class T>
  void accumulate_batches(const Operand<T>& y, const Operand<const T>& a, const Operand<const T>& b, T alpha,
                          T beta) const;
};

#define AUTODIFF_LINALG(X) X(Matmul)
AUTODIFF_LINALG(AUTODIFF_EXTERN)

}  // namespace autodiff
