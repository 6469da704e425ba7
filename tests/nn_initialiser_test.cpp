#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nn/nn.hpp>

using autodiff::Array;
using autodiff::Shape;

namespace {

struct Moments {
  double mean = 0, variance = 0, fourth = 0, least = INFINITY, most = -INFINITY;
};

Moments moments(const Array<double>& values) {
  Moments m;
  const double n = double(values.size());
  for (const double v : values) m.mean += v / n, m.least = std::min(m.least, v), m.most = std::max(m.most, v);
  for (const double v : values) m.variance += std::pow(v - m.mean, 2) / n, m.fourth += std::pow(v - m.mean, 4) / n;
  return m;
}

}  // namespace

TEST_CASE("variances are the published ones") {
  const Shape shape{300, 500};
  const double n = 150'000;
  struct Case {
    const char* name;
    nn::Initialiser initialiser;
    double variance, kurtosis;  // 1.8 uniform, 3 normal
  };
  const Case cases[] = {
      {"xavier_uniform", nn::xavier_uniform(), 2.0 / 800, 1.8},
      {"xavier_normal", nn::xavier_normal(), 2.0 / 800, 3},
      {"he_uniform", nn::he_uniform(), 2.0 / 300, 1.8},
      {"he_normal", nn::he_normal(), 2.0 / 300, 3},
      {"gain", nn::xavier_uniform(3), 9 * 2.0 / 800, 1.8},
      {"normal", nn::normal(0, 2), 4, 3},
      {"uniform", nn::uniform(-6, 6), 12, 1.8},
      {"lecun_uniform", nn::lecun_uniform(), 1.0 / 300, 1.8},
      {"lecun_normal", nn::lecun_normal(), 1.0 / 300, 3},
      // Of a normal distribution cut at 2: 1 - 4 p / q and (3 - 28 p / q) / variance^2, where p = 0.053991 is its
      // density there and q = 0.954500 the probability within.
      {"truncated_normal", nn::truncated_normal(0, 2), 4 * 0.773741, 2.3655},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    nn::Random random(1, c.name);
    const auto m = moments(c.initialiser(shape, random));
    // Within five standard errors: of a mean sqrt(variance / n), of a variance at most variance sqrt(2 / n).
    CHECK(std::abs(m.mean) < 5 * std::sqrt(c.variance / n));
    CHECK(std::abs(m.variance / c.variance - 1) < 5 * std::sqrt(2 / n));
    CHECK(m.fourth / (m.variance * m.variance) == doctest::Approx(c.kurtosis).epsilon(0.03));
    if (c.kurtosis < 2) {
      const double bound = std::sqrt(3 * c.variance);
      CHECK(m.least >= -bound);
      CHECK(m.most < bound);
      CHECK(m.most > 0.999 * bound);
    }
  }
}

TEST_CASE("the normal distribution has its tails") {
  nn::Random random(2);
  int beyond_one = 0, beyond_three = 0;
  const int n = 1'000'000;
  for (int i = 0; i < n; ++i) {
    const double x = std::abs(random.normal());
    beyond_one += x > 1, beyond_three += x > 3;
  }
  // Of probability 0.31731 and 0.0026998; standard errors 465 and 52.
  CHECK(std::abs(beyond_one - 317311) < 2400);
  CHECK(std::abs(beyond_three - 2700) < 260);
}

TEST_CASE("the first numbers are the same on every machine") {
  CHECK(nn::Random(0).uniform() == 0x1.1b4adec644ee3p-1);
  CHECK(nn::Random(0, "hidden.weight").uniform() == 0x1.df5c25d67b557p-1);
  CHECK(nn::Random(0).normal() == 0x1.b5e942987f2cep-1);
  CHECK(nn::Random(7).permutation(6) == std::vector<std::size_t>{1, 2, 5, 3, 4, 0});
  nn::Linear<double> layer(2, 3);
  layer.initialise(42);
  CHECK(layer.weight.value()(0, 0) == 0x1.851394e415e94p-2);
  CHECK(layer.weight.value()(1, 2) == 0x1.635b4c84e94fp-2);
  nn::Random one(42, "w"), two(42, "w");
  const auto q = nn::orthogonal()({20, 30}, one);
  CHECK(q(0, 0) == -0x1.5f4eeeccbcb2bp-7);
  CHECK(q(19, 29) == 0x1.12595bcd9b0b3p-4);
  CHECK(nn::truncated_normal(0, 1)({3}, two)(2) == 0x1.42edd5ac2460cp-2);
}

TEST_CASE("biases start at zero, or as a layer is told") {
  nn::Linear<double> usual(2, 3), told(2, 3, nn::zeros(), nn::constant(0.5));
  usual.initialise(1), told.initialise(1);
  CHECK(xt::all(xt::equal(usual.bias.value(), 0)));
  CHECK(xt::all(xt::equal(told.weight.value(), 0)));
  CHECK(xt::all(xt::equal(told.bias.value(), 0.5)));
}

