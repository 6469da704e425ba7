// Recurrent layers, attention and transformers.
#include <functional>
#include <memory>

#include "nn_support.hpp"
#include "reference/sequences.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;
using Variables = std::vector<Variable<double>>;

namespace {

const std::vector<double>& numbers(const std::string& name) { return reference::sequences.at(name); }

void check_close(const Array<double>& values, const std::string& name) {
  CAPTURE(name);
  const auto& expected = numbers(name);
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::abs(values.flat(i) - expected[i]) <= 1e-12 * std::max(1.0, std::abs(expected[i]))))
      FAIL_CHECK("element " << i << ": " << values.flat(i) << " and " << expected[i]);
}

/// A module, the shapes of those inputs that have a gradient, and the others.
struct Case {
  std::string name;
  std::shared_ptr<nn::Module<double>> module;
  std::vector<Shape> inputs;
  std::vector<Array<double>> others = {};
};

/// As it lies in PyTorch, be it a value or a gradient.
Array<double> theirs(const nn::Parameter<double>& parameter, const Array<double>& value) {
  return parameter.in_pytorch().axes.empty() ? value : transpose(Variable<double>(value)).value();
}

/// Outputs, and gradients by inputs and parameters, are PyTorch's; in a program, too.
void check_reference(const Case& c) {
  CAPTURE(c.name);
  auto& module = *c.module;
  std::map<std::string, nn::Tensor> weights;
  for (auto& [name, parameter] : module.parameters()) {
    Shape shape = parameter.shape();
    if (!parameter.in_pytorch().axes.empty()) std::ranges::reverse(shape);
    const std::string there = c.name + "/weights/" + name;
    weights.emplace(name, nn::Tensor(test::array(numbers(there), shape)));
  }
  nn::load_pytorch(module, weights);

  Tape<double> tape;
  Variables inputs, all;
  for (std::size_t k = 0; k < c.inputs.size(); ++k)
    inputs.push_back(tape.variable(test::array(numbers(c.name + "/input" + std::to_string(k)), c.inputs[k])));
  all = inputs;
  for (const auto& other : c.others) all.push_back(tape.constant(other));
  const auto outputs = module(all);
  Variable<double> loss = tape.constant(0.0);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    check_close(outputs[k].value(), c.name + "/output" + std::to_string(k));
    loss = loss + sum(outputs[k] * test::array(numbers(c.name + "/cotangent" + std::to_string(k)), outputs[k].shape()));
  }
  Variables wanted = inputs;
  for (const auto& variable : module.variables(loss)) wanted.push_back(variable);
  const auto recorded = recorded_gradient(loss, wanted);
  auto program = autodiff::compile(inputs, recorded);
  std::vector<Array<double>> values;
  for (const auto& input : inputs) values.push_back(input.value());
  const auto from_program = program(values);
  const auto gradients = gradient(loss, wanted);
  const auto named = module.parameters();
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const bool input = k < inputs.size();
    const std::string name =
        input ? c.name + "/gradient" + std::to_string(k) : c.name + "/gradients/" + named[k - inputs.size()].name;
    for (const auto& value : {gradients[k], from_program[k]})
      check_close(input ? value : theirs(named[k - inputs.size()].parameter, value), name);
  }
}

template <class M, class... A>
std::shared_ptr<nn::Module<double>> make(A... arguments) {
  return std::make_shared<M>(arguments...);
}

}  // namespace

TEST_CASE("recurrent layers and cells agree with PyTorch") {
  const nn::RecurrentOptions two{.layers = 2}, both{.layers = 2, .bidirectional = true};
  const Array<double> lengths{4, 5, 1};
  const Case cases[] = {
      {"rnn", make<nn::RNN<double>>(3, 4), {{2, 5, 3}, {1, 2, 4}}},
      {"rnn_relu", make<nn::RNN<double>>(3, 2, two, "relu"), {{2, 3, 3}}},
      {"lstm", make<nn::LSTM<double>>(3, 4), {{2, 5, 3}}},
      {"lstm_lengths", make<nn::LSTM<double>>(3, 2, both), {{3, 5, 3}, {4, 3, 2}, {4, 3, 2}}, {lengths}},
      {"gru", make<nn::GRU<double>>(3, 4), {{2, 5, 3}, {1, 2, 4}}},
      {"gru_lengths", make<nn::GRU<double>>(3, 2, both), {{3, 5, 3}, {4, 3, 2}}, {lengths}},
      {"rnn_cell", make<nn::RNNCell<double>>(3, 4), {{2, 3}, {2, 4}}},
      {"lstm_cell", make<nn::LSTMCell<double>>(3, 4), {{2, 3}, {2, 4}, {2, 4}}},
      {"gru_cell", make<nn::GRUCell<double>>(3, 4), {{2, 3}, {2, 4}}}};
  for (const auto& c : cases) check_reference(c);
}

