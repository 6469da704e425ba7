// Operations at the extremes: large, tiny and equal numbers, zeros, NaN. What is right there is known in closed form.
#include <limits>

#include "cases.hpp"

namespace test {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
constexpr double log2 = 0.6931471805599453, half_pi = 1.5707963267948966;

/// f of a vector, and its gradient for this cotangent (by default all ones), in float unless the numbers need double.
template <class T, class F>
std::pair<Array<double>, Array<double>> value_and_gradient(F f, std::vector<double> at,
                                                           std::vector<double> cotangent = {}) {
  ad::Tape<T> tape;
  Array<double> from(Shape{at.size()});
  std::copy(at.begin(), at.end(), from.begin());
  const auto x = tape.variable(from);
  const auto y = f(x);
  Array<double> ct(y.shape(), 1.0);
  std::copy(cotangent.begin(), cotangent.end(), ct.begin());
  return {ad::to_array<double>(y.value()), ad::to_array<double>(ad::vjp(y, ct, x))};
}

/// Compares each number relative to its own size, so that tiny ones count, too.
void check_close(const Array<double>& actual, std::vector<double> expected, double tolerance = 2e-6) {
  REQUIRE_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double a = actual.data()[i], b = expected[i];
    INFO("element " << i << ": " << a << " for " << b);
    CHECK((a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance * std::abs(b)));
  }
}

template <class T = float, class F>
void check_at(F f, std::vector<double> at, std::vector<double> value, std::vector<double> gradient,
              std::vector<double> cotangent = {}) {
  const auto [y, slope] = value_and_gradient<T>(f, at, cotangent);
  check_close(y, value);
  check_close(slope, gradient);
}

/// At one point after another: of an elementwise function each is on its own.
#define CHECK_AT(function, ...) check_at([](const auto& x) { return function; }, __VA_ARGS__)

}  // namespace

TEST_CASE("extremes: softmax and its kin") {
  CHECK_AT(softmax(x), {1e4, -1e4, 1e4}, {0.5, 0, 0.5}, {0.25, 0, -0.25}, {1, 0, 0});
  CHECK_AT(softmax(x), {-1e4, -1e4}, {0.5, 0.5}, {0.25, -0.25}, {1, 0});
  CHECK_AT(softmax(x), {-infinity, 0}, {0, 1}, {0, 0}, {1, 0});
  CHECK_AT(log_softmax(x), {1e4, -1e4, 1e4}, {-log2, -2e4 - log2, -log2}, {0.5, 0, -0.5}, {1, 0, 0});
  CHECK_AT(log_softmax(x), {1e4, -1e4}, {0, -2e4}, {-1, 1}, {0, 1});
  CHECK_AT(logsumexp(x), {1e4, -1e4, 1e4}, {1e4 + log2}, {0.5, 0, 0.5});
  CHECK_AT(logsumexp(x), {-1e4, -1e4}, {-1e4 + log2}, {0.5, 0.5});
  CHECK_AT(logsumexp(x), {-infinity, 3}, {3}, {0, 1});
  CHECK_AT(logsumexp(x), {-infinity, -infinity}, {-infinity}, {nan, nan});
  for (double scale : {1.0, 1e4}) {
    const auto loss = [](const auto& x) { return softmax_cross_entropy(x, 1); };
    const auto soft = [](const auto& x) { return softmax_cross_entropy(x, xt::xarray<float>{0.25, 0.75}); };
    check_at(loss, {-scale, scale}, {std::log1p(std::exp(-2 * scale))},
             {1 / (1 + std::exp(2 * scale)), -1 / (1 + std::exp(2 * scale))});
    check_at(loss, {scale * 1e2, -scale * 1e2}, {2e2 * scale}, {1, -1});
    check_at(soft, {scale * 1e2, -scale * 1e2}, {1.5e2 * scale}, {0.75, -0.75});
  }
}

