// Every elementwise function with two derivatives, and norms, at zero, at infinity and at the ends of the range: beside
// closed formulas in long double, which has a range to spare.
#include <limits>
#include <numbers>

#include "cases.hpp"

namespace test {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

/// A function of one number, with its first two derivatives in closed form.
struct Known {
  const char* name;
  Function f;
  using Number = long double (*)(long double);
  Number value, first, second;
  bool oscillates = false;  // so that there is no limit at infinity
};

#define KNOWN(function, value, first, second, ...)                                                       \
  Known {                                                                                                \
#function, [](const auto& v) { const auto& x = v[0]; return function; },                               \
        []([[maybe_unused]] long double x) -> long double { return value; },                                               \
        []([[maybe_unused]] long double x) -> long double { return first; },                                               \
        []([[maybe_unused]] long double x) -> long double { return second; } __VA_OPT__(,) __VA_ARGS__ \
  }

// clang-format off
using std::numbers::pi_v;
constexpr long double pi = pi_v<long double>, root_two = std::numbers::sqrt2_v<long double>;
constexpr long double ln2 = std::numbers::ln2_v<long double>;
long double power(long double x, long double p) { return std::pow(x, p); }
long double density(long double x) { return std::exp(-x * x / 2) / std::sqrt(2 * pi); }
long double normal(long double x) { return std::erfc(-x / root_two) / 2; }
long double sigma(long double x) { return 1 / (1 + std::exp(-x)); }
long double bell(long double x) { return sigma(x) * sigma(-x); }
constexpr long double scale = 1.05070098735548049342L, alpha = 1.67326324235437728482L;

const std::vector<Known> table{
    KNOWN(-x, -x, -1, 0),
    KNOWN(abs(x), std::fabs(x), (x > 0) - (x < 0), 0),
    KNOWN(sign(x), (x > 0) - (x < 0), 0, 0),
    KNOWN(exp(x), std::exp(x), std::exp(x), std::exp(x)),
    KNOWN(expm1(x), std::expm1(x), std::exp(x), std::exp(x)),
    KNOWN(log(x), std::log(x), 1 / x, -1 / (x * x)),
    KNOWN(log1p(x), std::log1p(x), 1 / (1 + x), -1 / ((1 + x) * (1 + x))),
    KNOWN(sqrt(x), std::sqrt(x), 0.5L / std::sqrt(x), -0.25L / power(std::sqrt(x), 3)),
    KNOWN(rsqrt(x), 1 / std::sqrt(x), -0.5L / power(std::sqrt(x), 3), 0.75L / power(std::sqrt(x), 5)),
    KNOWN(square(x), x * x, 2 * x, 2),
    KNOWN(x * x, x * x, 2 * x, 2),
    KNOWN(reciprocal(x), 1 / x, -1 / (x * x), 2 / (x * x * x)),
    KNOWN(1 / x, 1 / x, -1 / (x * x), 2 / (x * x * x)),
    KNOWN(x / 2 + 1, 1 + x / 2, 0.5L, 0),
    KNOWN(sin(x), std::sin(x), std::cos(x), -std::sin(x), true),
    KNOWN(cos(x), std::cos(x), -std::sin(x), -std::cos(x), true),
    KNOWN(tan(x), std::tan(x), 1 + power(std::tan(x), 2), 2 * std::tan(x) * (1 + power(std::tan(x), 2)), true),
    KNOWN(asin(x), std::asin(x), 1 / std::sqrt(1 - x * x), x / power(std::sqrt(1 - x * x), 3)),
    KNOWN(acos(x), std::acos(x), -1 / std::sqrt(1 - x * x), -x / power(std::sqrt(1 - x * x), 3)),
    KNOWN(atan(x), std::atan(x), 1 / (1 + x * x), -2 / (1 + x * x) * (x / (1 + x * x))),
    KNOWN(sinh(x), std::sinh(x), std::cosh(x), std::sinh(x)),
    KNOWN(cosh(x), std::cosh(x), std::sinh(x), std::cosh(x)),
    KNOWN(tanh(x), std::tanh(x), 1 - power(std::tanh(x), 2), -2 * std::tanh(x) * (1 - power(std::tanh(x), 2))),
    KNOWN(erf(x), std::erf(x), 2 / std::sqrt(pi) * std::exp(-x * x), -4 / std::sqrt(pi) * x * std::exp(-x * x)),
    KNOWN(logistic(x), sigma(x), bell(x), bell(x) * (1 - 2 * sigma(x))),
    KNOWN(softplus(x), std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))), sigma(x), bell(x)),
    KNOWN(relu(x), std::fmax(x, 0), x > 0, 0),
    KNOWN(leaky_relu(x, 0.25), x > 0 ? x : x / 4, x > 0 ? 1 : 0.25L, 0),
    KNOWN(elu(x, 0.5), x > 0 ? x : std::expm1(x) / 2, x > 0 ? 1 : std::exp(x) / 2, x > 0 ? 0 : std::exp(x) / 2),
    KNOWN(selu(x), scale * (x > 0 ? x : alpha * std::expm1(x)), scale * (x > 0 ? 1 : alpha * std::exp(x)),
          x > 0 ? 0 : scale * alpha * std::exp(x)),
    KNOWN(gelu(x), x * normal(x), normal(x) + x * density(x), density(x) * (2 - x * x)),
    KNOWN(silu(x), x * sigma(x), sigma(x) + x * bell(x), bell(x) * (2 + x * (1 - 2 * sigma(x)))),
    KNOWN(clip(x, -2, 2), std::fmin(std::fmax(x, -2), 2), std::fabs(x) <= 2, 0),
    KNOWN(maximum(x, 0.5), std::fmax(x, 0.5L), x > 0.5L, 0),
    KNOWN(minimum(0.5, x), std::fmin(x, 0.5L), x < 0.5L, 0),
    KNOWN(where(x > 0.5, x, 2 * x), x > 0.5L ? x : 2 * x, x > 0.5L ? 1 : 2, 0),
    KNOWN(pow(x, 0), 1, 0, 0),
    KNOWN(pow(x, 1), x, 1, 0),
    KNOWN(pow(x, 2), x * x, 2 * x, 2),
    KNOWN(pow(x, 3), x * x * x, 3 * x * x, 6 * x),
    KNOWN(pow(x, -1), 1 / x, -1 / (x * x), 2 / (x * x * x)),
    KNOWN(pow(x, 0.5), power(x, 0.5L), 0.5L * power(x, -0.5L), -0.25L * power(x, -1.5L)),
    KNOWN(pow(2, x), std::exp2(x), ln2 * std::exp2(x), ln2 * ln2 * std::exp2(x)),
};
// clang-format on

