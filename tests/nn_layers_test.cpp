#include "nn_support.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;

namespace {

/// A user's module: a gate decides how much of each feature goes round the layer.
struct Highway : nn::Module<double> {
  nn::Linear<double> value{3, 3}, gate{3, 3};
  Variable<double> forward(const Variable<double>& x) override {
    const auto open = logistic(gate(x));
    return open * tanh(value(x)) + (1 - open) * x;
  }
  void members(nn::Members<double>& m) override { m("value", value), m("gate", gate); }
};

/// Counts its calls in training in a state, and has a member that it never calls.
template <class T>
struct Counting : nn::Module<T> {
  nn::Parameter<T> calls{{}, nn::zeros(), nn::Trainable::no};
  nn::Linear<T> unused{2, 2};
  Variable<T> forward(const Variable<T>& x) override {
    if (this->training()) calls.assign(calls.beside(x) + 1);
    return x;
  }
  void members(nn::Members<T>& m) override { m("calls", calls), m("unused", unused); }
};

const Array<double> inputs{{0.5, -1, 2}, {1, 0.25, -0.5}};

}  // namespace

TEST_CASE("Flatten keeps the samples") {
  nn::Flatten<double> layer;
  const Array<double> x{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}, {{9, 10}, {11, 12}}};
  CHECK(layer(x).value() == Array<double>{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}});
  CHECK(layer(inputs).value() == inputs);
  CHECK(layer(Array<double>(xt::zeros<double>({0, 2, 3}))).shape() == Shape{0, 6});
  CHECK_THROWS_AS(layer(Array<double>{1, 2}), autodiff::AxisError);
}

TEST_CASE("Embedding gives the rows of its weight, whose gradients add up") {
  nn::Embedding<double> layer(4, 2);
  layer.weight.assign(Array<double>{{1, 2}, {3, 4}, {5, 6}, {7, 8}});
  const Array<double> words{{2, 0}, {2, 3}};
  CHECK(layer(words).value() == Array<double>{{{5, 6}, {1, 2}}, {{5, 6}, {7, 8}}});
  Tape<double> tape;
  const auto x = tape.constant(words);
  CHECK(gradient(sum(layer(x)), layer.weight.beside(x)) == Array<double>{{1, 1}, {0, 0}, {2, 2}, {1, 1}});
  CHECK_THROWS_AS(layer(Array<double>{4}), autodiff::ValueError);
  CHECK(error_of([] { nn::Embedding(0, 3); }) == "[embedding] needs at least one thing and one number for it: (0, 3)");
}

TEST_CASE("Residual adds what its inner module computes") {
  nn::Residual model(nn::Sequential(nn::Linear<double>(3, 3), nn::Activation<double>("tanh")));
  model.initialise(1);
  CHECK(model.parameters()[0].name == "inner.0.weight");
  CHECK(model(inputs).value() == Array<double>(inputs + model.inner()(inputs).value()));
  auto copy = model;
  copy.parameters()[0].parameter.assign(Array<double>(xt::zeros<double>({3, 3})));
  CHECK(copy(inputs).value() == inputs);
  CHECK(model(inputs).value() != inputs);
  nn::Residual broadcasting(nn::Linear<double>(3, 1));
  broadcasting.initialise(1);
  CHECK(error_of([&] { broadcasting(inputs); }) ==
        "[residual] the inner module must keep the shape: (2, 3) and (2, 1)");
}

TEST_CASE("a user's module of a few lines has right gradients, alone and in layers") {
  nn::Sequential model(Highway{}, nn::Residual(Highway{}), nn::LayerNorm<double>(3));
  model.initialise(2);
  std::vector<Array<double>> at;
  for (auto& [name, parameter] : model.parameters()) at.push_back(parameter.value());
  CHECK(at.size() == 4 + 4 + 2);
  const auto report = autodiff::check_gradient(
      [&](const std::vector<Variable<double>>& variables) {
        auto parameters = model.parameters();
        for (std::size_t i = 0; i < variables.size(); ++i) parameters[i].parameter.assign(variables[i]);
        const auto x = variables[0].recorded() ? variables[0].tape().constant(inputs) : Variable<double>(inputs);
        return nn::huber(model(x), inputs);
      },
      at, {.second_order = true});
  INFO(report.message());
  CHECK(report.ok);
}

TEST_CASE("every activation of the engine is there by name") {
  const Array<double> x{-8, -0.5, 0.5, 8};
  CHECK(nn::Activation<double>("hard_tanh")(x).value() == Array<double>{-1, -0.5, 0.5, 1});
  CHECK(nn::Activation<double>("relu6")(x).value() == Array<double>{0, 0, 0.5, 6});
  const auto known = nn::activation_names();
  for (const char* name : {"logistic", "softplus", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh",
                           "softmax", "log_softmax", "linear"})
    CHECK(std::ranges::count(known, name) == 1);
}