TEST_CASE("extremes: small and large arguments of elementary functions") {
  CHECK_AT(log1p(x), {1e-20, -1e-20, 1e-8}, {1e-20, -1e-20, 1e-8}, {1, 1, 1});
  CHECK_AT(expm1(x), {1e-20, -1e-20, 1e-8, -80}, {1e-20, -1e-20, 1e-8, -1}, {1, 1, 1, std::exp(-80.0)});
  CHECK_AT(log(x), {0, 1e-30}, {-infinity, -30 * std::log(10.0)}, {infinity, 1e30});
  CHECK_AT(exp(x), {-1000, 1000}, {0, infinity}, {0, infinity});
  CHECK_AT(sqrt(x), {0, 1e-30, 1e30}, {0, 1e-15, 1e15}, {infinity, 5e14, 5e-16});
  CHECK_AT(tanh(x), {-100, 1e-20, 100}, {-1, 1e-20, 1}, {0, 1, 0});
  CHECK_AT(atan(x), {-1e15, 1e-20, 1e30}, {-half_pi, 1e-20, half_pi}, {1e-30, 1, 0});
  CHECK_AT(erf(x), {-30, 30}, {-1, 1}, {0, 0});
  CHECK_AT(sin(x), {1e-20, 1000}, {1e-20, 0.8268795405320025}, {1, 0.5623790762907029});  // Mathematica
}

TEST_CASE("extremes: activations") {
  // 1 / (1 + e^100) is below the smallest normal float: zero will do.
  const auto [y, slope] = value_and_gradient<float>([](const auto& x) { return logistic(x); }, {100, -100, 80, -80});
  CHECK_EQ(y(0), 1);
  CHECK(std::abs(y(1)) < 1e-43);
  CHECK(y(2) == 1);
  CHECK(y(3) == doctest::Approx(1.8048513878454153e-35).epsilon(1e-5));
  CHECK(slope(3) == doctest::Approx(1.8048513878454153e-35).epsilon(1e-5));
  for (double s : slope) CHECK((s >= 0 && s < 1e-34));
  CHECK_AT(softplus(x), {100, 1e30, -1e4, 0}, {100, 1e30, 0, log2}, {1, 1, 0, 0.5});
  CHECK_AT(relu(x), {-1e30, -0.0, 0, 1e30}, {0, 0, 0, 1e30}, {0, 0, 0, 1});
  CHECK_AT(leaky_relu(x, 0.25), {-4, 0, 4}, {-1, 0, 4}, {0.25, 0.25, 1});
  CHECK_AT(elu(x), {-1e4, 0, 1e4}, {-1, 0, 1e4}, {0, 1, 1});
  CHECK_AT(selu(x), {-1e4, 1e4}, {-1.7580993408473766, 10507.009873554805}, {0, 1.0507009873554805});
  CHECK_AT(gelu(x), {-1e4, 1e4, 1e30}, {0, 1e4, 1e30}, {0, 1, 1});
  CHECK_AT(silu(x), {-1e4, 1e4}, {0, 1e4}, {0, 1});
  CHECK_AT(clip(x, -1, 2), {-3, -1, 0, 2, 5}, {-1, -1, 0, 2, 2}, {0, 1, 1, 1, 0});
  CHECK_AT(abs(x), {-2, -0.0, 0, 2}, {2, 0, 0, 2}, {-1, 0, 0, 1});
}

TEST_CASE("extremes: norm") {
  for (double scale : {1e-30, 1.0, 1e30}) {
    INFO(scale);
    CHECK_AT(norm(x), {3 * scale, -4 * scale}, {5 * scale}, {0.6, -0.8});
  }
  CHECK_AT(norm(x), {0, 0}, {0}, {0, 0});
  CHECK_EQ(value_and_gradient<float>([](const auto& x) { return norm(x); }, {3, -infinity}).first(), infinity);
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2, 2}, {0, 0, 3, 4}));
  const auto rows = norm(x, 1);
  CHECK_EQ(difference(gradient(sum(rows), x), array({2, 2}, {0, 0, 0.6, 0.8}), 1e-15), "");
  const auto second = hessian(sum(rows), x);  // (I - u u^T) / |x| for the row that is not zero
  for (double h : second) CHECK(std::isfinite(h));
  CHECK(second(1, 0, 1, 0) == doctest::Approx(0.64 / 5));
  CHECK(second(1, 0, 1, 1) == doctest::Approx(-0.48 / 5));
}

TEST_CASE("extremes: prod with zeros") {
  struct Expected {
    Array<double> at, gradient, hessian;
  };
  for (const auto& [at, slope, second] :
       {Expected{array({3}, {2, 0, 3}), array({3}, {0, 6, 0}), array({3, 3}, {0, 3, 0, 3, 0, 2, 0, 2, 0})},
        Expected{array({3}, {0, 0, 3}), array({3}, {0, 0, 0}), array({3, 3}, {0, 3, 0, 3, 0, 0, 0, 0, 0})},
        Expected{array({3}, {0, 0, 0}), array({3}, {0, 0, 0}), array({3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 0})}}) {
    ad::Tape<double> tape;
    const auto x = tape.variable(at);
    CHECK_EQ(difference(gradient(prod(x), x), slope, 1e-15), "");
    CHECK_EQ(difference(hessian(prod(x), x), second, 1e-15), "");
  }
}

