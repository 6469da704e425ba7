// Elementwise functions at zero, one, the infinities, NaN and subnormal numbers, against SciPy's values and PyTorch's
// gradients.
#include "reference/special.hpp"

#include <algorithm>

#include "cases.hpp"
#include "special_functions.hpp"

namespace test {

namespace {

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-14 * std::abs(b);
}

/// Gradients that are other than PyTorch's on purpose.
bool chosen_otherwise(const AtExtreme& at) {
  const std::string name = at.name;
  const bool infinite = std::isinf(at.a) || std::isinf(at.b), zero = at.a == 0;
  if (std::isnan(at.value) || std::isnan(at.a)) return true;  // of no value there is no slope
  if (name == "hypot") return zero && at.b == 0;              // 0, as of norm
  if (name == "logaddexp") return infinite;                   // a half each of equal infinities, 0 of smaller ones
  if (name == "xlogy") return zero;                           // finite
  return false;
}

}  // namespace

TEST_CASE("extremes: special functions as SciPy and PyTorch have them") {
  const auto functions = number_functions<double>();
  for (const auto& at : at_extremes) {
    ad::Tape<double> tape;
    const auto a = tape.variable(at.a), b = tape.variable(at.b);
    const auto y = functions.at(at.name)(a, b);
    const auto [da, db] = ad::gradient(y, a, b);
    INFO(at.name << " at " << at.a << ", " << at.b);
    CHECK_MESSAGE(same(y.item(), at.value), y.item() << " for " << at.value);
    if (!at.has_gradient || chosen_otherwise(at)) continue;
    CHECK_MESSAGE(same(da(), at.by_a), da() << " for " << at.by_a);
  }
}

TEST_CASE("extremes: what is chosen where PyTorch has no number") {
  ad::Tape<double> tape;
  const auto zero = tape.variable(0.0), other = tape.variable(0.0), low = tape.variable(-HUGE_VAL);
  for (const auto& y : {hypot(zero, other), xlogy(zero, other)})
    for (const auto& each : {zero, other}) CHECK_EQ(gradient(y, each)(), 0);
  CHECK_EQ(gradient(logaddexp(low, -HUGE_VAL), low)(), 0.5);
  CHECK_EQ(gradient(logaddexp(low, 1), low)(), 0);
  CHECK_EQ(gradient(recorded_gradient(logaddexp(zero, other), zero), zero)(), 0.25);  // of ties
  CHECK_EQ(gradient(recorded_gradient(xlogy(zero, 2), zero), zero)(), 0);
  const auto two = tape.variable(2.0);
  CHECK_EQ(gradient(recorded_gradient(xlogy(zero, two), zero), two)(), 0.5);  // not lost at x = 0
  constexpr double pi = 3.14159265358979323846;
  CHECK(gradient(recorded_gradient(sinc(zero), zero), zero)() == doctest::Approx(-pi * pi / 3));
  CHECK_EQ(gradient(recorded_gradient(i0(zero), zero), zero)(), 0.5);
  for (const double far : {-40.0, -1e4, 40.0, 1e4}) {  // masked, and differentiated again
    const auto x = tape.variable(far);
    for (const auto& y : {log_ndtr(x), asinh(x), erfc(x), ndtr(x), logaddexp(x, 0)})
      CHECK(std::isfinite(gradient(recorded_gradient(y, x), x)()));
  }
}

TEST_CASE_TEMPLATE("powers of two and ten, and large and small arguments, are exact", T, float, double) {
  ad::Tape<T> tape;
  for (int n = std::numeric_limits<T>::min_exponent - 20; n < std::numeric_limits<T>::max_exponent; ++n) {
    const auto power = tape.variable(std::ldexp(1.0, n)), whole = tape.variable(double(n));
    CHECK_EQ(log2(power).item(), n);
    CHECK_EQ(exp2(whole).item(), std::ldexp(T(1), n));
    CHECK_EQ(log(power).item(), doctest::Approx(n * std::log(2.0)).epsilon(1e-6));
  }
  for (int n = 0; n < 10; ++n) CHECK_EQ(log10(tape.variable(std::pow(10.0, n))).item(), n);
  for (const double x : {1e-30, 1e-10, 1e10, 3e30}) {
    INFO(x);
    CHECK(asinh(tape.variable(-x)).item() == doctest::Approx(-std::asinh(T(x))).epsilon(1e-6));
    if (x > 1) CHECK(acosh(tape.variable(x)).item() == doctest::Approx(std::acosh(T(x))).epsilon(1e-6));
    CHECK(hypot(tape.variable(3 * x), T(4 * x)).item() == doctest::Approx(5 * x).epsilon(1e-6));
  }
}

}  // namespace test
