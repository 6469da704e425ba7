// Several inputs, targets and results; weights of samples; losses of parts; numbers of one's own in a history.
#include <nn/report/panels.hpp>

#include "nn_support.hpp"
#include "scratch.hpp"

namespace {

namespace ad = autodiff;
using ad::Array, ad::Shape;
using A = Array<double>;
using V = ad::Variable<double>;
using Batch = nn::Batch<double>;
using Outcome = nn::Outcome<double>;

A some(const Shape& shape, double phase) {
  A a(shape);
  for (std::size_t i = 0; i < a.size(); ++i) a.flat(i) = std::sin(phase + 1.7 * static_cast<double>(i));
  return a;
}

double apart(const A& a, const A& b) {
  REQUIRE(a.shape() == b.shape());
  return xt::amax(xt::abs(a - b))();
}

/// Two inputs, of which a mask says what counts; one result.
struct Masked : nn::Module<double> {
  nn::Linear<double> inner{3, 2};
  std::vector<V> forward(const std::vector<V>& x) override {
    if (x.size() != 2) ad::fail<ad::ValueError>("masked", "takes values and their mask");
    return {inner(x[0] * x[1])};
  }
  void members(nn::Members<double>& m) override { m("inner", inner); }
};

/// Uses it below.
struct Outer : nn::Module<double> {
  Masked masked;
  V forward(const V& x) override { return tanh(masked(x, x > 0)); }
  void members(nn::Members<double>& m) override { m("masked", masked); }
};

/// One input, two results.
struct Heads : nn::Module<double> {
  nn::Linear<double> body{3, 4}, left{4, 2}, right{4, 1};
  std::vector<V> forward(const std::vector<V>& x) override {
    const V h = tanh(body(x.at(0)));
    return {left(h), right(h)};
  }
  void members(nn::Members<double>& m) override { m("body", body), m("left", left), m("right", right); }
};

struct Nothing : nn::Module<double> {};

template <class M>
M made() {
  M model;
  model.initialise(3);
  return model;
}

nn::Loss<double> of_heads() {
  return nn::Loss<double>({"class", "number"}, [](const Outcome& o) {
    return std::vector{nn::softmax_cross_entropy(o.predictions[0], o.targets[0]),
                       nn::mean_squared_error(o.predictions[1], o.targets[1])};
  });
}

Batch batch_of_heads(std::size_t samples) {
  A classes(Shape{samples});
  for (std::size_t i = 0; i < samples; ++i) classes(i) = static_cast<double>(i % 2);
  return {{some({samples, 3}, 0.3)}, {classes, some({samples, 1}, 1)}};
}

std::vector<A> values(nn::Module<double>& model) {
  std::vector<A> all;
  for (const auto& [name, parameter] : model.parameters()) all.push_back(parameter.value());
  return all;
}

void check_close(nn::Module<double>& a, nn::Module<double>& b, double tolerance) {
  const auto x = values(a), y = values(b);
  REQUIRE_EQ(x.size(), y.size());
  for (std::size_t k = 0; k < x.size(); ++k) CHECK_LE(apart(x[k], y[k]), tolerance);
}

}  // namespace

