#include <doctest/doctest.h>

#include <cmath>
#include <nn/nn.hpp>

using autodiff::Array;
using autodiff::Tape;
using autodiff::Variable;

namespace {

/// One parameter of two numbers, and the loss w0^2 + 10 w1^2 with gradient (2 w0, 20 w1).
struct Valley : nn::Module<double> {
  nn::Parameter<double> w{{2}, nn::constant(1)};
  Variable<double> forward(const Variable<double>& x) override { return sum(square(w.beside(x)) * x); }
  void members(nn::Members<double>& m) override { m("w", w); }
};
const Array<double> curvature{1, 10};

/// A number as the weight (1, 1) of a layer; xtensor cannot tell {{x}} from {x}.
Array<double> weight(double x) { return Array<double>(autodiff::Shape{1, 1}, x); }

Array<double> descend(nn::Optimiser<double>& optimiser, int steps) {
  Valley model;
  model.initialise(0);
  Tape<double> tape;
  for (int i = 0; i < steps; ++i) {
    tape.clear();
    const auto loss = model(tape.constant(curvature));
    optimiser.step(model, gradient(loss, model.variables(loss)));
  }
  return model.w.value();
}

}  // namespace

TEST_CASE("gradient descent shrinks a parabola geometrically") {
  nn::GradientDescent<double> optimiser(0.01);
  const auto w = descend(optimiser, 20);
  CHECK(w(0) == doctest::Approx(std::pow(0.98, 20)).epsilon(1e-13));  // w <- w - 0.01 * 2 w
  CHECK(w(1) == doctest::Approx(std::pow(0.80, 20)).epsilon(1e-13));
}

TEST_CASE("momentum follows the oscillator that it is") {
  // With v <- m v + c w, w <- w - eta v: w_{t+1} = (1 + m - eta c) w_t - m w_{t-1}, w_0 = 1, w_1 = 1 - eta c.
  nn::Sgd<double> optimiser(0.01, {.momentum = 0.9});
  const auto w = descend(optimiser, 30);
  for (const auto& [c, value] : {std::pair{2.0, w(0)}, std::pair{20.0, w(1)}}) {
    double before = 1, now = 1 - 0.01 * c;
    for (int t = 1; t < 30; ++t) before = std::exchange(now, (1.9 - 0.01 * c) * now - 0.9 * before);
    CHECK(value == doctest::Approx(now).epsilon(1e-12));
  }
}

TEST_CASE("momentum of zero is gradient descent") {
  nn::Sgd<double> momentum(0.03, {.momentum = 0});
  nn::GradientDescent<double> plain(0.03);
  CHECK(xt::allclose(descend(momentum, 5), descend(plain, 5), 1e-14, 0));
}

TEST_CASE("Adam agrees with its algorithm in plain numbers") {
  nn::Adam<double> optimiser(0.1, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3});
  const auto w = descend(optimiser, 25);
  for (const auto& [c, value] : {std::pair{2.0, w(0)}, std::pair{20.0, w(1)}}) {
    double theta = 1, m = 0, v = 0, power1 = 1, power2 = 1;
    for (int t = 1; t <= 25; ++t) {
      const double g = c * theta;
      m = 0.8 * m + 0.2 * g, v = 0.95 * v + 0.05 * g * g;
      power1 *= 0.8, power2 *= 0.95;
      theta -= 0.1 * (m / (1 - power1)) / (std::sqrt(v / (1 - power2)) + 1e-3);
    }
    CHECK(value == doctest::Approx(theta).epsilon(1e-12));
  }
}

TEST_CASE("Adam's first step is the learning rate, whatever the gradient, in float as well") {
  nn::Adam optimiser(0.001);
  nn::Linear layer(1, 1, nn::constant(1));
  layer.initialise(0);
  const Array<float> tiny(autodiff::Shape{1, 1}, 1e-4f), large{1e6f};
  optimiser.step(layer, {tiny, large});
  CHECK(1 - layer.weight.value()(0, 0) == doctest::Approx(0.001 * 1e-4 / (1e-4 + 1e-8)).epsilon(1e-4));
  CHECK(-layer.bias.value()(0) == doctest::Approx(0.001).epsilon(1e-5));
}

