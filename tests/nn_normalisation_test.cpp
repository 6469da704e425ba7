#include "nn_support.hpp"
#include "reference/normalisation.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::check_close;
using test::error_of;

namespace {

const std::vector<double>& numbers(const std::string& name) { return reference::normalisation.at(name); }
Array<double> named(const std::string& name, const Shape& shape) { return test::array(numbers(name), shape); }

/// Outputs and gradients of one call against those of PyTorch.
template <class Layer>
void check_call(Layer& layer, const std::string& name, const Shape& shape) {
  CAPTURE(name);
  Tape<double> tape;
  const auto x = tape.variable(named(name + "/x", shape));
  const auto y = layer(x);
  check_close(y.value(), numbers(name + "/output"));
  const auto loss = sum(y * named(name + "/cotangent", shape));
  const auto gradients = gradient(loss, {x, layer.weight.beside(x), layer.bias.beside(x)});
  check_close(gradients[0], numbers(name + "/x/gradient"));
  check_close(gradients[1], numbers(name + "/weight/gradient"));
  check_close(gradients[2], numbers(name + "/bias/gradient"));
}

const Array<double> batch{{0.5, -1, 2}, {1, 0.25, -0.5}, {-2, 1.5, 0.75}, {0, 3, 1}};

}  // namespace

TEST_CASE("BatchNorm agrees with PyTorch: two batches in training, one in inference") {
  struct Case {
    std::string name;
    Shape shape;
    nn::BatchNormOptions options;
  };
  for (const auto& c : {Case{"batch_norm", {6, 3}, {}}, Case{"batch_norm_sequences", {3, 4, 2}, {0.25, 1e-3}}}) {
    const std::size_t features = c.shape.back();
    nn::BatchNorm<double> layer(features, c.options);
    layer.initialise(1);
    layer.weight.assign(named(c.name + "/first/weight", {features}));
    layer.bias.assign(named(c.name + "/first/bias", {features}));
    for (const std::string part : {"first", "second", "inference"}) {
      layer.training(part != "inference");
      const std::string name = c.name + "/" + part;
      check_call(layer, name, c.shape);
      check_close(layer.running_mean.value(), numbers(name + "/running_mean"));
      check_close(layer.running_variance.value(), numbers(name + "/running_variance"));
    }
  }
}

TEST_CASE("LayerNorm agrees with PyTorch over one axis and over two") {
  nn::LayerNorm<double> one(5), two(Shape{3, 4}, 1e-3);
  one.weight.assign(named("layer_norm/weight", {5}));
  one.bias.assign(named("layer_norm/bias", {5}));
  check_call(one, "layer_norm", {4, 5});
  two.weight.assign(named("layer_norm_matrices/weight", {3, 4}));
  two.bias.assign(named("layer_norm_matrices/bias", {3, 4}));
  check_call(two, "layer_norm_matrices", {2, 3, 4});
}

TEST_CASE("the axes of LayerNorm are listed in braces or given as a shape") {
  CHECK(nn::LayerNorm<float>({2, 3}).weight.shape() == autodiff::Shape{2, 3});
  CHECK(nn::LayerNorm<float>({2, 3}, 0.1).weight.shape() == autodiff::Shape{2, 3});
  CHECK(nn::LayerNorm<float>(autodiff::Shape{4}).weight.shape() == autodiff::Shape{4});
  CHECK(nn::LayerNorm<float>{4, 0.1}.weight.shape() == autodiff::Shape{4});
}

TEST_CASE("gradients of normalising layers agree with differences to second order") {
  nn::BatchNorm<double> training(3), inference(3);
  nn::LayerNorm<double> within(3);
  training.initialise(1), inference.initialise(1), within.initialise(1);
  training.training(true);
  inference.running_mean.assign(Array<double>{1, -0.5, 0.25});
  inference.running_variance.assign(Array<double>{2, 0.5, 1});
  const auto check = [](auto& layer) {
    const auto report = autodiff::check_gradient(
        [&](const std::vector<Variable<double>>& x) {
          layer.weight.assign(x[1]), layer.bias.assign(x[2]);
          return layer(x[0]);
        },
        {batch, Array<double>{1, -0.5, 2}, Array<double>{0.25, 1, -1}}, {.second_order = true});
    INFO(report.message());
    CHECK(report.ok);
  };
  check(training), check(inference), check(within);
}

