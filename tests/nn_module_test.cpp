#include "nn_support.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;

namespace {

/// What a user writes: a layer around which its input goes.
struct Residual : nn::Module<double> {
  nn::Linear<double> inner{3, 3};
  Variable<double> forward(const Variable<double>& x) override { return x + tanh(inner(x)); }
  void members(nn::Members<double>& m) override { m("inner", inner); }
};

struct Model : nn::Module<double> {
  Residual residual;
  nn::Parameter<double> gain{{3}, nn::constant(2)};
  nn::Sequential<double> head{nn::Linear<double>(3, 4), nn::Activation<double>("logistic"), nn::Linear<double>(4, 2)};
  Variable<double> forward(const Variable<double>& x) override { return head(residual(x) * gain.beside(x)); }
  void members(nn::Members<double>& m) override {
    m("residual", residual);
    m("gain", gain);
    m("head", head);
  }
};

std::vector<std::string> names(nn::Module<double>& model) {
  std::vector<std::string> result;
  for (auto& [name, parameter] : model.parameters()) result.push_back(name);
  return result;
}

const Array<double> inputs{{0.5, -1, 2}, {1, 0.25, -0.5}};
const Array<double> labels{1, 0};

}  // namespace

TEST_CASE("parameters are listed in order, under nested names") {
  Model model;
  CHECK(names(model) == std::vector<std::string>{"residual.inner.weight", "residual.inner.bias", "gain",
                                                 "head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"});
  CHECK(model.parameter_count() == 9 + 3 + 3 + 12 + 4 + 8 + 2);
}

TEST_CASE("a model computes what its formula says") {
  nn::Sequential model(nn::Linear<double>(2, 1), nn::Activation<double>("logistic"));
  auto parameters = model.parameters();
  parameters[0].parameter.assign(reshape(Variable<double>(Array<double>{2, -1}), {2, 1}));
  parameters[1].parameter.assign(Array<double>{0.5});
  // a = 0.5 + 2 * 1 - 1 * 3 = -0.5; 1 / (1 + e^0.5) = 0.37754066879814543536
  CHECK(model(Array<double>{{1, 3}}).item() == doctest::Approx(0.37754066879814543536).epsilon(1e-15));
}

TEST_CASE("class template arguments are deduced, float by default") {
  nn::Sequential model(nn::Linear(64, 30), nn::Activation("logistic"), nn::Linear(30, 10));
  static_assert(std::is_same_v<decltype(model), nn::Sequential<float>>);
  CHECK(model.parameter_count() == 64 * 30 + 30 + 30 * 10 + 10);
}

TEST_CASE("nodes are named by the members that recorded them") {
  Model model;
  model.initialise(1);
  Tape<double> tape;
  model(tape.constant(inputs));
  CHECK(tape.find("residual/inner/a").shape() == Shape{2, 3});
  CHECK(tape.find("residual/inner/weight").shape() == Shape{3, 3});
  CHECK(tape.find("gain").shape() == Shape{3});
  CHECK(tape.find("head/1/h").shape() == Shape{2, 4});
  CHECK(tape.find("head/2/a").shape() == Shape{2, 2});
}

TEST_CASE("parameters that were not used yet are entered under the same names, with gradients of zero") {
  Model model;
  model.initialise(1);
  Tape<double> tape;
  const auto x = tape.variable(Array<double>{2});
  const auto variables = model.variables(x);
  CHECK(variables[0].name() == "residual/inner/weight");
  CHECK(variables[2].name() == "gain");
  CHECK(xt::all(xt::equal(gradient(sum(x), variables)[0], 0)));
}

TEST_CASE("inference records nothing") {
  Model model;
  model.initialise(1);
  CHECK_FALSE(model(inputs).recorded());
  Tape<double> tape;
  const auto x = tape.constant(inputs);
  const auto pause = tape.pause();
  CHECK_FALSE(model(x).recorded());
  CHECK(tape.size() == 1);
}

TEST_CASE("a parameter is entered once a tape, again after it is cleared, and on two tapes side by side") {
  nn::Linear<double> layer(3, 2);
  layer.initialise(1);
  Tape<double> one, two;
  const auto x = one.constant(inputs), y = two.constant(inputs);
  const auto a = layer.weight.beside(x), b = layer.weight.beside(y);
  CHECK(layer.weight.beside(x).index() == a.index());
  CHECK(one.size() == 2);
  CHECK(&layer.weight.beside(y).tape() == &two);
  one.clear();
  CHECK(layer.weight.beside(one.constant(inputs)).alive());
  layer.weight.assign(Array<double>(xt::zeros<double>({3, 2})));
  CHECK(layer.weight.beside(y).index() != b.index());
  CHECK(layer.weight.beside(y).value()(0, 0) == 0);
}

