#include <cmath>

#include "nn_support.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::error_of;

namespace {

const Array<double> ones(Shape{100, 200}, 1.0);

}  // namespace

TEST_CASE("Dropout keeps units as they are in inference, and drops the stated share in training") {
  nn::Dropout<double> layer(0.3);
  CHECK(layer(ones).value() == ones);  // needs no states then
  layer.training(true);
  CHECK(error_of([&] { layer(ones); }).find("has no value yet: initialise(seed)") != std::string::npos);
  layer.initialise(1);
  const auto y = layer(ones).value();
  std::size_t dropped = 0;
  for (const double h : y) {
    if (h == 0)
      ++dropped;
    else
      CHECK(h == doctest::Approx(1 / 0.7).epsilon(1e-15));
  }
  CHECK(std::abs(double(dropped) - 6000) < 5 * std::sqrt(20'000 * 0.3 * 0.7));
  layer.training(false);
  CHECK(layer(ones).value() == ones);
  nn::Dropout<double> none(0);
  none.initialise(1);
  none.training(true);
  CHECK(none(ones).value() == ones);
}

TEST_CASE("a seed and a name determine what is dropped, at every step anew") {
  const auto build = [](std::uint64_t seed) {
    nn::Sequential model(nn::Dropout<double>{}, nn::Dropout<double>{});
    model.initialise(seed);
    model.training(true);
    return model;
  };
  auto one = build(1), two = build(1), other = build(2);
  const auto first = one(ones).value();
  CHECK(two(ones).value() == first);
  CHECK(other(ones).value() != first);
  CHECK(one(ones).value() != first);
  CHECK(one[0](ones).value() != one[1](ones).value());
  // From a saved state it goes on as it would have gone on.
  auto states = two.states(), resumed = one.states();
  CHECK(states[0].name == "0.key");
  CHECK(states[1].name == "0.step");
  CHECK(two.parameters().empty());
  for (std::size_t i = 0; i < states.size(); ++i) states[i].parameter.assign(resumed[i].parameter.value());
  CHECK(two(ones).value() == one(ones).value());
  // The key is a whole number that float holds exactly; past the last step it begins anew.
  CHECK(states[0].parameter.value()() < 1 << 24);
  CHECK(states[0].parameter.value()() == std::floor(states[0].parameter.value()()));
  states[1].parameter.assign(Array<double>(Shape{}, (1 << 24) - 1.0));
  CHECK_NOTHROW(two[0](ones));
  CHECK(states[1].parameter.value()() == 0);
}

TEST_CASE("gradients pass the units that were kept, with the same scale") {
  nn::Dropout<double> layer(0.4);
  layer.initialise(1);
  layer.training(true);
  Tape<double> tape;
  const auto x = tape.variable(ones);
  const auto y = layer(x);
  CHECK(gradient(sum(y), x) == y.value());
  CHECK(layer.step.value()() == 1);
  CHECK(layer.step.beside(x).item() == 1);
  layer(x);
  CHECK(layer.step.beside(x).item() == 2);
}

TEST_CASE("a program drops other units at each run, those of the eager model") {
  nn::Sequential eager(nn::Linear<float>(3, 50), nn::Dropout<float>(0.5), nn::Linear<float>(50, 2));
  eager.initialise(3);
  eager.training(true);
  auto recorded = eager;
  const Array<float> inputs{{0.5F, -1, 2}, {1, 0.25F, -0.5F}};
  Tape<float> tape;
  const auto x = tape.constant(inputs);
  const auto states = recorded.state_variables(x);
  const auto y = recorded(x);
  const auto next = recorded.state_variables(x);
  std::vector<autodiff::Update<float>> updates;
  for (std::size_t i = 0; i < states.size(); ++i)
    if (next[i].index() != states[i].index()) updates.push_back({states[i], next[i]});
  CHECK(updates.size() == 1);  // the key stays
  auto program = compile({x}, {y}, updates, {.exact = true});
  CHECK(recorded.states()[1].parameter.value() == eager.states()[1].parameter.value());  // recording is no run
  Array<float> before;
  for (int run = 0; run < 4; ++run) {
    const Array<float> outputs = program({inputs})[0];
    CHECK(outputs == eager(inputs).value());
    CHECK(outputs != before);
    before = outputs;
  }
}

TEST_CASE("Dropout refuses rates that are no share") {
  for (const double rate : {-0.1, 1.0, double(NAN)})
    CHECK(error_of([&] {
            nn::Dropout<float> layer(rate);
          }).find("[dropout] the rate must be at least 0 and below 1: ") == 0);
}
