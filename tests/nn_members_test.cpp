// What modules can hold, and how often: vectors, optional ones, tied weights, modules called twice, states of their
// own.
#include <array>
#include <memory>
#include <optional>

#include "nn_support.hpp"
#include "scratch.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;
using V = Variable<double>;

namespace {

const Array<double> inputs{{0.5, -1, 2}, {1, 0.25, -0.5}};
const Array<double> targets{{1, 0, 0.5}, {0, -1, 1}};
const auto loss = nn::loss<double>("mean-squared-error");

std::vector<std::string> names(nn::Module<double>& model) {
  std::vector<std::string> result;
  for (auto& [name, parameter] : model.parameters()) result.push_back(name);
  return result;
}

void check_differences(nn::Module<double>& model, const Array<double>& x = inputs, const Array<double>& t = targets) {
  const auto report = nn::check_gradient(model, loss, x, t);
  INFO(report.message());
  CHECK(report.ok);
}

/// In a siamese way: one encoder for both halves of the columns.
struct Siamese : nn::Module<double> {
  nn::Linear<double> encoder{3, 3};
  V forward(const V& x) override { return encoder(tanh(encoder(x))) + encoder(x * 0.5); }
  void members(nn::Members<double>& m) override { m("encoder", encoder); }
};

/// Words in, scores of words out, with one matrix for both.
struct Tied : nn::Module<double> {
  nn::Embedding<double> words{4, 3};
  nn::Parameter<double> bias{{4}, nn::normal(0, 1)};
  V forward(const V& x) override { return linear(tanh(words(x)), transpose(words.weight.beside(x)), bias.beside(x)); }
  void members(nn::Members<double>& m) override { m("words", words), m("output", words.weight), m("bias", bias); }
};

struct Containers : nn::Module<double> {
  std::vector<nn::Linear<double>> blocks = std::vector<nn::Linear<double>>(2, nn::Linear<double>(3, 3));
  std::array<nn::Parameter<double>, 2> gains{nn::Parameter<double>{{3}, nn::constant(2)},
                                             nn::Parameter<double>{{3}, nn::constant(3)}};
  std::optional<nn::LayerNorm<double>> norm, no_norm;
  std::unique_ptr<nn::Module<double>> head = std::make_unique<nn::Linear<double>>(3, 3), no_head;
  std::vector<std::unique_ptr<nn::Module<double>>> heads;
  nn::AnyModule<double> function = nn::Activation<double>("tanh");
  Containers() {
    norm.emplace(Shape{3});
    heads.push_back(std::make_unique<Siamese>());
  }
  V forward(const V& x) override {
    V y = x;
    for (auto& block : blocks) y = (*function)(block(y));
    for (auto& gain : gains) y = y * gain.beside(y);
    return (*heads[0])((*head)((*norm)(y)));
  }
  void members(nn::Members<double>& m) override {
    m("blocks", blocks), m("gains", gains), m("norm", norm), m("no_norm", no_norm);
    m("head", head), m("no_head", no_head), m("heads", heads), m("function", function);
  }
};

}  // namespace

TEST_CASE("a module that is called several times in one forward has the gradient of them all") {
  Siamese model;
  model.initialise(1);
  check_differences(model);
  // By hand, on a tape of its own, and after a step.
  const Array<double> w = model.encoder.weight.value(), b = model.encoder.bias.value();
  Tape<double> tape;
  const V x = tape.constant(inputs), vw = tape.variable(w), vb = tape.variable(b);
  const auto encode = [&](const V& u) { return matmul(u, vw) + vb; };
  const auto [dw, db] = gradient(mean(square(encode(tanh(encode(x))) + encode(x * 0.5) - targets)), vw, vb);
  nn::GradientDescent<double> rule(0.1);
  nn::TrainingStep<double> step(model, rule, loss);
  step(inputs, targets), step.store();
  CHECK(xt::allclose(model.encoder.weight.value(), w - 0.1 * dw, 1e-12, 1e-12));
  CHECK(xt::allclose(model.encoder.bias.value(), b - 0.1 * db, 1e-12, 1e-12));
}

TEST_CASE("tied weights are there once, under their first name, in model, step, summary and file") {
  const Array<double> words{0, 2, 3}, scores = xt::ones<double>({3, 4}) * 0.5;
  Tied model;
  model.initialise(3);
  CHECK(names(model) == std::vector<std::string>{"words.weight", "bias"});
  CHECK(model.parameter_count() == 16);
  CHECK(model.summary({3}).find("16       0\n") != std::string::npos);  // the totals
  check_differences(model, words, scores);

  const Array<double> w = model.words.weight.value();
  Tape<double> tape;
  const V vw = tape.variable(w), y = matmul(tanh(gather(vw, words)), transpose(vw)) + model.bias.value();
  const auto dw = gradient(mean(square(y - scores)), vw);
  {
    Tape<double> other;
    const V x = other.constant(words);
    model.variables(model(x));
    CHECK(other.find("words.weight").value() == w);
  }
  nn::GradientDescent<double> rule(0.1);
  nn::TrainingStep<double> step(model, rule, loss);
  step(words, scores), step.store();
  CHECK(xt::allclose(model.words.weight.value(), w - 0.1 * dw, 1e-12, 1e-12));

  const Scratch scratch;
  nn::save(model, scratch / "tied.safetensors");
  CHECK(nn::load_safetensors(scratch / "tied.safetensors").tensors.size() == 2);
  Tied other;
  other.initialise(4);
  nn::load(other, scratch / "tied.safetensors");
  CHECK(other(words).value() == model(words).value());
  Tied copy = model;
  copy.initialise(5);
  CHECK(model(words).value() == other(words).value());
}

