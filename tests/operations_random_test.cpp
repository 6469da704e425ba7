// Random numbers as operations: what they depend on, what they refuse, and the gradient of dropout.
#include <algorithm>
#include <array>
#include <limits>

#include "cases.hpp"

#include <autodiff/kernels/draws.hpp>
#include <autodiff/kernels/special.hpp>
#include <autodiff/ops/structs/random.hpp>

namespace test {

namespace {

/// 1, as a variable that a recorded operation gave: keys and steps are no place for finite differences.
template <class V>
V one(const V& x) {
  return sum(ad::sign(ad::abs(x))) / double(x.size());
}

template <class T>
ad::Variable<T> plain(double x) {
  return ad::Variable<T>(ad::to_array<T>(x));
}

/// The mean and the variance of all elements, and the mean fourth power.
template <class A>
std::array<double, 3> moments(const A& x) {
  double sum = 0, squares = 0, fourths = 0;
  for (double each : x) sum += each, squares += each * each, fourths += each * each * each * each;
  const double n = double(x.size());
  return {sum / n, squares / n, fourths / n};
}

}  // namespace

template <>
std::vector<Case> cases<ad::RandomUniform>() {
  return {
      {"random_uniform", [](const auto& x) { return x[0] * random_uniform(one(x[0]) + 2, one(x[0]), x[0].shape()); },
       samples({{3, 50}}),
       [](const Arrays& at) {
         const auto u = random_uniform(plain<double>(3), 1, {150}).value();
         Array<double> y = at[0];
         for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] *= u.data()[i];
         return y;
       }},
      {"random_uniform of a key with axes, a plain step",
       [](const auto& x) {
         return x[0] * random_uniform(ad::reshape(one(x[0]), {1, 1}), 4, ad::Shape{2});
       },
       samples({{3, 2}})}};
}

// Parameters are no place for finite differences, either: draws jump, and their derivative is that of the quantile.
template <>
std::vector<Case> cases<ad::RandomGamma>() {
  return {{"random_gamma", [](const auto& x) { return x[0] * random_gamma(one(x[0]) * 2 + 0 * sign(x[0]), 3, 4); },
           samples({{3, 5}})}};
}
template <>
std::vector<Case> cases<ad::RandomPoisson>() {
  return {{"random_poisson", [](const auto& x) { return x[0] * random_poisson(one(x[0]) * 20 + 0 * sign(x[0]), 3, 4); },
           samples({{3, 5}})}};
}
template <>
std::vector<Case> cases<ad::RandomPermutation>() {
  return {
      {"random_permutation", [](const auto& x) { return x[0] * random_permutation(7, one(x[0]), 4); }, samples({{7}})}};
}

AUTODIFF_RANDOM(TEST_OPERATION)

namespace {

/// Whether observed counts may come from these probabilities: chi-square below its mean by so many deviations, and not
/// suspiciously near them.
bool likely(const std::vector<double>& observed, const std::vector<double>& probability) {
  double n = 0, chi = 0;
  for (double o : observed) n += o;
  for (std::size_t i = 0; i < observed.size(); ++i)
    chi += std::pow(observed[i] - n * probability[i], 2) / (n * probability[i]);
  const double freedom = double(observed.size() - 1), away = (chi - freedom) / std::sqrt(2 * freedom);
  return away < 4.5 && away > -3;
}

template <class A>
std::pair<double, double> mean_and_variance(const A& x) {
  const auto m = moments(x);
  return {m[0], m[1] - m[0] * m[0]};
}

constexpr std::size_t many = 1 << 17;

}  // namespace

