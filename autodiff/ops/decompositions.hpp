// Decompositions of matrices, their pseudo-inverses and exponentials: the last two axes, batches in front. Those by
// eigenvalues and singular values throw ValueError for a matrix that holds a value that is not finite, and name it;
// qr and matrix_exp give NaN.
//
// Eigenvectors and singular vectors have a derivative where the values differ. Where values are equal within rounding,
// the rules leave out what would be divided by their difference: gradients are finite, and right for losses that do not
// depend on which vectors of the common space, or on which signs, are given; gradients of the values alone divide by
// nothing. Of their second derivatives, equal values lose terms.
#pragma once

#include <array>
#include <optional>

#include "linalg.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> lstsq(const Variable<T>& a, const Variable<T>& b);
}  // namespace detail

/// Orthonormal columns q and an upper triangular r with q r = a, by Householder reflections: (..., m, n) gives
/// (..., m, k) and (..., k, n) for k = min(m, n). Signs are LAPACK's. The gradient divides by the diagonal of r. Throws
/// ShapeError unless a is a matrix. Rule: S. Walter and L. Lehmann, arXiv:1009.6112, 2010.
template <Real T>
std::array<Variable<T>, 2> qr(const Variable<T>& a);

/// Eigenvalues w, ascending, and orthonormal eigenvectors v, in columns, of the symmetric part (a + a^T) / 2 of each
/// matrix: (..., n, n) gives (..., n) and (..., n, n), and v diag(w) v^T is the symmetric part. Throws ShapeError
/// unless matrices are square, ValueError for values that are not finite. Rule: M. Giles, 2008.
template <Real T>
std::array<Variable<T>, 2> eigh(const Variable<T>& a);

/// u, s and vh with u diag(s) vh = a, where s descends: (..., m, n) gives (..., m, k), (..., k) and (..., k, n) for
/// k = min(m, n). Throws ShapeError unless a is a matrix, ValueError for values that are not finite. Rule: J. Townsend,
/// Differentiating the singular value decomposition, 2016.
template <Real T>
std::array<Variable<T>, 3> svd(const Variable<T>& a);

/// The Moore-Penrose inverse: (..., m, n) gives (..., n, m). Singular values up to `cutoff` times the largest are taken
/// as zero; by default max(m, n) times the distance from 1 to the next number. The derivative is that of matrices of
/// equal rank: G. Golub and V. Pereyra, SIAM Journal on Numerical Analysis 10, 1973. Throws what svd() throws.
template <Real T>
Variable<T> pinv(const Variable<T>& a, std::optional<double> cutoff = {});

/// The x of least norm that makes the norm of a x - b least: (..., m, n) and a vector (m), or (..., m, k), give (n) or
/// (..., n, k), by way of the pseudo-inverse. Throws ShapeError where shapes do not fit, and what pinv() throws.
template <class A, class B>
requires Operands<A, B>
auto lstsq(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::lstsq<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// The exponential of each square matrix, 1 + a + a a / 2 + ..., by scaling and squaring: N. Higham, SIAM Journal on
/// Matrix Analysis and Applications 26, 2005. Its derivative is a block of the exponential of a matrix of twice the
/// side: R. Mathias, the same journal 17, 1996. Throws ShapeError unless matrices are square.
template <Real T>
Variable<T> matrix_exp(const Variable<T>& a);

}  // namespace autodiff
