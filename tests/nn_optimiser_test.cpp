#include <cmath>
#include <nn/nn.hpp>

#include "reference.hpp"

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

/// The network of reference/optimisers.py, whose numbers are small integers over a power of two.
struct Network : nn::Module<double> {
  nn::Linear<double> hidden{2, 3}, output{3, 1};
  Array<double> x = numbers({8, 2}, 5, 17, 8), y = numbers({8, 1}, 3, 11, 4);

  Network() {
    const auto values = numbers({13}, 7, 13, 8);
    auto from = values.begin();
    for (auto& [name, parameter] : parameters()) {
      Array<double> value(parameter.shape());
      std::copy_n(from, value.size(), value.begin());
      from += std::ptrdiff_t(value.size());
      parameter.assign(value);
    }
  }
  Variable<double> forward(const Variable<double>& inputs) override { return output(tanh(hidden(inputs))); }
  void members(nn::Members<double>& m) override { m("hidden", hidden), m("output", output); }

  std::vector<Array<double>> gradients() {
    Tape<double> tape;
    const auto loss = sum(square((*this)(tape.constant(x)) - y)) / 16;
    return gradient(loss, variables(loss));
  }
  /// All parameters against a row of the reference.
  void compare(const std::string& what, int step) {
    CAPTURE(what);
    CAPTURE(step);
    const auto& expected = test::reference(what, step);
    std::size_t i = 0;
    for (auto& [name, parameter] : parameters())
      for (const double value : parameter.value()) CHECK(value == test::about(expected.at(i++)));
    CHECK(i == expected.size());
  }

 private:
  static Array<double> numbers(const autodiff::Shape& shape, int factor, int modulus, double scale) {
    Array<double> a(shape);
    for (int i = 0; i < int(a.size()); ++i) a.data()[i] = (i * factor % modulus - modulus / 2) / scale;
    return a;
  }
};

struct Rule {
  std::string name;  // in the reference
  std::shared_ptr<nn::Optimiser<double>> optimiser;
};

/// Every rule, with every option.
std::vector<Rule> rules() {
  std::vector<Rule> all;
  const auto add = [&](const char* name, auto rule) {
    all.push_back({name, std::make_shared<decltype(rule)>(std::move(rule))});
  };
  using namespace nn;
  add("sgd", GradientDescent<double>(0.1));
  add("sgd", Sgd<double>(0.1));
  add("sgd decay", Sgd<double>(0.1, {.weight_decay = 0.05}));
  add("sgd momentum", Sgd<double>(0.05, {.momentum = 0.9}));
  add("sgd momentum decay", Sgd<double>(0.05, {.momentum = 0.8, .weight_decay = 0.05}));
  add("sgd dampening", Sgd<double>(0.1, {.momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}));
  add("sgd nesterov", Sgd<double>(0.05, {.momentum = 0.9, .nesterov = true}));
  add("sgd nesterov decay", Sgd<double>(0.05, {.momentum = 0.9, .weight_decay = 0.05, .nesterov = true}));
  add("adam", Adam<double>());
  add("adam options", Adam<double>(0.05, {.betas = {0.8, 0.95}, .eps = 1e-3}));
  add("adam decay", Adam<double>(0.05, {.weight_decay = 0.05}));
  add("adam amsgrad", Adam<double>(0.05, {.betas = {0.7, 0.8}, .amsgrad = true}));
  add("adam no mean", Adam<double>(0.05, {.betas = {0, 0.9}, .eps = 0.1}));
  add("adamw", AdamW<double>());
  add("adamw options", AdamW<double>(0.05, {.betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.2}));
  add("adamw amsgrad", AdamW<double>(0.05, {.betas = {0.7, 0.8}, .amsgrad = true}));
  add("nadam", NAdam<double>());
  add("nadam options", NAdam<double>(0.05, {.betas = {0.8, 0.95}, .eps = 1e-3, .momentum_decay = 0.1}));
  add("nadam decay", NAdam<double>(0.05, {.weight_decay = 0.05}));
  add("rmsprop", RMSProp<double>());
  add("rmsprop options", RMSProp<double>(0.02, {.alpha = 0.9, .eps = 1e-3, .weight_decay = 0.05}));
  add("rmsprop momentum", RMSProp<double>(0.002, {.alpha = 0.9, .momentum = 0.9}));
  add("rmsprop centred", RMSProp<double>(0.01, {.alpha = 0.9, .eps = 1e-3, .centered = true}));
  add("rmsprop all",
      RMSProp<double>(0.002, {.alpha = 0.9, .eps = 1e-3, .weight_decay = 0.05, .momentum = 0.5, .centered = true}));
  add("adagrad", Adagrad<double>());
  add("adagrad options",
      Adagrad<double>(0.1, {.lr_decay = 0.05, .weight_decay = 0.05, .initial_accumulator_value = 0.1, .eps = 1e-3}));
  add("adadelta", Adadelta<double>());
  add("adadelta options", Adadelta<double>(0.5, {.rho = 0.7, .eps = 1e-3, .weight_decay = 0.05}));
  add("lion", Lion<double>(0.01));
  add("lion options", Lion<double>(0.02, {.betas = {0.8, 0.95}, .weight_decay = 0.1}));
  add("adafactor", Adafactor<double>());
  add("adafactor options",
      Adafactor<double>(0.2, {.beta2_decay = -0.6, .eps1 = 1e-6, .eps2 = 0.1, .d = 1.1, .weight_decay = 0.05}));
  add("lamb", Lamb<double>());
  add("lamb options", Lamb<double>(0.05, {.betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.1}));
  return all;
}

}  // namespace

