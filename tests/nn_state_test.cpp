// One training state: parameters, states and slots are where the model and the optimiser have them, and nowhere else.
#include <nn/nn.hpp>

#include "allocations.hpp"
#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

constexpr double same_bits = 1e-300;
const Array<double> inputs = sample({6, 2}, -1, 1), classes = xt::xarray<double>{0, 1, 1, 0, 1, 0};

/// No bias stands right before the normalisation: its gradient would be rounding alone, of which Adam makes whole
/// steps.
nn::Sequential<double> network() {
  nn::Sequential<double> model(nn::Linear<double>(2, 5), nn::Activation<double>("softplus"), nn::BatchNorm<double>(5),
                               nn::Linear<double>(5, 2));
  model.initialise(1);
  return model;
}

const auto loss = nn::loss<double>("cross-entropy");

/// All that changes from step to step, copied.
std::vector<Array<double>> state_of(nn::Module<double>& model, nn::Optimiser<double>& optimiser) {
  std::vector<Array<double>> all;
  for (const auto& list : {model.parameters(), model.states()})
    for (const auto& [name, parameter] : list) all.push_back(parameter.value());
  for (const auto& [name, slots] : optimiser.slots())
    for (const auto& [slot, value] : slots.all()) all.push_back(value.value());
  return all;
}

void check_equal(const std::vector<Array<double>>& found, const std::vector<Array<double>>& expected,
                 double tolerance) {
  REQUIRE_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK_EQ(difference(found[i], expected[i], tolerance), "");
}

/// A step on a tape of its own, as without programs.
double step_by_hand(nn::Module<double>& model, nn::Optimiser<double>& optimiser) {
  model.training(true);
  ad::Tape<double> tape;
  const V x = tape.constant(inputs), l = loss(model(x), tape.constant(classes));
  const double before = l.item();
  optimiser.step(model, gradient(l, model.variables(x)));
  model.training(false);
  return before;
}

}  // namespace

TEST_CASE("a step is seen at once: in the model, an evaluator, a checkpoint, and by an eager step in between") {
  auto model = network(), by_hand = network();
  nn::Adam<double> adam(0.05), hand_adam(0.05);
  nn::TrainingStep<double> step(model, adam, loss);
  nn::Evaluator<double> evaluator(model, loss);
  for (int i = 0; i < 6; ++i) {
    const double found = i % 3 == 2 ? step_by_hand(model, adam) : step(inputs, classes);
    CHECK(found == doctest::Approx(step_by_hand(by_hand, hand_adam)).epsilon(1e-12));
    check_equal(state_of(model, adam), state_of(by_hand, hand_adam), 1e-12);
    CHECK_EQ(difference(evaluator(inputs), by_hand(inputs).value(), 1e-12), "");
    nn::Checkpoint checkpoint;
    checkpoint.put(model, adam);
    CHECK_EQ(difference(checkpoint.array<double>("optimiser.0.weight.mean"),
                        hand_adam.slots("0.weight").at("mean").value(), 1e-12),
             "");
  }
}

TEST_CASE("two steps with two optimisers take turns over one model as eager loops do, batches of two sizes included") {
  auto model = network(), by_hand = network();
  nn::Adam<double> adam(0.05), hand_adam(0.05);
  nn::Sgd<double> sgd(0.1, {.momentum = 0.9}), hand_sgd(0.1, {.momentum = 0.9});
  nn::TrainingStep<double> by_adam(model, adam, loss), by_sgd(model, sgd, loss);
  const Array<double> few = xt::view(inputs, xt::range(0, 4), xt::all()), of_few = xt::view(classes, xt::range(0, 4));
  const auto eager = [&](nn::Optimiser<double>& optimiser, const Array<double>& x, const Array<double>& y) {
    by_hand.training(true);
    ad::Tape<double> tape;
    const V in = tape.constant(x), l = loss(by_hand(in), tape.constant(y));
    optimiser.step(by_hand, gradient(l, by_hand.variables(in)));
    by_hand.training(false);
    return l.item();
  };
  for (int i = 0; i < 8; ++i) {
    const auto &x = i % 3 ? inputs : few, &y = i % 3 ? classes : of_few;
    CHECK(by_adam(x, y) == doctest::Approx(eager(hand_adam, x, y)).epsilon(1e-12));
    if (i % 2) CHECK(by_sgd(x, y) == doctest::Approx(eager(hand_sgd, x, y)).epsilon(1e-12));
  }
  check_equal(state_of(model, adam), state_of(by_hand, hand_adam), 1e-11);
  check_equal(state_of(model, sgd), state_of(by_hand, hand_sgd), 1e-11);
}

