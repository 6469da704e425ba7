// Fourier transforms and convolutions along the last axis, as operations, all of them linear.
#pragma once

#include "../fourier.hpp"
#include "listed.hpp"

namespace autodiff {

/// Real and imaginary part of sums over exp(-2 pi i j k / n), or of exp(2 pi i j k / n).
struct Fourier {
  static constexpr auto name = "fourier";
  static constexpr auto reads = Reads::nothing;
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  bool inverse;
  friend bool operator==(const Fourier&, const Fourier&) = default;
  std::array<Shape, 2> shape(Dims real, Dims imaginary) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> real, Operand<const T> imaginary) const;
  template <class V>
  std::array<V, 2> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V&, const V&) const;
};

/// The first n / 2 + 1 of these for real numbers.
struct RealFourier {
  static constexpr auto name = "real_fourier";
  static constexpr auto reads = Reads::nothing;
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  friend bool operator==(const RealFourier&, const RealFourier&) = default;
  std::array<Shape, 2> shape(Dims x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> x) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const;
};

/// The reverse of these, times n.
struct InverseRealFourier {
  static constexpr auto name = "inverse_real_fourier";
  static constexpr auto reads = Reads::nothing;
  static constexpr std::size_t results = 1;
  static constexpr bool fails = false;
  std::size_t n;
  friend bool operator==(const InverseRealFourier&, const InverseRealFourier&) = default;
  std::array<Shape, 1> shape(Dims real, Dims imaginary) const;
  template <class T>
  void forward(std::array<Operand<T>, 1> y, Operand<const T> real, Operand<const T> imaginary) const;
  template <class V>
  std::array<V, 2> vjp(const std::array<V, 1>& ct, const std::array<V, 1>&, const V&, const V&) const;
};

/// y_i = sum_j a_(first + i - j) b_j for `length` places i, of rows that are as many.
struct Convolve {
  static constexpr auto name = "convolve";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  std::ptrdiff_t first;
  std::size_t length;
  friend bool operator==(const Convolve&, const Convolve&) = default;
  Shape shape(Dims a, Dims b) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a, Operand<const T> b) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a, const V& b) const;
};

#define AUTODIFF_FOURIER(X) X(Fourier) X(RealFourier) X(InverseRealFourier) X(Convolve)
AUTODIFF_FOURIER(AUTODIFF_EXTERN)

}  // namespace autodiff