TEST_CASE("several: inputs and results of modules, plain and recorded") {
  auto model = made<Masked>();
  const A x = some({4, 3}, 0.1), mask{{1, 0, 1}, {0, 0, 1}, {1, 1, 1}, {0, 0, 0}};
  const A expected = model.inner(A(x * mask)).value();
  CHECK_EQ(apart(model(x, mask).value(), expected), 0);
  CHECK_EQ(apart(model(x, xt::cast<double>(mask)).value(), expected), 0);
  CHECK_EQ(apart(model(std::vector{V(x), V(mask)})[0].value(), expected), 0);

  ad::Tape<double> tape;
  const V recorded = tape.variable(x);
  CHECK_EQ(apart(model(recorded, mask).value(), expected), 0);
  CHECK_EQ(apart(model(mask, recorded).value(), expected), 0);
  CHECK(tape.find("inner/a").alive());

  auto outer = made<Outer>();
  CHECK_LE(apart(outer(x).value(), A(xt::tanh(outer.masked.inner(A(x * (x > 0))).value()))), 1e-15);
  const V deeper = outer(recorded);
  CHECK(tape.find("masked/inner/a").alive());

  auto heads = made<Heads>();
  const auto both = heads(std::vector{V(x)});
  REQUIRE_EQ(both.size(), 2);
  CHECK(both[1].shape() == Shape{4, 1});
  nn::Sequential<double> chain(Masked{}, nn::Activation<double>("tanh"));
  chain.initialise(2);
  CHECK(chain(x, mask).shape() == Shape{4, 2});

  CHECK(model.summary(std::vector{Shape{1, 3}, Shape{1, 3}}).find("(1, 2)") != std::string::npos);
}

TEST_CASE("several: what does not fit is said") {
  auto model = made<Masked>();
  auto heads = made<Heads>();
  nn::Linear<double> linear(3, 2);
  linear.initialise(1);
  const A x = some({4, 3}, 0.1);
  CHECK_EQ(test::error_of([&] { model(x); }), "[masked] takes values and their mask");
  CHECK_EQ(test::error_of([&] { heads(x); }), "[module] a Heads has 2 results, not one: call it with a vector");
  CHECK_EQ(test::error_of([&] { linear(x, x); }), "[module] a Linear takes one input, not 2");
  CHECK_EQ(test::error_of([&] { Nothing()(x); }), "[module] a Nothing defines no forward");
  CHECK_EQ(test::error_of([&] { linear(std::vector<V>{}); }), "[module] a Linear needs an input");

  nn::GradientDescent<double> rule(0.1);
  nn::TrainingStep<double> step(heads, rule, nn::loss<double>("cross-entropy"));
  const auto batch = batch_of_heads(4);
  const auto before = values(heads);
  CHECK_EQ(test::error_of([&] { step(batch); }),
           "[loss] compares one prediction with one target, not 2 with 2: write it as a function of a const Outcome&");
  CHECK(values(heads) == before);
  nn::TrainingStep<double> good(heads, rule, of_heads());
  good(batch);
  CHECK(test::error_of([&] {
          good({batch.inputs, {batch.targets[0]}});
        }).starts_with("[training_step] batches of one step"));
  auto weighted = batch;
  weighted.weights = A{1, 2, 3, 4};
  CHECK(test::error_of([&] { good(weighted); }).starts_with("[training_step] batches of one step"));
  nn::TrainingStep<double> scalar(heads, rule, of_heads());
  for (const A& wrong : {A{1, 2, 3}, A{1, -1, 1, 1}, A{0, 0, 0, 0}}) {
    weighted.weights = wrong;
    CHECK(test::error_of([&] { scalar(weighted); }).find("weight") != std::string::npos);
  }
  CHECK(test::error_of([] {
          nn::Loss<double>({"a", "a"}, [](const Outcome&) { return std::vector<V>{}; });
        }).find("\"a\"") != std::string::npos);
  const nn::Loss<double> columns = [](const V& p, const V&) { return sum(p, 0); };
  CHECK(test::error_of([&] {
          columns(V(x), V(x));
        }).starts_with("[loss] must be one number, or one a sample: (3) for 4 samples"));
  const nn::Loss<double> short_of_one({"a", "b"}, [](const Outcome& o) { return std::vector{sum(o.predictions[0])}; });
  CHECK(test::error_of([&] { short_of_one(V(x), V(x)); }).find("has 2 parts by name, but its function gives 1") !=
        std::string::npos);
}