TEST_CASE_TEMPLATE("gamma numbers: moments, quantiles of the exponential one, and the derivative of the mean", T, float,
                   double) {
  for (const double a : {0.3, 1.0, 4.5, 60.0}) {
    INFO(a);
    ad::Tape<T> tape;
    const auto shape = tape.variable(Array<T>(Shape{many}, T(a)));
    const auto x = random_gamma(shape, 5, 1);
    const auto [mean, variance] = mean_and_variance(x.value());
    CHECK(std::abs(mean - a) < 4 * std::sqrt(a / many));
    CHECK(std::abs(variance - a) < 4 * std::sqrt((6 * a + 2 * a * a) / many));
    const auto slope = mean_and_variance(gradient(sum(x), shape));  // of means: 1; and of second moments: 2 a + 1
    CHECK(std::abs(slope.first - 1) < 4 * std::sqrt(slope.second / many));
    const auto second = mean_and_variance(gradient(sum(x * x), shape));
    CHECK(std::abs(second.first - (2 * a + 1)) < 4 * std::sqrt(second.second / many));
    if (a != 1) continue;
    std::vector<double> counts(64);
    for (const T each : x.value()) ++counts[std::size_t(std::exp(-double(each)) * 63.999)];
    CHECK(likely(counts, std::vector<double>(64, 1 / 64.0)));
  }
}

TEST_CASE("gamma numbers: their derivative is that of the quantile") {
  ad::Tape<double> tape;
  const auto shape = tape.variable(array({3}, {0.5, 3, 40}));
  const auto x = random_gamma(shape, 5, 1);
  const auto g = gradient(sum(x), shape);
  for (const std::size_t i : {1, 2}) {  // the distribution function stays when shape and number move together
    const double a = shape.value()(i), z = x.value()(i), h = 1e-4;
    const auto below = [](double p, double end) {  // its integral by Simpson's rule, over the root of the number
      const int n = 20000;
      double total = 0;
      for (int k = 0; k <= n; ++k) {
        const double u = std::sqrt(end) * k / n, w = k == 0 || k == n ? 1 : k % 2 ? 4 : 2;
        total += w * 2 * std::pow(u, 2 * p - 1) * std::exp(-u * u - std::lgamma(p));
      }
      return total * std::sqrt(end) / n / 3;
    };
    const double by_shape = (below(a + h, z) - below(a - h, z)) / (2 * h);
    const double density = std::pow(z, a - 1) * std::exp(-z - std::lgamma(a));
    CHECK(g(i) == doctest::Approx(-by_shape / density).epsilon(1e-5));
  }
  CHECK_THROWS_AS(random_gamma(tape.variable({1.0, 0.0}), 1, 1), ad::ValueError);
  CHECK_THROWS_AS(random_poisson(tape.variable({1.0, -1.0}), 1, 1), ad::ValueError);
}

TEST_CASE("gamma numbers: their second derivative is that of the slope along its own way, and there is no third") {
  ad::Tape<double> tape;
  Array<double> shapes(Shape{64});
  for (std::size_t i = 0; i < 64; ++i) shapes(i) = std::exp(0.1 * double(i) - 2);
  const auto a = tape.variable(shapes);
  const auto x = random_gamma(a, 5, 1);
  const auto slope = recorded_gradient(sum(x), a);
  const auto curvature = recorded_gradient(sum(slope), a);
  for (std::size_t i = 0; i < 64; ++i) {
    const double at = shapes(i), h = 1e-4 * at, z = x.value()(i), by = h * slope.value()(i);
    if (z < 1e-8) continue;  // differences of what is rounded
    using ad::kernels::special::gamma_slope;
    const auto across = [&](double k) {
      return gamma_slope(at + k * h, z + k * by) - gamma_slope(at - k * h, z - k * by);
    };
    const double expected = (8 * across(0.5) - across(1)) / (6 * h);
    CAPTURE(at);
    CHECK(curvature.value()(i) == doctest::Approx(expected).epsilon(1e-6).scale(1e-3));
  }
  // d^2z/da^2 where P(a, z) stays what it is at (3, 2) and (3, 8): mpmath, by differences of 60 digits.
  const auto second = [](double shape, double z) {
    const double g = ad::kernels::special::gamma_slope(shape, z), step = 1e-3;
    return ad::kernels::gamma_slope_by_shape(shape, z) + g *
                                                             (ad::kernels::special::gamma_slope(shape, z + step) -
                                                              ad::kernels::special::gamma_slope(shape, z - step)) /
                                                             (2 * step);
  };
  CHECK(second(3, 2) == doctest::Approx(0.02822837324149596).epsilon(1e-5));
  CHECK(second(3, 8) == doctest::Approx(-0.1175321416950129).epsilon(1e-5));
  CHECK_THROWS_WITH_AS(gradient(sum(curvature), a),
                       "[random_gamma] the derivative of random numbers by their shape is known to second order alone",
                       ad::ValueError);
}

