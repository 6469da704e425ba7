// What tapes call the nodes of networks, and what is said where something is forgotten or misspelt.
#include "nn_support.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;
using V = Variable<double>;

namespace {

const Array<double> inputs{{0.5, -1, 2}, {1, 0.25, -0.5}};

nn::Sequential<double> plain() {
  nn::Sequential<double> model(nn::Flatten<double>(), nn::Linear<double>(3, 4), nn::LayerNorm<double>(Shape{4}),
                               nn::Activation<double>("logistic"), nn::Linear<double>(4, 2),
                               nn::Activation<double>("tanh"), nn::Linear<double>(2, 2));
  model.initialise(1);
  return model;
}

}  // namespace

TEST_CASE("a plain network has the names of the lecture beside those of its file") {
  auto model = plain();
  for (const bool entered_first : {false, true}) {
    Tape<double> tape;
    const V x = tape.constant(inputs);
    if (entered_first) model.variables(x);
    model(x);
    const auto same = [&](const char* one, const char* other) {
      CAPTURE(one);
      CHECK(tape.find(one).index() == tape.find(other).index());
    };
    same("layer1/W", "1.weight"), same("layer1/b", "1/bias"), same("layer1/a", "1/a"), same("layer1/h", "3/h");
    same("layer2/W", "4.weight"), same("layer2/b", "4/bias"), same("layer2/a", "4/a"), same("layer2/h", "5/h");
    same("layer3/W", "6.weight"), same("layer3.a", "6/a");
    for (auto& [name, parameter] : model.parameters()) CHECK(tape.find(name).index() == parameter.beside(x).index());
    const auto error = error_of([&] { tape.find("layer3/h"); });
    CAPTURE(error);
    CHECK(error.find("\"layer1/h\"") != std::string::npos);
    CHECK(error.find("\"layer3/a\"") != std::string::npos);
  }
}

TEST_CASE("the gradients of a plain network by the names of the lecture are those of its formula") {
  nn::Sequential model(nn::Linear<double>(3, 4), nn::Activation<double>("logistic"), nn::Linear<double>(4, 2));
  model.initialise(2);
  Tape<double> tape;
  const V loss = sum(square(model(tape.constant(inputs))));
  const Array<double> d_a2 = 2 * tape.find("layer2/a").value(), h1 = tape.find("layer1/h").value();
  const auto [d_w2, d_b2, d_a1] = gradient(loss, tape.find("layer2/W"), tape.find("layer2/b"), tape.find("layer1/a"));
  const V expected = matmul(transpose(V(h1)), V(d_a2));
  CHECK(xt::allclose(d_w2, expected.value(), 1e-12, 1e-12));
  CHECK(xt::allclose(d_b2, xt::sum(d_a2, {0}), 1e-12, 1e-12));
  const V d_h1 = matmul(V(d_a2), transpose(V(tape.find("layer2/W").value())));
  CHECK(xt::allclose(d_a1, d_h1.value() * h1 * (1 - h1), 1e-12, 1e-12));
}

TEST_CASE("layers of the lecture follow what a sequence holds, in models that hold it, too") {
  struct Outer : nn::Module<double> {
    nn::Sequential<double> head{nn::Linear<double>(3, 2), nn::Activation<double>("tanh")};
    V forward(const V& x) override { return head(x); }
    void members(nn::Members<double>& m) override { m("head", head); }
  } model;
  nn::Sequential<double> other(nn::Activation<double>("tanh"), nn::Linear<double>(3, 2));
  model.initialise(1), other.initialise(1);
  Tape<double> tape;
  model(tape.constant(inputs));
  CHECK(tape.find("head/layer1/h").index() == tape.find("head/1/h").index());
  model.head = other;
  Tape<double> later;
  model(later.constant(inputs));
  CHECK(later.find("head.layer1.a").index() == later.find("head/1/a").index());
  CHECK_THROWS_AS(later.find("head/layer1/h"), autodiff::TapeError);
}

TEST_CASE("the calls of a module are told apart, and its parameters are entered once") {
  struct Twice : nn::Module<double> {
    nn::Linear<double> encoder{3, 3};
    V forward(const V& x) override { return encoder(tanh(encoder(x))); }
    void members(nn::Members<double>& m) override { m("encoder", encoder); }
  } model;
  model.initialise(1);
  Tape<double> tape;
  const V x = tape.constant(inputs), y = model(x);
  auto names = tape.names();
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"encoder/a#1", "encoder/a#2", "encoder/bias", "encoder/weight"});
  CHECK(tape.find("encoder/a#2").index() == y.index());
  CHECK(tape.find("encoder/a#1").value() == model.encoder(inputs).value());
}

TEST_CASE("names of members are no secret of errors: a module that is forgotten is named with the advice") {
  struct Gated : nn::Module<double> {
    nn::Linear<double> value{3, 3}, gate{3, 3};
    nn::Dropout<double> dropout{0.5};
    nn::Activation<double> function{"tanh"};  // need not be listed: it has nothing to train or to keep
    nn::Parameter<double> scale{{3}, nn::constant(2)};
    bool gates = false, drops = false, scales = false;
    V forward(const V& x) override {
      V y = function(value(x));
      if (gates) y = y * gate(x);
      if (drops) y = dropout(y);
      if (scales) y = y * scale.beside(y);
      return y;
    }
    void members(nn::Members<double>& m) override { m("value", value); }
  } model;
  model.initialise(1);
  CHECK_NOTHROW(model(inputs));
  model.gates = true;
  const std::string gate =
      "[module] the forward of Gated uses a Linear (weight (3, 3), bias (3)) that its members() does not list: add "
      "m(\"name\", member) there; or, if it is a model of its own, that is only read, say trainable(false) of it";
  CHECK(error_of([&] { model(inputs); }) == gate);
  CHECK(error_of([&] { model.summary({1, 3}); }) == gate);
  nn::Adam<double> adam(0.1);
  nn::TrainingStep<double> step(model, adam, nn::loss<double>("mean-squared-error"));
  CHECK(error_of([&] { step(inputs, inputs); }).find(gate) != std::string::npos);
  model.gate.initialise(1);  // a model of its own
  CHECK_NOTHROW(model(inputs));
  model.drops = true;  // and would not drop in training, without a word
  CHECK(error_of([&] { model(inputs); }).find("uses a Dropout (key (), step ())") != std::string::npos);
  model.drops = false, model.scales = true;
  model.scale.assign(Array<double>{1, 2, 3});
  Tape<double> tape;
  CHECK(error_of([&] {
          model(tape.constant(inputs));
        }).find("[module] the forward of Gated uses a parameter that its members() does not list: add m(") == 0);
  CHECK(error_of([&] { model(inputs); }).ends_with("trainable(false) of it: (3)"));
  model.scale.trainable(false);
  CHECK_NOTHROW(model(inputs));
}

TEST_CASE("a model of its own within a forward is no member that was forgotten") {
  nn::Sequential<double> critic(nn::Linear<double>(3, 1));
  critic.initialise(1);
  struct Judged : nn::Module<double> {
    explicit Judged(nn::Module<double>& judge) : judge(judge) {}
    nn::Module<double>& judge;
    nn::Linear<double> inner{3, 3};
    V forward(const V& x) override { return judge(inner(x)); }
    void members(nn::Members<double>& m) override { m("inner", inner); }
  } model(critic);
  model.initialise(2);
  CHECK_NOTHROW(model(inputs));
  Tape<double> tape;
  CHECK_NOTHROW(model(tape.constant(inputs)));
}
