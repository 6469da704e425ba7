// The functions of variables for registers, as far as kernels/lanes.hpp does not have them: so that the f and vjp of an
// operation may call them by one name for both. They stand in the namespace of registers, where a call finds them.
#pragma once

#include <type_traits>

#include "../kernels/lanes.hpp"
#include "../kernels/special.hpp"
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

template <class B>
Lanes<B> hard_sigmoid(const Lanes<B>& x) {
  return clip(x / 6 + 0.5, 0, 1);
}

// Large arguments, whose squares may overflow, are taken apart.
inline constexpr double large = 0x1p30, log_of_2 = 0.69314718055994530942;
template <class B>
Lanes<B> asinh(const Lanes<B>& x) {
  const Lanes<B> a = abs(x), near = minimum(a, large);
  const Lanes<B> y = log1p(near + near * near / (1 + sqrt(near * near + 1)));
  return copysign(where(a > large, log(a) + log_of_2, y), x);
}
template <class B>
Lanes<B> acosh(const Lanes<B>& x) {
  const Lanes<B> t = minimum(x, large) - 1;
  return where(x > large, log(x) + log_of_2, log1p(t + sqrt(t) * sqrt(t + 2)));
}
template <class B>
Lanes<B> atanh(const Lanes<B>& x) {
  const Lanes<B> a = abs(x);
  return copysign(where(a == 1, std::numeric_limits<double>::infinity(), 0.5 * log1p(2 * a / (1 - a))), x);
}
template <class B>
Lanes<B> log10(const Lanes<B>& x) {
  return by_element([](auto a) { return std::log10(a); }, x);
}
template <class B>
Lanes<B> cbrt(const Lanes<B>& x) {
  return by_element([](auto a) { return std::cbrt(a); }, x);
}
template <class B>
Lanes<B> hypot(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return by_element([](auto p, auto q) { return std::hypot(p, q); }, a, b);
}
template <class B>
Lanes<B> fmod(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return by_element([](auto p, auto q) { return std::fmod(p, q); }, a, b);
}
template <class B>
Lanes<B> remainder(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  const Lanes<B> rest = fmod(a, b);  // where it has the other sign than b, b is added
  return where(rest == 0, copysign(0, b), where(rest * copysign(1, b) < 0, rest + b, rest));
}
template <class B>
Lanes<B> logaddexp(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return maximum(a, b) + log1p(exp(where(a == b, 0, -abs(a - b))));  // of equal infinities, too
}
template <class B>
Lanes<B> xlogy(const Lanes<B>& x, const std::type_identity_t<Lanes<B>>& y) {
  return where(x == 0 && y == y, 0, x * log(y));
}
template <class B>
Lanes<B> logit(const Lanes<B>& x) {  // near 1/2 by what is above it, which is small there
  return where(x < 0.25, log(x / (1 - x)),
               where(x == 1, std::numeric_limits<double>::infinity(), log1p((2 * x - 1) / (1 - x))));
}

template <class B>
Lanes<B> sinc(const Lanes<B>& x, int derivative = 0) {
  return by_element([=](double a) { return special::sinc(derivative, a); }, x);
}
template <class B>
Lanes<B> erfc(const Lanes<B>& x) {
  return by_element([](double a) { return std::erfc(a); }, x);
}
template <class B>
Lanes<B> erfcx(const Lanes<B>& x) {
  return by_element([](double a) { return special::erfcx(a); }, x);
}
template <class B>
Lanes<B> erfinv(const Lanes<B>& x) {
  return by_element([](double a) { return special::erfinv(a); }, x);
}
template <class B>
Lanes<B> ndtr(const Lanes<B>& x) {
  return by_element([](double a) { return 0.5 * std::erfc(-a * root_half); }, x);
}
template <class B>
Lanes<B> log_ndtr(const Lanes<B>& x) {
  return by_element([](double a) { return special::log_ndtr(a); }, x);
}
template <class B>
Lanes<B> lgamma(const Lanes<B>& x) {
  return by_element([](double a) { return special::lgamma(a); }, x);
}
template <class B>
Lanes<B> polygamma(int n, const Lanes<B>& x) {
  return by_element([=](double a) { return special::polygamma(n, a); }, x);
}
template <class B>
Lanes<B> digamma(const Lanes<B>& x) {
  return polygamma(0, x);
}
template <class B>
Lanes<B> betaln(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) {
  return by_element([](double p, double q) { return special::betaln(p, q); }, a, b);
}
template <class B>
Lanes<B> bessel_i(int n, const Lanes<B>& x) {
  return by_element([=](double a) { return special::bessel_i(n, a); }, x);
}

}  // namespace autodiff::kernels