TEST_CASE("extremes: powers") {
  CHECK_AT(pow(x, 0), {0, 2, -2}, {1, 1, 1}, {0, 0, 0});
  CHECK_AT(pow(x, 1), {0, -2}, {0, -2}, {1, 1});
  CHECK_AT(pow(x, 2), {0, -3}, {0, 9}, {0, -6});
  CHECK_AT(pow(x, 3), {-2}, {-8}, {12});
  CHECK_AT(pow(0, x), {0, 2}, {1, 0}, {0, 0});
  CHECK_AT(pow(2, x), {0, 3}, {1, 8}, {log2, 8 * log2});
  ad::Tape<double> tape;  // x^2 at zero: 0, 2 and 0
  const auto x = tape.variable(0.0);
  auto y = pow(x, 2);
  for (double expected : {0.0, 2.0, 0.0}) {
    y = recorded_gradient(y, x);
    CHECK_EQ(y.item(), expected);
  }
}

TEST_CASE("extremes: ties share the gradient") {
  CHECK_AT(max(x), {2, 5, 5, 1}, {5}, {0, 0.5, 0.5, 0});
  CHECK_AT(min(x), {1, 5, 1, 1}, {1}, {1.0 / 3, 0, 1.0 / 3, 1.0 / 3});
  CHECK_AT(argmax(x), {2, 5, 5, 1}, {1}, {0, 0, 0, 0});
  CHECK_AT(maximum(x, 3), {2, 3, 4}, {3, 3, 4}, {0, 0.5, 1});
  CHECK_AT(minimum(3, x), {2, 3, 4}, {2, 3, 3}, {1, 0.5, 0});
  CHECK_AT(max(x), {-infinity, -infinity}, {-infinity}, {0.5, 0.5});
}

TEST_CASE("extremes: NaN is not lost") {
  for (std::size_t at : {0, 1, 17, 36}) {
    INFO("at " << at);
    ad::Tape<float> tape;
    Array<float> values(Shape{37}, 1.0f);
    values(at) = std::numeric_limits<float>::quiet_NaN();
    const auto x = tape.variable(values);
    for (const auto& y : {maximum(x, 2), maximum(2, x), minimum(x, 2), minimum(2, x), relu(x), clip(x, 0, 2), sign(x),
                          abs(x), logistic(x), tanh(x), elu(x)}) {
      for (std::size_t i = 0; i < 37; ++i) CHECK_EQ(std::isnan(y.value()(i)), i == at);
    }
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(min(x).item()));
    CHECK(std::isnan(sum(x).item()));
    CHECK(std::isnan(prod(x).item()));
    CHECK(std::isnan(norm(x).item()));
    CHECK(std::isnan(logsumexp(x).item()));
    CHECK(std::isnan(sum(softmax(x)).item()));
  }
}

TEST_CASE("extremes: angles") {
  ad::Tape<double> tape;
  const auto y = tape.variable(array({4}, {0, 0, 1, -1})), x = tape.variable(array({4}, {0, -1, 0, 0}));
  CHECK_EQ(difference(atan2(y, x).value(), array({4}, {0, 2 * half_pi, half_pi, -half_pi}), 1e-15), "");
  const auto [dy, dx] = gradient(sum(atan2(y, x)), y, x);
  CHECK_EQ(difference(dy, array({4}, {nan, -1, 0, 0}), 1e-15), "");  // at the origin there is none
  CHECK_EQ(difference(dx, array({4}, {nan, 0, -1, 1}), 1e-15), "");
}

TEST_CASE("extremes: variance of large numbers") {
  check_at<double>([](const auto& x) { return variance(x); }, {1e8, 1e8 + 1, 1e8 + 2}, {2.0 / 3},
                   {-2.0 / 3, 0, 2.0 / 3});
}

