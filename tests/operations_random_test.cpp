// Random numbers as operations: what they depend on, what they refuse, and the gradient of dropout.
#include <algorithm>
#include <array>
#include <limits>

#include "cases.hpp"

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

AUTODIFF_RANDOM(TEST_OPERATION)

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