TEST_CASE("attention and transformers agree with PyTorch") {
  const nn::TransformerOptions causal{.feedforward = 6, .dropout = 0, .causal = true},
      post{.feedforward = 6, .dropout = 0}, pre{.feedforward = 6, .dropout = 0, .norm_first = true},
      gelu{.feedforward = 6, .dropout = 0, .activation = "gelu", .norm_first = true};
  const Array<double> mask{{1, 0, 1, 1}, {0, 1, 1, 0}, {1, 1, 0, 0}}, padded{{{1, 1, 1, 0}}, {{1, 1, 0, 0}}};
  using Attention = nn::MultiHeadAttention<double>;
  using Encoder = nn::TransformerEncoderLayer<double>;
  using Decoder = nn::TransformerDecoderLayer<double>;
  const Case cases[] = {
      {"attention", make<Attention>(4, 2), {{2, 3, 4}}},
      {"attention_causal", make<Attention>(4, 2, nn::MultiHeadAttentionOptions{.causal = true}), {{2, 3, 4}}},
      {"attention_cross", make<Attention>(4, 2), {{2, 3, 4}, {2, 4, 4}, {2, 4, 4}}, {mask}},
      {"attention_padded", make<Attention>(4, 2), {{2, 4, 4}}, {padded}},
      {"encoder", make<Encoder>(4, 2, causal), {{2, 3, 4}}},
      {"encoder_pre", make<Encoder>(4, 2, gelu), {{2, 3, 4}}},
      {"decoder", make<Decoder>(4, 2, post), {{2, 3, 4}, {2, 4, 4}}},
      {"decoder_pre", make<Decoder>(4, 2, pre), {{2, 3, 4}, {2, 4, 4}}}};
  for (const auto& c : cases) check_reference(c);
}

TEST_CASE("gradients of sequence layers agree with differences to second order") {
  const auto x = test::array(numbers("encoder/input0"), {2, 3, 4});
  nn::LSTM<double> lstm(4, 2);
  nn::GRU<double> gru(4, 2, {.bidirectional = true});
  nn::TransformerEncoderLayer<double> encoder(4, 2,
                                              {.feedforward = 3, .dropout = 0, .activation = "tanh", .causal = true});
  for (nn::Module<double>* module : std::initializer_list<nn::Module<double>*>{&lstm, &gru, &encoder}) {
    module->initialise(1);
    const auto report = autodiff::check_gradient([&](const Variables& in) { return (*module)(in[0]); }, std::vector{x},
                                                 {.fast = true, .second_order = true});
    CHECK_MESSAGE(report, report.message());
    const Array<double> y = 0.5 * (*module)(x).value();
    const auto of_parameters = nn::check_gradient(*module, nn::loss<double>("squared-error"), x, y, {.fast = true});
    CHECK_MESSAGE(of_parameters, of_parameters.message());
  }
}

TEST_CASE("a sequence goes on from a cache as if it had been given at once") {
  const auto x = test::array(numbers("encoder/input0"), {2, 3, 4}),
             memory = test::array(numbers("decoder/input1"), {2, 4, 4});
  nn::TransformerEncoderLayer<double> encoder(4, 2, {.feedforward = 6, .norm_first = true, .causal = true});
  nn::TransformerDecoderLayer<double> decoder(4, 2, {.feedforward = 6});
  encoder.initialise(1), decoder.initialise(2);
  const auto whole = encoder(x).value(),
             decoded = decoder(Variables{Variable<double>(x), Variable<double>(memory)})[0].value();
  nn::AttentionCache<double> cache, of_decoder;
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 3}}) {
    const auto part = [from = from, to = to](const Array<double>& all) {
      return take_range(Variable<double>(all), 1, from, to);
    };
    CHECK(xt::allclose(encoder.next(part(x), cache).value(), part(whole).value(), 1e-13, 1e-13));
    CHECK(xt::allclose(decoder.next(part(x), Variable<double>(memory), of_decoder).value(), part(decoded).value(),
                       1e-13, 1e-13));
  }
  CHECK(cache.length() == 3);
}

TEST_CASE("positions are waves of growing length, or learned, and go on from any place") {
  const Array<double> x(Shape{2, 3, 4}, 0.0), two(Shape{2, 2, 4}, 0.0);
  nn::SinusoidalPositions<double> waves(4);
  const auto y = waves(x).value();
  for (std::size_t p = 0; p < 3; ++p) {
    CHECK(y(1, p, 0) == doctest::Approx(std::sin(double(p))));
    CHECK(y(1, p, 1) == doctest::Approx(std::cos(double(p))));
    CHECK(y(0, p, 2) == doctest::Approx(std::sin(0.01 * double(p))));
    CHECK(y(0, p, 3) == doctest::Approx(std::cos(0.01 * double(p))));
  }
  CHECK(waves.from(1, Variable<double>(two)).value() == take_range(Variable<double>(y), 1, 1, 3).value());
  nn::LearnedPositions<double> learned(3, 4);
  learned.initialise(1);
  CHECK(learned.from(1, Variable<double>(two)).value()(1, 1, 2) == learned.weight.value()(2, 2));
  CHECK(error_of([&] { learned.from(2, Variable<double>(two)); }) ==
        "[learned_positions] there are 3 places, not 4: (2, 2, 4)");
}