TEST_CASE(
    "what is assigned from outside is seen by the next step: parameters, models, slots, optimisers, checkpoints") {
  auto model = network(), by_hand = network();
  nn::Adam<double> adam(0.05), hand_adam(0.05);
  nn::TrainingStep<double> step(model, adam, loss);
  nn::Checkpoint start;
  start.put(model, adam);
  const auto both = [&](auto change) {
    change(model, adam), change(by_hand, hand_adam);
    for (int i = 0; i < 2; ++i) CHECK(step(inputs, classes) == doctest::Approx(step_by_hand(by_hand, hand_adam)));
    check_equal(state_of(model, adam), state_of(by_hand, hand_adam), 1e-12);
  };
  both([](auto&, auto&) {});
  both([](auto& m, auto&) {
    auto& weight = m.parameters()[0].parameter;
    weight.assign(Array<double>(-2 * weight.value()));
  });
  both([](auto& m, auto&) { m.states()[0].parameter.assign(Array<double>(Shape{5}, 0.25)); });
  both([](auto& m, auto&) { m = network(); });
  both([](auto& m, auto&) { m.initialise(7); });
  both([](auto&, auto& o) {
    for (auto& [parameter, slots] : o.slots())
      for (auto& [slot, value] : slots.all()) value = V(Array<double>(0.5 * value.value()));
  });
  both([](auto&, auto& o) { o.slots("0.weight").all()["mean"] = V(Array<double>(Shape{2, 5}, 0.125)); });
  both([](auto&, auto& o) { o = nn::Adam<double>(0.02); });
  both([&](auto& m, auto& o) { start.restore(m, o); });
  both([](auto&, auto& o) {
    const auto copy = o;
    o.slots("0.bias") = copy.slots().at("3.bias").size() ? copy.slots().at("0.bias") : nn::Slots<double>();
  });
  adam.slots("0.bias").all().clear();
  CHECK_THROWS_WITH_AS(step(inputs, classes),
                       "[program] 0.bias.mean has no value any more: give it one, or record anew", ad::TapeError);
}

TEST_CASE("a step that throws half-way changes no bit, and the next goes on") {
  auto model = network();
  nn::Adam<double> adam(0.05);
  nn::StepOptions options;
  options.compile.stop_at_non_finite = true;
  nn::TrainingStep<double> step(model, adam, loss, options);
  step(inputs, classes);
  const auto before = state_of(model, adam);
  Array<double> bad = inputs;
  bad(3, 1) = std::numeric_limits<double>::max();  // finite, and its square is not
  CHECK_THROWS_AS(step(bad, classes), ad::ValueError);
  check_equal(state_of(model, adam), before, same_bits);
  auto by_hand = model;
  auto hand_adam = adam;
  CHECK(step(inputs, classes) == doctest::Approx(step_by_hand(by_hand, hand_adam)));
  check_equal(state_of(model, adam), state_of(by_hand, hand_adam), 1e-12);
}

