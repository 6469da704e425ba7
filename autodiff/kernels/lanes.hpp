// The number type that elementwise rules are compiled with: a SIMD register that reads like a scalar.
// It wraps xsimd::batch so that literals convert, comparisons select, and every function is found by
// argument-dependent look-up in this namespace, whatever the version of xsimd. The register type is a
// template parameter: code compiled for two instruction sets never shares a symbol.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>
#include <xsimd/xsimd.hpp>

#include "division.hpp"
#include "exponentials.hpp"

namespace autodiff::kernels {

/// The outcome of comparing two L = Lanes, one answer a lane; as a number, 1 for true and 0 for false. That L is the
/// parameter lets calls find the functions of Lanes, as in where(x > 0, 1, 0).
template <class L>
struct Mask {
  typename L::batch_type::batch_bool_type bits;
  operator L() const { return where(*this, L(1), L(0)); }
  friend Mask operator&&(Mask a, Mask b) { return {a.bits & b.bits}; }
  friend Mask operator||(Mask a, Mask b) { return {a.bits | b.bits}; }
  friend Mask operator!(Mask a) { return {!a.bits}; }
};

template <class B>
struct Lanes {
  using value_type = typename B::value_type;
  using batch_type = B;
  using T = value_type;
  static constexpr std::size_t size = B::size;
  B v;

  Lanes() = default;
  Lanes(B batch) : v(batch) {}
  Lanes(double number) : v(static_cast<T>(number)) {}

  static Lanes load(const T* from) { return B::load_unaligned(from); }
  void store(T* to) const { v.store_unaligned(to); }
  /// Loads the first `n` < size elements, n > 0; the other lanes repeat the first, so that no lane meets a value
  /// that is not in the data.
  static Lanes load_part(const T* from, std::size_t n) {
    if (n == 1) return B(*from);
#ifdef __AVX512F__
    if constexpr (sizeof(B) == 64 && std::is_same_v<T, float>)
      return B(_mm512_mask_loadu_ps(_mm512_set1_ps(*from), __mmask16((1u << n) - 1), from));
    if constexpr (sizeof(B) == 64 && std::is_same_v<T, double>)
      return B(_mm512_mask_loadu_pd(_mm512_set1_pd(*from), __mmask8((1u << n) - 1), from));
#endif
    alignas(64) T buffer[size];
    B(*from).store_aligned(buffer);
    // In pieces of constant length: much faster than a call of memcpy.
    T* to = buffer;
#pragma GCC unroll 8
    for (std::size_t piece = size / 2; piece > 0; piece /= 2)
      if (n & piece) std::memcpy(to, from, piece * sizeof(T)), to += piece, from += piece;
    return B::load_aligned(buffer);
  }
  /// Stores the first `n` < size lanes.
  void store_part(T* to, std::size_t n) const {
    if (n == 1) return void(*to = v.get(0));
#ifdef __AVX512F__
    if constexpr (sizeof(B) == 64 && std::is_same_v<T, float>)
      return _mm512_mask_storeu_ps(to, __mmask16((1u << n) - 1), v);
    if constexpr (sizeof(B) == 64 && std::is_same_v<T, double>)
      return _mm512_mask_storeu_pd(to, __mmask8((1u << n) - 1), v);
#endif
    alignas(64) T buffer[size];
    v.store_aligned(buffer);
    const T* from = buffer;
#pragma GCC unroll 8
    for (std::size_t piece = size / 2; piece > 0; piece /= 2)
      if (n & piece) std::memcpy(to, from, piece * sizeof(T)), to += piece, from += piece;
  }

  friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  friend Lanes operator/(Lanes a, Lanes b) { return divide(a.v, b.v); }
  friend Lanes operator-(Lanes a) { return opposite(a.v); }
  Lanes& operator+=(Lanes a) { return *this = *this + a; }
  Lanes& operator-=(Lanes a) { return *this = *this - a; }
  Lanes& operator*=(Lanes a) { return *this = *this * a; }
  Lanes& operator/=(Lanes a) { return *this = *this / a; }

