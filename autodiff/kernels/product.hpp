// One matrix product, and what kernels do with its operands.
#pragma once

#include <algorithm>
#include <cstddef>

namespace autodiff::kernels {

/// c = alpha op(a) op(b) + beta c, as gemm says.
template <class T>
struct Product {
  bool transpose_a, transpose_b;
  std::size_t m, n, k;
  T alpha;
  const T* a;
  std::size_t lda;
  const T* b;
  std::size_t ldb;
  T beta;
  T* c;
  std::size_t ldc;

  /// In multiplications; a side past two million counts as work without end, so that nothing overflows.
  std::size_t work() const { return (m | n | k) >> 21 ? ~std::size_t{0} : m * n * k; }

  /// Whether it is a column times a row, where nearly all is writing C.
  bool is_outer(std::size_t narrow) const { return k == 1 && n > narrow && !transpose_b; }

  Product rows(std::size_t from, std::size_t length) const {
    Product part = *this;
    part.m = std::min(length, m - from);
    part.a += from * (transpose_a ? 1 : lda), part.c += from * ldc;
    return part;
  }
  Product columns(std::size_t from, std::size_t length) const {
    Product part = *this;
    part.n = std::min(length, n - from);
    part.b += from * (transpose_b ? ldb : 1), part.c += from;
    return part;
  }
  /// The terms [from, from + length) of every sum; the first ones meet beta, the others are added.
  Product terms(std::size_t from, std::size_t length) const {
    Product part = *this;
    part.k = std::min(length, k - from);
    part.a += from * (transpose_a ? lda : 1), part.b += from * (transpose_b ? 1 : ldb);
    if (from > 0) part.beta = 1;
    return part;
  }
};

}  // namespace autodiff::kernels