TEST_CASE("several: weights where a function of two variables gives one number") {
  nn::Linear<double> model(3, 2);
  model.initialise(1);
  nn::GradientDescent<double> rule(0.1);
  nn::TrainingStep<double> step(model, rule, [](const V& p, const V& t) { return mean(square(p - t)); });
  CHECK(test::error_of([&] {
          step({{some({4, 3}, 0)}, {some({4, 2}, 1)}, A{1, 2, 3, 4}});
        }).starts_with("[loss] samples have weights, but the loss gives one number"));
  step(some({4, 3}, 0), some({4, 2}, 1));  // a first batch that was refused decides nothing
}

TEST_CASE("several: a regulariser beside weighted samples, in one part and in several") {
  const Batch batch{{some({5, 3}, 0.4)}, {some({5, 2}, 1)}, A{2, 0, 1, 3, 1}};
  std::vector<A> first;
  for (const std::size_t parts : {1, 3, 5}) {
    nn::Linear<double> model(3, 2);
    model.initialise(1);
    nn::GradientDescent<double> rule(0.1);
    const nn::Loss<double> loss({"error", "size"}, [&](const Outcome& o) {
      return std::vector{square(o.predictions[0] - o.targets[0]),
                         0.1 * sum(square(model.parameters()[0].parameter.beside(o.predictions[0])))};
    });
    const A w = model.parameters()[0].parameter.value();
    nn::TrainingStep<double> step(model, rule, loss, {.parts = parts});
    step(batch);
    CHECK_LE(std::abs(step.parts()[1] - 0.1 * xt::sum(xt::square(w))()), 1e-14);
    if (parts == 1) first = values(model);
    CHECK_LE(apart(values(model)[0], first[0]), 1e-14);
  }
}

TEST_CASE("several: what is assigned in place, and groups that are added, are seen by steps and evaluators") {
  const A x = some({6, 2}, 0.3), t = some({6, 1}, 1);
  const auto network = [](const char* function) {
    nn::Sequential<double> model(nn::Linear<double>(2, 1), nn::Activation<double>(function));
    model.initialise(1);
    return model;
  };
  auto model = network("tanh"), twin = network("relu");
  nn::GradientDescent<double> rule(0.1);
  const auto loss = nn::loss<double>("squared-error");
  nn::TrainingStep<double> step(model, rule, loss), other(twin, rule, loss);
  nn::Evaluator<double> evaluator(model);
  step(x, t), evaluator(x);
  model = twin;
  CHECK_EQ(apart(evaluator(x), model(x).value()), 0);
  CHECK_EQ(step(x, t), other(x, t));
  const auto before = values(model);
  rule.group("*", {.rate = 0.0});
  step(x, t);
  CHECK(values(model) == before);
}

TEST_CASE("several: an optimiser that is assigned keeps what the new rule needs") {
  const A x = some({6, 2}, 0.3), t = some({6, 1}, 1);
  nn::Linear<double> model(2, 1), twin(2, 1);
  model.initialise(1);
  const auto loss = nn::loss<double>("squared-error");
  nn::Adam<double> rule(0.1), fresh(0.1, {.amsgrad = true});
  nn::TrainingStep<double>(model, rule, loss)(x, t);
  rule = nn::Adam<double>(0.1, {.amsgrad = true});
  twin = model;
  nn::TrainingStep<double> a(model, rule, loss), b(twin, fresh, loss);
  for (int i = 0; i < 30; ++i) a(x, t), b(x, t);
  check_close(model, twin, 0);
  nn::Linear<double> wider(3, 1);
  wider.initialise(1);
  nn::TrainingStep<double> c(wider, rule, loss);
  CHECK(test::error_of([&] { c(some({6, 3}, 0), t); }).find("that it keeps for weight") != std::string::npos);
}

