// Linear systems, inverses and determinants of square matrices: the last two axes, batches in front. Cholesky and
// triangular ones reject values that are not finite or cannot be divided by; others let NaN and infinity through. Rules
// after M. Giles, Collected matrix derivative results for forward and reverse mode, 2008.
#pragma once

#include <array>

#include "linalg.hpp"

namespace autodiff {

/// How solve_triangular reads its matrix: which triangle, whether transposed, and whether its diagonal is taken as
/// ones.
struct Triangular {
  bool lower = false, transposed = false, unit_diagonal = false;
};

namespace detail {
template <Real T>
Variable<T> solve(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> solve_triangular(const Variable<T>& a, const Variable<T>& b, const Triangular& how);
}  // namespace detail

/// The lower triangular l with l l^T = a, of the symmetric part (a + a^T) / 2, so that the gradient is symmetric.
/// Throws ShapeError unless matrices are square, ValueError where one is not positive definite: it names the matrix and
/// the order of the first leading minor that is not positive (or not a number). Rule: I. Murray, arXiv:1602.07527,
/// 2016.
template <Real T>
Variable<T> cholesky(const Variable<T>& a);

/// The solution of a x = b, by elimination with partial pivoting: (..., n, n) and a vector (n), which is one column, or
/// (..., n, k); batches broadcast. Throws ShapeError where shapes do not fit, ValueError for a singular matrix.
template <class A, class B>
requires Operands<A, B>
auto solve(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::solve<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// The same where a is triangular: upper, unless `how` says otherwise. The other triangle is not read, and its gradient
/// is zero. Throws what solve() throws.
template <class A, class B>
requires Operands<A, B>
auto solve_triangular(A&& a, B&& b, const Triangular& how = {}) {
  using T = ElementOf<A, B>;
  return detail::solve_triangular<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), how);
}

/// The inverse of each matrix. Throws what solve() throws.
template <Real T>
Variable<T> inverse(const Variable<T>& a);

/// The determinant of each matrix: (..., n, n) gives (...), 1 for n = 0. First and second derivatives are right for
/// singular matrices, too, where the first is the matrix of cofactors; the third needs singular values that differ.
template <Real T>
Variable<T> determinant(const Variable<T>& a);

/// Sign of the determinant, which has no gradient, and logarithm of its size: 0 and -infinity for a singular matrix,
/// where the gradient is not finite.
template <Real T>
std::array<Variable<T>, 2> slogdet(const Variable<T>& a);

/// The product of so many copies of each matrix, by repeated squares; of the inverse where the power is negative.
template <Real T>
Variable<T> matrix_power(const Variable<T>& a, int power);

}  // namespace autodiff
