// What a step trains and what it leaves: frozen parameters, groups, several steps over shared parameters, an optimiser
// in a program of one's own, a gradient check of a model.
#include <nn/nn.hpp>

#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

const Array<double> inputs = sample({6, 2}, -1, 1), classes = xt::xarray<double>{0, 1, 1, 0, 1, 0};

nn::Sequential<double> network() {
  nn::Sequential<double> model(nn::Linear<double>(2, 5), nn::Activation<double>("tanh"), nn::Linear<double>(5, 2));
  model.initialise(1);
  return model;
}

std::vector<Array<double>> values(nn::Module<double>& model) {
  std::vector<Array<double>> all;
  for (const auto& [name, parameter] : model.parameters()) all.push_back(parameter.value());
  return all;
}

void train(nn::Module<double>& model, nn::Optimiser<double>& optimiser, int steps,
           const nn::StepOptions& options = {}) {
  nn::TrainingStep<double> step(model, optimiser, nn::loss<double>("cross-entropy"), options);
  for (int i = 0; i < steps; ++i) step(inputs, classes);
}

/// The same by hand: gradients of a tape, and the optimiser's own step.
void train_by_hand(nn::Module<double>& model, nn::Optimiser<double>& optimiser, int steps) {
  for (int i = 0; i < steps; ++i) {
    ad::Tape<double> tape;
    const V x = tape.constant(inputs), loss = ad::softmax_cross_entropy(model(x), tape.constant(classes));
    optimiser.step(model, gradient(loss, model.variables(x)));
  }
}

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const ad::Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("frozen parameters stay what they are, cost no slots, and are trained again when they are thawed") {
  auto model = network(), by_hand = network();
  for (auto* each : {&model, &by_hand}) (*each)[0].trainable(false);
  const auto before = values(model);
  nn::Adam<double> adam(0.05), other(0.05);
  train(model, adam, 5), train_by_hand(by_hand, other, 5);
  const auto after = values(model), expected = values(by_hand);
  for (std::size_t k : {0, 1}) CHECK_EQ(difference(after[k], before[k], 1e-300), "");
  for (std::size_t k : {2, 3}) {
    CHECK_EQ(difference(after[k], expected[k], 1e-13), "");
    CHECK(after[k] != before[k]);
  }
  CHECK(adam.slots().find("0.weight") == adam.slots().end());
  CHECK_EQ(model.parameters().size(), 4);
  CHECK(model.summary({1, 2}).find("trainable") != std::string::npos);
  CHECK(network().summary({1, 2}).find("trainable") == std::string::npos);
  auto copy = model;
  CHECK_FALSE(copy.parameters()[0].parameter.trainable());
  model[0].trainable(true);
  train(model, adam, 1);
  CHECK(values(model)[0] != before[0]);
  model.trainable(false);
  CHECK_EQ(error_of([&] { train(model, adam, 1); }),
           "[training_step] all parameters of the model are frozen: there is nothing to train");
}