TEST_CASE("beta and Dirichlet numbers: moments") {
  ad::Tape<double> tape;
  const auto a = tape.variable(Array<double>(Shape{many}, 2.0));
  const auto x = random_beta(a, 3, 6, 1);
  const auto [mean, variance] = mean_and_variance(x.value());
  CHECK(std::abs(mean - 0.4) < 4 * std::sqrt(0.04 / many));
  CHECK(std::abs(variance - 0.04) < 4 * 0.04 * std::sqrt(2.0 / many));
  const auto slope = mean_and_variance(gradient(sum(x), a));  // b / (a + b)^2
  CHECK(std::abs(slope.first - 0.12) < 4 * std::sqrt(slope.second / many));
  Array<double> shapes(Shape{many, 3});
  for (std::size_t i = 0; i < shapes.size(); ++i) shapes.data()[i] = double(i % 3 + 1);
  const auto y = random_dirichlet(tape.variable(shapes), 7, 1).value();
  for (std::size_t k = 0; k < 3; ++k) {
    const auto m = mean_and_variance(Array<double>(xt::view(y, xt::all(), k)));
    const double p = double(k + 1) / 6;
    CHECK(std::abs(m.first - p) < 4 * std::sqrt(p * (1 - p) / 7 / many));
    CHECK(std::abs(m.second - p * (1 - p) / 7) < 4 * p * (1 - p) / 7 * std::sqrt(2.0 / many));
  }
  CHECK(std::abs(y(5, 0) + y(5, 1) + y(5, 2) - 1) < 1e-15);
}

TEST_CASE_TEMPLATE("Poisson numbers, classes and permutations: their probabilities", T, float, double) {
  for (const double rate : {0.7, 9.0, 10.5, 80.0}) {
    INFO(rate);
    const auto x = random_poisson(ad::Variable<T>(Array<T>(Shape{many}, T(rate))), 8, 1).value();
    const auto [mean, variance] = mean_and_variance(x);
    CHECK(std::abs(mean - rate) < 4 * std::sqrt(rate / many));
    CHECK(std::abs(variance - rate) < 4 * rate * std::sqrt((2 + 1 / rate) / many));
    const auto low = std::size_t(std::max(0.0, std::floor(rate - 3 * std::sqrt(rate))));
    const auto high = std::size_t(rate + 3 * std::sqrt(rate));
    std::vector<double> counts(high - low + 1), probability(counts.size());
    for (const T each : x) ++counts[std::clamp<std::size_t>(std::size_t(each), low, high) - low];
    double rest = 1;
    for (std::size_t k = 0; k <= high; ++k) {
      const double p = k == high ? rest : std::exp(double(k) * std::log(rate) - rate - std::lgamma(double(k) + 1));
      probability[std::max(k, low) - low] += p, rest -= p;
    }
    CHECK(likely(counts, probability));
  }
  Array<T> logits(Shape{many, 4});
  const std::vector<double> share{0.1, 0.2, 0.3, 0.4};
  for (std::size_t i = 0; i < logits.size(); ++i) logits.data()[i] = T(std::log(share[i % 4]) + 3);
  std::vector<double> counts(4), orders(24);
  for (const T each : random_categorical(ad::Variable<T>(logits), 9, 1).value()) ++counts[std::size_t(each)];
  CHECK(likely(counts, share));
  for (int step = 0; step < 6000; ++step) {
    const auto p = random_permutation(4, plain<T>(10), step).value();
    CHECK_EQ(p(0) + p(1) + p(2) + p(3), 6);
    const auto rank = [&](std::size_t i) {  // how many of those behind are smaller
      std::size_t n = 0;
      for (std::size_t j = i + 1; j < 4; ++j) n += p(j) < p(i);
      return n;
    };
    ++orders[rank(0) * 6 + rank(1) * 2 + rank(2)];
  }
  CHECK(likely(orders, std::vector<double>(24, 1 / 24.0)));
}

