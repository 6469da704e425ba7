// Elementwise functions at zero, one, the infinities, NaN and subnormal numbers, against SciPy's values and PyTorch's
// gradients.
#include "reference/special.hpp"

#include <algorithm>

#include "cases.hpp"
#include "special_functions.hpp"

namespace test {

namespace {

bool same(double a, double b, double tolerance) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance * std::abs(b);
}

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// Values at infinities that are limits here, and NaN or of another sign in SciPy and PyTorch; where there is no limit,
/// NaN here.
bool value_otherwise(const AtExtreme& at) {
  const bool finite = std::isfinite(at.a) && std::isfinite(at.b);
  if (finite) return false;
  if (is_one_of(at.name, {"sinc", "i0", "i1", "betaln"})) return true;
  return at.a < 0 && is_one_of(at.name, {"trigamma", "polygamma2", "hard_swish", "mish", "gelu_tanh"});
}

/// Gradients that are other than PyTorch's on purpose.
bool slope_otherwise(const AtExtreme& at) {
  const std::string name = at.name;
  if (std::isnan(at.value) || std::isnan(at.a)) return true;        // of no value there is no slope
  if (name == "hypot") return at.a == 0 && at.b == 0;               // 0, as of norm
  if (name == "xlogy") return at.a == 0;                            // finite
  if (name == "sinc") return at.a != 0 && std::abs(at.a) < 1e-300;  // not flat there
  if (name == "digamma") return at.a == -1;                         // infinite at the pole
  return !std::isfinite(at.a) && is_one_of(name, {"logaddexp", "log_ndtr", "trigamma", "polygamma2", "gelu_tanh"});
}

}  // namespace

TEST_CASE("extremes: special functions as SciPy and PyTorch have them") {
  const auto functions = number_functions<double>();
  for (const auto& at : at_extremes) {
    ad::Tape<double> tape;
    const auto a = tape.variable(at.a), b = tape.variable(at.b);
    const auto y = functions.at(at.name)(a, b);
    const double slope = std::get<0>(ad::gradient(y, a, b))();
    INFO(std::string(at.name) << " at " << at.a << ", " << at.b);
    if (!value_otherwise(at)) CHECK_MESSAGE(same(y.item(), at.value, 1e-14), y.item() << " for " << at.value);
    if (!at.has_gradient || value_otherwise(at) || slope_otherwise(at)) continue;
    // Some of PyTorch's are computed with constants of float.
    CHECK_MESSAGE(same(slope, at.by_a, 1e-7), slope << " for " << at.by_a);
  }
}

TEST_CASE("extremes: what is chosen where PyTorch has no number") {
  ad::Tape<double> tape;
  const auto zero = tape.variable(0.0), other = tape.variable(0.0), low = tape.variable(-HUGE_VAL);
  for (const auto& y : {hypot(zero, other), xlogy(zero, other)})
    for (const auto& each : {zero, other}) CHECK_EQ(gradient(y, each)(), 0);
  CHECK_EQ(gradient(logaddexp(low, -HUGE_VAL), low)(), 0.5);
  CHECK_EQ(gradient(logaddexp(low, 1), low)(), 0);
  const auto high = tape.variable(HUGE_VAL);
  CHECK_EQ(difference(sinc(high).value() + sinc(low).value(), array({}, {0}), 0), "");
  CHECK_EQ(i0(low).item(), HUGE_VAL);
  CHECK_EQ(i1(low).item(), -HUGE_VAL);
  CHECK_EQ(betaln(high, 2).item(), -HUGE_VAL);
  for (const auto& y : {hard_swish(low), mish(low), gelu_tanh(low)}) CHECK_EQ(y.item(), 0);
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