TEST_CASE("frozen parameters are read as they are at each step") {
  auto model = network();
  model[0].trainable(false);
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(model, still, nn::loss<double>("cross-entropy"));
  for (double scale : {1.0, -0.5}) {
    auto& weight = model.parameters()[0].parameter;
    weight.assign(Array<double>(scale * weight.value()));
    const double expected = ad::softmax_cross_entropy(V(model(inputs)), classes).item();
    CHECK(step(inputs, classes) == doctest::Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("L-BFGS leaves frozen parameters as they are") {
  auto model = network();
  model[0].trainable(false);
  const auto before = values(model);
  const auto report = nn::lbfgs<double>(
      model,
      [&](auto& tape) { return ad::softmax_cross_entropy(model(tape.constant(inputs)), tape.constant(classes)); },
      {.iterations = 3});
  CHECK(report.iterations > 0);
  CHECK_EQ(difference(values(model)[0], before[0], 1e-300), "");
  CHECK(values(model)[2] != before[2]);
}

TEST_CASE("groups: factors of the rate and weight decay of their own, by pattern, the last that matches") {
  for (const char* rule :
       {"gradient-descent", "momentum", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta"}) {
    INFO(rule);
    const auto make = [&] {
      return nn::optimiser<double>(rule, 0.05, rule == std::string("gradient-descent") ? std::optional<double>() : 0.1);
    };
    auto model = network(), by_hand = network(), plain = network();
    auto grouped = make(), hand = make(), alone = make();
    for (auto* each : {&*grouped, &*hand})
      each->group("*", {.rate = 0.5}).group("2.*", {.rate = 0.0}).group("?.bias", {.weight_decay = 0.0});
    train(model, *grouped, 3), train_by_hand(by_hand, *hand, 3), train(plain, *alone, 3);
    const auto found = values(model), expected = values(by_hand),
               first = values(*std::make_unique<nn::Sequential<double>>(network()));
    for (std::size_t k = 0; k < 4; ++k) CHECK_EQ(difference(found[k], expected[k], 1e-12), "");
    CHECK_EQ(difference(found[2], first[2], 1e-300), "");
    CHECK(found[3] != first[3]);  // the last group that matches, whose rate is the optimiser's
    CHECK(found[0] != values(plain)[0]);
  }
  nn::Sgd<double> decays(0.1, {.weight_decay = 0.5});
  decays.group("*.bias", {.weight_decay = 0.0});
  const V w(Array<double>(Shape{2}, 1.0)), zero(Array<double>(Shape{2}, 0.0)), rate(Array<double>(Shape{}, 0.1));
  nn::Slots<double> slots;
  CHECK_EQ(difference(decays.update_in_group("0.bias", w, zero, rate, slots).value(), w.value(), 1e-300), "");
  CHECK_EQ(
      difference(decays.update_in_group("0.weight", w, zero, rate, slots).value(), array({2}, {0.95, 0.95}), 1e-15),
      "");
  CHECK_EQ(error_of([&] { decays.group("a", {.rate = -1}); }),
           "[optimiser] options of the group \"a\" must be finite and not negative: -1");
}

TEST_CASE("a group that no parameter of the model belongs to is refused, with the names that are near") {
  auto model = network();
  nn::Sgd<double> sgd(0.1);
  sgd.group("0/*", {.rate = 0.5}).group("*.bais", {.weight_decay = 0.0});
  const auto before = values(model);
  CHECK_EQ(error_of([&] { train_by_hand(model, sgd, 1); }),
           "[optimiser] no parameter of the model belongs to the group \"*.bais\"; there are \"0.weight\", \"0.bias\", "
           "\"2.weight\", \"2.bias\"");
  CHECK(values(model) == before);
  CHECK_EQ(sgd.group_of("0.bias").rate, 0.5);
  nn::Sgd<double> near(0.1);
  near.group("0.biass", {});
  CHECK_EQ(error_of([&] { near.check_groups(model); }),
           "[optimiser] no parameter of the model belongs to the group \"0.biass\"; near are \"0.bias\", \"2.bias\"");
}

TEST_CASE("a parameter that the loss does not use is not decayed, nor clipped into use") {
  struct Half : nn::Module<double> {
    nn::Linear<double> used{2, 2}, unused{2, 2};
    V forward(const V& x) override { return used(x); }
    void members(nn::Members<double>& m) override { m("used", used), m("unused", unused); }
  } model;
  model.initialise(1);
  const auto before = values(model);
  nn::AdamW<double> adam(0.1, {.weight_decay = 0.5});
  train(model, adam, 2, {.clip_norm = 0.1, .clip_value = 0.1});
  CHECK(values(model)[0] != before[0]);
  CHECK_EQ(difference(values(model)[2], before[2], 1e-300), "");
}

TEST_CASE("two optimisers take turns over two networks, k to 1, as eager steps do") {
  // A generator g and a judge j, after I. Goodfellow et al., "Generative adversarial nets", 2014.
  struct Pair : nn::Module<double> {
    nn::Module<double>&inner, &outer;
    bool trains_inner;
    Pair(nn::Module<double>& a, nn::Module<double>& b, bool first) : inner(a), outer(b), trains_inner(first) {}
    V forward(const V& x) override { return outer(inner(x)); }
    void members(nn::Members<double>& m) override { trains_inner ? m("inner", inner) : m("outer", outer); }
  };
  nn::Linear<double> g(2, 3), j(3, 1), hand_g(2, 3), hand_j(3, 1);
  g.initialise(1), j.initialise(2), hand_g.initialise(1), hand_j.initialise(2);
  Pair for_g(g, j, true), for_j(g, j, false), by_hand_g(hand_g, hand_j, true), by_hand_j(hand_g, hand_j, false);
  nn::Adam<double> of_g(0.05), of_j(0.02), hand_of_g(0.05), hand_of_j(0.02);
  const auto loss = nn::loss<double>("binary-cross-entropy");
  nn::TrainingStep<double> step_g(for_g, of_g, loss), step_j(for_j, of_j, loss);
  const Array<double> real(Shape{6, 1}, 1.0), fake(Shape{6, 1}, 0.0);
  const auto eager = [&](nn::Module<double>& model, nn::Optimiser<double>& optimiser, const Array<double>& target) {
    ad::Tape<double> tape;
    const V x = tape.constant(inputs), l = loss(model(x), tape.constant(target));
    const double before = l.item();
    optimiser.step(model, gradient(l, model.variables(x)));
    return before;
  };
  for (int i = 0; i < 6; ++i) {
    for (int k = 0; k < 2; ++k)
      CHECK(step_j(inputs, fake) == doctest::Approx(eager(by_hand_j, hand_of_j, fake)).epsilon(1e-12));
    CHECK(step_g(inputs, real) == doctest::Approx(eager(by_hand_g, hand_of_g, real)).epsilon(1e-12));
  }
}

TEST_CASE("targets of a binary cross-entropy that are no probabilities are refused, and nothing changes") {
  nn::Linear<double> model(2, 1);
  model.initialise(1);
  const auto before = model.weight.value();
  nn::Adam<double> adam(0.1);
  const auto loss = nn::loss<double>("binary-cross-entropy");
  nn::TrainingStep<double> step(model, adam, loss), shards(model, adam, loss, {.shards = 2});
  nn::Evaluator<double> evaluator(model, loss);
  const Array<double> x(Shape{2, 2}, 1.0);
  for (const double wrong : {-1.0, 2.0, std::nan("")}) {
    const Array<double> targets{{1.0, wrong}};
    const auto column = Array<double>(xt::transpose(targets));
    nn::BatchSource<double> source(nn::Batch<double>{{x}, {column}});
    for (const auto& run : std::vector<std::function<void()>>{[&] { step(x, column); }, [&] { shards(x, column); },
                                                              [&] { evaluator(source); }})
      CHECK_THROWS_WITH_AS(run(), doctest::Contains("of the target must be from 0 to 1: "), ad::ValueError);
  }
  CHECK(model.weight.value() == before);
  CHECK(std::isfinite(step(x, Array<double>(Shape{2, 1}, 0.5))));
}

TEST_CASE("gradients of several batches are added up by one program, and another makes the step") {
  nn::Sequential<double> model(nn::Linear<double>(2, 5), nn::Activation<double>("tanh"), nn::Linear<double>(5, 1));
  model.initialise(1);
  auto at_once = model;
  nn::Adam<double> adam(0.01), same(0.01);
  const auto loss = nn::loss<double>("squared-error");
  std::vector<ad::StateCell<double>> sums;
  for (const auto& [name, parameter] : model.parameters())
    sums.push_back(std::make_shared<V>(Array<double>(parameter.shape(), 0.0)));

  ad::Tape<double> adding(ad::TapeMode::abstract), stepping(ad::TapeMode::abstract);
  const auto x = adding.input({3, 2}), y = adding.input({3, 1}), error = loss(model(x), y);
  std::vector<ad::Update<double>> additions, step;
  for (std::size_t k = 0; const auto& slope : ad::recorded_gradient(error, model.variables(error))) {
    const auto sum = adding.variable(sums[k++]);
    additions.push_back({sum, sum + slope});
  }
  auto add = ad::compile({x, y}, {error}, additions);

  const auto share = stepping.input({});  // of each batch
  std::vector<V> means, before;
  for (const auto& sum : sums) before.push_back(stepping.variable(sum)), means.push_back(share * before.back());
  step = nn::record_step(adam, model.variables(share), means);
  for (const auto& sum : before) step.push_back({sum, stepping.constant(Array<double>(sum.shape(), 0.0))});
  auto make_step = ad::compile({share}, {}, step);

  nn::TrainingStep<double> whole(at_once, same, loss);
  for (int i = 0; i < 3; ++i) {
    const Array<double> all = xt::sin(xt::arange<double>(24.0).reshape({12, 2}) + double(i)),
                        targets = xt::view(all, xt::all(), xt::range(0, 1));
    for (std::size_t k = 0; k < 4; ++k)
      add(Array<double>(xt::view(all, xt::range(3 * k, 3 * k + 3))),
          Array<double>(xt::view(targets, xt::range(3 * k, 3 * k + 3))));
    make_step(Array<double>(Shape{}, 0.25));
    whole(all, targets);
    for (std::size_t k = 0; k < sums.size(); ++k)
      CHECK(xt::allclose(model.parameters()[k].parameter.value(), at_once.parameters()[k].parameter.value(), 1e-12,
                         1e-12));
  }
}

TEST_CASE("record_step: the learning rate is read at each run, and errors name what is wrong") {
  auto model = network(), twin = network();
  nn::Adam<double> adam(0.05), same(0.05);
  ad::Tape<double> tape;
  const V x = tape.constant(inputs), y = tape.constant(classes);
  const auto parameters = model.variables(x);
  const V loss = nn::softmax_cross_entropy(model(x), y);
  const auto gradients = recorded_gradient(loss, parameters);
  auto program = ad::compile({x, y}, {loss}, nn::record_step(adam, parameters, gradients));
  nn::TrainingStep<double> step(twin, same, nn::loss<double>("cross-entropy"));
  for (int i = 0; i < 8; ++i) {
    adam.learning_rate(0.05 / (1 + i)), same.learning_rate(0.05 / (1 + i));
    CHECK(program(inputs, classes)[0]() == doctest::Approx(step(inputs, classes)).epsilon(1e-12));
  }
  nn::Adam<double> copy = adam;
  adam.learning_rate(1);
  CHECK_EQ((*copy.rate_cell()).item(), copy.learning_rate());
  CHECK_EQ(error_of([&] { nn::record_step(adam, parameters, {gradients[0]}); }),
           "[record_step] 4 parameters and 1 gradients");
  CHECK_EQ(error_of([&] { nn::record_step(adam, {parameters[0]}, {gradients[1]}); }),
           "[record_step] the gradient of 0/weight must have its shape: (2, 5) and (5)");
  CHECK_EQ(error_of([&] { nn::record_step(adam, {tape.variable(1.0)}, {tape.variable(1.0)}); }),
           "[record_step] parameter 0 needs a name, by which its slots go");
}

TEST_CASE("a model that has other parameters than when its step was made is refused") {
  auto model = network();
  nn::Adam<double> adam(0.1);
  nn::TrainingStep<double> step(model, adam, nn::loss<double>("cross-entropy"));
  step(inputs, classes);
  model.add(nn::Linear<double>(2, 2));
  CHECK_EQ(
      error_of([&] { step(inputs, classes); }),
      "[training_step] the model has other parameters than when the step was made, \"3.weight\" among them: make a "
      "new step");
}

TEST_CASE("check_gradient of a model: right and wrong, named, and everything afterwards as before") {
  nn::Sequential<double> model(nn::Linear<double>(2, 4), nn::BatchNorm<double>(4), nn::Activation<double>("tanh"),
                               nn::Dropout<double>(0.3), nn::Linear<double>(4, 2));
  model.initialise(1);
  model.training(true);
  const auto before = values(model);
  const auto state = model.states()[0].parameter.value();
  const auto report = nn::check_gradient(model, nn::loss<double>("cross-entropy"), inputs, classes);
  CHECK_MESSAGE(report, report.message());
  CHECK_GT(report.comparisons, 20);
  CHECK(model.training());
  for (std::size_t k = 0; k < before.size(); ++k) CHECK_EQ(difference(values(model)[k], before[k], 1e-300), "");
  CHECK_EQ(difference(model.states()[0].parameter.value(), state, 1e-300), "");
  const nn::Loss<double> wrong = [](const V& p, const V& t) { return nn::softmax_cross_entropy(p + detach(p), t); };
  const auto found = nn::check_gradient(model, wrong, inputs, classes);
  CHECK_FALSE(found);
  CHECK(found.name.find("weight") + found.name.find("bias") != 2 * std::string::npos);
}

TEST_CASE("losses of logits refuse probabilities; those of probabilities take them, zeros included") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({3, 2}, -2, 2)), p = softmax(x), q = logistic(x);
  const Array<double> t = xt::xarray<double>{0, 1, 1}, rows = xt::xarray<double>{{1, 0}, {0.25, 0.75}, {0, 1}};
  const std::string softmax_error =
      "[softmax_cross_entropy] takes logits, and these are the result of softmax: leave that out, or use ";
  for (const auto& f : std::vector<std::function<void()>>{
           [&] { ad::softmax_cross_entropy(p, t); }, [&] { nn::loss<double>("cross-entropy")(p, tape.constant(rows)); },
           [&] { nn::softmax_cross_entropy(p, t, nn::CrossEntropyOptions{.label_smoothing = 0.1}); }})
    CHECK_EQ(error_of(f).rfind(softmax_error, 0), 0);
  CHECK_EQ(error_of([&] { nn::binary_cross_entropy(q, rows); }).rfind("[binary_cross_entropy] takes logits", 0), 0);
  const auto same = [](const V& a, const V& b) { CHECK(a.item() == doctest::Approx(b.item()).epsilon(1e-12)); };
  same(nn::cross_entropy_of_probabilities(p, t), nn::softmax_cross_entropy(x, t));
  same(nn::cross_entropy_of_probabilities(p, rows), nn::softmax_cross_entropy(x, rows));
  same(nn::binary_cross_entropy_of_probabilities(q, rows), nn::binary_cross_entropy(x, rows));
  CHECK_EQ(difference(gradient(nn::cross_entropy_of_probabilities(p, t), x),
                      gradient(nn::softmax_cross_entropy(x, t), x), 1e-12),
           "");
  const V sure(Array<double>(xt::xarray<double>{{1, 0}, {0, 1}}));
  const Array<double> right = xt::xarray<double>{0, 1}, wrong = xt::xarray<double>{1, 1};
  CHECK_EQ(nn::cross_entropy_of_probabilities(sure, right).item(), 0);
  CHECK_EQ(nn::cross_entropy_of_probabilities(sure, wrong).item(), std::numeric_limits<double>::infinity());
  const V at = tape.variable(sure.value());
  const auto slope = gradient(nn::cross_entropy_of_probabilities(at, right), at);
  CHECK_EQ(difference(slope, xt::xarray<double>{{-0.5, 0}, {0, -0.5}}, 1e-15), "");
  CHECK_EQ(nn::binary_cross_entropy_of_probabilities(sure, sure.value()).item(), 0);
}