TEST_CASE("running statistics are states: listed apart, not descended on, set in training alone") {
  nn::Sequential model(nn::Linear<double>(3, 3), nn::BatchNorm<double>(3));
  model.initialise(1);
  std::vector<std::string> parameters, states;
  for (auto& [name, parameter] : model.parameters()) parameters.push_back(name);
  for (auto& [name, state] : model.states()) states.push_back(name);
  CHECK(parameters == std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias"});
  CHECK(states == std::vector<std::string>{"1.running_mean", "1.running_variance"});
  CHECK(model.parameter_count() == 9 + 3 + 3 + 3);

  const auto running_mean = [&] { return model.states()[0].parameter.value(); };
  CHECK(running_mean() == Array<double>{0, 0, 0});
  CHECK(model.states()[1].parameter.value() == Array<double>{1, 1, 1});
  model(batch);
  CHECK(running_mean() == Array<double>{0, 0, 0});
  model.training(true);
  model(batch);  // off any tape, too
  const auto after_one = running_mean();
  CHECK(after_one != Array<double>{0, 0, 0});

  Tape<double> tape;
  const auto x = tape.constant(batch);
  {
    const auto pause = tape.pause();
    model(x);
    CHECK(running_mean() != after_one);
  }
  const auto before = model.state_variables(x);
  CHECK(before[0].name() == "1/running_mean");
  CHECK(before[0].value() == running_mean());
  const auto loss = sum(square(model(x)));
  const auto after = model.state_variables(x);
  CHECK(after[0].index() > before[0].index());
  CHECK(after[0].value() == running_mean());
  CHECK(model.variables(loss).size() == 4);
  CHECK_THROWS_AS(model.state_variables(Variable<double>(batch)), autodiff::TapeError);
  // The next value is computed from the weights, but no gradient flows there.
  for (const auto& g : gradient(sum(after[0]), model.variables(loss))) CHECK(xt::all(xt::equal(g, 0)));
}

TEST_CASE("a recorded step with states runs as a program, with the bits of the eager one") {
  nn::Sequential eager(nn::Linear<float>(3, 4), nn::BatchNorm<float>(4), nn::Activation<float>("tanh"),
                       nn::LayerNorm<float>(4), nn::Linear<float>(4, 2));
  eager.initialise(3);
  eager.training(true);
  auto recorded = eager;
  CHECK(recorded.training());
  CHECK(recorded[1].training());

  Tape<float> tape;
  const auto x = tape.constant(xt::cast<float>(batch)), target = tape.constant(Array<float>{0, 1, 1, 0});
  const auto states = recorded.state_variables(x);
  const auto loss = nn::softmax_cross_entropy(recorded(x), target);
  const auto next_states = recorded.state_variables(loss);
  const auto variables = recorded.variables(loss);
  const auto gradients = recorded_gradient(loss, variables);
  std::vector<autodiff::Update<float>> updates;
  for (std::size_t i = 0; i < states.size(); ++i) updates.push_back({states[i], next_states[i]});
  for (std::size_t i = 0; i < variables.size(); ++i)
    updates.push_back({variables[i], variables[i] - 0.1F * gradients[i]});
  auto program = compile({x, target}, {loss}, updates, {.exact = true});

  nn::Random random(5);
  for (int step = 0; step < 5; ++step) {
    const auto inputs = autodiff::to_array<float>(nn::normal(1, 2)({4, 3}, random));
    const Array<float> labels{1, 0, 0, 1};
    Tape<float> eager_tape;
    const auto eager_loss = nn::softmax_cross_entropy(eager(eager_tape.constant(inputs)), labels);
    const auto eager_gradients = recorded_gradient(eager_loss, eager.variables(eager_loss));
    auto parameters = eager.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i)
      parameters[i].parameter.assign(parameters[i].parameter.plain() - 0.1F * eager_gradients[i]);
    CHECK(program({inputs, labels})[0](0) == eager_loss.item());
    for (std::size_t i = 0; i < states.size(); ++i) CHECK(program.state(i) == eager.states()[i].parameter.value());
  }
}

