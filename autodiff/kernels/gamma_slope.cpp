// The derivative of a gamma distribution's quantile by the shape, and the next one: by the series that give the
// distribution function, with derivatives carried along.
#include <cmath>
#include <limits>

#include "draws.hpp"
#include "special.hpp"

namespace autodiff::kernels {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon(), nan = std::numeric_limits<double>::quiet_NaN();

/// A number, and its first two derivatives by the shape.
struct Jet {
  double v, d = 0, dd = 0;
  friend Jet operator+(Jet a, Jet b) { return {a.v + b.v, a.d + b.d, a.dd + b.dd}; }
  friend Jet operator*(Jet a, Jet b) {
    return {a.v * b.v, a.d * b.v + a.v * b.d, a.dd * b.v + 2 * a.d * b.d + a.v * b.dd};
  }
  friend Jet operator/(Jet a, Jet b) {
    const double v = a.v / b.v, d = (a.d - v * b.d) / b.v;
    return {v, d, (a.dd - 2 * d * b.d - v * b.dd) / b.v};
  }
};

bool settled(double term, double sum) { return std::abs(term) <= epsilon * std::abs(sum); }

/// The slope, and its derivative by the shape.
Jet slope(double shape, double z) {
  if (!(shape > 0) || !(z >= 0)) return {nan, nan};
  if (z == 0) return {0};
  const Jet a{shape, 1}, minus{-1},
      log_ratio{std::log(z) - special::polygamma(0, shape), -special::polygamma(1, shape)};
  const auto derivative = [](Jet x) { return Jet{x.d, x.dd}; };
  if (z < shape + 1) {
    // P = z^a e^-z / gamma(a + 1) times the sum of z^k / ((a + 1) ... (a + k)); the density is the same times a / z.
    Jet term{1}, sum{1};
    for (double k = 1; !settled(term.v, sum.v) || !settled(term.d, sum.d) || !settled(term.dd, sum.dd); ++k) {
      term = term * (Jet{z} / Jet{shape + k, 1});
      sum = sum + term;
    }
    return Jet{-z} / a * (sum * (log_ratio + Jet{-1} / a) + derivative(sum));
  }
  // Q = z^a e^-z / gamma(a) times a continued fraction, by Lentz's method; the density is the same over z.
  Jet b = Jet{z + 1} + minus * a, c{1e300}, d = Jet{1} / b, h = d;
  for (double k = 1; k < 10000; ++k) {
    const Jet numerator = Jet{-k} * (Jet{k} + minus * a);
    b = b + Jet{2};
    d = Jet{1} / (numerator * d + b);
    c = b + numerator / c;
    const Jet factor = c * d;
    h = h * factor;
    if (std::abs(factor.v - 1) < 2 * epsilon && std::abs(factor.d) < epsilon && std::abs(factor.dd) < epsilon) break;
  }
  return Jet{z} * (h * log_ratio + derivative(h));
}

}  // namespace

double special::gamma_slope(double shape, double z) { return slope(shape, z).v; }
double gamma_slope_by_shape(double shape, double z) { return slope(shape, z).d; }

}  // namespace autodiff::kernels
