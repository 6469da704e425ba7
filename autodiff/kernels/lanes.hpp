// The number type that elementwise rules are compiled with: a SIMD register that reads like a scalar.
// It wraps xsimd::batch so that literals convert, comparisons select, and every function is found by
// argument-dependent look-up in this namespace, whatever the version of xsimd. The register type is a
// template parameter: code compiled for two instruction sets never shares a symbol.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <xsimd/xsimd.hpp>

#include "exponentials.hpp"

namespace autodiff::kernels {

/// The outcome of comparing two Lanes, one answer a lane.
template <class B>
struct Mask {
  typename B::batch_bool_type bits;
  friend Mask operator&&(Mask a, Mask b) { return {a.bits & b.bits}; }
  friend Mask operator||(Mask a, Mask b) { return {a.bits | b.bits}; }
  friend Mask operator!(Mask a) { return {!a.bits}; }
};

template <class B>
struct Lanes {
  using value_type = typename B::value_type;
  using T = value_type;
  static constexpr std::size_t size = B::size;
  B v;

  Lanes() = default;
  Lanes(B batch) : v(batch) {}
  Lanes(double number) : v(static_cast<T>(number)) {}

  static Lanes load(const T* from) { return B::load_unaligned(from); }
  void store(T* to) const { v.store_unaligned(to); }
  /// Loads the first `n` < size elements; the other lanes repeat the first, so that no lane meets a value
  /// that is not in the data.
  static Lanes load_part(const T* from, std::size_t n) {
    alignas(64) T buffer[size];
    for (std::size_t i = n; i < size; ++i) buffer[i] = from[0];
    std::memcpy(buffer, from, n * sizeof(T));
    return B::load_aligned(buffer);
  }
  void store_part(T* to, std::size_t n) const {
    alignas(64) T buffer[size];
    v.store_aligned(buffer);
    std::memcpy(to, buffer, n * sizeof(T));
  }

  friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  friend Lanes operator/(Lanes a, Lanes b) { return a.v / b.v; }
  friend Lanes operator-(Lanes a) { return -a.v; }

  friend Mask<B> operator<(Lanes a, Lanes b) { return {a.v < b.v}; }
  friend Mask<B> operator<=(Lanes a, Lanes b) { return {a.v <= b.v}; }
  friend Mask<B> operator>(Lanes a, Lanes b) { return {a.v > b.v}; }
  friend Mask<B> operator>=(Lanes a, Lanes b) { return {a.v >= b.v}; }
  friend Mask<B> operator==(Lanes a, Lanes b) { return {a.v == b.v}; }
  friend Mask<B> operator!=(Lanes a, Lanes b) { return {!(a.v == b.v)}; }  // xsimd 8 calls NaN != NaN false
  friend Lanes where(Mask<B> m, Lanes a, Lanes b) { return xsimd::select(m.bits, a.v, b.v); }

  friend Lanes abs(Lanes x) { return xsimd::abs(x.v); }
  friend Lanes sqrt(Lanes x) { return xsimd::sqrt(x.v); }
  friend Lanes exp(Lanes x) { return exp_of(x.v); }
  friend Lanes expm1(Lanes x) { return xsimd::expm1(x.v); }
  // xsimd takes the exponent of subnormal numbers for that of the smallest normal one.
  friend Lanes log(Lanes x) {
    const auto small = x < Lanes(std::numeric_limits<T>::min());
    return Lanes(xsimd::log(where(small, x * 0x1p54, x).v)) - where(small, Lanes(37.429947750237047935), Lanes(0));
  }
  friend Lanes log1p(Lanes x) { return xsimd::log1p(x.v); }
  friend Lanes sin(Lanes x) { return xsimd::sin(x.v); }
  friend Lanes cos(Lanes x) { return xsimd::cos(x.v); }
  friend Lanes tan(Lanes x) { return xsimd::tan(x.v); }
  friend Lanes asin(Lanes x) { return xsimd::asin(x.v); }
  friend Lanes acos(Lanes x) { return xsimd::acos(x.v); }
  friend Lanes atan(Lanes x) { return xsimd::atan(x.v); }
  friend Lanes sinh(Lanes x) { return xsimd::sinh(x.v); }
  friend Lanes cosh(Lanes x) { return xsimd::cosh(x.v); }
  friend Lanes tanh(Lanes x) { return tanh_of(x.v); }
  // Beyond 6 it is 1 to the last digit; xsimd squares its argument, which may overflow.
  friend Lanes erf(Lanes x) { return xsimd::erf(where(x > 6, Lanes(6), where(x < -6, Lanes(-6), x)).v); }
  friend Lanes atan2(Lanes y, Lanes x) {
    return by_element(y, x, [](T a, T b) { return std::atan2(a, b); });
  }
  // xsimd's pow loses digits with the size of the exponent, and gets 0^0 and 0^-1 wrong.
  friend Lanes pow(Lanes x, Lanes p) {
    return by_element(x, p, [](T a, T b) { return std::pow(a, b); });
  }
  // A NaN in either argument is handed on, as NumPy's maximum and minimum do.
  friend Lanes maximum(Lanes a, Lanes b) { return where(a > b || a != a, a, b); }
  friend Lanes minimum(Lanes a, Lanes b) { return where(a < b || a != a, a, b); }

 private:
  template <class F>
  static Lanes by_element(Lanes a, Lanes b, F f) {
    alignas(64) T left[size], right[size];
    a.v.store_aligned(left), b.v.store_aligned(right);
    for (std::size_t i = 0; i < size; ++i) left[i] = f(left[i], right[i]);
    return B::load_aligned(left);
  }
};

/// The lanes of the instruction set that this translation unit is compiled for.
template <class T>
using NativeLanes = Lanes<xsimd::batch<T>>;

}  // namespace autodiff::kernels
