#include <cmath>
#include <nn/nn.hpp>

#include "reference.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using nn::LbfgsEnd;

namespace {

/// A number as an array of one axis; xtensor cannot tell {{x}} from {x}.
Array<double> one(double x) { return Array<double>(Shape{1}, x); }

/// 100 (y - x^2)^2 + (1 - x)^2 of two parameters of one number each.
double rosenbrock(const std::vector<Array<double>>& p, std::vector<Array<double>>& gradients) {
  const double x = p[0](0), y = p[1](0);
  gradients = {one(-400 * x * (y - x * x) - 2 * (1 - x)), one(200 * (y - x * x))};
  return 100 * std::pow(y - x * x, 2) + std::pow(1 - x, 2);
}

/// The same integers over a power of two as in reference/optimisers.py.
template <class T>
Array<T> numbers(const Shape& shape, int factor, int modulus, T scale) {
  Array<T> a(shape);
  for (int i = 0; i < int(a.size()); ++i) a.data()[i] = T(i * factor % modulus - modulus / 2) / scale;
  return a;
}

/// A penalised logistic regression, whose minimum the reference knows.
template <class T>
struct Regression {
  nn::Linear<T> model{2, 1, nn::zeros()};
  Array<T> x = numbers<T>({20, 2}, 11, 41, 16), label{Shape{20, 1}};

  Regression() {
    model.initialise(0);
    const Array<T> shift = numbers<T>({20}, 7, 5, 4);
    for (std::size_t i = 0; i < 20; ++i) label(i, 0) = x(i, 0) - x(i, 1) + shift(i) > 0;
  }
  Variable<T> loss(Tape<T>& tape) {
    const auto a = model(tape.constant(x));
    return mean(softplus(a) - a * label) +
           0.05 * (sum(square(model.weight.beside(a))) + sum(square(model.bias.beside(a))));
  }
  nn::LbfgsReport fit(nn::LbfgsOptions options = {}) {
    return nn::lbfgs(
        model, [this](auto& tape) { return loss(tape); }, options);
  }
};

}  // namespace

TEST_CASE("L-BFGS walks down Rosenbrock's valley") {
  std::vector p{one(-1.2), one(1)};
  const auto report = nn::lbfgs(p, rosenbrock, {.gradient_tolerance = 1e-9, .change_tolerance = 0});
  CAPTURE(report.text());
  CHECK(report.end == LbfgsEnd::gradient);
  CHECK(p[0](0) == doctest::Approx(1).epsilon(1e-8));
  CHECK(p[1](0) == doctest::Approx(1).epsilon(1e-8));
  CHECK(report.loss < 1e-18);
  CHECK(report.gradient_norm <= 1e-9);
  CHECK(report.iterations < 45);  // implementations at large: 35 to 40, with 45 to 60 evaluations
  CHECK(report.evaluations < 65);
}

TEST_CASE("gradients are there to be set, element by element") {
  std::vector p{one(3), Array<double>{{1, 2}}};
  nn::lbfgs(p, [](const auto& at, auto& gradients) {
    double loss = 0;
    for (std::size_t i = 0; i < at.size(); ++i)
      for (std::size_t k = 0; k < at[i].size(); ++k) {
        loss += at[i].flat(k) * at[i].flat(k) / 2;
        gradients.at(i).flat(k) += at[i].flat(k);  // they come as zeros
      }
    return loss;
  });
  CHECK(std::abs(p[0](0)) < 1e-6);
  CHECK(std::abs(p[1](0, 1)) < 1e-6);
}

TEST_CASE("the loss never becomes larger, whatever the number of iterations") {
  double before = INFINITY;
  for (std::size_t n = 0; n < 40; ++n) {
    CAPTURE(n);
    std::vector p{one(-1.2), one(1)}, slopes = p;
    const auto report = nn::lbfgs(p, rosenbrock, {.iterations = n});
    CHECK(report.iterations <= n);
    CHECK(report.loss <= before);
    CHECK(report.loss == rosenbrock(p, slopes));
    CHECK(report.gradient_norm == std::max(std::abs(slopes[0](0)), std::abs(slopes[1](0))));
    before = report.loss;
  }
  CHECK(before < 1e-9);
}

TEST_CASE("a quadratic of n unknowns takes n steps when lines are searched exactly") {
  const Array<double> curvature{1, 2, 5, 11, 17, 40}, goal{1, -2, 3, -4, 5, -6};
  const auto function = [&](const auto& p, auto& gradients) {
    gradients = {curvature * (p[0] - goal)};
    return xt::sum(0.5 * curvature * xt::square(p[0] - goal))();
  };
  std::vector p{Array<double>(xt::zeros<double>({6}))};
  const auto report =
      nn::lbfgs(p, function, {.gradient_tolerance = 1e-6, .change_tolerance = 0, .decrease = 1e-10, .curvature = 1e-9});
  CAPTURE(report.text());
  CHECK(report.end == LbfgsEnd::gradient);
  CHECK(report.iterations <= 6);
  CHECK(xt::allclose(p[0], goal, 0, 1e-6));
}