namespace {
std::vector<std::string> warned;
}

TEST_CASE("two draws by one key in a recording warn, draws by another key or step do not") {
  ad::set_warnings([](const std::string& text) { warned.push_back(text); });
  warned.clear();
  {
    ad::Tape<double> tape;
    const auto x = tape.variable(array({3}, {1, 2, 3})), step = tape.variable(4);
    dropout(x, 0.5, 1, step), dropout(x, 0.5, 2, step), dropout(x, 0.5, 1, 5);
    random_normal(3, step, {2}), random_gamma(x, 6, step), random_gamma(plain<double>(2), 6, 4);
    CHECK(warned.empty());
    dropout(x, 0.5, 1, step);
    CHECK_EQ(warned.size(), 1);
    CHECK_EQ(warned[0],
             "[dropout] numbers of this key and step were drawn before, and are the same again: take another key");
    tape.clear();
    const auto y = tape.variable(array({3}, {1, 2, 3}));
    dropout(y, 0.5, 1, 4);
    CHECK_EQ(warned.size(), 1);
    ad::Tape<double> abstract(ad::TapeMode::abstract);
    const auto key = abstract.input({}), other = abstract.input({});
    random_uniform(key, 1, {2}), random_uniform(other, 1, {2});
    CHECK_EQ(warned.size(), 1);
    random_poisson(abstract.input({2}), key, 1);
    CHECK_EQ(warned.size(), 2);
  }
  ad::set_warnings(nullptr);
}

TEST_CASE("derived random_normal") {
  check({"random_normal", [](const auto& x) { return x[0] * random_normal(one(x[0]), 5, x[0].shape()); },
         samples({{2, 3}})});
  CHECK_EQ(random_normal(plain<double>(1), 2, {}).dimension(), 0);
}

TEST_CASE("derived dropout") {
  // The elements that are kept are those whose uniform number is not below the rate.
  const auto oracle = [](double rate, double key, double step) {
    return [=](const Arrays& at) {
      Array<double> y = at[0];
      const auto u = random_uniform(plain<double>(key), step, y.shape()).value();
      for (std::size_t i = 0; i < y.size(); ++i) y.data()[i] = u.data()[i] < rate ? 0 : y.data()[i] / (1 - rate);
      return y;
    };
  };
  for (double rate : {0.0, 0.25, 0.7}) {
    check({"dropout", [=](const auto& x) { return dropout(x[0], rate, 3, 4); }, samples({{7, 5}}), oracle(rate, 3, 4)});
    check({"dropout of a squared input, the step a variable",
           [=](const auto& x) { return ad::square(dropout(ad::square(x[0]), rate, 3, one(x[0]))); },
           samples({{5, 7}})});
  }
  check({"dropout of nothing", [](const auto& x) { return dropout(x[0], 0.5, 0, 0); }, samples({{0, 3}})});
}

TEST_CASE("dropout drops the share it is told to, keeps the mean, and keeps what is not a number out") {
  ad::Tape<float> tape;
  const auto x = tape.variable(Array<float>({1000, 1000}, 3.0f));
  for (double rate : {0.1, 0.5, 0.8}) {
    const auto y = dropout(x, rate, 11, 0);
    double kept = 0, sum = 0;
    for (float each : y.value()) kept += each != 0, sum += each;
    const double tolerance = 4 * std::sqrt(rate * (1 - rate) * 1e6);
    CHECK(std::abs(kept - (1 - rate) * 1e6) < tolerance);
    CHECK(std::abs(sum - 3e6) < 3 * tolerance / (1 - rate));
  }
  const auto bad = dropout(tape.variable(Array<float>({100}, std::numeric_limits<float>::infinity())), 0.5, 0, 0);
  std::size_t zeros = 0, infinite = 0;
  for (float each : bad.value()) zeros += each == 0, infinite += std::isinf(each);
  CHECK(zeros + infinite == 100);
  CHECK(zeros > 20);
}