TEST_CASE("dropout between layers is for training, and follows from states") {
  const auto x = test::array(numbers("encoder/input0"), {2, 3, 4});
  nn::LSTM<double> lstm(4, 3, {.layers = 2, .dropout = 0.5});
  nn::TransformerEncoderLayer<double> encoder(4, 2, {.feedforward = 6, .dropout = 0.5});
  for (nn::Module<double>* module : std::initializer_list<nn::Module<double>*>{&lstm, &encoder}) {
    module->initialise(1);
    const auto whole = (*module)(x).value();
    CHECK((*module)(x).value() == whole);
    module->training(true);
    const auto first = (*module)(x).value(), second = (*module)(x).value();
    CHECK(first != whole);
    CHECK(first != second);
    nn::Adam<double> adam(0.01);
    nn::TrainingStep<double> step(*module, adam, nn::loss<double>("squared-error"));
    const double before = step(x, whole);
    CHECK(before != step(x, whole));
  }
}

TEST_CASE("attention drops weights in training, by its states") {
  const auto x = test::array(numbers("encoder/input0"), {2, 3, 4});
  nn::MultiHeadAttention<double> layer(4, 1, {.dropout = 0.5});
  layer.initialise(1);
  layer.in_proj_bias.assign(Array<double>(0.1 * xt::arange<double>(12)));
  const auto by_hand = [&](double rate, double step) {
    const auto qkv =
        split(linear(Variable<double>(x), layer.in_proj_weight.plain(), layer.in_proj_bias.plain()), 3, -1);
    const auto weights = autodiff::attention_weights(qkv[0], qkv[1]);
    return layer.out_proj(matmul(autodiff::dropout(weights, rate, layer.dropout->key.plain(), step), qkv[2])).value();
  };
  const auto whole = layer(x).value();
  CHECK(xt::allclose(whole, by_hand(0, 0), 1e-13, 1e-13));
  layer.training(true);
  for (const double step : {0, 1}) CHECK(xt::allclose(layer(x).value(), by_hand(0.5, step), 1e-13, 1e-13));
  CHECK(layer.states()[0].name == "dropout.key");
  CHECK(error_of([&] { nn::MultiHeadAttention<double>(4, 2, {.dropout = 1}); }) ==
        "[dropout] the rate must be at least 0 and below 1: 1");
  // Those of transformers drop as PyTorch's do.
  nn::TransformerDecoderLayer<double> decoder(4, 2, {.feedforward = 3});
  CHECK(decoder.self_attn.dropout.has_value());
  CHECK(decoder.multihead_attn.dropout.has_value());
  const nn::TransformerOptions none{.dropout = 0};
  CHECK_FALSE(nn::TransformerEncoderLayer<double>(4, 2, none).self_attn.dropout.has_value());
}

TEST_CASE("sequence layers say what does not fit") {
  nn::LSTM<double> lstm(3, 4);
  lstm.initialise(1);
  nn::MultiHeadAttention<double> heads(4, 2);
  heads.initialise(1);
  const auto zeros = [](const Shape& shape) { return Variable<double>(Array<double>(shape, 0.0)); };
  CHECK(error_of([&] { lstm(zeros({2, 3})); }) == "[lstm] needs (samples, time, 3): (2, 3)");
  CHECK(error_of([&] { lstm(zeros({2, 5, 4})); }) == "[lstm] needs (samples, time, 3): (2, 5, 4)");
  CHECK(error_of([&] {
          lstm(Variables{zeros({2, 5, 3}), zeros({1, 3, 4}), zeros({1, 2, 4})});
        }) == "[lstm] the state must be (1, 2, 4): (1, 3, 4)");
  CHECK(error_of([&] {
          lstm(zeros({2, 5, 3}), zeros({3}));
        }) == "[lstm] needs a length for each sample: (3) and (2, 5, 3)");
  CHECK(error_of([&] {
          lstm(zeros({2, 5, 3}), Variable<double>(Array<double>{5, 6}));
        }) == "[lstm] the length of sample 1 must be a whole number from 0 to 5: 6");
  CHECK(error_of([&] { nn::LSTM<double>(3, 0); }) == "[lstm] needs at least one input and one unit: 3 and 0");
  CHECK(error_of([&] { nn::GRU<double>(3, 4, {.layers = 0}); }) == "[gru] needs at least one layer");
  CHECK(error_of([&] { nn::RNN<double>(3, 4, {}, "sin"); }) == "[rnn] there is none named \"sin\", only tanh, relu");
  CHECK(error_of([&] { nn::MultiHeadAttention<double>(5, 2); }) ==
        "[multi_head_attention] the heads must divide the width: 2 and 5");
  CHECK(error_of([&] { heads(zeros({2, 3, 5})); }) == "[multi_head_attention] needs (samples, length, 4): (2, 3, 5)");
  CHECK(error_of([&] {
          heads(Variables{zeros({2, 3, 4}), zeros({2, 2})});
        }).find("the mask must broadcast") != std::string::npos);
}