TEST_CASE_TEMPLATE("extremes: the whole range of elementary functions", T, float, double) {
  // Relative to the standard library in long double, in units of the last place; small arguments and large.
  ad::Tape<T> tape;
  const auto compare = [&](const char* name, auto f, long double (*number)(long double), double low, double high,
                           double units) {
    std::vector<double> at;
    for (double magnitude = low; magnitude < high; magnitude *= 1.37) at.push_back(static_cast<T>(magnitude));
    Array<double> from(Shape{at.size()});
    std::copy(at.begin(), at.end(), from.begin());
    const auto y = ad::to_array<double>(f(tape.variable(from)).value());
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double expected = static_cast<double>(number(at[i]));
      INFO(std::string(name) << " of " << at[i] << " is " << y(i) << ", not " << expected);
      CHECK(std::abs(y(i) - expected) <= units * std::numeric_limits<T>::epsilon() * std::abs(expected));
    }
  };
#define COMPARE(name, low, high, units) \
  compare(                              \
      #name, [](const auto& x) { return name(x); }, +[](long double x) { return std::name(x); }, low, high, units)
  COMPARE(exp, 1e-20, 80, 8);
  COMPARE(expm1, 1e-20, 80, 8);
  COMPARE(log, 1e-30, 1e30, 8);
  COMPARE(log1p, 1e-30, 1e30, 8);
  COMPARE(sqrt, 1e-30, 1e30, 8);
  COMPARE(tanh, 1e-20, 1e30, 8);
  COMPARE(sinh, 1e-20, 80, 8);
  COMPARE(cosh, 1e-20, 80, 8);
  COMPARE(atan, 1e-20, 1e30, 8);
  COMPARE(asin, 1e-20, 1, 8);
  COMPARE(erf, 1e-20, 1e30, 16);
  COMPARE(tan, 1e-20, 1.5, 8);
}

TEST_CASE("extremes: higher derivatives at zero, where biases start") {
  // Taylor coefficients: the n-th derivative at 0 of softplus, logistic, tanh, gelu, erf, expm1, asin, square.
  const auto derivatives = [](auto f) {
    ad::Tape<double> tape;
    const auto x = tape.variable(0.0);
    auto y = f(x);
    std::vector<double> result;
    for (int n = 0; n < 3; ++n) y = recorded_gradient(y, x), result.push_back(y.item());
    return array({3}, {result[0], result[1], result[2]});
  };
  const double d = 0.3989422804014327;  // the normal density at 0
  CHECK_EQ(difference(derivatives([](const auto& x) { return softplus(x); }), array({3}, {0.5, 0.25, 0}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return logistic(x); }), array({3}, {0.25, 0, -0.125}), 1e-14),
           "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return tanh(x); }), array({3}, {1, 0, -2}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return gelu(x); }), array({3}, {0.5, 2 * d, 0}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return expm1(x); }), array({3}, {1, 1, 1}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return asin(x); }), array({3}, {1, 0, 1}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return square(x); }), array({3}, {0, 2, 0}), 1e-14), "");
  CHECK_EQ(difference(derivatives([](const auto& x) { return silu(x); }), array({3}, {0.5, 0.5, 0}), 1e-14), "");
}

TEST_CASE("extremes: erf and gelu of huge numbers, log of subnormal ones") {
  const ad::Variable<double> x(array({4}, {1e300, -1e300, infinity, 1e200}));
  CHECK_EQ(difference(erf(x).value(), array({4}, {1, -1, 1, 1}), 1e-16), "");
  CHECK_EQ(gelu(ad::Variable<double>(array({}, {1e300}))).item(), 1e300);
  for (const double tiny : {1e-310, 5e-324, 2.3e-308})
    CHECK(log(ad::Variable<double>(array({}, {tiny}))).item() == doctest::Approx(std::log(tiny)).epsilon(1e-14));
  CHECK(log(ad::Variable<float>(array<float>({}, {1e-42f}))).item() == doctest::Approx(std::log(1e-42f)).epsilon(1e-6));
  CHECK_EQ(log(ad::Variable<double>(array({}, {0}))).item(), -infinity);
}