TEST_CASE("normalised features have mean 0 and variance 1") {
  nn::BatchNorm<double> over(3);
  nn::LayerNorm<double> within(3, 1e-12);
  over.initialise(1), within.initialise(1);
  over.training(true);
  const auto columns = over(batch);
  const auto rows = within(batch);
  CHECK(xt::amax(xt::abs(mean(columns, 0).value()))() < 1e-15);
  CHECK(xt::amax(xt::abs(mean(rows, 1).value()))() < 1e-15);
  CHECK(xt::amax(xt::abs(variance(columns, 0).value() - 1))() < 1e-4);
  CHECK(xt::amax(xt::abs(variance(rows, 1).value() - 1))() < 1e-10);
}

TEST_CASE("normalising layers refuse what does not fit") {
  nn::BatchNorm<double> over(3);
  nn::LayerNorm<double> within(Shape{2, 3});
  over.initialise(1), within.initialise(1);
  const Array<double> narrow{{1, 2}, {3, 4}}, single{{1, 2, 3}};
  CHECK(error_of([&] { over(narrow); }) == "[batch_norm] the last axis must be the features: (2, 2) and (3)");
  CHECK(error_of([&] { over(Array<double>(Shape{}, 1.0)); }).find("[batch_norm] the last axis") == 0);
  CHECK_NOTHROW(over(single));
  over.training(true);
  CHECK(error_of([&] { over(single); }) ==
        "[batch_norm] in training it needs at least two values of a feature: (1, 3)");
  CHECK(over.running_mean.value() == Array<double>{0, 0, 0});
  CHECK(error_of([&] { within(single); }) == "[layer_norm] the last axes must be the features: (1, 3) and (2, 3)");
  CHECK(error_of([] { nn::BatchNorm<float>(0); }) == "[batch_norm] needs at least one feature: (0)");
  CHECK(error_of([] { nn::BatchNorm<float>(2, {.momentum = 1.5}); }) ==
        "[batch_norm] the momentum must be from 0 to 1: 1.5");
  CHECK(error_of([] { nn::LayerNorm<float>(2, 0); }) == "[layer_norm] epsilon must be above 0: 0");
}

namespace {

/// The weight with which a layer of 3 inputs computes, from what it makes of the unit vectors.
Array<double> seen(nn::Module<double>& layer) {
  const Array<double> zeros(Shape{1, 3}, 0.0), units = xt::eye<double>(3);
  return layer(units).value() - layer(zeros).value();
}

}  // namespace

TEST_CASE("WeightNorm has lengths and directions: at first those of the layer, then whatever they are set to") {
  const nn::Linear<double> linear(3, 2);
  nn::WeightNorm layer(linear);
  layer.initialise(1);
  CHECK(xt::allclose(seen(layer), layer.weight.value(), 1e-14, 1e-14));
  const Array<double> v{{3, 0}, {0, 1}, {4, 1}}, g{{2, -3}};
  layer.weight.assign(v), layer.weight_g.assign(g);
  const double root = std::sqrt(2.0);
  CHECK(xt::allclose(seen(layer), Array<double>{{6.0 / 5, 0}, {0, -3 / root}, {8.0 / 5, -3 / root}}, 1e-14, 1e-14));
  CHECK(layer.weight.value() == v);  // calls change nothing
  std::vector<std::string> names;
  for (const auto& [name, parameter] : layer.parameters()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"weight", "bias", "weight_g"});
  const auto loss = nn::loss<double>("squared-error");
  const Array<double> targets = layer(batch).value() * 0.5;
  const auto report = nn::check_gradient(layer, loss, batch, targets);
  CHECK_MESSAGE(report, report.message());
  // One step changes both, in a program as by hand.
  auto by_hand = layer;
  nn::GradientDescent<double> descent(0.1);
  nn::TrainingStep<double> step(layer, descent, loss);
  step(batch, targets);
  Tape<double> tape;
  const auto value = loss(by_hand(tape.constant(batch)), tape.constant(targets));
  descent.step(by_hand, gradient(value, by_hand.variables(value)));
  for (std::size_t k = 0; k < 3; ++k) {
    const auto &now = layer.parameters()[k].parameter.value(), &expected = by_hand.parameters()[k].parameter.value();
    CHECK(xt::allclose(now, expected, 1e-13, 1e-13));
  }
  CHECK(layer.weight.value() != v);
  CHECK(layer.weight_g.value() != g);
  // The axis is PyTorch's first one, or any.
  CHECK(nn::WeightNorm(nn::Conv2d<double>(2, 5, 3)).weight_g.shape() == Shape{5, 1, 1, 1});
  CHECK(nn::WeightNorm(nn::ConvTranspose2d<double>(2, 5, 3)).weight_g.shape() == Shape{2, 1, 1, 1});
  CHECK(nn::WeightNorm(nn::Embedding<double>(7, 3)).weight_g.shape() == Shape{7, 1});
  CHECK(nn::WeightNorm(linear, 0).weight_g.shape() == Shape{3, 1});
  CHECK(nn::WeightNorm(linear).summary({1, 3}).find("WeightNorm") != std::string::npos);
  CHECK(nn::SpectralNorm(linear).summary({1, 3}).find("SpectralNorm") != std::string::npos);
  CHECK(error_of([&] { nn::WeightNorm(linear, 2); }) == "[weight_norm] there is no axis 2: (3, 2)");
}