TEST_CASE("the mode of a model is that of all its modules, off at first, and copied") {
  nn::Sequential model(nn::Linear<double>(2, 2), nn::Residual(Counting<double>{}));
  CHECK_FALSE(model.training());
  model.training(true);
  CHECK(model.training());
  auto& residual = dynamic_cast<nn::Residual<double>&>(model[1]);
  CHECK(residual.inner().training());
  nn::Sequential copy = model;
  CHECK(copy[1].training());
  copy.training(false);
  CHECK_FALSE(copy[1].training());
  CHECK(model[1].training());
  model[1].training(false);  // a part alone
  CHECK_FALSE(residual.inner().training());
  CHECK(model.training());
}

TEST_CASE("a state that a user's module keeps counts on, and copies go their own way") {
  Counting<double> model;
  CHECK(error_of([&] { model.training(true), model(inputs); }).find("[parameter] calls has no value yet") == 0);
  model.initialise(1);
  model(inputs), model(inputs);
  CHECK(model.states()[0].parameter.value()() == 2);
  CHECK_FALSE(model.states()[0].parameter.trainable());
  auto copy = model;
  CHECK_FALSE(copy.states()[0].parameter.trainable());
  copy(inputs);
  CHECK(copy.calls.value()() == 3);
  CHECK(model.calls.value()() == 2);
  Tape<double> tape;
  for (int step = 0; step < 3; ++step) {  // recorded: each pass goes on from the one before
    const auto x = tape.constant(inputs);
    model(x), model(x);
    tape.clear();
  }
  CHECK(model.calls.value()() == 8);
}

TEST_CASE("a summary shows every module, and changes nothing") {
  nn::Sequential model(nn::Flatten<float>(), nn::Linear(6, 4), nn::BatchNorm(4), nn::Activation("relu"),
                       nn::Residual(nn::Linear(4, 4)), Counting<float>(),
                       nn::Activation<float>([](const Variable<float>& x) { return x * x; }));
  model.training(true);
  const std::string expected =
      "module    kind        output  parameters  states\n"
      "(model)   Sequential  (5, 4)           0       0\n"
      "0         Flatten     (5, 6)           0       0\n"
      "1         Linear      (5, 4)          28       0\n"
      "2         BatchNorm   (5, 4)           8       8\n"
      "3         relu        (5, 4)           0       0\n"
      "4         Residual    (5, 4)           0       0\n"
      "4.inner   Linear      (5, 4)          20       0\n"
      "5         Counting    (5, 4)           0       1\n"
      "5.unused  Linear      -                6       0\n"
      "6         Activation  (5, 4)           0       0\n"
      "total                                 62       9\n";
  const std::string text = model.summary({5, 2, 3});
  CHECK(text == expected);
  CHECK_FALSE(model.parameters()[0].parameter.has_value());
  CHECK(model[2].training());
  model.initialise(1);
  const Array<float> x(Shape{5, 2, 3}, 1.0F);
  const auto before = model(x).value();
  const auto statistics = model.states()[0].parameter.value();
  model.summary({1, 6});
  CHECK(model.states()[0].parameter.value() == statistics);
  CHECK(model(x).value() == before);
  CHECK(error_of([&] { model.summary({5, 7}); }).find("1: [matmul] inner dimensions must agree") == 0);
  CHECK(model[2].training());  // after an error, too
}

TEST_CASE("a summary leaves every module in the mode that it was in, after an error as well") {
  nn::Sequential model(nn::Linear<float>(6, 4), nn::BatchNorm(4),
                       nn::Residual(nn::Sequential(nn::Linear(4, 4), nn::BatchNorm(4))), nn::BatchNorm(4));
  model.initialise(1);
  auto& inner = dynamic_cast<nn::Residual<float>&>(model[2]).inner();
  const auto modes = [&] {
    auto& parts = dynamic_cast<nn::Sequential<float>&>(inner);
    std::vector<bool> all{model.training(), inner.training()};
    for (std::size_t i = 0; i < 4; ++i) all.push_back(model[i].training());
    for (std::size_t i = 0; i < 2; ++i) all.push_back(parts[i].training());
    return all;
  };
  const auto check_kept = [&] {
    const auto before = modes();
    model.summary({5, 6});
    CHECK(modes() == before);
    CHECK_THROWS_AS(model.summary({5, 7}), autodiff::ShapeError);
    CHECK(modes() == before);
  };
  check_kept();  // inference
  CHECK(modes() == std::vector<bool>(8, false));
  model.training(true);
  check_kept();
  CHECK(modes() == std::vector<bool>(8, true));
  model[1].training(false), inner.training(false);  // frozen statistics in a model that is trained
  check_kept();
  CHECK(modes() == std::vector<bool>{true, false, true, false, true, true, false, false});
  // In training as before: the statistics of a batch are taken.
  const auto statistics = model.states();
  const auto frozen = statistics[0].parameter.value(), moving = statistics.back().parameter.value();
  model(Array<float>(Shape{5, 6}, 1.0F));
  CHECK(model.states()[0].parameter.value() == frozen);
  CHECK(model.states().back().parameter.value() != moving);
}

TEST_CASE("a module is of the kind that its class is called") {
  struct Local : nn::Module<double> {
    Variable<double> forward(const Variable<double>& x) override { return x; }
  };
  CHECK(Local().kind() == "Local");
  CHECK(Highway().kind() == "Highway");
  CHECK(Counting<float>().kind() == "Counting");
  CHECK(nn::Activation("gelu").kind() == "gelu");
}
