// Decompositions of one dense row-major matrix each, by Eigen, on one thread. Inputs are finite.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// a = q r by Householder reflections, for a of (m, n) with m >= n: q is (m, n), r upper triangular of (n, n).
template <class T>
void qr(const T* a, std::size_t m, std::size_t n, T* q, T* r);

/// Eigenvalues in ascending order, and eigenvectors in columns, of the symmetric part of a of (n, n). False where the
/// iteration does not converge.
template <class T>
bool eigh(const T* a, std::size_t n, T* values, T* vectors);
template <>
bool eigh(const float* a, std::size_t n, float* values, float* vectors);  // in double
template <>
bool eigh(const double* a, std::size_t n, double* values, double* vectors);

/// a = u diag(s) vh for a of (m, n) and k = min(m, n): u is (m, k), s descends, vh is (k, n). False where the iteration
/// does not converge.
template <class T>
bool svd(const T* a, std::size_t m, std::size_t n, T* u, T* s, T* vh);
template <>
bool svd(const float* a, std::size_t m, std::size_t n, float* u, float* s, float* vh);  // in double
template <>
bool svd(const double* a, std::size_t m, std::size_t n, double* u, double* s, double* vh);

/// The exponential of a square matrix, by scaling and squaring of a Padé approximant of degree 3 to 13: N. Higham, SIAM
/// Journal on Matrix Analysis and Applications 26, 2005.
template <class T>
void matrix_exp(const T* a, std::size_t n, T* y);

}  // namespace autodiff::kernels