TEST_CASE("several: evaluation of what depends on the batch, and of other counts") {
  struct Pairs : nn::Module<double> {
    std::vector<V> forward(const std::vector<V>& x) override { return {matmul(x[0], transpose(x.back()))}; }
  } pairs;
  nn::Evaluator<double> evaluator(pairs);
  nn::BatchSource<double> source(Batch{{some({5, 2}, 0), some({5, 2}, 1)}, {some({5, 1}, 2)}});
  CHECK(test::error_of([&] { evaluator(source, 3); }).find("in every batch: (2, 2) after (5, 3)") != std::string::npos);
  CHECK(evaluator(source, 5).predictions.shape() == Shape{5, 5});
  CHECK_EQ(evaluator(std::vector{some({4, 2}, 1)})[0].size(), 16);
  CHECK_EQ(nn::metric<double>("accuracy").name, "accuracy");
  CHECK(test::error_of([] { nn::accuracy(A(xt::zeros<double>({4, 1})), A(xt::ones<double>({4, 1}))); }) != "no error");
}

TEST_CASE("several: gradients against finite differences, with weights and without") {
  auto heads = made<Heads>();
  CHECK(nn::check_gradient(heads, of_heads(), batch_of_heads(5)));
  auto masked = made<Masked>();
  Batch batch{{some({4, 3}, 0.1), some({4, 3}, 2)}, {some({4, 2}, 1)}, A{0.5, 2, 0, 1}};
  for (const auto name : {"squared-error", "huber"}) CHECK(nn::check_gradient(masked, nn::loss<double>(name), batch));
}

TEST_CASE("several: a step is the one by hand") {
  auto model = made<Heads>(), twin = made<Heads>();
  const auto loss = of_heads();
  nn::Adam<double> rule(0.05), same(0.05);
  nn::TrainingStep<double> step(model, rule, loss);
  const auto batch = batch_of_heads(6);
  for (int i = 0; i < 5; ++i) {
    ad::Tape<double> tape;
    const V x = tape.constant(batch.inputs[0]);
    const auto y = twin(std::vector{x});
    const V first = nn::softmax_cross_entropy(y[0], batch.targets[0]),
            second = nn::mean_squared_error(y[1], batch.targets[1]), whole = first + second;
    CHECK_LE(std::abs(step(batch) - whole.item()), 1e-12);
    REQUIRE_EQ(step.parts().size(), 2);
    CHECK_LE(std::abs(step.parts()[0] - first.item()), 1e-12);
    CHECK_LE(std::abs(step.parts()[1] - second.item()), 1e-12);
    same.step(twin, gradient(whole, twin.variables(x)));
  }
  check_close(model, twin, 1e-12);
}

TEST_CASE("several: losses see inputs") {
  auto model = made<Masked>(), twin = made<Masked>();
  const Batch batch{{some({4, 3}, 0.1), some({4, 3}, 2)}, {some({4, 2}, 1)}};
  const nn::Loss<double> seeing = [](const Outcome& o) {
    return mean(square(o.predictions[0] - o.targets[0]) * sum(o.inputs[1], 1, ad::keepdims));
  };
  nn::GradientDescent<double> rule(0.1), same(0.1);
  nn::TrainingStep<double> step(model, rule, seeing);
  step(batch);
  ad::Tape<double> tape;
  const V x = tape.constant(batch.inputs[0]);
  const V loss =
      mean(square(twin(x, batch.inputs[1]) - batch.targets[0]) * A(xt::sum(batch.inputs[1], {1}, xt::keep_dims)));
  same.step(twin, gradient(loss, twin.variables(x)));
  check_close(model, twin, 1e-14);
}