TEST_CASE("logistic regression ends where SciPy's minimiser does") {
  Regression<double> regression;
  const auto report = regression.fit({.gradient_tolerance = 1e-10, .change_tolerance = 0});
  CAPTURE(report.text());
  CHECK(report.end == LbfgsEnd::gradient);
  const auto& expected = test::reference("logistic regression");
  CHECK(report.loss == test::about(expected[0]));
  const auto& weight = regression.model.weight.value();
  CHECK(weight(0, 0) == doctest::Approx(expected[1]).epsilon(1e-8));
  CHECK(weight(1, 0) == doctest::Approx(expected[2]).epsilon(1e-8));
  CHECK(regression.model.bias.value()(0) == doctest::Approx(expected[3]).epsilon(1e-8));

  Regression<float> single;
  const auto rough = single.fit();
  CAPTURE(rough.text());
  CHECK(rough.loss == doctest::Approx(expected[0]).epsilon(1e-6));
  CHECK(rough.iterations < 20);
}

TEST_CASE("steps out of the domain are taken back") {
  int outside = 0;
  const auto function = [&](const auto& p, auto& gradients) {  // x - log(x), least at 1
    outside += p[0](0) <= 0;
    gradients = {one(1 - 1 / p[0](0))};
    return p[0](0) - std::log(p[0](0));
  };
  for (const double start : {30.0, 1e-3}) {
    std::vector p{one(start)};
    const auto report = nn::lbfgs(p, function);
    CAPTURE(report.text());
    CHECK(p[0](0) == doctest::Approx(1).epsilon(1e-4));
  }
  CHECK(outside > 0);
}

TEST_CASE("why L-BFGS ends") {
  std::vector p{one(1), one(1)};
  CHECK(nn::lbfgs(p, rosenbrock).end == LbfgsEnd::gradient);
  CHECK(nn::lbfgs(p, rosenbrock).iterations == 0);
  p = {one(-1.2), one(1)};
  CHECK(nn::lbfgs(p, rosenbrock, {.iterations = 3}).end == LbfgsEnd::iterations);
  const auto few = nn::lbfgs(p, rosenbrock, {.evaluations = 5});
  CHECK(few.end == LbfgsEnd::evaluations);
  CHECK(few.evaluations >= 5);
  CHECK(nn::lbfgs(p, rosenbrock, {.gradient_tolerance = 0, .change_tolerance = 1e-3}).end == LbfgsEnd::change);

  const auto uphill = [](const auto& q, auto& gradients) {  // the sign of the gradient is wrong
    gradients = {one(-2 * q[0](0))};
    return q[0](0) * q[0](0);
  };
  std::vector q{one(3)};
  const auto report = nn::lbfgs(q, uphill);
  CHECK(report.end == LbfgsEnd::no_step);
  CHECK(report.loss == 9);
  CHECK(q[0](0) == 3);
  CHECK(report.text().find("loss 9, gradient 6 after 0 iterations and 31 evaluations: no step") == 0);
}

TEST_CASE("an error leaves the parameters as they were") {
  std::vector p{one(-1.2), one(1)};
  int calls = 0;
  const auto failing = [&](const auto& at, auto& gradients) {
    if (++calls == 5) throw std::runtime_error("enough");
    return rosenbrock(at, gradients);
  };
  CHECK_THROWS_WITH_AS(nn::lbfgs(p, failing), "enough", std::runtime_error);
  CHECK(p[0](0) == -1.2);

  Regression<double> regression;
  calls = 0;
  CHECK_THROWS_AS(nn::lbfgs(regression.model,
                            [&](auto& tape) {
                              if (++calls == 3) throw std::runtime_error("enough");
                              return regression.loss(tape);
                            }),
                  std::runtime_error);
  CHECK(xt::all(xt::equal(regression.model.weight.value(), 0)));
}

TEST_CASE("what L-BFGS refuses") {
  std::vector p{one(0), one(1)};
  const auto with = [&](nn::LbfgsOptions options) { nn::lbfgs(p, rosenbrock, options); };
  CHECK_THROWS_AS(with({.history = 0}), autodiff::ValueError);
  CHECK_THROWS_AS(with({.gradient_tolerance = -1}), autodiff::ValueError);
  CHECK_THROWS_AS(with({.change_tolerance = NAN}), autodiff::ValueError);
  CHECK_THROWS_AS(with({.decrease = 0.95}), autodiff::ValueError);
  CHECK_THROWS_AS(with({.curvature = 1}), autodiff::ValueError);
  const auto missing = [](const auto&, auto& gradients) { return gradients = {one(1)}, 1.0; };
  CHECK_THROWS_WITH_AS(nn::lbfgs(p, missing), "[lbfgs] 2 parameters and 1 gradients", autodiff::ShapeError);
  const auto wrong = [](const auto&, auto& gradients) { return gradients = {one(1), Array<double>{1, 2}}, 1.0; };
  CHECK_THROWS_WITH_AS(nn::lbfgs(p, wrong), "[lbfgs] gradient 1 must have the shape of its parameter: (1) and (2)",
                       autodiff::ShapeError);
  p[0](0) = NAN;
  CHECK_THROWS_WITH_AS(with({}), "[lbfgs] the loss and its gradient must be finite at the start: the loss is nan",
                       autodiff::ValueError);
}
