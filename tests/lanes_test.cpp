// exp and tanh of registers against the standard library in long double, over the whole range of their arguments; and
// that rules are written for registers as for variables.
#include <doctest/doctest.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

using namespace autodiff;

namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T, class F>
std::vector<T> evaluate(F f, const std::vector<T>& x) {
  using L = kernels::NativeLanes<T>;
  std::vector<T> y(x.size());
  for (std::size_t i = 0; i < x.size(); i += L::size) {
    if (const std::size_t n = x.size() - i; n < L::size)
      f(L::load_part(x.data() + i, n)).store_part(y.data() + i, n);
    else
      f(L::load(x.data() + i)).store(y.data() + i);
  }
  return y;
}

/// Positive numbers: a million over all magnitudes, subnormal to infinite, and as many evenly from 0 to `end`.
template <class T>
std::vector<T> arguments(T end) {
  constexpr int many = 1'000'000;
  const auto last = std::bit_cast<Bits<T>>(std::numeric_limits<T>::infinity());
  std::vector<T> x;
  for (int i = 0; i < many; ++i) x.push_back(std::bit_cast<T>(Bits<T>(last / many * Bits<T>(i) + Bits<T>(i % 7))));
  for (int i = 0; i < many; ++i) x.push_back(T(i) / T(many) * end);
  for (T near :
       {T(0), std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), std::numeric_limits<T>::infinity()})
    for (int i = -3; i <= 3; ++i)
      if (const auto bits = std::bit_cast<Bits<T>>(near) + Bits<T>(i); bits <= last)
        x.push_back(std::bit_cast<T>(bits));
  return x;
}

template <class T>
std::vector<T> negated(std::vector<T> x) {
  for (T& each : x) each = -each;
  return x;
}

/// The distance in units of the last place that T has near `exact`; one unit is the smallest number where T has no
/// smaller ones. Beyond the range of T, the right answer is infinity.
template <class T>
long double units(T y, long double exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isinf(T(exact))) return y == T(exact) ? 0 : Limits::infinity();
  int exponent;
  std::frexp(exact, &exponent);
  const long double distance =
      std::ldexp(std::abs(y - exact), Limits::digits - std::max(exponent, Limits::min_exponent));
  return std::isnan(distance) ? Limits::infinity() : distance;
}

template <class T, class F, class G>
void check_error(F f, G exact, const std::vector<T>& x, double most) {
  const auto y = evaluate(f, x);
  long double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (const auto error = units(y[i], exact(static_cast<long double>(x[i]))); error > worst) worst = error, at = x[i];
  CAPTURE(at);
  CHECK(double(worst) <= most);
}

const auto lanes_tanh = [](auto x) { return tanh(x); };
const auto lanes_exp = [](auto x) { return exp(x); };
const auto exact_tanh = [](long double x) { return std::tanh(x); };
const auto exact_exp = [](long double x) { return std::exp(x); };

}  // namespace

TEST_CASE_TEMPLATE("quotients and square roots of registers are the nearest numbers", T, float, double) {
  const auto x = arguments(T(3));
  const auto quotients = evaluate([](auto x) { return x / decltype(x)(3); }, x);
  const auto roots = evaluate([](auto x) { return sqrt(x); }, x);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) wrong += quotients[i] != x[i] / 3 || roots[i] != std::sqrt(x[i]);
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("tanh of registers is right to two units in the last place, and odd", T, float, double) {
  for (T end : {T(0.2), T(1), T(3), T(25)}) {
    const auto x = arguments(end);
    check_error(lanes_tanh, exact_tanh, x, 2);
    const auto plus = evaluate(lanes_tanh, x), minus = evaluate(lanes_tanh, negated(x));
    bool odd = true, bounded = true;
    for (std::size_t i = 0; i < x.size(); ++i)
      odd = odd && std::bit_cast<Bits<T>>(plus[i]) == std::bit_cast<Bits<T>>(-minus[i]),
      bounded = bounded && plus[i] <= 1;
    CHECK(odd);
    CHECK(bounded);
  }
}