TEST_CASE("every rule agrees with PyTorch's over 50 steps") {
  for (const auto& [name, optimiser] : rules()) {
    Network network;
    for (int step = 1; step <= 50; ++step) {
      optimiser->step(network, network.gradients());
      if (step == 1 || step == 2 || step == 10 || step == 50) network.compare(name, step);
    }
  }
}

TEST_CASE("means of weights agree with PyTorch's, and stand in the model while they are swapped in") {
  for (const auto& [name, options] :
       {std::pair<std::string, nn::AveragingOptions>{"average", {.decay = 0.9}}, {"average of all", {.decay = {}}}}) {
    Network network;
    nn::Sgd<double> sgd(0.1);
    nn::WeightAverage<double> average(network, options);
    CHECK_THROWS_AS((void)average.swap_in(), autodiff::ValueError);
    for (int step = 1; step <= 50; ++step) {
      sgd.step(network, network.gradients());
      average.update();
      if (step != 1 && step != 2 && step != 10 && step != 50) continue;
      network.compare("sgd", step);
      {
        const auto in_place = average.swap_in();
        network.compare(name, step);
        CHECK_THROWS_AS(average.update(), autodiff::ValueError);
      }
      network.compare("sgd", step);
    }
  }
  Network network;
  CHECK_THROWS_AS(nn::WeightAverage<double>(network, {.decay = 1.0}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::WeightAverage<double>(network, {.power = -1}), autodiff::ValueError);
  // 1, 2 and 3 with the power 1 count as 1, 2 and 3, so that their mean is 14 / 6.
  Network counted;
  nn::WeightAverage<double> average(counted, {.decay = std::nullopt, .power = 1});
  for (const double value : {1, 2, 3}) {
    for (auto& [name, parameter] : counted.parameters())
      parameter.assign(autodiff::Array<double>(parameter.shape(), value));
    average.update();
  }
  for (const auto& [name, mean] : average.means()) CHECK(mean.value()(0) == doctest::Approx(14.0 / 6));
}

TEST_CASE("clipped gradients and scheduled rates agree with PyTorch's") {
  Network by_norm, by_value, scheduled;
  nn::Sgd<double> sgd(0.1);
  nn::Adam<double> adam(0);
  const auto rate = nn::cosine_decay(0.05, 50, 0.001);
  for (int step = 1; step <= 50; ++step) {
    sgd.step(by_norm, nn::clip_norm(by_norm.gradients(), 0.25));
    sgd.step(by_value, nn::clip_value(by_value.gradients(), 0.125));
    adam.learning_rate(rate(std::size_t(step - 1)));
    adam.step(scheduled, scheduled.gradients());
    if (step != 1 && step != 2 && step != 10 && step != 50) continue;
    by_norm.compare("clip norm", step);
    by_value.compare("clip value", step);
    scheduled.compare("adam cosine", step);
  }
}

TEST_CASE("every rule runs in a program, with the same bits") {
  const auto gradients = [](int i) { return Array<double>{std::cos(i), 1e-3 * i, -2}; };
  for (const auto& rule : rules()) {
    CAPTURE(rule.name);
    const auto& optimiser = rule.optimiser;
    // A first step on plain values shows which slots there are.
    const Variable<double> start(Array<double>{1, -2, 0.5}), rate(autodiff::to_array<double>(0.1));
    nn::Slots<double> eager, recorded;
    auto parameter = optimiser->update(start, Variable<double>(gradients(0)), rate, eager);

    Tape<double> tape;
    const auto w = tape.variable(start), g = tape.variable(gradients(0)), eta = tape.variable(rate);
    std::vector<autodiff::Update<double>> updates;
    for (const auto& [slot, value] : eager.all())
      updates.push_back({recorded.all()[slot] = tape.variable(Array<double>(xt::zeros<double>(value.shape()))), {}});
    const auto next = optimiser->update(w, g, eta, recorded);
    REQUIRE(recorded.all().size() == updates.size());
    auto update = updates.begin();
    for (const auto& [slot, value] : recorded.all()) (update++)->next = value;
    updates.push_back({w, next});
    auto program = autodiff::compile({g, eta}, {}, updates, {.exact = true});

    for (int i = 0; i < 6; ++i) {
      if (i > 0) parameter = optimiser->update(parameter, Variable<double>(gradients(i)), rate, eager);
      program({gradients(i), rate.value()});
      CHECK(program.state(updates.size() - 1) == parameter.value());
      std::size_t number = 0;
      for (const auto& [slot, value] : eager.all()) CHECK(program.state(number++) == value.value());
    }
  }
}

TEST_CASE("gradients are clipped together, recorded or not") {
  const std::vector<Array<double>> gradients{{3, 0}, {-4}};
  const auto clipped = nn::clip_norm(gradients, 1.0);
  CHECK(xt::allclose(clipped[0], Array<double>{0.6, 0}, 0, 1e-6));
  CHECK(xt::allclose(clipped[1], Array<double>(autodiff::Shape{1}, -0.8), 0, 1e-6));
  CHECK(nn::clip_norm(gradients, 5.1) == gradients);
  CHECK(nn::clip_norm(gradients, INFINITY) == gradients);
  CHECK(nn::clip_value(gradients, 3.5) == std::vector<Array<double>>{{3, 0}, Array<double>(autodiff::Shape{1}, -3.5)});

  Tape<double> tape;
  const std::vector variables{tape.variable(gradients[0]), tape.variable(gradients[1])};
  CHECK(nn::global_norm(variables).item() == 5);
  auto program = autodiff::compile(variables, nn::clip_norm(variables, 1.0));
  CHECK(program(gradients) == clipped);
  CHECK(xt::allclose(program({{0, 0}, Array<double>(autodiff::Shape{1}, 0.5)})[1], 0.5));

  for (const double bad : {0.0, -1.0, double(NAN)}) {
    CHECK_THROWS_AS(nn::clip_norm(gradients, bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::clip_value(gradients, bad), autodiff::ValueError);
  }
  CHECK_THROWS_WITH_AS(nn::clip_norm(std::vector<Array<double>>{}, 1), "[global_norm] there are no gradients",
                       autodiff::ValueError);
}

TEST_CASE("a training step clips the elements of gradients first, and then their norm") {
  Valley valley;
  valley.initialise(1);
  nn::GradientDescent<double> descent(0.5);
  const nn::Loss<double> value = [](const Variable<double>& y, const Variable<double>&) { return y; };
  nn::TrainingStep<double> step(valley, descent, value, {.clip_norm = 1, .clip_value = 3});
  step(curvature, curvature);
  const double norm = std::sqrt(2 * 2 + 3 * 3) + 1e-6;  // of (2, 20), of which the larger one is held to 3
  CHECK(valley.w.value()(0) == doctest::Approx(1 - 0.5 * 2 / norm).epsilon(1e-12));
  CHECK(valley.w.value()(1) == doctest::Approx(1 - 0.5 * 3 / norm).epsilon(1e-12));
}

TEST_CASE("centred RMSProp survives gradients that stay the same") {
  nn::RMSProp optimiser(0.001, {.alpha = 0.9, .centered = true});
  nn::Linear layer(1, 100, nn::zeros());
  layer.initialise(0);
  const Array<float> slopes = xt::arange<float>(1, 101) / 100;
  for (int i = 0; i < 500; ++i) optimiser.step(layer, {xt::view(slopes, xt::newaxis()), slopes});
  CHECK(xt::all(xt::isfinite(layer.weight.value())));
}

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
  nn::Adam<double> optimiser(0.1, {.betas = {0.8, 0.95}, .eps = 1e-3});
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
  nn::Sgd<double> optimiser(0.1, {.momentum = 0.9});
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
  const Array<double> w{1, -2}, first{0.5, 4}, second{-0.25, 3};
  for (const auto& name : nn::optimiser_names()) {
    CAPTURE(name);
    const auto optimiser = nn::optimiser<double>(name, 0.1);
    nn::Slots<double> plain, recorded;
    const Variable<double> rate(autodiff::to_array<double>(0.1));
    auto expected = optimiser->update(Variable<double>(w), Variable<double>(first), rate, plain);
    expected = optimiser->update(expected, Variable<double>(second), rate, plain);
    CHECK_FALSE(expected.recorded());
    Tape<double> tape;
    const auto slope = tape.variable(second), eta = tape.constant(0.1);
    auto updated = optimiser->update(tape.variable(w), tape.variable(first), eta, recorded);
    updated = optimiser->update(updated, slope, eta, recorded);
    CHECK(updated.recorded());
    CHECK(updated.value() == expected.value());
    // The sign of a gradient has no slope.
    CHECK((name == "lion" ? gradient(sum(updated), slope)(0) == 0 : gradient(sum(updated), slope)(0) < 0));
  }
}

TEST_CASE("optimisers by name have their own weight decay, or a given one") {
  for (const auto& name : nn::optimiser_names()) {
    CAPTURE(name);
    // A parameter of 1 without any gradient stays, but for the weight decay.
    const auto after = [&](std::optional<double> decay) {
      nn::Slots<double> slots;
      const Variable<double> one(autodiff::to_array<double>(1));
      const Variable<double> rate(autodiff::to_array<double>(0.5)), zero(autodiff::to_array<double>(0));
      return nn::optimiser<double>(name, 0.5, decay)->update(one, zero, rate, slots).item();
    };
    // Lamb's step is as long as the parameter, whatever it comes from.
    CHECK(after({}) == doctest::Approx(name == "adamw" ? 0.995 : name == "lamb" ? 0.5 : 1));
    CHECK(after(0) == 1);
    CHECK(after(0.2) < 0.9999);
    CHECK_THROWS_AS(after(-0.1), autodiff::ValueError);
  }
}

TEST_CASE("all that an optimiser remembers can be listed, and taken over by another") {
  for (const auto& rule : rules()) {
    CAPTURE(rule.name);
    const auto& optimiser = rule.optimiser;
    Network network;
    for (int i = 0; i < 3; ++i) optimiser->step(network, network.gradients());
    for (auto& [parameter, slots] : optimiser->slots())
      for (auto& [slot, value] : slots.all()) {
        CHECK_FALSE(value.recorded());
        CHECK(value.alive());
      }
    CHECK(optimiser->slots().size() == 4);
  }
  Network network, other;
  nn::Adam<double> adam(0.1, {.amsgrad = true}), resumed(0.2, {.amsgrad = true});
  for (int i = 0; i < 3; ++i) adam.step(network, network.gradients());
  resumed.learning_rate(adam.learning_rate());
  for (auto& [parameter, slots] : adam.slots())
    for (auto& [slot, value] : slots.all()) resumed.slots(parameter).all()[slot] = Variable<double>(value.value());
  for (std::size_t i = 0; i < 4; ++i) other.parameters()[i].parameter.assign(network.parameters()[i].parameter.value());
  for (int i = 0; i < 3; ++i) adam.step(network, network.gradients()), resumed.step(other, other.gradients());
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(other.parameters()[i].parameter.value() == network.parameters()[i].parameter.value());
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
  const auto refuses = [](auto make) { CHECK_THROWS_AS(make(), autodiff::ValueError); };
  refuses([] { return nn::GradientDescent(-0.1); });
  for (const double bad : {-0.1, double(NAN), double(INFINITY)}) {
    refuses([=] { return nn::Sgd(0.1, {.momentum = bad}); });
    refuses([=] { return nn::Sgd(0.1, {.momentum = 0.9, .dampening = bad}); });
    refuses([=] { return nn::Sgd(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::Adam(0.1, {.betas = {bad, 0.999}}); });
    refuses([=] { return nn::Adam(0.1, {.betas = {0.9, bad}}); });
    refuses([=] { return nn::Adam(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::AdamW(0.1, {.betas = {0.9, bad}}); });
    refuses([=] { return nn::AdamW(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::NAdam(0.1, {.betas = {bad, 0.999}}); });
    refuses([=] { return nn::NAdam(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::NAdam(0.1, {.momentum_decay = bad}); });
    refuses([=] { return nn::RMSProp(0.1, {.alpha = bad}); });
    refuses([=] { return nn::RMSProp(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::RMSProp(0.1, {.momentum = bad}); });
    refuses([=] { return nn::Adagrad(0.1, {.lr_decay = bad}); });
    refuses([=] { return nn::Adagrad(0.1, {.weight_decay = bad}); });
    refuses([=] { return nn::Adagrad(0.1, {.initial_accumulator_value = bad}); });
    refuses([=] { return nn::Adadelta(0.1, {.rho = bad}); });
    refuses([=] { return nn::Adadelta(0.1, {.weight_decay = bad}); });
  }
  refuses([] { return nn::Sgd(0.1, {.momentum = 1}); });
  refuses([] { return nn::Sgd(0.1, {.nesterov = true}); });
  refuses([] { return nn::Sgd(0.1, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}); });
  refuses([] { return nn::Adam(0.1, {.eps = 0}); });
  refuses([] { return nn::AdamW(0.1, {.eps = 0}); });
  refuses([] { return nn::NAdam(0.1, {.eps = 0}); });
  refuses([] { return nn::RMSProp(0.1, {.eps = 0}); });
  refuses([] { return nn::Adagrad(0.1, {.eps = 0}); });
  refuses([] { return nn::Adadelta(0.1, {.eps = 0}); });
  refuses([] { return nn::optimiser<float>("newton", 0.1); });
}
