// Decompositions of matrices, as operations.
#pragma once

#include "../decompositions.hpp"
#include "listed.hpp"

namespace autodiff {

/// q and r of matrices that have as many rows as columns, or more.
struct Qr {
  static constexpr auto name = "qr";
  static constexpr auto reads = Reads::output;
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  friend bool operator==(const Qr&, const Qr&) = default;
  std::array<Shape, 2> shape(Dims a) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> a) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& a) const;
};

/// Eigenvalues in ascending order, and eigenvectors in columns, of the symmetric part.
struct Eigh {
  static constexpr auto name = "eigh";
  static constexpr auto reads = Reads::output;
  static constexpr std::size_t results = 2;
  friend bool operator==(const Eigh&, const Eigh&) = default;
  std::array<Shape, 2> shape(Dims a) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> a) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& a) const;
};

/// u, s and vh, of the smaller side.
struct Svd {
  static constexpr auto name = "svd";
  static constexpr auto reads = Reads::output;
  static constexpr std::size_t results = 3;
  friend bool operator==(const Svd&, const Svd&) = default;
  std::array<Shape, 3> shape(Dims a) const;
  template <class T>
  void forward(std::array<Operand<T>, 3> y, Operand<const T> a) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 3>& ct, const std::array<V, 3>& y, const V& a) const;
};

/// The pseudo-inverse, where singular values up to `cutoff` times the largest are taken as zero.
struct PseudoInverse {
  static constexpr auto name = "pinv";
  double cutoff;
  friend bool operator==(const PseudoInverse&, const PseudoInverse&) = default;
  Shape shape(Dims a) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& a) const;
};

struct MatrixExp {
  static constexpr auto name = "matrix_exp";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  friend bool operator==(const MatrixExp&, const MatrixExp&) = default;
  Shape shape(Dims a) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a) const;
};

#define AUTODIFF_DECOMPOSITIONS(X) X(Qr) X(Eigh) X(Svd) X(PseudoInverse) X(MatrixExp)
AUTODIFF_DECOMPOSITIONS(AUTODIFF_EXTERN)

}  // namespace autodiff