TEST_CASE("the learning rate changes from the next step on") {
  nn::GradientDescent<double> optimiser(0.1);
  nn::Linear<double> layer(1, 1, nn::zeros());
  layer.initialise(0);
  optimiser.step(layer, {weight(1), Array<double>{1}});
  optimiser.learning_rate(0.5);
  CHECK(optimiser.learning_rate() == 0.5);
  optimiser.step(layer, {weight(1), Array<double>{1}});
  CHECK(layer.bias.value()(0) == doctest::Approx(-0.6));
  for (const double bad : {-1.0, double(NAN), double(INFINITY)})
    CHECK_THROWS_AS(optimiser.learning_rate(bad), autodiff::ValueError);
  CHECK(optimiser.learning_rate() == 0.5);
}

TEST_CASE("slots can be read, set and copied") {
  nn::Linear<double> layer(1, 1, nn::zeros());
  layer.initialise(0);
  nn::Sgd<double> optimiser(0.1);
  optimiser.step(layer, {weight(2), Array<double>{3}});
  auto& slots = optimiser.slots("weight").all();
  REQUIRE(slots.size() == 1);
  CHECK(slots.at("velocity").item() == 2);
  auto copy = optimiser;
  optimiser.step(layer, {weight(2), Array<double>{3}});
  CHECK(slots.at("velocity").item() == doctest::Approx(3.8));
  CHECK(copy.slots("weight").all().at("velocity").item() == 2);
  slots.at("velocity") = Variable<double>(weight(10));
  optimiser.step(layer, {weight(0), Array<double>{0}});
  CHECK(slots.at("velocity").item() == 9);

  nn::Adam<double> adam(0.1);
  adam.step(layer, {weight(2), Array<double>{3}});
  adam.step(layer, {weight(2), Array<double>{3}});
  CHECK(adam.slots("bias").all().at("step").item() == 2);
}

TEST_CASE("the same rule is recorded on a tape, with the same numbers") {
  const Array<double> w{1, -2}, g{0.5, 4};
  for (const auto& name : nn::optimiser_names()) {
    CAPTURE(name);
    const auto optimiser = nn::optimiser<double>(name, 0.1);
    nn::Slots<double> plain, recorded;
    const Variable<double> rate(autodiff::to_array<double>(0.1));
    const auto expected = optimiser->update(Variable<double>(w), Variable<double>(g), rate, plain);
    CHECK_FALSE(expected.recorded());
    Tape<double> tape;
    const auto slope = tape.variable(g);
    const auto updated = optimiser->update(tape.variable(w), slope, tape.constant(0.1), recorded);
    CHECK(updated.recorded());
    CHECK(updated.value() == expected.value());
    CHECK(gradient(sum(updated), slope)(0) < 0);
  }
}

TEST_CASE("gradients that do not fit change nothing") {
  nn::Linear<double> layer(2, 1, nn::zeros());
  layer.initialise(0);
  nn::GradientDescent<double> optimiser(1);
  const Array<double> column(autodiff::Shape{2, 1}, 1.0);
  CHECK_THROWS_WITH_AS(optimiser.step(layer, {column}), "[step] 2 parameters and 1 gradients", autodiff::ShapeError);
  CHECK_THROWS_WITH_AS(optimiser.step(layer, {column, Array<double>{1, 2}}),
                       "[step] the gradient of bias must have its shape: (1) and (2)", autodiff::ShapeError);
  CHECK(xt::all(xt::equal(layer.weight.value(), 0)));
}

TEST_CASE("options of optimisers are checked") {
  CHECK_THROWS_AS(nn::Sgd(0.1, {.momentum = 1}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::Adam(0.1, {.beta1 = -0.1}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::Adam(0.1, {.epsilon = 0}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::GradientDescent(-0.1), autodiff::ValueError);
  CHECK_THROWS_AS(nn::optimiser<float>("newton", 0.1), autodiff::ValueError);
}