/// Zero, one, the ends of the range, and a number without all of its digits.
template <class T>
std::vector<T> ends() {
  using Limits = std::numeric_limits<T>;
  const T tiny = Limits::min() / 8;
  return {0, 1, -1, tiny, -tiny, Limits::max(), Limits::lowest(), Limits::infinity(), -Limits::infinity()};
}

/// What is right at x; at infinity, the limit there.
template <class T>
T expected(Known::Number f, T x, bool oscillates) {
  const long double y = f(x);
  if (!std::isinf(x) || oscillates || !std::isnan(y)) return static_cast<T>(y);
  return static_cast<T>(f(x > 0 ? 1e2000L : -1e2000L));
}

/// To a few units in the last place; where digits are missing, to a few of the smallest normal numbers.
template <class T>
void check_near(T actual, T right) {
  INFO(actual << " for " << right);
  const T tolerance = 64 * std::numeric_limits<T>::epsilon() * std::abs(right) + 4 * std::numeric_limits<T>::min();
  CHECK((actual == right || (std::isnan(actual) && std::isnan(right)) || std::abs(actual - right) <= tolerance));
}

}  // namespace

TEST_CASE_TEMPLATE("limits: values and two derivatives of every function at the ends of its range", T, float, double) {
  for (const auto& known : table) {
    for (const T at : ends<T>()) {
      INFO(std::string(known.name) << " at " << at);
      ad::Tape<T> tape;
      const auto x = tape.variable(at);
      const auto y = known.f({x});
      check_near(y.item(), expected(known.value, at, known.oscillates));
      const auto slope = recorded_gradient(y, x);
      const T right = expected(known.first, at, known.oscillates);
      check_near(gradient(y, x)(), right);
      check_near(slope.item(), right);
      check_near(ad::jvp(y, x, T(1))(), right);
      check_near(gradient(slope, x)(), expected(known.second, at, known.oscillates));
    }
  }
}

TEST_CASE("limits: NaN gives NaN, and a gradient of NaN or nothing") {
  for (const auto& known : table) {
    INFO(std::string(known.name));
    ad::Tape<double> tape;
    const auto x = tape.variable(nan);
    const auto y = known.f({x});
    CHECK(std::isnan(y.item()) == (std::string(known.name) != "pow(x, 0)"));
    const double slope = gradient(y, x)();
    if (std::string(known.name) == "clip(x, -2, 2)" || std::string(known.name) == "pow(x, 0)") CHECK_EQ(slope, 0);
  }
}