TEST_CASE_TEMPLATE("tanh of registers at special arguments", T, float, double) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  const auto y = evaluate<T>(lanes_tanh,
                             {0, -T(0), inf, -inf, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::max()});
  CHECK(y[0] == 0);
  CHECK(!std::signbit(y[0]));
  CHECK(y[1] == 0);
  CHECK(std::signbit(y[1]));
  CHECK(y[2] == 1);
  CHECK(y[3] == -1);
  CHECK(std::isnan(y[4]));
  CHECK(y[5] == 1);
  // Where x^3 / 3 is below half a unit of x.
  for (T x = std::sqrt(std::numeric_limits<T>::epsilon()) / 2; x > 0; x *= T(0.7)) {
    REQUIRE(evaluate<T>(lanes_tanh, {x})[0] == x);
    if (x * T(0.7) == x) break;  // the smallest number rounds to itself
  }
}

TEST_CASE_TEMPLATE("exp of registers is right to 1.2 units in the last place", T, float, double) {
  for (T end : {T(1), T(20), sizeof(T) == 4 ? T(110) : T(760)}) {
    const auto x = arguments(end);
    check_error(lanes_exp, exact_exp, x, 1.2);
    check_error(lanes_exp, exact_exp, negated(x), 1.2);
  }
}

TEST_CASE_TEMPLATE("exp of registers at special arguments, and at the ends of its range", T, float, double) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  const T largest = std::log(std::numeric_limits<T>::max()), smallest = std::log(std::numeric_limits<T>::denorm_min());
  const auto y =
      evaluate<T>(lanes_exp, {0, -T(0), inf, -inf, std::numeric_limits<T>::quiet_NaN(), std::nextafter(largest, T(0)),
                              std::nextafter(largest, inf) + 1, smallest + T(0.1), smallest - 1});
  CHECK(y[0] == 1);
  CHECK(y[1] == 1);
  CHECK(y[2] == inf);
  CHECK(y[3] == 0);
  CHECK(std::isnan(y[4]));
  CHECK(std::isfinite(y[5]));
  CHECK(y[6] == inf);
  CHECK(y[7] == std::numeric_limits<T>::denorm_min());
  CHECK(y[8] == 0);
}

namespace {

/// What a rule may be written with, by the names that variables have.
struct Everything {
  static constexpr auto name = "everything";
  template <class S>
  static S f(const S& x) {
    S y = pow(x, 2) + pow(x, 3u) * pow(x, -1L) + pow(x, 0.5) + pow(x, x) + pow(2, x);
    y += square(x), y -= rsqrt(x), y *= 2, y /= reciprocal(x);
    y = y + where(x > 1, 1, 0) + where(x > 1, x, 0) + where(x <= 1, 2.5, x) + where(x, 1, 0) + where(x, x, 0.5f);
    y = y + neg(x) + sign(x) + abs(x) + maximum(x, 1) + minimum(1, x) + clip(x, 0.5, 2) + stop_gradient(x);
    y = y + logistic(x) + softplus(x) + relu(x - 1) + selu(x - 1) + gelu(x) + silu(x);
    y = y + elu(x - 1) + elu(x - 1, 2) + leaky_relu(x - 1) + leaky_relu(x - 1, 0.5);
    y = y + sqrt(x) + exp(x) + expm1(x) + log(x) + log1p(x) + sin(x) + cos(x) + tan(x) + asin(x / 9) + acos(x / 9);
    y = y + atan(x) + sinh(x) + cosh(x) + tanh(x) + erf(x) + atan2(x, 1) + atan2(1, x) + 1 / x;
    const S above = x > 1;
    y = y + less(x, 1) + less_equal(x, x) * 2 + equal(x, 1) * x + not_equal(x, 2) + (x > 1) * (x < 2);
    return y + above * x + (x < 1) * 2 - (x != 1) * x;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * f(x);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a rule calls the functions of variables, on registers and on variables", T, float, double) {
  Tape<T> tape;
  const auto x = tape.variable({T(0.25), T(0.5), T(1), T(1.5), T(2.25)});
  const auto expected = Everything::f(x);
  const auto y = record(Everything{}, x);
  const auto slope = recorded_gradient(sum(y), x);
  const auto plain = gradient(sum(y), x);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (T each : {y.value()(i), slope.value()(i), plain(i)})
      CHECK(each == doctest::Approx(expected.value()(i)).epsilon(sizeof(T) == 4 ? 1e-6 : 1e-14));
}