  // a b + c, a b - c and c - a b, rounded once.
  friend Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return xsimd::fma(a.v, b.v, c.v); }
  friend Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return xsimd::fms(a.v, b.v, c.v); }
  friend Lanes negated_multiply_add(Lanes a, Lanes b, Lanes c) { return xsimd::fnma(a.v, b.v, c.v); }

  friend Mask<Lanes> operator<(Lanes a, Lanes b) { return {a.v < b.v}; }
  friend Mask<Lanes> operator<=(Lanes a, Lanes b) { return {a.v <= b.v}; }
  friend Mask<Lanes> operator>(Lanes a, Lanes b) { return {a.v > b.v}; }
  friend Mask<Lanes> operator>=(Lanes a, Lanes b) { return {a.v >= b.v}; }
  friend Mask<Lanes> operator==(Lanes a, Lanes b) { return {a.v == b.v}; }
  friend Mask<Lanes> operator!=(Lanes a, Lanes b) { return {!(a.v == b.v)}; }  // xsimd 8 calls NaN != NaN false
  friend Lanes where(Mask<Lanes> m, Lanes a, Lanes b) { return xsimd::select(m.bits, a.v, b.v); }
  friend Lanes where(Lanes condition, Lanes a, Lanes b) { return where(condition != 0, a, b); }

  friend Lanes abs(Lanes x) { return xsimd::abs(x.v); }
  friend Lanes sqrt(Lanes x) { return square_root(x.v); }
  friend Lanes exp(Lanes x) { return exp_of(x.v); }
  friend Lanes expm1(Lanes x) { return xsimd::expm1(x.v); }
  // xsimd takes the exponent of subnormal numbers for that of the smallest normal one.
  friend Lanes log(Lanes x) {
    const auto small = x < Lanes(std::numeric_limits<T>::min());
    return Lanes(xsimd::log(where(small, x * 0x1p54, x).v)) - where(small, Lanes(37.429947750237047935), Lanes(0));
  }
  friend Lanes log2(Lanes x) {
    const auto small = x < Lanes(std::numeric_limits<T>::min());
    return Lanes(xsimd::log2(where(small, x * 0x1p54, x).v)) - where(small, Lanes(54), Lanes(0));
  }
  friend Lanes exp2(Lanes x) { return exp2_of(x.v); }
  friend Lanes floor(Lanes x) { return xsimd::floor(x.v); }
  friend Lanes ceil(Lanes x) { return xsimd::ceil(x.v); }
  friend Lanes trunc(Lanes x) { return xsimd::trunc(x.v); }
  friend Lanes round(Lanes x) { return xsimd::nearbyint(x.v); }  // halves to even numbers
  friend Lanes copysign(Lanes size, Lanes sign) { return xsimd::copysign(size.v, sign.v); }
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
    return by_element([](T a, T b) { return std::atan2(a, b); }, y, x);
  }
  // xsimd's pow loses digits with the size of the exponent, and gets 0^0 and 0^-1 wrong.
  friend Lanes pow(Lanes x, Lanes p) {
    return by_element([](T a, T b) { return std::pow(a, b); }, x, p);
  }
  // A NaN in either argument is handed on, as NumPy's maximum and minimum do.
  friend Lanes maximum(Lanes a, Lanes b) { return where(a > b || a != a, a, b); }
  friend Lanes minimum(Lanes a, Lanes b) { return where(a < b || a != a, a, b); }

  /// f of one lane after another.
  template <class F>
  friend Lanes by_element(F f, Lanes x) {
    alignas(64) T number[size];
    x.v.store_aligned(number);
    for (std::size_t i = 0; i < size; ++i) number[i] = static_cast<T>(f(number[i]));
    return B::load_aligned(number);
  }
  template <class F>
  friend Lanes by_element(F f, Lanes a, Lanes b) {
    alignas(64) T left[size], right[size];
    a.v.store_aligned(left), b.v.store_aligned(right);
    for (std::size_t i = 0; i < size; ++i) left[i] = static_cast<T>(f(left[i], right[i]));
    return B::load_aligned(left);
  }
};

/// For whole exponents, which would call xsimd's template of any arguments.
template <class B, std::integral I>
Lanes<B> pow(const Lanes<B>& x, I p) {
  return pow(x, Lanes<B>(static_cast<double>(p)));
}

/// The lanes of the instruction set that this translation unit is compiled for.
template <class T>
using NativeLanes = Lanes<xsimd::batch<T>>;

}  // namespace autodiff::kernels
