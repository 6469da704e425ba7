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
  const nn::RecurrentOptions two{.layers = 2}, both{.layers = 2, .bidirectional = true}, one;
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