TEST_CASE("several: a weight of a whole number counts a sample as often") {
  const A x = some({5, 3}, 0.4), weights{2, 0, 1, 3, 1};  // of one part in five none
  const std::vector<std::size_t> repeated{0, 0, 2, 3, 3, 3, 4};
  for (const auto& name : nn::loss_names()) {
    CAPTURE(name);
    const bool classes = nn::takes_classes(name);
    const A targets = classes                          ? A{0, 1, 1, 0, 1}
                      : name == "binary-cross-entropy" ? A(0.5 + 0.5 * some({5, 2}, 1))
                                                       : some({5, 2}, 1);
    nn::BatchSource<double> all(Batch{{x}, {targets}});
    const auto twice = all.batch(repeated);
    for (const std::size_t parts : {1, 3, 5}) {
      nn::Linear<double> model(3, 2), twin(3, 2), plain(3, 2), ones(3, 2);
      for (auto* each : {&model, &twin, &plain, &ones}) each->initialise(1);
      nn::GradientDescent<double> rule(0.1);
      const auto loss = nn::loss<double>(name);
      nn::TrainingStep<double> weighted(model, rule, loss, {.parts = parts}), repeating(twin, rule, loss),
          without(plain, rule, loss), of_ones(ones, rule, loss);
      CHECK_LE(std::abs(weighted({{x}, {targets}, weights}) - repeating(twice)), 1e-12);
      check_close(model, twin, 1e-12);
      CHECK_LE(std::abs(of_ones({{x}, {targets}, A(xt::ones<double>({5}))}) - without({{x}, {targets}})), 1e-12);
      check_close(ones, plain, 1e-12);
    }
  }
}

TEST_CASE("several: numbers a sample are averaged") {
  const A x = some({4, 3}, 0.2), t = some({4, 3}, 1);
  const nn::Loss<double> of_each = [](const V& p, const V& q) { return square(p - q); };
  CHECK_LE(std::abs(of_each(V(x), V(t)).item() - xt::mean(xt::square(x - t))()), 1e-15);
  const A weights{1, 0, 2, 5};
  const A rows = xt::mean(xt::square(x - t), {1});
  const double expected = xt::sum(rows * weights)() / 8;
  CHECK_LE(std::abs(of_each(Outcome{{}, {V(x)}, {V(t)}, V(weights)})[0].item() - expected), 1e-15);
}

TEST_CASE("several: sources of batches, parts of them, scaled ones") {
  const A a = some({5, 2, 3}, 0.1), b = some({5, 4}, 1), t = some({5, 1}, 2), w{1, 2, 3, 4, 5};
  nn::BatchSource<double> source(Batch{{a, b}, {t}, w});
  CHECK_EQ(source.size(), 5);
  const std::vector<std::size_t> numbers{3, 0};
  nn::Subset<double> part(source, {4, 1, 2, 3});
  nn::ScaledSource<double> scaled(part, {xt::ones<double>({6}), 2 * xt::ones<double>({6})});
  const auto batch = scaled.batch(numbers);
  REQUIRE_EQ(batch.inputs.size(), 2);
  CHECK_EQ(apart(batch.inputs[0], A(2 * (A(xt::view(a, xt::keep(3, 4))) - 1))), 0);
  CHECK_EQ(apart(batch.inputs[1], A(xt::view(b, xt::keep(3, 4)))), 0);
  CHECK_EQ(apart(batch.targets[0], A(xt::view(t, xt::keep(3, 4)))), 0);
  CHECK_EQ(apart(*batch.weights, A{4, 5}), 0);

  CHECK_EQ(test::error_of([&] { source.rows(numbers); }),
           "[rows] a sample has 2 inputs and 1 targets: ask for a Batch");
  auto wrong = batch;
  wrong.inputs.pop_back();
  CHECK_EQ(test::error_of([&] { source.fetch(numbers, wrong); }), "[fetch] needs 2 inputs, not 1");
  wrong = batch, wrong.weights.reset();
  CHECK_EQ(test::error_of([&] { source.fetch(numbers, wrong); }), "[fetch] needs weights, one a sample");
  CHECK(test::error_of([&] {
          nn::BatchSource<double>(Batch{{a}, {some({4, 1}, 0)}});
        }).find("(4, 1) for 5 samples") != std::string::npos);
  CHECK(test::error_of([&] {
          nn::BatchSource<double>(Batch{{a}, {t}, A{1, 2, 3, 4, -5}});
        }).find("not negative: -5") != std::string::npos);
  // Many samples, which a Subset translates piece by piece.
  std::vector<std::size_t> many;
  for (std::size_t i = 0; i < 200; ++i) many.push_back(i % 4);
  const auto long_batch = part.batch(many);
  CHECK_EQ((*long_batch.weights)(199), 4);
  CHECK_EQ(long_batch.inputs[1](199, 2), b(3, 2));
}