TEST_CASE("the gradient of every parameter agrees with differences") {
  Model model;
  model.initialise(3);
  std::vector<Array<double>> at;
  for (auto& [name, parameter] : model.parameters()) at.push_back(parameter.value());
  const auto loss = [&](const std::vector<Variable<double>>& variables) {
    auto parameters = model.parameters();
    for (std::size_t i = 0; i < variables.size(); ++i) parameters[i].parameter.assign(variables[i]);
    const auto x = variables[0].recorded() ? variables[0].tape().constant(inputs) : Variable<double>(inputs);
    return nn::loss<double>("cross-entropy")(model(x), Variable<double>(labels));
  };
  const auto report = check_gradient(loss, at, {.second_order = true});
  INFO(report.message());
  CHECK(report.ok);
}

TEST_CASE("a copy is an independent model") {
  Model model;
  model.initialise(1);
  const auto before = model(inputs).value();
  Model copy = model;
  CHECK(copy(inputs).value() == before);
  for (auto& [name, parameter] : copy.parameters()) parameter.assign(Array<double>(parameter.value() * 2));
  CHECK(model(inputs).value() == before);
  CHECK(copy(inputs).value() != before);

  Tape<double> tape;  // on one tape, too
  const auto x = tape.constant(inputs);
  const auto y = sum(model(x)) + sum(copy(x));
  CHECK(model.variables(y)[0].index() != copy.variables(y)[0].index());
  model = copy;
  CHECK(model(inputs).value() == copy(inputs).value());
}

TEST_CASE("a member that is replaced takes over the name of its place") {
  Model model;
  model.residual.inner = nn::Linear<double>(3, 3);
  model.initialise(1);
  Tape<double> tape;
  model(tape.constant(inputs));
  CHECK(tape.find("residual/inner/a").shape() == Shape{2, 3});
  nn::Linear<double> taken = model.residual.inner;  // a copy outside has no place
  taken(tape.constant(inputs));
  CHECK(tape.find("a").shape() == Shape{2, 3});
}

TEST_CASE("a parameter may be computed on the tape") {
  nn::Linear<double> layer(1, 1);
  layer.initialise(1);
  Tape<double> tape;
  const auto t = tape.variable(3.0);
  layer.weight.assign(reshape(t * t, {1, 1}));
  const auto y = sum(layer(tape.constant(Array<double>(Shape{1, 1}, 5.0))));
  CHECK(gradient(y, t)() == 2 * 3 * 5);
  CHECK(layer.weight.value()(0, 0) == 9);
}

TEST_CASE("modules of any kind are called by function or by name") {
  const Array<double> x{-1, 0.5};
  nn::Activation<double> own([](const Variable<double>& v) { return v * v; });
  CHECK(own(x).value() == Array<double>{1, 0.25});
  for (const auto& name : nn::activation_names()) CHECK(nn::Activation<double>(name)(x).shape() == Shape{2});
  CHECK(nn::Activation<double>("relu")(x).value() == Array<double>{0, 0.5});
  CHECK(nn::Activation<double>("linear")(x).value() == x);
}

TEST_CASE("errors say where and what") {
  Model model;
  CHECK(error_of([&] { model(inputs); }).find("has no value yet: initialise(seed)") != std::string::npos);
  model.initialise(1);
  const Array<double> narrow{{1, 2}, {3, 4}};
  Tape<double> tape;
  CHECK(error_of([&] { model.head(tape.constant(narrow)); }) ==
        "head/0: [matmul] inner dimensions must agree: (2, 2) and (3, 4)");
  CHECK(error_of([&] { model.head(narrow); }).find("head/0: [matmul]") == 0);
  CHECK(error_of([&] { model.gain.assign(Array<double>{1}); }) ==
        "[parameter] gain cannot take a value of another shape: (3) and (1)");
  CHECK(error_of([&] { model.variables(Variable<double>(inputs)); }).find("[variables] x is a plain value") == 0);
  CHECK(error_of([] { nn::Linear(0, 3); }) == "[linear] needs at least one input and one output: (0, 3)");
  CHECK(error_of([] { nn::Activation("logistik"); }).find("[activation] there is none named \"logistik\"") == 0);
  CHECK(error_of([&] { model.head[3]; }) == "[sequential] has no module 3, only 3");
}

TEST_CASE("bad names of members are refused") {
  struct Listing : nn::Module<double> {
    nn::Linear<double> a{1, 1}, b{1, 1};
    std::string first = "a", second = "b";
    Variable<double> forward(const Variable<double>& x) override { return x; }
    void members(nn::Members<double>& m) override { m(first, a), m(second, b); }
  };
  Listing model;
  CHECK_NOTHROW(model.parameters());
  model.second = "a";
  CHECK(error_of([&] { model.parameters(); }) == "[module] two members have one name: \"a\"");
  for (const char* bad : {"", "a.b", "a/b", "a#2"}) {
    model.second = bad;
    CHECK(error_of([&] { model.parameters(); }).find("[module] the name of a member must not be empty") == 0);
  }
}