TEST_CASE("a module that is listed twice has the first of its names, on tapes too") {
  struct Shared : nn::Module<double> {
    nn::Linear<double> one{3, 3};
    V forward(const V& x) override { return one(x); }
    void members(nn::Members<double>& m) override { m("first", one), m("second", one); }
  } model;
  model.initialise(1);
  CHECK(names(model) == std::vector<std::string>{"first.weight", "first.bias"});
  Tape<double> tape;
  model(tape.constant(inputs));
  for (const auto& name : tape.names()) CHECK(name.starts_with("first/"));
  CHECK(model.summary({1, 3}).find("second") == std::string::npos);
  model.training(true);
  model.summary({1, 3});
  CHECK(model.one.training());
  check_differences(model);
}

TEST_CASE("members in vectors, arrays, optional ones and pointers are listed by number or name, absent ones are not") {
  Containers model;
  model.initialise(1);
  CHECK(names(model) == std::vector<std::string>{"blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
                                                 "gains.0", "gains.1", "norm.weight", "norm.bias", "head.weight",
                                                 "head.bias", "heads.0.encoder.weight", "heads.0.encoder.bias"});
  check_differences(model);
  for (const bool entered_first : {false, true}) {
    Tape<double> tape;
    const V x = tape.constant(inputs);
    if (entered_first) model.variables(x);
    model(x);
    CHECK(tape.find("blocks/1/a").shape() == Shape{2, 3});
    CHECK(tape.find("heads/0/encoder/a#3").shape() == Shape{2, 3});
    for (auto& [name, parameter] : model.parameters()) CHECK(tape.find(name).index() == parameter.beside(x).index());
  }
  const auto summary = model.summary({2, 3});
  for (const char* row : {"\nblocks.1 ", "\nheads.0.encoder ", "\nnorm ", "\nfunction "}) {
    CAPTURE(row);
    CHECK(summary.find(row) != std::string::npos);
  }
  const Array<double> narrow{{1, 2}};
  CHECK(error_of([&] { model(narrow); }) == "blocks/0: [matmul] inner dimensions must agree: (1, 2) and (3, 3)");

  nn::Adam<double> adam(0.01);
  nn::TrainingStep<double> step(model, adam, loss);
  const double first = step(inputs, targets);
  for (int i = 0; i < 50; ++i) step(inputs, targets);
  CHECK(step(inputs, targets) < 0.5 * first);
  step.store();
  const Scratch scratch;
  nn::save(model, scratch / "model");
  Containers other;
  nn::load(other, scratch / "model");
  CHECK(other(inputs).value() == model(inputs).value());
}

TEST_CASE("names in vectors are checked as others are") {
  struct Listing : nn::Module<double> {
    std::vector<nn::Linear<double>> blocks = std::vector<nn::Linear<double>>(1, nn::Linear<double>(1, 1));
    std::string first = "a", second = "b";
    V forward(const V& x) override { return x; }
    void members(nn::Members<double>& m) override { m(first, blocks), m(second, blocks[0]); }
  } model;
  CHECK(names(model) == std::vector<std::string>{"a.0.weight", "a.0.bias"});
  model.second = "a";
  CHECK(error_of([&] { model.parameters(); }) == "[module] two members have one name: \"a\"");
  model.first = "a.b";
  CHECK(error_of([&] { model.parameters(); }).find("[module] the name of a member must not be empty or hold") == 0);
}

TEST_CASE("the states of a module that is called twice go on from call to call") {
  struct Running : nn::Module<double> {  // keeps the sum of all that it saw
    nn::Parameter<double> total{{3}, nn::zeros(), nn::Trainable::no}, gain{{3}, nn::constant(1)};
    V forward(const V& x) override {
      if (this->training()) total.assign(total.beside(x) + stop_gradient(sum(x, 0)));
      return x * gain.beside(x);
    }
    void members(nn::Members<double>& m) override { m("total", total), m("gain", gain); }
  };
  struct Twice : nn::Module<double> {
    Running inner;
    V forward(const V& x) override { return inner(x) + inner(2 * x); }
    void members(nn::Members<double>& m) override { m("inner", inner); }
  } model;
  model.initialise(1);
  check_differences(model);
  nn::GradientDescent<double> rule(0.0);
  nn::TrainingStep<double> step(model, rule, loss);
  for (int i = 0; i < 2; ++i) step(inputs, targets);
  step.store();
  CHECK(xt::allclose(model.inner.total.value(), 6 * xt::sum(inputs, {0}), 1e-12, 1e-12));
}

TEST_CASE("a module that cannot be copied can stand in a sequence, which then cannot be copied either") {
  struct Held : nn::Module<double> {
    std::unique_ptr<nn::Module<double>> inner = std::make_unique<nn::Linear<double>>(3, 3);
    V forward(const V& x) override { return (*inner)(x); }
    void members(nn::Members<double>& m) override { m("inner", inner); }
  };
  nn::Sequential<double> model{Held{}, nn::Activation<double>("tanh")};
  model.initialise(1);
  check_differences(model);
  CHECK(error_of([&] { nn::Sequential<double> copy = model; }) ==
        "[module] a Held cannot be copied, as what it holds cannot");
}
