#include "special.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

namespace autodiff::kernels::special {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = std::numbers::pi, epsilon = std::numeric_limits<double>::epsilon();

template <std::size_t N>
double polynomial(double x, const double (&coefficients)[N]) {
  double sum = coefficients[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

bool is_whole(double x) { return x == std::floor(x); }

/// exp(x^2), with the rounding of the square made good.
double exp_of_square(double x) {
  const double square = x * x, rest = std::fma(x, x, -square);
  const double e = std::exp(square);
  return std::isinf(e) ? e : e + e * rest;
}

}  // namespace

double lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

namespace {

// digamma(x) / (x - root) on [1, 2] by powers of 2 x - 3: a Chebyshev fit, made by tests/reference/digamma.py.
constexpr double root = 0x1.762d86356be3fp+0, root_rest = 0x1.b86a722197829p-54;
constexpr double around_root[] = {
    0.95105587603183287932,     -0.21181371064073024799,    0.060135621060196839697,   -0.018550615381739702169,
    0.0059367952783018756825,   -0.0019350666647392832865,  0.00063688803038479006946, -0.00021074841284590126129,
    0.000069950188265504408781, -0.00002325823275895313064, 7.7412344413683948505e-6,  -2.5781337016107128816e-6,
    8.5890626833658920056e-7,   -2.8621216825577645886e-7,  9.5432615707604287266e-8,  -3.1807298477301725876e-8,
    1.0528133851878113277e-8,   -3.5092354924107181254e-9,  1.2466690231864029825e-9,  -4.1555064115551964156e-10,
    8.7484200374362865607e-11,  -2.9161179626023812491e-11, 2.9160936010853640957e-11, -9.720300404202244315e-12};

double digamma(double x) {
  if (x == 0) return -std::copysign(infinity, x);
  if (x < 0) {
    const double part = x - std::floor(x);
    return part == 0 || std::isinf(x) ? nan : digamma(1 - x) - pi / std::tan(pi * (part > 0.5 ? part - 1 : part));
  }
  if (x >= 10) {  // B_2k / (2 k x^2k)
    constexpr double series[] = {1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132, -691. / 32760, 1. / 12};
    const double w = 1 / (x * x);
    return std::log(x) - 0.5 / x - w * polynomial(w, series);
  }
  double shifted = 0;
  while (x > 2) x -= 1, shifted += 1 / x;
  if (x < 1) shifted -= 1 / x, x += 1;
  return shifted + ((x - root) - root_rest) * polynomial(2 * x - 3, around_root);
}

/// The sum of (q + k)^-s over k >= 0, for whole s > 1.
double zeta(int s, double q) {
  if (std::isinf(q)) return q > 0 ? 0 : nan;
  if (q <= 0) {  // the terms below zero by those above: they are the same but for the sign
    if (is_whole(q)) return infinity;
    const double part = q - std::floor(q);
    const double below = zeta(s, 1 - part) - zeta(s, 1 - q);
    return zeta(s, part) + (s % 2 ? -below : below);
  }
  double sum = 0;
  const double from = 12 + s;
  while (q < from) sum += std::pow(q, -s), q += 1;
  // Euler and Maclaurin; B_2j / (2j)! for j = 1, 2, ...
  constexpr double bernoulli[] = {1. / 12,
                                  -1. / 720,
                                  1. / 30240,
                                  -1. / 1209600,
                                  1. / 47900160,
                                  -691. / 1307674368000.,
                                  1. / 74724249600.,
                                  -3617. / 10670622842880000.,
                                  43867. / 5109094217170944000.,
                                  -174611. / 802857662698291200000.};
  const double power = std::pow(q, -s);
  sum += power * q / (s - 1) + power / 2;
  double factor = power * s / q;
  for (int j = 0; j < 10; ++j) {
    sum += bernoulli[j] * factor;
    factor *= (s + 2. * j + 1) / q * (s + 2. * j + 2) / q;
  }
  return sum;
}

}  // namespace

double polygamma(int n, double x) {
  if (n == 0) return digamma(x);
  if (std::isnan(x)) return x;
  const double size = std::tgamma(n + 1.) * zeta(n + 1, x);
  return n % 2 ? size : -size;
}

namespace {

/// What Stirling's formula leaves of lgamma(x), for x >= 10.
double after_stirling(double x) {
  constexpr double series[] = {1. / 12, -1. / 360, 1. / 1260, -1. / 1680, 1. / 1188, -691. / 360360, 1. / 156};
  return polynomial(1 / (x * x), series) / x;
}

}  // namespace

double betaln(double a, double b) {
  const double p = std::min(a, b), q = std::max(a, b);
  if (p == 0 && q >= 0) return infinity;
  if (!(p > 0)) return lgamma(a) + lgamma(b) - lgamma(a + b);
  if (std::isinf(q)) return -infinity;
  if (p >= 10)
    return -0.5 * std::log(q) + 0.5 * std::log(2 * pi) + after_stirling(p) + after_stirling(q) - after_stirling(p + q) +
           (p - 0.5) * std::log(p / (p + q)) + q * std::log1p(-p / (p + q));
  if (q >= 10)
    return lgamma(p) + after_stirling(q) - after_stirling(p + q) + p - p * std::log(p + q) +
           (q - 0.5) * std::log1p(-p / (p + q));
  if (p < 1e-300) return lgamma(p) + (lgamma(q) - lgamma(p + q));
  return std::log(std::tgamma(p) * (std::tgamma(q) / std::tgamma(p + q)));
}

double erfcx(double x) {
  if (std::isnan(x)) return x;
  if (x < 25) return exp_of_square(x) * std::erfc(x);
  const double w = 1 / (2 * x * x);
  constexpr double series[] = {1, -1, 3, -15, 105, -945, 10395, -135135};
  return polynomial(w, series) / x * std::numbers::inv_sqrtpi;
}

double erfinv(double y) {
  const double a = std::abs(y);
  if (!(a < 1)) return a == 1 ? std::copysign(infinity, y) : nan;
  // S. Winitzki's approximation, 2008; near zero it would cancel, and the slope there will do.
  const double rest = std::log1p(-a) + std::log1p(a), t = 2 / (pi * 0.147) + rest / 2;
  double x = a < 0.01 ? a * 0.88622692545275801365 : std::sqrt(std::sqrt(t * t - rest / 0.147) - t);
  for (int step = 0; step < 2; ++step) {
    const double error = a < 0.5 ? std::erf(x) - a : (1 - a) - std::erfc(x);
    const double newton = error / (2 * std::numbers::inv_sqrtpi) * exp_of_square(x);
    x -= newton / (1 + x * newton);
  }
  return std::copysign(x, y);
}

double log_ndtr(double x) {
  constexpr double root_half = 0.70710678118654752440;
  if (x > -1) return std::log1p(-0.5 * std::erfc(x * root_half));
  return std::log(0.5 * erfcx(-x * root_half)) - 0.5 * x * x;
}

double bessel_i(int n, double x) {
  if (std::isnan(x)) return x;
  const double size = std::abs(x), sign = x < 0 && n % 2 ? -1 : 1;
  if (std::isinf(x)) return sign * size;
  if (size > 20 + n * n) {
    double term = 1, sum = 1;
    for (int k = 1; k < 100 && std::abs(term) > epsilon / 4 * std::abs(sum); ++k) {
      term *= -(4. * n * n - (2. * k - 1) * (2. * k - 1)) / (8 * k * size);
      sum += term;
    }
    const double half = std::exp(size / 2);  // the whole may overflow before the quotient does
    return sign * (half / std::sqrt(2 * pi * size) * sum * half);
  }
  const double square = size * size / 4;
  double term = 1, sum = 1;
  for (int k = 1; term > epsilon / 4 * sum; ++k) sum += term *= square / (k * (k + double(n)));
  double power = 1;
  for (int k = 1; k <= n; ++k) power *= size / 2 / k;
  return sign * sum * power;
}

double sinc(int n, double x) {
  if (std::isinf(x)) return 0;
  const double u = pi * x, scale = std::pow(pi, n);
  if (std::abs(u) <= n + 1) {  // the sum of (-1)^k u^(2k-n) / ((2k-n)! (2k+1)), from 2k >= n
    int k = (n + 1) / 2;
    double power = 2 * k > n ? u : 1, sum = 0;
    for (double term = 1; std::abs(term) > epsilon / 8 * std::abs(sum) && k < 200; ++k) {
      term = (k % 2 ? -power : power) / (2 * k + 1);
      sum += term;
      power *= u / (2 * k - n + 1) * u / (2 * k - n + 2);
      if (term == 0) break;
    }
    return scale * sum;
  }
  // u S(u) = sin(u), differentiated n times: u S_n + n S_(n-1) = sin(u + n pi / 2).
  const double sine = std::sin(u), cosine = std::cos(u), turned[] = {sine, cosine, -sine, -cosine};
  double s = sine / u;
  for (int i = 1; i <= n; ++i) s = (turned[i % 4] - i * s) / u;
  return scale * s;
}

}  // namespace autodiff::kernels::special
