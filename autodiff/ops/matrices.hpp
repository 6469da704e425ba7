// Matrices made of others: diagonals, triangles, Kronecker products.
#pragma once

#include <optional>

#include "shape.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> kron(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> cross(const Variable<T>& a, const Variable<T>& b, int axis);
}  // namespace detail

/// A plain value of shape (rows, columns), square by default: ones on the diagonal so far above the main one, else
/// zeros.
template <Real T>
Variable<T> eye(std::size_t rows, std::optional<std::size_t> columns = {}, int offset = 0);

/// The diagonal so far above the main one, or below where `offset` is negative, along these two axes, which are left
/// out; it is the last axis of the result. Throws AxisError for axes that x does not have, or for one named twice.
template <Real T>
Variable<T> diagonal(const Variable<T>& x, int offset = 0, int row_axis = -2, int column_axis = -1);
/// Square matrices, zero but for x along the diagonal: (..., n) gives (..., n + |offset|, n + |offset|), the reverse of
/// diagonal(). PyTorch's diag_embed.
template <Real T>
Variable<T> embed_diagonal(const Variable<T>& x, int offset = 0);
/// As NumPy has it: of a vector, the matrix with that diagonal; of a matrix, its diagonal. Throws ShapeError for
/// others.
template <Real T>
Variable<T> diag(const Variable<T>& x, int offset = 0);
/// The sum of the diagonal of each matrix: (..., m, n) gives (...).
template <Real T>
Variable<T> trace(const Variable<T>& x, int offset = 0);

/// x with zeros above the diagonal so far above the main one, whatever was there. Throws ShapeError unless x is a
/// matrix or a stack of them.
template <Real T>
Variable<T> tril(const Variable<T>& x, int offset = 0);
/// x with zeros below the diagonal so far above the main one.
template <Real T>
Variable<T> triu(const Variable<T>& x, int offset = 0);

/// The Kronecker product: b times each element of a, as blocks where that element was. Shapes multiply, axes aligned at
/// the end.
template <class A, class B>
requires Operands<A, B>
auto kron(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::kron<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// The vector product in three dimensions, along an axis of length three; other axes broadcast. Throws ShapeError for
/// another length.
template <class A, class B>
requires Operands<A, B>
auto cross(A&& a, B&& b, int axis = -1) {
  using T = ElementOf<A, B>;
  return detail::cross<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), axis);
}

}  // namespace autodiff