TEST_CASE_TEMPLATE("limits: powers of and with special numbers are those of the standard library", T, float, double) {
  std::vector<T> numbers = ends<T>();
  for (double each : {nan, 0.5, 2.0, 3.0, -2.0, 1e30, 1e160}) numbers.push_back(static_cast<T>(each));
  for (const T a : numbers)
    for (const T b : numbers) {
      INFO(a << " to the power of " << b);
      check_near(pow(ad::Variable<T>(Array<T>(a)), b).item(), std::pow(a, b));
    }
}

TEST_CASE("limits: derivatives of powers") {
  struct Expected {
    double a, b, by_a, by_b, by_a_twice, by_b_twice;
  };
  // In closed form; zero where the power is constant: a^0 in its base, 0^b in its exponent unless that is negative.
  for (const Expected& at : {Expected{0, nan, nan, nan, nan, nan}, Expected{0.5, 1e160, 0, 0, 0, 0},
                             Expected{0, 2, 0, 0, 2, 0}, Expected{0, 0, 0, 0, 0, 0}, Expected{nan, 0, 0, nan, 0, nan},
                             Expected{0, -1, -infinity, -infinity, infinity, infinity},
                             Expected{0, 0.5, infinity, 0, -infinity, 0}, Expected{2, 0, 0, ln2, 0, ln2 * ln2}}) {
    INFO(at.a << " to the power of " << at.b);
    ad::Tape<double> tape;
    const auto x = tape.variable(at.a), p = tape.variable(at.b), y = pow(x, p);
    const auto [dx, dp] = recorded_gradient(y, x, p);
    check_near(dx.item(), at.by_a);
    check_near(dp.item(), at.by_b);
    check_near(gradient(dx, x)(), at.by_a_twice);
    check_near(gradient(dp, p)(), at.by_b_twice);
  }
  // In base and exponent: a^(b - 1) (1 + b log a), which at b = 0 is 1 / a, with the slope -1 / a^2.
  ad::Tape<double> tape;
  const auto x = tape.variable(2.0), p = tape.variable(0.0);
  const auto mixed = recorded_gradient(recorded_gradient(pow(x, p), x), p);
  CHECK_EQ(mixed.item(), 0.5);
  CHECK_EQ(gradient(mixed, x)(), -0.25);
}

TEST_CASE("limits: every order of a polynomial of powers at zero") {
  ad::Tape<double> tape;
  const auto x = tape.variable(0.0);
  auto y = pow(x, 4) - 3 * pow(x, 3) + pow(x, 2) + 5 * pow(x, 1) + pow(x, 0);
  for (double right : {5, 2, -18, 24, 0, 0, 0}) {
    y = recorded_gradient(y, x);
    CHECK_EQ(y.item(), right);
  }
  const auto powers = pow(x, xt::xarray<double>{0, 1, 2, 3});
  CHECK_EQ(difference(ad::jvp(powers, x, 1.0), array({4}, {0, 1, 0, 0}), 1e-300), "");
  CHECK_EQ(hessian(sum(powers), x).flat(0), 2);
}

TEST_CASE_TEMPLATE("limits: norm near the ends of the range", T, float, double) {
  using Limits = std::numeric_limits<T>;
  for (const T unit : {Limits::max() / 8, Limits::min(), Limits::denorm_min()}) {
    INFO(unit);
    ad::Tape<T> tape;
    const auto x = tape.variable(Array<T>(xt::xarray<T>{3 * unit, -4 * unit}));
    const auto y = norm(x);
    CHECK(y.item() == doctest::Approx(5 * unit).epsilon(1e-6));
    const auto slope = recorded_gradient(y, x);
    for (const auto& each : {gradient(y, x), slope.value()}) {
      CHECK(each(0) == doctest::Approx(0.6).epsilon(1e-6));
      CHECK(each(1) == doctest::Approx(-0.8).epsilon(1e-6));
    }
    if (unit < Limits::min()) continue;  // (I - u u^T) / |x| overflows
    const auto second = hessian(y, x);
    CHECK(second(0, 0) * unit == doctest::Approx(0.64 / 5).epsilon(1e-5));
    CHECK(second(0, 1) * unit == doctest::Approx(0.48 / 5).epsilon(1e-5));
  }
}

}  // namespace test
