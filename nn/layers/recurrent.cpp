#include "recurrent.hpp"

#include <cmath>
#include <nn/base/choice.hpp>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace detail {

template <Real T>
using Variables = std::vector<Variable<T>>;

/// `step` is given what the inputs give, with their bias; the state; its matrix; and its bias, which stands with that
/// of the inputs but for a rule that says `bias_inside`. It gives the next state, what the units give first.
template <Real T>
struct RecurrentRule {
  const char* name;
  std::size_t gates, states;
  bool bias_inside;
  Variables<T> (*step)(const Variable<T>& inputs, const Variables<T>& state, const Variable<T>& weight,
                       const Variable<T>& bias);
};

namespace {

template <Real T, Variable<T> (*function)(const Variable<T>&)>
Variables<T> simple_step(const Variable<T>& inputs, const Variables<T>& state, const Variable<T>& weight,
                         const Variable<T>&) {
  return {function(inputs + matmul(state[0], weight))};
}

template <Real T>
Variables<T> lstm_step(const Variable<T>& inputs, const Variables<T>& state, const Variable<T>& weight,
                       const Variable<T>&) {
  auto [h, c] = lstm_cell(inputs, matmul(state[0], weight), state[1]);
  return {h, c};
}

template <Real T>
Variables<T> gru_step(const Variable<T>& inputs, const Variables<T>& state, const Variable<T>& weight,
                      const Variable<T>& bias) {
  const auto x = split(inputs, 3, -1), h = split(linear(state[0], weight, bias), 3, -1);
  const auto r = logistic(x[0] + h[0]), z = logistic(x[1] + h[1]), n = tanh(x[2] + r * h[2]);
  return {n + z * (state[0] - n)};
}

template <Real T>
constexpr RecurrentRule<T> rnn_tanh{"rnn", 1, 1, false, simple_step<T, autodiff::tanh<T>>};
template <Real T>
constexpr RecurrentRule<T> rnn_relu{"rnn", 1, 1, false, simple_step<T, autodiff::relu<T>>};
template <Real T>
constexpr RecurrentRule<T> lstm{"lstm", 4, 2, false, lstm_step<T>};
template <Real T>
constexpr RecurrentRule<T> gru{"gru", 3, 1, true, gru_step<T>};

template <Real T>
const RecurrentRule<T>& rnn(std::string_view function) {
  static constexpr Choice<const RecurrentRule<T>*> rules[] = {{"tanh", &rnn_tanh<T>}, {"relu", &rnn_relu<T>}};
  return *choose("rnn", std::span(rules), function);
}

template <Real T>
Variable<T> zeros_of(Shape shape) {
  return Variable<T>(Array<T>(shape, T(0)));
}

/// What the inputs of any number of steps give.
template <Real T>
Variable<T> of_inputs(const RecurrentRule<T>& rule, RecurrentWeights<T>& weights, const Variable<T>& x) {
  const auto bias = weights.bias_ih.beside(x);
  return linear(x, weights.weight_ih.beside(x), rule.bias_inside ? bias : bias + weights.bias_hh.beside(x));
}

template <Real T>
void check_state(const RecurrentRule<T>& rule, const Variable<T>& state, const Shape& shape) {
  if (!std::ranges::equal(state.shape(), shape))
    fail<ShapeError>(rule.name, "the state must be ", Dims(shape), ": ", Dims(state.shape()));
}

Initialiser first_of(std::size_t units) {
  const double bound = units == 0 ? 0 : 1 / std::sqrt(static_cast<double>(units));
  return uniform(-bound, bound);
}

}  // namespace

template <Real T>
RecurrentWeights<T>::RecurrentWeights(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units)
    : weight_ih(Shape{inputs, rule.gates * units}, first_of(units), PyTorchLayout{.axes = {1, 0}}),
      weight_hh(Shape{units, rule.gates * units}, first_of(units), PyTorchLayout{.axes = {1, 0}}),
      bias_ih(Shape{rule.gates * units}, first_of(units)),
      bias_hh(bias_ih) {
  if (inputs == 0 || units == 0)
    fail<ValueError>(rule.name, "needs at least one input and one unit: ", inputs, " and ", units);
}