TEST_CASE("what was taken from a model stays as it was: copies of it and the optimiser, variables, arrays, tapes") {
  auto model = network();
  nn::Adam<double> adam(0.05);
  nn::TrainingStep<double> step(model, adam, loss);
  step(inputs, classes);
  const auto before = state_of(model, adam);
  auto& weight = model.parameters()[0].parameter;
  auto copy = model;
  auto adam_copy = adam;
  const V held = weight.plain();
  const Array<double> array = weight.value();
  ad::Tape<double> tape;
  const V x = tape.constant(inputs), entered = weight.beside(x);
  step(inputs, classes), step(inputs, classes);
  check_equal(state_of(copy, adam_copy), before, same_bits);
  for (const auto& kept : {held.value(), array, entered.value()}) CHECK_EQ(difference(kept, before[0], same_bits), "");
  CHECK(weight.value() != before[0]);
  CHECK_EQ(difference(weight.beside(x).value(), weight.value(), same_bits), "");  // the tape gets what it is now
  CHECK_EQ(weight.beside(x).index(), weight.beside(x).index());
  nn::TrainingStep<double> other(copy, adam_copy, loss);
  const auto now = state_of(model, adam);
  other(inputs, classes), other(inputs, classes);
  check_equal(state_of(model, adam), now, same_bits);
  check_equal(state_of(copy, adam_copy), now, 1e-12);
}

TEST_CASE("what a step no longer finds is an error that says what to do") {
  struct Remade : nn::Module<double> {
    std::optional<nn::Linear<double>> layer{std::in_place, 2, 2};
    V forward(const V& x) override { return (*layer)(x); }
    void members(nn::Members<double>& m) override { m("layer", *layer); }
  } model;
  model.initialise(1);
  nn::GradientDescent<double> descent(0.1);
  nn::TrainingStep<double> step(model, descent, loss);
  step(inputs, classes);
  model.layer.emplace(2, 2);  // at the same address
  model.initialise(1);
  CHECK_THROWS_WITH_AS(step(inputs, classes),
                       "[training_step] the model has other modules than when the step was made: make a new step",
                       ad::ValueError);
}

TEST_CASE("a program of one's own with record_step changes model and optimiser; a copy of it does not") {
  auto model = network(), by_hand = network();
  nn::Adam<double> hand_adam(0.05);
  auto adam = std::make_unique<nn::Adam<double>>(0.05);
  auto program = [&] {
    ad::Tape<double> tape;
    const V x = tape.constant(inputs), y = tape.constant(classes);
    const auto parameters = model.variables(x);
    const V l = loss(model(x), y);
    return ad::compile({x, y}, {l}, nn::record_step(*adam, parameters, recorded_gradient(l, parameters)));
  }();
  const auto eager = [&] {
    ad::Tape<double> tape;
    const V x = tape.constant(inputs), l = loss(by_hand(x), tape.constant(classes));
    hand_adam.step(by_hand, gradient(l, by_hand.variables(x)));
  };
  program(inputs, classes), eager();
  check_equal(state_of(model, *adam), state_of(by_hand, hand_adam), 1e-12);
  auto copy = program;
  copy(inputs, classes), copy(inputs, classes);
  check_equal(state_of(model, *adam), state_of(by_hand, hand_adam), same_bits + 1e-12);
  adam.reset();  // a program may outlive what it was made with
  program(inputs, classes), eager();
  nn::Adam<double> none(0.05), no_other(0.05);
  check_equal(state_of(model, none), state_of(by_hand, no_other), 1e-12);
}

TEST_CASE("steps hold no value twice: they work in the arrays of the model, and take no memory") {
  auto model = network();
  nn::Adam<double> adam(0.05);
  nn::TrainingStep<double> step(model, adam, loss);
  nn::Evaluator<double> evaluator(model);
  const auto at = [&] {
    std::vector<const double*> places;
    for (const auto& list : {model.parameters(), model.states()})
      for (const auto& [name, parameter] : list) places.push_back(parameter.value().data());
    return places;
  };
  const auto before = at();
  step(inputs, classes), evaluator(inputs);
  const double* mean = adam.slots("0.weight").at("mean").value().data();
  start_counting();
  for (int i = 0; i < 3; ++i) step(inputs, classes), evaluator(inputs);
  CHECK_EQ(allocations().count, 0);
  CHECK(at() == before);
  CHECK_EQ(adam.slots("0.weight").at("mean").value().data(), mean);
}
