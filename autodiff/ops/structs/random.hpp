// Random numbers, as an operation.
#pragma once

#include "../random.hpp"
#include "listed.hpp"

namespace autodiff {

/// Numbers in [0, 1) of the shape `to`, whatever the shapes of key and step.
struct RandomUniform {
  static constexpr auto name = "random_uniform";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  Shape to;
  std::string_view caller = name;  // who is named in errors
  friend bool operator==(const RandomUniform&, const RandomUniform&) = default;
  Shape shape(Dims key, Dims step) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> key, Operand<const T> step) const;
};

/// A number of a gamma distribution for each shape. Its derivative by the shape holds the uniform number that it is the
/// quantile of.
struct RandomGamma {
  static constexpr auto name = "random_gamma";
  static constexpr bool differentiable[] = {true, false, false};
  static constexpr auto reads = Reads::both;
  std::string_view caller = name;
  friend bool operator==(const RandomGamma&, const RandomGamma&) = default;
  Shape shape(Dims shapes, Dims key, Dims step) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> shapes, Operand<const T> key, Operand<const T> step) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V& y, const V& shapes, const V&, const V&)
  const;
};

/// That derivative. By the number, its own derivative follows from the density to any order.
struct GammaSlope {
  static constexpr auto name = "gamma_slope";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::both;
  Shape shape(Dims shapes, Dims z) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> shapes, Operand<const T> z) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& shapes, const V& z) const;
};

/// Its derivative by the shape, whose own rule throws. Neither is on the list, whose tests ask for more.
struct GammaCurvature {
  static constexpr auto name = "gamma_curvature";
  static constexpr bool fails = false;
  static constexpr auto reads = Reads::nothing;
  Shape shape(Dims shapes, Dims z) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> shapes, Operand<const T> z) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const;
};

struct RandomPoisson {
  static constexpr auto name = "random_poisson";
  static constexpr bool differentiable[] = {false, false, false};
  static constexpr auto reads = Reads::nothing;
  friend bool operator==(const RandomPoisson&, const RandomPoisson&) = default;
  Shape shape(Dims rate, Dims key, Dims step) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> rate, Operand<const T> key, Operand<const T> step) const;
};

struct RandomPermutation {
  static constexpr auto name = "random_permutation";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  std::size_t n;
  friend bool operator==(const RandomPermutation&, const RandomPermutation&) = default;
  Shape shape(Dims key, Dims step) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> key, Operand<const T> step) const;
};

#define AUTODIFF_RANDOM(X) X(RandomUniform) X(RandomGamma) X(RandomPoisson) X(RandomPermutation)
AUTODIFF_RANDOM(AUTODIFF_EXTERN)

}  // namespace autodiff