TEST_CASE("extremes: small slopes keep their digits") {
  for (const float at : {-10.f, -20.f, -60.f}) {
    const double e = std::exp(double(at));
    CHECK_AT(elu(x), {at}, {std::expm1(at)}, {e});
    CHECK_AT(selu(x), {at}, {1.7580993408473766 * std::expm1(at)}, {1.7580993408473766 * e});
    CHECK_AT(expm1(x), {at}, {std::expm1(at)}, {e});
  }
  ad::Tape<float> tape;
  const auto x = tape.variable(20.0);
  CHECK(gradient(recorded_gradient(softplus(x), x), x)() == doctest::Approx(std::exp(-20.0)).epsilon(1e-5));
  for (const float at : {0.9f, 0.999f, 0.99999f}) {  // 1 - x^2 loses them
    const double slope = 1 / std::sqrt((1 - double(at)) * (1 + double(at)));
    CHECK_AT(asin(x), {at}, {std::asin(double(at))}, {slope});
    CHECK_AT(acos(x), {at}, {std::acos(double(at))}, {-slope});
  }
}

TEST_CASE("extremes: softmax and its kin with infinities, and of nothing") {
  for (std::size_t n : {3, 40}) {  // rows shorter and longer than a register
    ad::Tape<float> tape;
    Array<float> row(Shape{n}, 1.0f), two(Shape{20, n}, 1.0f), across(Shape{n, 20}, 1.0f);
    row(1) = two(7, 1) = across(1, 7) = std::numeric_limits<float>::infinity();
    for (const auto& y : {softmax(tape.variable(row)), log_softmax(tape.variable(row))})
      for (float each : y.value()) CHECK(std::isnan(each));
    for (const auto& y :
         {softmax(tape.variable(two)), log_softmax(tape.variable(two)), transpose(softmax(tape.variable(across), 0)),
          transpose(log_softmax(tape.variable(across), 0))})
      for (std::size_t i = 0; i < 20; ++i)
        for (std::size_t j = 0; j < n; ++j) CHECK_EQ(std::isnan(y.value()(i, j)), i == 7);
    CHECK_EQ(logsumexp(tape.variable(row)).item(), infinity);
    CHECK(std::isnan(softmax_cross_entropy(tape.variable(row), 0).item()));
  }
  ad::Tape<double> tape;
  const auto none = tape.variable(Array<double>(Shape{0})), rows = tape.variable(Array<double>(Shape{2, 0}));
  CHECK_EQ(logsumexp(none).item(), -infinity);
  CHECK_EQ(logsumexp(none, 0, ad::keepdims).shape(), Shape{1});
  CHECK_EQ(gradient(logsumexp(none), none).size(), 0);
  CHECK_EQ(difference(logsumexp(rows, 1).value(), array({2}, {-infinity, -infinity}), 0), "");
  CHECK_EQ(gradient(sum(logsumexp(rows, 1)), rows).shape(), Shape({2, 0}));
  for (const auto& y : {softmax(rows), log_softmax(rows), softmax(rows, 0)}) {
    CHECK_EQ(y.shape(), Shape({2, 0}));
    CHECK_EQ(gradient(sum(y), rows).shape(), Shape({2, 0}));
  }
}

TEST_CASE("extremes: long sums in float") {
  const std::size_t n = 20'000'000;
  const ad::Variable<float> ones(Array<float>(Shape{n}, 1.0f)), tenths(Array<float>(Shape{n / 2, 2}, 0.1f));
  CHECK_EQ(cumsum(ones).value()(n - 1), 2e7f);
  CHECK_THROWS_AS(argmax(ones), ad::ValueError);  // float does not tell all of these indices apart
  CHECK_EQ(cumsum(ones, 0, true).value()(0), 2e7f);
  CHECK(cumsum(tenths, 0).value()(n / 2 - 1, 1) == doctest::Approx(1e6).epsilon(1e-6));
  CHECK(sum(tenths).item() == doctest::Approx(2e6).epsilon(1e-6));
  for (const int axis : {0, 1}) {
    const auto flat = axis == 0 ? tenths : reshape(tenths, {2, -1});
    CHECK(sum(flat, axis).value().flat(1) == doctest::Approx(1e6).epsilon(1e-6));
    CHECK(mean(flat, axis).value().flat(1) == doctest::Approx(0.1).epsilon(1e-6));
    CHECK(std::abs(variance(flat, axis).value().flat(1)) < 1e-12);
    CHECK(logsumexp(flat, axis).value().flat(1) == doctest::Approx(0.1 + std::log(1e7)).epsilon(1e-6));
    CHECK(sum(softmax(flat, axis)).item() == doctest::Approx(2).epsilon(1e-5));
    CHECK(norm(flat, axis).value().flat(1) == doctest::Approx(0.1 * std::sqrt(1e7)).epsilon(1e-6));
  }
}

}  // namespace test
