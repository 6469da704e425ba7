// Matrix products. gemm.cpp is the one file that chooses who multiplies.
#pragma once

#include "product.hpp"

namespace autodiff::kernels {

/// c = alpha op(a) op(b) + beta c for row-major matrices, where op transposes if its flag says so: op(a) is
/// (m, k), op(b) (k, n), c (m, n), and ld* the distance between stored rows. c is not read when beta is 0,
/// nor a and b when alpha is 0; c must not overlap them. Runs on threads() threads at most, and gives the same bits for
/// any number of them.
template <class T>
void gemm(const Product<T>& p);
template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, T alpha, const T* a,
          std::size_t lda, const T* b, std::size_t ldb, T beta, T* c, std::size_t ldc) {
  gemm(Product<T>{transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc});
}

/// The same without transposes, alpha = 1, for operands that are in the cache: in tiles of registers, by this thread.
template <class T>
void gemm_in_cache(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t lda, const T* b,
                   std::size_t ldb, T beta, T* c, std::size_t ldc);

}  // namespace autodiff::kernels
