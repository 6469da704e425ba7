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

#define AUTODIFF_RANDOM(X) X(RandomUniform)
AUTODIFF_RANDOM(AUTODIFF_EXTERN)

}  // namespace autodiff