template <Real T>
void RecurrentWeights<T>::members(Members<T>& m, const std::string& suffix) {
  m("weight_ih" + suffix, weight_ih);
  m("weight_hh" + suffix, weight_hh);
  m("bias_ih" + suffix, bias_ih);
  m("bias_hh" + suffix, bias_hh);
}

template <Real T>
RecurrentCell<T>::RecurrentCell(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units)
    : weights(rule, inputs, units), rule_(&rule) {}

template <Real T>
std::vector<Variable<T>> RecurrentCell<T>::forward(const std::vector<Variable<T>>& inputs) {
  const auto& x = inputs[0];
  const auto& shape = weights.weight_ih.shape();
  if (inputs.size() != 1 && inputs.size() != 1 + rule_->states)
    fail<ValueError>(rule_->name, "a step takes an input and ", rule_->states, " states: ", inputs.size(), " inputs");
  if (x.dimension() != 2 || x.shape(1) != shape[0])
    fail<ShapeError>(rule_->name, "needs (samples, ", shape[0], "): ", Dims(x.shape()));
  Variables<T> state(inputs.begin() + 1, inputs.end());
  const Shape of_state{x.shape(0), weights.weight_hh.shape()[0]};
  for (const auto& each : state) check_state(*rule_, each, of_state);
  if (state.empty()) state.assign(rule_->states, zeros_of<T>(of_state));
  return rule_->step(of_inputs(*rule_, weights, x), state, weights.weight_hh.beside(x), weights.bias_hh.beside(x));
}

template <Real T>
Variable<T> RecurrentCell<T>::forward(const Variable<T>& x) {
  return forward(std::vector{x})[0];
}

template <Real T>
Recurrent<T>::Recurrent(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units,
                        const RecurrentOptions& options)
    : rule_(&rule), inputs_(inputs), units_(units), bidirectional_(options.bidirectional) {
  if (options.layers == 0) fail<ValueError>(rule.name, "needs at least one layer");
  for (std::size_t layer = 0; layer < options.layers; ++layer) {
    for (std::size_t d = 0; d < directions(); ++d)
      weights.emplace_back(rule, layer == 0 ? inputs : directions() * units, units);
    if (const Dropout<T> between(options.dropout); layer > 0 && options.dropout > 0) dropouts_.push_back(between);
  }
}

template <Real T>
void Recurrent<T>::members(Members<T>& m) {
  for (std::size_t k = 0; k < weights.size(); ++k)
    weights[k].members(m, "_l" + std::to_string(k / directions()) + (k % directions() ? "_reverse" : ""));
  m("dropout", dropouts_);
}

template <Real T>
std::vector<Variable<T>> Recurrent<T>::zero_state(std::size_t samples) const {
  return Variables(rule_->states, zeros_of<T>({weights.size(), samples, units_}));
}

/// One layer in one direction: x (time, samples, ...) gives outputs and the last state. The mask may be empty.
template <Real T>
std::pair<Variable<T>, std::vector<Variable<T>>> Recurrent<T>::run(std::size_t which, const Variable<T>& x,
                                                                   const Variables& state, const Variable<T>& mask) {
  auto& own = weights[which];
  const auto weight = own.weight_hh.beside(x), bias = own.bias_hh.beside(x);
  Variables elements{of_inputs(*rule_, own, x)};
  if (mask.alive()) elements.push_back(mask);
  const auto step = [&](const Variables& before, const Variables& now) {
    auto next = rule_->step(now[0], before, weight, bias);
    auto output = next[0];
    if (mask.alive()) {
      output = output * now[1];
      for (std::size_t k = 0; k < next.size(); ++k) next[k] = where(now[1], next[k], before[k]);
    }
    return std::pair(std::move(next), Variables{output});
  };
  auto [last, outputs] = autodiff::scan(step, state, elements, {.reverse = which % directions() == 1});
  return {outputs[0], std::move(last)};
}