TEST_CASE("a program gives other numbers at each step, the same as the tape gives there") {
  ad::Tape<float> tape;
  const auto x = tape.variable(Array<float>({40}, 1.0f)), step = tape.variable(0);
  const auto y = dropout(x, 0.5, 6, step);
  auto program = ad::compile({step}, {y, ad::recorded_gradient(sum(y), x), random_normal(step, 1, {9})});
  Array<float> last;
  for (int i = 0; i < 3; ++i) {
    const auto& outputs = program({ad::to_array<float>(i)});
    const auto expected = dropout(ad::Variable<float>(Array<float>({40}, 1.0f)), 0.5, 6, i);
    CHECK_EQ(difference(outputs[0], expected.value(), 1e-300), "");
    CHECK_EQ(difference(outputs[1], expected.value(), 1e-300), "");  // of ones: the mask
    CHECK_EQ(difference(outputs[2], random_normal(plain<float>(i), 1, {9}).value(), 1e-300), "");
    CHECK_NE(difference(outputs[0], i ? last : Array<float>({40}, 1.0f), 1e-300), "");
    last = outputs[0];
  }
}

TEST_CASE_TEMPLATE("normal numbers have the moments of the normal distribution", T, float, double) {
  constexpr double n = 1 << 20;
  for (int key : {1, 2}) {
    const auto x = random_normal(plain<T>(key), 0, {1 << 20}).value();
    const auto [mean, square, fourth] = moments(x);
    CHECK(std::abs(mean) < 4 / std::sqrt(n));
    CHECK(std::abs(square - 1) < 4 * std::sqrt(2 / n));
    CHECK(std::abs(fourth - 3) < 4 * std::sqrt(96 / n));
    const double beyond = double(std::count_if(x.begin(), x.end(), [](T each) { return each > 1.959963984540054; }));
    CHECK(std::abs(beyond / n - 0.025) < 4 * std::sqrt(0.025 * 0.975 / n));
  }
}

TEST_CASE_TEMPLATE("keys and steps are whole numbers that the element type holds exactly", T, float, double) {
  ad::Tape<T> tape;
  const auto x = tape.variable(Array<T>({2, 3}, T(1)));
  const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
  for (double bad : {-1.0, 0.5, end, HUGE_VAL, std::nan("")}) {
    INFO(bad);
    const auto value = tape.variable(bad);
    const std::size_t size = tape.size();
    CHECK_THROWS_AS(random_uniform(value, 0, {3}), ad::ValueError);
    CHECK_THROWS_AS(random_uniform(0, value, {3}), ad::ValueError);
    CHECK_THROWS_AS(random_normal(value, 0, {3}), ad::ValueError);
    CHECK_THROWS_AS(dropout(x, 0.5, 0, value), ad::ValueError);
    CHECK(tape.size() == size);
  }
  CHECK_NOTHROW(random_uniform(tape.variable(end - 1), end - 1, {3}));
  CHECK_THROWS_AS(random_uniform(x, 0, {3}), ad::ShapeError);
  CHECK_THROWS_AS(dropout(x, 0.5, x, 0), ad::ShapeError);
  for (double rate : {-0.1, 1.0, 2.0, 1 - 1e-17, std::nan("")}) CHECK_THROWS_AS(dropout(x, rate, 0, 0), ad::ValueError);
  CHECK_THROWS_WITH(random_uniform(x, 0, {3}),
                    "[random_uniform] key and step must have one element each: (2, 3) and ()");
}

}  // namespace test
