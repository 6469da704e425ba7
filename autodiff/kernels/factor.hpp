// Square matrices factored in place, and systems solved with the factors. Matrices are dense and row-major, of which
// the large ones are cut in halves, so that most of the work is products: those of gemm.hpp, on threads() threads and
// with the same bits for any number of them.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// a = l l^T for the lower triangle of a, which l replaces, with zeros above. Gives 0, or the order of the first
/// leading minor that is not positive: then a is of no use.
template <class T>
std::size_t cholesky(T* a, std::size_t n);

/// p a = l u by partial pivoting, l with a unit diagonal: both replace a. Row i was swapped with row pivots[i], a whole
/// number. Goes on where a pivot is zero.
template <class T>
void factor(T* a, T* pivots, std::size_t n);

/// The triangle of a square matrix that is read, and how.
struct Triangle {
  bool lower, transposed, unit_diagonal;
};

/// Solves op(a) x = b for b of (n, columns), which x replaces: op transposes if it says so. Divides by the diagonal, be
/// it zero.
template <class T>
void solve_triangular(Triangle triangle, const T* a, std::size_t n, T* b, std::size_t columns);

/// Solves a x = b, or a^T x = b, from what factor() gave. Pivots that it cannot have given are passed over.
template <class T>
void solve_factored(bool transposed, const T* factors, const T* pivots, std::size_t n, T* b, std::size_t columns);

/// The first zero on the diagonal, counted from 1, or 0 where there is none.
template <class T>
std::size_t zero_on_diagonal(const T* a, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    if (a[i * n + i] == 0) return i + 1;
  return 0;
}

}  // namespace autodiff::kernels