template <Real T>
std::vector<Variable<T>> Recurrent<T>::forward(const std::vector<Variable<T>>& inputs) {
  const std::size_t states = rule_->states;
  const auto& x = inputs[0];
  if (x.dimension() != 3 || x.shape(2) != inputs_)
    fail<ShapeError>(rule_->name, "needs (samples, time, ", inputs_, "): ", Dims(x.shape()));
  const std::size_t samples = x.shape(0), time = x.shape(1);
  const bool given = inputs.size() > states && inputs[1].dimension() > 1;
  const std::size_t expected = 1 + (given ? states : 0);
  if (inputs.size() != expected && inputs.size() != expected + 1)
    fail<ValueError>(rule_->name, "takes a sequence, ", states, " states or none, and lengths or none: ", inputs.size(),
                     " inputs");
  Variables first(inputs.begin() + 1, inputs.begin() + std::ptrdiff_t(expected));
  for (const auto& state : first) check_state(*rule_, state, {weights.size(), samples, units_});
  if (!given) first = zero_state(samples);
  Variable<T> mask;
  if (inputs.size() > expected) {
    const auto& lengths = inputs.back();
    if (!std::ranges::equal(lengths.shape(), Shape{samples}))
      fail<ShapeError>(rule_->name, "needs a length for each sample: ", Dims(lengths.shape()), " and ",
                       Dims(x.shape()));
    const Array<T> places = xt::arange<T>(static_cast<T>(time)).reshape(Shape{time, 1, 1});
    mask = Variable<T>(places) < reshape(autodiff::checked_lengths<T>(rule_->name, "sample", lengths, time),
                                         {1, static_cast<std::ptrdiff_t>(samples), 1});
  }

  Variable<T> h = permute(x, {1, 0, 2});
  std::vector<Variables> last(states);
  for (std::size_t k = 0; k < weights.size();) {
    if (k > 0 && !dropouts_.empty()) h = dropouts_[k / directions() - 1](h);
    Variables sides;
    for (std::size_t d = 0; d < directions(); ++d, ++k) {
      Variables state;
      for (const auto& each : first) state.push_back(at(each, {static_cast<std::ptrdiff_t>(k)}));
      auto [outputs, end] = run(k, h, state, mask);
      sides.push_back(outputs);
      for (std::size_t s = 0; s < states; ++s) last[s].push_back(end[s]);
    }
    h = sides.size() == 1 ? sides[0] : concatenate(sides, -1);
  }
  Variables results{permute(h, {1, 0, 2})};
  if (given)
    for (const auto& each : last) results.push_back(stack(each));
  return results;
}

}  // namespace detail

template <Real T>
RNN<T>::RNN(std::size_t inputs, std::size_t units, RecurrentOptions options, std::string_view function)
    : detail::Recurrent<T>(detail::rnn<T>(function), inputs, units, options) {}
template <Real T>
LSTM<T>::LSTM(std::size_t inputs, std::size_t units, RecurrentOptions options)
    : detail::Recurrent<T>(detail::lstm<T>, inputs, units, options) {}
template <Real T>
GRU<T>::GRU(std::size_t inputs, std::size_t units, RecurrentOptions options)
    : detail::Recurrent<T>(detail::gru<T>, inputs, units, options) {}

template <Real T>
RNNCell<T>::RNNCell(std::size_t inputs, std::size_t units, std::string_view function)
    : detail::RecurrentCell<T>(detail::rnn<T>(function), inputs, units) {}
template <Real T>
LSTMCell<T>::LSTMCell(std::size_t inputs, std::size_t units)
    : detail::RecurrentCell<T>(detail::lstm<T>, inputs, units) {}
template <Real T>
GRUCell<T>::GRUCell(std::size_t inputs, std::size_t units) : detail::RecurrentCell<T>(detail::gru<T>, inputs, units) {}

#define NN_RECURRENT(T)                    \
  template class detail::RecurrentCell<T>; \
  template class detail::Recurrent<T>;     \
  template class RNN<T>;                   \
  template class LSTM<T>;                  \
  template class GRU<T>;                   \
  template class RNNCell<T>;               \
  template class LSTMCell<T>;              \
  template class GRUCell<T>;
NN_RECURRENT(float)
NN_RECURRENT(double)

}  // namespace nn