TEST_CASE("several: fit, its history of parts and of numbers of one's own, and a run that goes on") {
  const Scratch scratch;
  const auto data = batch_of_heads(40);
  const auto weigh = [](const Outcome& o) {
    return std::vector{nn::softmax_cross_entropy(o.predictions[0], o.targets[0], {.reduction = nn::Reduction::none}),
                       square(o.predictions[1] - o.targets[1])};
  };
  const nn::Loss<double> loss({"class", "number"}, weigh);
  auto weighted = data;
  weighted.weights = A(xt::arange<double>(40) / 40);
  const auto options = [&](nn::Module<double>& model, nn::Source<double>& validation) {
    nn::FitOptions<double> result;
    result.epochs = 4, result.batch = 16, result.validation = &validation;
    result.quantities = {{"norms/left", [&](const nn::Moment&) { return xt::sum(xt::square(values(model)[2]))(); }},
                         {"norms/right", [](const nn::Moment& now) { return static_cast<double>(now.epoch); }}};
    result.metrics = {nn::metric<double>("accuracy")};
    return result;
  };
  const auto run = [&](Heads& model, nn::FitOptions<double> with, nn::BatchSource<double>& source) {
    nn::Adam<double> rule(0.05);
    return nn::fit(model, rule, loss, source, with);
  };
  nn::BatchSource<double> source(weighted), other(batch_of_heads(10));
  auto model = made<Heads>();
  const auto report = run(model, options(model, other), source);
  const auto& history = report.history;
  const std::vector<std::string> names{"epoch",
                                       "loss",
                                       "class",
                                       "number",
                                       "validation_loss",
                                       "validation_class",
                                       "validation_number",
                                       "validation_accuracy",
                                       "norms/left",
                                       "norms/right",
                                       "learning_rate",
                                       "seconds"};
  CHECK(history.names() == names);
  for (std::size_t row = 0; row < 4; ++row) {
    CHECK_LE(std::abs(history.column("loss")[row] - history.column("class")[row] - history.column("number")[row]),
             1e-12);
    CHECK_EQ(history.column("norms/right")[row], static_cast<double>(row + 1));
  }
  CHECK_LT(history.column("loss")[3], history.column("loss")[0]);
  CHECK_EQ(history.column("norms/left")[3], xt::sum(xt::square(values(model)[2]))());

  // What the history says of the validation data is what can be computed by hand.
  const auto all = batch_of_heads(10);
  const auto y = model(std::vector{V(all.inputs[0])});
  const double of_class = nn::softmax_cross_entropy(y[0], all.targets[0]).item(),
               of_number = nn::mean_squared_error(y[1], all.targets[1]).item();
  CHECK_LE(std::abs(history.column("validation_class")[3] - of_class), 1e-12);
  CHECK_LE(std::abs(history.column("validation_number")[3] - of_number), 1e-12);
  nn::Evaluator<double> evaluator(model, loss);
  const auto evaluation = evaluator(source, 7);
  REQUIRE_EQ(evaluation.parts.size(), 2);
  REQUIRE_EQ(evaluation.further_predictions.size(), 1);
  CHECK_EQ(apart(evaluation.further_targets[0], weighted.targets[1]), 0);
  const auto mine = model(std::vector{V(weighted.inputs[0])});
  const A squares = xt::mean(xt::square(mine[1].value() - weighted.targets[1]), {1});
  CHECK_LE(std::abs(evaluation.parts[1] - xt::sum(squares * *weighted.weights)() / xt::sum(*weighted.weights)()),
           1e-12);
  CHECK_LE(apart(evaluation.further_predictions[0], mine[1].value()), 1e-14);

  // Stopped within an epoch, a run goes on to the same bits.
  auto halted = made<Heads>();
  auto with = options(halted, other);
  with.checkpoint = scratch / "run.safetensors";
  with.after_step = [](nn::Moment& now) { now.stop = now.epoch == 2 && now.step == 2; };
  CHECK(run(halted, with, source).end == nn::FitReport::End::stopped);
  auto resumed = made<Heads>();
  with = options(resumed, other);
  with.checkpoint = scratch / "run.safetensors", with.resume = true;
  const auto later = run(resumed, with, source);
  CHECK(values(resumed) == values(model));
  for (const auto& name : names)
    if (name != "seconds") CHECK(later.history.column(name) == history.column(name));

  // A picture groups what is called alike, and what begins alike.
  const auto panels = nn::panels(history);
  const auto panel = [&](const std::string& title) {
    const auto there = std::ranges::find(panels.panels, title, &nn::Panel::title);
    REQUIRE(there != panels.panels.end());
    return there->series;
  };
  CHECK_EQ(panel("norms").size(), 2);
  CHECK_EQ(panel("norms")[0].label, "left");
  CHECK_EQ(panel("number").size(), 2);
}

