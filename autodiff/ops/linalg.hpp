// Products of vectors, matrices and stacks of matrices.
#pragma once

#include "shape.hpp"

namespace autodiff {

/// a b over the last two axes, either of them transposed; axes in front are batches, which broadcast.
struct Matmul {
  static constexpr auto name = "matmul";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::inputs;
  bool transpose_a = false, transpose_b = false;
  friend bool operator==(const Matmul&, const Matmul&) = default;
  Shape shape(Dims a, Dims b) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a, Operand<const T> b) const {
    accumulate<T>(y, a, b, 1, 0);
  }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> a, Operand<const T> b, T alpha, T beta) const;
  bool accumulates(Dims a, Dims b) const;
  /// Matrices whose rows or whose columns are dense, batches of them in any order.
  bool takes(const View& a, const View& b) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a, const V& b) const;

 private:
  template <class T>
  void accumulate_batches(Operand<T> y, Operand<const T> a, Operand<const T> b, T alpha, T beta) const;
};

namespace detail {
template <Real T>
Variable<T> matmul(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> dot(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> outer(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> linear(const Variable<T>& x, const Variable<T>& weight, const Variable<T>& bias);
}  // namespace detail

/// The matrix product by NumPy's rules: (..., m, k) by (..., k, n) gives (..., m, n), batches broadcast; a vector on
/// the left is a row, on the right a column, and its axis is left out of the result. Throws ShapeError when the inner
/// lengths differ, an argument is a single number, or the batches do not broadcast.
template <class A, class B>
requires Operands<A, B>
auto matmul(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::matmul<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// The inner product of two vectors: a single number. Throws ShapeError for anything but vectors of one length.
template <class A, class B>
requires Operands<A, B>
auto dot(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::dot<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// All products of an element of a with one of b: (m) and (n) give (m, n); other shapes are flattened.
template <class A, class B>
requires Operands<A, B>
auto outer(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::outer<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

/// A layer's pre-activation x W + b: (..., inputs) by (inputs, outputs), plus (outputs). Throws what matmul throws, and
/// ShapeError for a bias that does not broadcast.
template <class X, class W, class B>
requires Operands<X, W, B>
auto linear(X&& x, W&& weight, B&& bias) {
  using T = ElementOf<X, W, B>;
  return detail::linear<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<W>(weight)),
                           to_variable<T>(std::forward<B>(bias)));
}

#define AUTODIFF_LINALG(X) X(Matmul)
AUTODIFF_LINALG(AUTODIFF_EXTERN)

}  // namespace autodiff