TEST_CASE("draws below a number are even") {
  nn::Random random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 5 * 93);
  CHECK_THROWS_AS(random.below(0), autodiff::ValueError);
}

TEST_CASE("a seed and a name determine a parameter, whatever else the model holds") {
  nn::Sequential one(nn::Linear<double>(3, 4), nn::Linear<double>(4, 2));
  nn::Sequential two(nn::Linear<double>(3, 4), nn::Linear<double>(4, 2), nn::Linear<double>(2, 9));
  one.initialise(5);
  two.initialise(5);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(one.parameters()[i].parameter.value() == two.parameters()[i].parameter.value());
  two.initialise(6);
  CHECK(one.parameters()[0].parameter.value() != two.parameters()[0].parameter.value());
  CHECK(xt::all(xt::equal(one.parameters()[1].parameter.value(), 0)));  // biases

  nn::Sequential single(nn::Linear<float>(3, 4));
  single.initialise(5);  // the same numbers, rounded
  CHECK(single.parameters()[0].parameter.value() ==
        Array<float>(xt::cast<float>(one.parameters()[0].parameter.value())));
}

TEST_CASE("orthogonal matrices are orthonormal, of either shape, and spread evenly") {
  for (const Shape& shape : {Shape{40, 40}, Shape{60, 25}, Shape{25, 60}, Shape{1, 7}, Shape{3, 1}}) {
    CAPTURE(autodiff::to_string(shape));
    nn::Random random(4);
    const auto q = nn::orthogonal(3)(shape, random);
    REQUIRE(q.shape() == shape);
    const bool tall = shape[0] >= shape[1];
    const std::size_t count = tall ? shape[1] : shape[0], length = tall ? shape[0] : shape[1];
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j) {
        double product = 0;
        for (std::size_t k = 0; k < length; ++k) product += tall ? q(k, i) * q(k, j) : q(i, k) * q(j, k);
        worst = std::max(worst, std::abs(product - (i == j ? 9 : 0)));
      }
    CHECK(worst < 1e-11);
  }
  // Of an evenly drawn 3 by 3 matrix, each element is uniform in -1 to 1 (Archimedes), and the trace squared has
  // mean 1.
  double first = 0, squares = 0, trace = 0;
  const int n = 20'000;
  for (int i = 0; i < n; ++i) {
    nn::Random random(std::uint64_t(i), "even");
    const auto q = nn::orthogonal()({3, 3}, random);
    first += q(0, 0) / n, squares += q(0, 0) * q(0, 0) / n, trace += std::pow(q(0, 0) + q(1, 1) + q(2, 2), 2) / n;
  }
  CHECK(std::abs(first) < 5 * std::sqrt(1.0 / 3 / n));
  CHECK(squares == doctest::Approx(1.0 / 3).epsilon(0.03));
  CHECK(trace == doctest::Approx(1).epsilon(0.05));
}

TEST_CASE("truncated normal numbers stay within two deviations") {
  nn::Random random(5);
  const auto m = moments(nn::truncated_normal(1, 3)({100'000}, random));
  CHECK(m.least >= 1 - 6);
  CHECK(m.most <= 1 + 6);
  CHECK(m.most > 1 + 5.99);
}

TEST_CASE("an initialiser by name is the function of that name") {
  for (const auto& name : nn::initialiser_names()) {
    nn::Random random(6);
    CHECK(nn::initialiser(name)({4, 3}, random).shape() == Shape{4, 3});
  }
  nn::Random one(7), two(7);
  CHECK(nn::initialiser("lecun-normal")({4, 3}, one) == nn::lecun_normal()({4, 3}, two));
  CHECK_THROWS_AS(nn::initialiser("magic"), autodiff::ValueError);
}

TEST_CASE("initialisers refuse what makes no sense") {
  nn::Random random(1);
  CHECK(nn::constant(3)({2}, random) == Array<double>{3, 3});
  CHECK(nn::zeros()({2}, random) == Array<double>{0, 0});
  CHECK_THROWS_AS(nn::xavier_uniform()({3}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::he_normal()({2}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::orthogonal()({2, 3, 4}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::orthogonal()({4}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::orthogonal(double(INFINITY)), autodiff::ValueError);
  CHECK_THROWS_AS(nn::normal(0, -1), autodiff::ValueError);
  CHECK_THROWS_AS(nn::truncated_normal(0, -1), autodiff::ValueError);
  CHECK_THROWS_AS(nn::uniform(1, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::constant(double(NAN)), autodiff::ValueError);
}
