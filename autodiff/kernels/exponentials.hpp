// exp and tanh of SIMD registers, without branches. xsimd's exp overflows early and never gives a subnormal number; its
// tanh evaluates two formulas, and both take twice as long or more in double.
//
// Both subtract a multiple of log 2 from the argument, evaluate a polynomial on the rest, and build the power of two
// from the bits of the multiple. Coefficients are minimax in the relative error of the whole function, found by the
// Remez exchange in 40 digits.
#pragma once

#include <bit>
#include <cstddef>
#include <limits>
#include <xsimd/xsimd.hpp>

#include "division.hpp"

namespace autodiff::kernels {

template <class T>
struct Exponentials;

template <>
struct Exponentials<float> {
  // Added to a number below 2^22, it rounds that to a whole one, which stands in the last bits of the sum.
  static constexpr float rounder = 0x1.8p23f;
  static constexpr int bias = 127;
  static constexpr float log2_high = 0x1.62e4p-1f, log2_low = 0x1.7f7d1cp-20f;  // of log 2, to more than its digits
  static constexpr float exp_low = -104, exp_high = 89;                         // beyond which exp is 0 or infinite
  static constexpr float tanh_high = 9.1f;                                      // beyond which tanh is 1
  // (e^r - 1 - r) / r^2 for |r| <= log(2) / 2.
  static constexpr float exp[] = {0.50000000957911489707f, 0.16666518317431101265f, 0.041666203912144741087f,
                                  0.0083689525293504122305f, 0.0013950614891659062854f};
  // (tanh(r) / r - 1) / r^2 by powers of r^2, for |r| <= 0.55.
  static constexpr float tanh[] = {-0.33332957711068709007f, 0.1332094558243881481f, -0.052684334098408445418f,
                                   0.01645906489054174916f};
};

template <>
struct Exponentials<double> {
  static constexpr double rounder = 0x1.8p52;
  static constexpr int bias = 1023;
  static constexpr double log2_high = 0x1.62e42fefap-1, log2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double exp_low = -746, exp_high = 710;
  static constexpr double tanh_high = 20;
  static constexpr double exp[] = {0.50000000000000128413,   0.16666666666666699531,   0.041666666666514429956,
                                   0.0083333333333069102292, 0.0013888888947308179385, 0.00019841269918006773286,
                                   2.4801489612449394916e-5, 2.7557215759958357838e-6, 2.7631406808534357369e-7,
                                   2.5118027342174760863e-8};
  static constexpr double tanh[] = {-0.33333333333332355142,   0.13333333333174135017,    -0.053968253878527180233,
                                    0.021869486029150912825,   -0.0088631951881333989681, 0.0035917249038544648077,
                                    -0.0014532411876381622368, 0.00057920612803527758763, -0.0002104104690206626434,
                                    0.000051093218363516172137};
};

template <class B, std::size_t N>
B polynomial(B x, const typename B::value_type (&coefficients)[N]) {
  B sum(coefficients[N - 1]);
  for (std::size_t i = N - 1; i-- > 0;) sum = xsimd::fma(sum, x, B(coefficients[i]));
  return sum;
}

/// e^r 2^n for |r| <= log(2) / 2, where the last bits of `sum` hold n + 2 * bias.
template <class B>
B scaled_exp(B r, B sum) {
  using C = Exponentials<typename B::value_type>;
  using Integers = xsimd::as_integer_t<B>;
  constexpr int mantissa = std::numeric_limits<typename B::value_type>::digits - 1;
  const B y = xsimd::fma(r * r, polynomial(r, C::exp), r);  // e^r - 1
  // 2^n may be out of range where the result is not: it is multiplied in by halves.
  const Integers bits = std::bit_cast<Integers>(sum), half = bits >> 1;
  const B first = std::bit_cast<B>(half << mantissa), second = std::bit_cast<B>((bits - half) << mantissa);
  return xsimd::fma(first, y, first) * second;
}

/// e^x, to 1.1 units in the last place, subnormal results among them.
template <class B>
B exp_of(B x) {
  using T = typename B::value_type;
  using C = Exponentials<T>;
  const B high(C::exp_high);
  const auto vanishes = x < B(C::exp_low);    // to zero at the end, without a slow product of subnormals
  const B rounder(C::rounder + 2 * C::bias);  // the last bits of the sum shall hold n + 2 * bias
  x = xsimd::select(x > high, high, xsimd::select(vanishes, B(T(0)), x));  // keeps NaN
  const B sum = xsimd::fma(x, B(T(1.4426950408889634074)), rounder);
  const B n = sum - rounder;  // x / log(2), rounded
  const B r = xsimd::fma(n, B(-C::log2_low), xsimd::fma(n, B(-C::log2_high), x));
  return xsimd::select(vanishes, B(T(0)), scaled_exp(r, sum));
}

/// 2^x, to 1.5 units in the last place; powers of whole numbers are exact.
template <class B>
B exp2_of(B x) {
  using T = typename B::value_type;
  using C = Exponentials<T>;
  const B high(T(C::bias + 2));
  const auto vanishes = x < B(T(-C::bias - std::numeric_limits<T>::digits));
  const B rounder(C::rounder + 2 * C::bias);
  x = xsimd::select(x > high, high, xsimd::select(vanishes, B(T(0)), x));
  const B sum = x + rounder;
  return xsimd::select(vanishes, B(T(0)), scaled_exp((x - (sum - rounder)) * B(T(0.69314718055994530942)), sum));
}

/// tanh(x), to 1.8 units in the last place.
/// With r = |x| - k log(2) and w = tanh(r), tanh|x| = 1 - h / (1 + w + h/2), where h = 2 * 4^-k (1 - w). For k = 0
/// that would lose digits, and is w. Up to 0.55, k is zero: from there on, what is subtracted from 1 is less than 1/2.
template <class B>
B tanh_of(B x) {
  using T = typename B::value_type;
  using C = Exponentials<T>;
  using Integers = xsimd::as_integer_t<B>;
  constexpr T log2 = T(0.69314718055994530942), half = T(0.5), offset = T(0.2045);
  const B rounder(C::rounder + (C::bias + 1) / 2);  // the last bits of the sum shall hold half the exponent of 2 * 4^-k
  const B a = xsimd::min(B(C::tanh_high), xsimd::abs(x));  // in this order, NaN is kept
  const B sum = xsimd::fma(a - B(offset), B(-1 / log2), rounder);
  const B r = xsimd::fma(sum - rounder, B(log2), a);
  const B scale = std::bit_cast<B>(std::bit_cast<Integers>(sum) << std::numeric_limits<T>::digits);
  const B square = r * r, w = xsimd::fma(r * square, polynomial(square, C::tanh), r);
  const B minus_h = xsimd::fms(scale, w, scale);
  const B y = B(1) + divide(minus_h, xsimd::fma(B(-half), minus_h, B(1) + w));
  return xsimd::select(sum == rounder, w, y) | xsimd::bitofsign(x);
}

}  // namespace autodiff::kernels
