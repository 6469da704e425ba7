// The functions of variables for registers, as far as kernels/lanes.hpp does not have them: so that the f and vjp of an
// operation may call them by one name for both. They stand in the namespace of registers, where a call finds them.
#pragma once

#include <type_traits>

#include "../kernels/lanes.hpp"
#include "activations.hpp"

namespace autodiff::kernels {

template <class B>
Lanes<B> neg(const Lanes<B>& x) {
  return -x;
}
template <class B>
Lanes<B> stop_gradient(const Lanes<B>& x) {
  return x;
}
template <class B>
Lanes<B> sign(const Lanes<B>& x) {
  return where(x > 0, 1, where(x < 0, -1, x));  // x itself keeps zero and NaN
}
template <class B>
Lanes<B> rsqrt(const Lanes<B>& x) {
  return 1 / sqrt(x);
}
template <class B>
Lanes<B> square(const Lanes<B>& x) {
  return x * x;
}
template <class B>
Lanes<B> reciprocal(const Lanes<B>& x) {
  return 1 / x;
}

// Comparisons: 1 for true, 0 for false.
template <class B>
Lanes<B> less(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return a < b;
}
template <class B>
Lanes<B> less_equal(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return a <= b;
}
template <class B>
Lanes<B> equal(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return a == b;
}
template <class B>
Lanes<B> not_equal(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return a != b;
}

template <class B>
Lanes<B> logistic(const Lanes<B>& x) {
  const Lanes<B> e = exp(-abs(x));  // never overflows
  return where(x >= 0, 1, e) / (1 + e);
}
template <class B>
Lanes<B> softplus(const Lanes<B>& x) {
  return maximum(x, 0) + log1p(exp(-abs(x)));
}
template <class B>
Lanes<B> relu(const Lanes<B>& x) {
  return maximum(x, 0);
}
template <class B>
Lanes<B> leaky_relu(const Lanes<B>& x, double slope = 0.01) {
  return where(x > 0, x, x * slope);
}
template <class B>
Lanes<B> elu(const Lanes<B>& x, double alpha = 1) {
  return where(x > 0, x, expm1(minimum(x, 0)) * alpha);
}
inline constexpr double selu_alpha = 1.6732632423543772848, selu_scale = 1.0507009873554804934;
template <class B>
Lanes<B> selu(const Lanes<B>& x) {
  return elu(x, selu_alpha) * selu_scale;
}
inline constexpr double root_half = 0.70710678118654752440;
template <class B>
Lanes<B> gelu(const Lanes<B>& x) {
  return maximum(x, -40) * 0.5 * (1 + erf(x * root_half));  // held where the rest is 0: infinity times 0 would be NaN
}
template <class B>
Lanes<B> silu(const Lanes<B>& x) {
  return maximum(x, -1000) * logistic(x);  // likewise
}
template <class B>
Lanes<B> clip(const Lanes<B>& x, double low, double high) {
  return minimum(maximum(x, low), high);
}

}  // namespace autodiff::kernels