TEST_CASE("SpectralNorm divides by the largest singular value, to which steps of the power iteration lead") {
  nn::SpectralNorm layer(nn::Linear<double>(3, 2));
  layer.initialise(1);
  const Array<double> w{{3, 1}, {-1, 2}, {0, 1}};
  const auto largest = autodiff::svd(Variable<double>(w))[1].value()(0);
  layer.weight.assign(w);
  const auto u = layer.states()[0].parameter.value(), v = layer.states()[1].parameter.value();
  CHECK(layer.states()[0].name == "weight_u");
  CHECK(u.shape() == Shape{2});
  CHECK(v.shape() == Shape{3});
  // In inference, by what the states are: u^T W v of the matrix of outputs and inputs.
  double sigma = 0;
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t o = 0; o < 2; ++o) sigma += u(o) * w(i, o) * v(i);
  CHECK(xt::allclose(seen(layer), w / sigma, 1e-13, 1e-13));
  CHECK(layer.states()[0].parameter.value() == u);
  const auto report = nn::check_gradient(layer, nn::loss<double>("squared-error"), batch, layer(batch).value() * 0.5);
  CHECK_MESSAGE(report, report.message());
  // In training, by one step of the iteration, also in a program.
  Array<double> next_u{0, 0}, next_v{0, 0, 0};
  for (std::size_t o = 0; o < 2; ++o)
    for (std::size_t i = 0; i < 3; ++i) next_u(o) += w(i, o) * v(i);
  next_u /= std::sqrt(next_u(0) * next_u(0) + next_u(1) * next_u(1));
  double length = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t o = 0; o < 2; ++o) next_v(i) += w(i, o) * next_u(o);
    length += next_v(i) * next_v(i);
  }
  next_v /= std::sqrt(length);
  auto eager = layer;
  eager.training(true), eager(batch);
  nn::GradientDescent<double> descent(1e-9);
  layer.training(true);
  nn::TrainingStep<double> step(layer, descent, nn::loss<double>("squared-error"));
  step(batch, Array<double>(Shape{4, 2}, 0.0));
  for (auto* each : {&eager, &layer}) {
    CHECK(xt::allclose(each->states()[0].parameter.value(), next_u, 1e-13, 1e-13));
    CHECK(xt::allclose(each->states()[1].parameter.value(), next_v, 1e-13, 1e-13));
  }
  for (int i = 0; i < 60; ++i) eager(batch);
  eager.training(false);
  CHECK(xt::allclose(seen(eager), w / largest, 1e-12, 1e-12));
  // A new start takes 15 steps.
  nn::SpectralNorm convolution(nn::ConvTranspose2d<double>(2, 3, 3));
  convolution.initialise(2);
  CHECK(convolution.states()[0].parameter.shape() == Shape{3});
  CHECK(convolution.states()[1].parameter.shape() == Shape{18});
  CHECK(convolution(Array<double>(Shape{1, 2, 4, 4}, 1.0)).shape() == Shape{1, 3, 6, 6});
}