TEST_CASE("several: a batch in which no sample counts makes no step") {
  auto model = made<Masked>();
  const auto before = values(model);
  nn::GradientDescent<double> rule(0.1);
  Batch data{{some({4, 3}, 0.1), some({4, 3}, 2)}, {some({4, 2}, 1)}, A{0, 0, 0, 0}};
  nn::FitOptions<double> options;
  options.epochs = 1, options.batch = 2;
  nn::BatchSource<double> nothing(data);
  CHECK_EQ(test::error_of([&] { nn::fit(model, rule, nn::loss<double>("squared-error"), nothing, options); }),
           "[fit] the weights of all samples are 0");
  CHECK(values(model) == before);
  data.weights = A{0, 0, 0, 2};  // in one of two batches none counts
  nn::BatchSource<double> one(data);
  const auto report = nn::fit(model, rule, nn::loss<double>("squared-error"), one, options);
  CHECK_EQ(report.steps, 2);
  CHECK(std::isfinite(report.history.column("loss")[0]));
}

TEST_CASE("several: a quantity that throws loses no epoch") {
  const Scratch scratch;
  auto model = made<Heads>();
  nn::GradientDescent<double> rule(0.1);
  nn::BatchSource<double> source(batch_of_heads(8));
  nn::FitOptions<double> options;
  options.epochs = 2, options.checkpoint = scratch / "run.safetensors";
  options.quantities = {{"one", [](const nn::Moment& now) -> double {
                           if (now.epoch == 2) throw std::runtime_error("enough");
                           return 1;
                         }}};
  CHECK_THROWS_AS(nn::fit(model, rule, of_heads(), source, options), std::runtime_error);
  options.quantities[0].value = [](const nn::Moment&) { return 1.0; }, options.resume = true;
  auto resumed = made<Heads>(), whole = made<Heads>();
  CHECK_EQ(nn::fit(resumed, rule, of_heads(), source, options).history.rows(), 2);
  nn::GradientDescent<double> again(0.1);
  options.resume = false, options.checkpoint.clear();
  nn::fit(whole, again, of_heads(), source, options);
  CHECK(values(resumed) == values(whole));
}

TEST_CASE("several: a source that says it has weights, but copies none, is refused") {
  struct Forgetful : nn::MemorySource<double> {
    Forgetful() : nn::MemorySource<double>({some({4, 2}, 0), some({4, 1}, 1)}) {}
    bool weighted() const override { return true; }
  } source;
  const std::vector<std::size_t> numbers{0, 1};
  CHECK(
      test::error_of([&] { source.batch(numbers); }).starts_with("[source] has several inputs or targets, or weights"));
}
