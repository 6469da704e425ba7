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

TEST_CASE("initialisers refuse what makes no sense") {
  nn::Random random(1);
  CHECK(nn::constant(3)({2}, random) == Array<double>{3, 3});
  CHECK(nn::zeros()({2}, random) == Array<double>{0, 0});
  CHECK_THROWS_AS(nn::xavier_uniform()({3}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::he_normal()({2, 3, 4}, random), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::normal(0, -1), autodiff::ValueError);
  CHECK_THROWS_AS(nn::uniform(1, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::constant(double(NAN)), autodiff::ValueError);
}
