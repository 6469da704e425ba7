// Training steps of small networks, recorded: what programs are made of, and what they are compared with.
#pragma once

#include <nn/nn.hpp>

#include "cases.hpp"

namespace test {

/// A network with tanh layers of these sizes, its loss softmax cross-entropy.
struct Network {
  std::size_t batch;
  std::vector<std::size_t> sizes;
};

/// The networks of tests/bench/train_step.cpp.
inline const Network step_networks[] = {{1, {2, 3, 2}},
                                        {16, {10, 10, 10, 10}},
                                        {32, {784, 30, 10}},
                                        {64, {784, 128, 10}},
                                        {128, {784, 512, 512, 10}},
                                        {256, {1024, 1024, 1024, 1024, 10}},
                                        {128, {2048, 2048, 2048, 10}}};

template <class T>
struct Batch {
  Batch(const Network& network, unsigned number)
      : x(ad::to_array<T>(sample({network.batch, network.sizes[0]}, -1, 1, 100 + number))),
        labels(Shape{network.batch}),
        rate(Shape{}, T(0.1) / T(1 + number % 3)) {
    for (std::size_t i = 0; i < network.batch; ++i) labels(i) = static_cast<T>((i + number) % network.sizes.back());
  }
  Array<T> x, labels, rate;
};

/// One step on a tape of its own. The states are the parameters, each followed by what the rule remembers of it.
template <class T>
struct TrainingStep {
  /// With the states that the network starts from.
  TrainingStep(const Network& network, const nn::Optimiser<T>& rule)
      : TrainingStep(network, rule, Batch<T>(network, 0), initial(network, rule)) {}

  TrainingStep(const Network& network, const nn::Optimiser<T>& rule, const Batch<T>& batch,
               const std::vector<Array<T>>& states)
      : x(tape.constant(batch.x, "x")), y(tape.constant(batch.labels, "y")), rate(tape.constant(batch.rate, "rate")) {
    const std::size_t parameters = 2 * (network.sizes.size() - 1), each = states.size() / parameters;
    std::vector<ad::Variable<T>> p, entered;
    for (const auto& state : states) entered.push_back(tape.variable(state));
    for (std::size_t i = 0; i < parameters; ++i) p.push_back(entered[i * each]);
    auto h = x;
    for (std::size_t l = 0; l < parameters; l += 2) {
      const auto a = linear(h, p[l], p[l + 1]);
      h = l + 2 < parameters ? tanh(a) : a;
    }
    loss = softmax_cross_entropy(h, y);
    const auto slopes = recorded_gradient(loss, p);
    for (std::size_t i = 0; i < parameters; ++i) {
      auto slots = slots_of(rule, p[i].value());
      std::size_t k = i * each;
      for (auto& [name, value] : slots.all()) value = entered[++k];
      updates.push_back({p[i], rule.update(p[i], slopes[i], rate, slots)});
      k = i * each;
      for (auto& [name, value] : slots.all()) updates.push_back({entered[++k], value});
    }
  }

  ad::Program<T> compile(const ad::CompileOptions& options = {}) const {
    return ad::compile({x, y, rate}, {loss}, updates, options);
  }
  std::vector<Array<T>> next() const {
    std::vector<Array<T>> values;
    for (const auto& update : updates) values.push_back(update.next.value());
    return values;
  }

  static std::vector<Array<T>> initial(const Network& network, const nn::Optimiser<T>& rule) {
    std::vector<Array<T>> states;
    for (std::size_t l = 0; l + 1 < network.sizes.size(); ++l) {
      const std::size_t m = network.sizes[l], n = network.sizes[l + 1];
      const double scale = 1 / std::sqrt(double(m));
      for (const Shape& shape : {Shape{m, n}, Shape{n}}) {
        states.push_back(ad::to_array<T>(sample(shape, -scale, scale, unsigned(states.size() + 1))));
        const auto slots = slots_of(rule, states.back());
        for (const auto& [name, value] : slots.all()) states.push_back(Array<T>(value.shape(), T(0)));
      }
    }
    return states;
  }

  ad::Tape<T> tape;
  ad::Variable<T> x, y, rate, loss;
  std::vector<ad::Update<T>> updates;

 private:
  static nn::Slots<T> slots_of(const nn::Optimiser<T>& rule, const Array<T>& parameter) {
    nn::Slots<T> slots;
    rule.update(ad::Variable<T>(parameter), ad::Variable<T>(parameter), ad::Variable<T>(Array<T>(Shape{}, T(0.1))),
                slots);
    return slots;
  }
};

}  // namespace test
