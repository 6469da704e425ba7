// Recording without values: what only a run knows cannot be read, so nothing of the first run is frozen into a program.
#include <nn/nn.hpp>

#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;
using Recorded = ad::Recording<double>;
using Inputs = std::vector<V>;
using Tape = ad::Tape<double>;

namespace {

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const ad::TapeError& error) {
    return error.what();
  }
  return "no error";
}

const auto two = array({2}, {1, 2});

}  // namespace

TEST_CASE("an abstract tape: shapes without values, but of constants") {
  Tape tape(ad::TapeMode::abstract);
  const V x = tape.input({2, 3}), w = tape.variable(array({3}, {1, 2, 3}), "w"), c = tape.constant(2.0);
  CHECK(x.abstract());
  CHECK(w.abstract());
  CHECK_FALSE(c.abstract());
  CHECK_EQ((c * c).item(), 4);
  const V y = tanh(x * w), z = sum(y);
  CHECK_EQ(y.shape(), Shape{2, 3});
  CHECK_EQ(y.size(), 6);
  CHECK_EQ(y.dimension(), 2);
  const std::string rule = "[variable] only a run of the program knows the value, which depends on ";
  CHECK_EQ(refusal([&] { z.item(); }), rule + "input 0, variable w: ()");
  CHECK_EQ(refusal([&] { y.value(); }), rule + "input 0, variable w: (2, 3)");
  CHECK_EQ(refusal([&] { w.value(); }), rule + "variable w: (3)");
  x.named("pixels");
  CHECK_EQ(refusal([&] { x.value(); }), rule + "input 0 (pixels): (2, 3)");
  CHECK_EQ(refusal([&] { tape.variable(y); }), rule + "input 0 (pixels), variable w: (2, 3)");
  CHECK_EQ(refusal([&] { tape.constant(y); }), rule + "input 0 (pixels), variable w: (2, 3)");
  V many = z;
  for (int i = 0; i < 6; ++i) many = many + tape.variable(1.0, "v" + std::to_string(i));
  CHECK_EQ(refusal([&] { many.item(); }),
           rule + "input 0 (pixels), variable w, variable v0, variable v1 and 4 more: ()");
  CHECK_EQ(refusal([&] { gradient(z, x); }),
           "[gradient] only a run of the program knows the derivatives, which functions named recorded_ record: y "
           "depends on input 0 (pixels), variable w: ()");
  CHECK_EQ(recorded_gradient(z, x).shape(), Shape{2, 3});
  CHECK_EQ(refusal([&] { Tape().input({1}); }), "[tape] only an abstract tape has inputs: (1)");
  CHECK_THROWS_AS(x + Array<double>(Shape{4}), ad::ShapeError);
}

TEST_CASE("programs for shapes: nothing is computed, and nothing kept, while they are recorded") {
  ad::ShapedProgram<double> program([](Tape& tape, const Inputs& in) {
    CHECK(tape.abstract());
    V y = in[0];
    for (int i = 0; i < 3; ++i) y = log(y - 5);  // of the numbers below, NaN at once
    tape.stop_at_non_finite();
    return Recorded{{exp(y), y * tape.constant(3.0).item()}, {}};
  });
  CHECK(std::isnan(program(two)[0](0)));
}

TEST_CASE("detach and stop_gradient: the value of the run, and no gradient") {
  Tape tape;
  const V x = tape.variable(two), h = x * x;
  for (const V& stopped : {detach(h), stop_gradient(h)}) {
    const V loss = sum(x * stopped);
    auto program = ad::compile({x}, {loss, recorded_gradient(loss, x)});
    const auto& found = program(array({2}, {10, 20}));
    CHECK_EQ(found[0](), 9000);
    CHECK_EQ(difference(found[1], array({2}, {100, 400}), 1e-14), "");
    CHECK_EQ(program.report().viewed, 1);
  }
}

TEST_CASE("a paused recording for a program is live, and has no gradient") {
  ad::ShapedProgram<double> program([](Tape& tape, const Inputs& in) {
    const V w = tape.variable(3.0, "w");
    std::optional<V> target;
    {
      const auto pause = tape.pause();
      target = w * in[0];
    }
    const V loss = sum(*target * in[0] * w);
    return Recorded{{loss, recorded_gradient(loss, w)}, {{w, w + 1}}};
  });
  for (double w : {3.0, 4.0}) {
    const auto& found = program(array({2}, {w, 2}));
    CHECK_EQ(found[0](), doctest::Approx(w * w * (w * w + 4)));
    CHECK_EQ(found[1](), doctest::Approx(w * (w * w + 4)));
  }
}

TEST_CASE("variables that are no states are what they were entered as") {
  ad::ShapedProgram<double> program([](Tape& tape, const Inputs& in) {
    const V fixed = tape.variable(two, "fixed");
    return Recorded{{in[0] * exp(fixed) + gather(fixed, xt::xarray<double>{1, 0})}, {}};
  });
  for (int i = 0; i < 2; ++i)
    CHECK_EQ(difference(program(array({2}, {1, 10}))[0], array({2}, {std::exp(1) + 2, 10 * std::exp(2) + 1}), 1e-14),
             "");
}

TEST_CASE("what would be wrong in silence is refused: slopes of what was paused, inputs as states, states of others") {
  ad::ShapedProgram<double> paused([](Tape& tape, const Inputs& in) {
    const auto pause = tape.pause();
    return Recorded{{recorded_gradient(sum(square(in[0])), in[0])}, {}};
  });
  CHECK_EQ(refusal([&] { paused(two); }),
           "[recorded_gradient] y was recorded while the tape was paused: no gradient flows through it: ()");
  Tape tape(ad::TapeMode::abstract);
  const V x = tape.input({2});
  CHECK_EQ(refusal([&] {
             ad::compile({}, {sum(x)}, {{x, x * 2.0}});
           }),
           "[compile] an input of the recording has no first value, and so is no state: input 0: (2)");
  CHECK_EQ(refusal([&] { tape.variable(ad::ValueCell<double>()); }), "[tape] there is no cell to enter");
  CHECK_EQ(refusal([&] { recorded_jvp(V(two), V(two), two); }),
           "[recorded_jvp] y is a plain value, recorded on no tape: (2)");
  CHECK_THROWS_AS(Tape().variable(two)(std::size_t(0) - 1), ad::ValueError);
  struct Through : nn::Module<double> {
    explicit Through(nn::Module<double>& judge) : other(judge) {}
    V forward(const V& x) override { return other(mine(x)); }
    void members(nn::Members<double>& m) override { m("mine", mine); }
    nn::Linear<double> mine{2, 2};
    nn::Module<double>& other;
  };
  nn::Sequential<double> other(nn::BatchNorm<double>(2), nn::Linear<double>(2, 1));
  other.initialise(1);
  Through model(other);
  model.initialise(2);
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(model, still, nn::loss<double>("squared-error"));
  other.training(true);
  CHECK_EQ(refusal([&] {
             step(sample({4, 2}, -1, 1), sample({4, 1}, -1, 1));
           }),
           "[program] the recording replaces running_mean, which is no state of the program and would stay as it is: "
           "make it an update, or call its module in inference");
  CHECK_FALSE(model.training());
  other.training(false);
  CHECK_NOTHROW(step(sample({4, 2}, -1, 1), sample({4, 1}, -1, 1)));
}

TEST_CASE("a model that is assigned to, or gets a layer, is seen by what was made for it before") {
  const auto make = [](unsigned seed) {
    nn::Sequential<double> model(nn::Linear<double>(2, 3), nn::Residual<double>(nn::Linear<double>(3, 3)));
    model.initialise(seed);
    return model;
  };
  auto model = make(1);
  const auto x = sample({4, 2}, -1, 1), y = sample({4, 3}, -1, 1);
  nn::Evaluator<double> evaluator(model);
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(model, still, nn::loss<double>("squared-error"));
  step(x, y), evaluator(x);
  const auto other = make(2);
  for (int i = 0; i < 2; ++i) {
    i == 0 ? model = other : model = make(3);
    CHECK_EQ(difference(evaluator(x), model(x).value(), 1e-13), "");
    CHECK(step(x, y) == doctest::Approx(ad::squared_error(V(model(x)), y).item()).epsilon(1e-12));
  }
  model.add(nn::Activation<double>("relu"));
  CHECK_EQ(difference(evaluator(x), model(x).value(), 1e-13), "");
  CHECK_THROWS_WITH_AS(step(x, y),
                       "[training_step] the model has other modules than when the step was made: make a new step",
                       ad::ValueError);
}

TEST_CASE("recording a step leaves the mode of every module as it was, also where it throws") {
  nn::Sequential<double> model(nn::BatchNorm<double>(2), nn::Linear<double>(2, 1));
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(model, still, nn::loss<double>("squared-error"));
  CHECK_THROWS_AS(step(sample({4, 2}, -1, 1), sample({4, 1}, -1, 1)), ad::ValueError);  // not initialised
  CHECK_FALSE(model[0].training());
  model.initialise(1);
  model.training(true), model[1].training(false);
  step(sample({4, 2}, -1, 1), sample({4, 1}, -1, 1));
  CHECK(model[0].training());
  CHECK_FALSE(model[1].training());
}

TEST_CASE("cells: programs read at each run what others replace") {
  const auto held = std::make_shared<V>(two);
  const ad::ValueCell<double> cell = held;
  Tape tape;
  const V x = tape.constant(two), w = tape.variable(cell, "w"), s = tape.constant(cell, "s");
  const V loss = sum(x * w * w) + sum(s);
  auto recorded = ad::compile({x}, {loss, recorded_gradient(loss, w)});
  ad::ShapedProgram<double> abstract([&](Tape& fresh, const Inputs& in) {
    const V v = fresh.variable(cell, "w");
    CHECK_EQ(refusal([&] { v.value(); }),
             "[variable] only a run of the program knows the value, which depends on "
             "variable w: (2)");
    CHECK_EQ(refusal([&] { fresh.constant(cell, "s").value(); }),
             "[variable] only a run of the program knows the value, which depends on state s: (2)");
    const V l = sum(in[0] * v * v) + sum(fresh.constant(cell));
    return Recorded{{l, recorded_gradient(l, v)}, {}};
  });
  auto copy = recorded;
  for (double k : {1.0, 3.0}) {
    *held = V(Array<double>(k * two));
    for (auto* program : {&recorded, &copy}) {
      CHECK_EQ((*program)(two)[0](), doctest::Approx(9 * k * k + 3 * k));
      CHECK_EQ(difference((*program)(two)[1], Array<double>(2 * k * two * two), 1e-14), "");
    }
    CHECK_EQ(abstract(two)[0](), doctest::Approx(9 * k * k + 3 * k));
  }
  *held = V(Array<double>(Shape{3}, 1.0));
  CHECK_THROWS_WITH_AS(recorded(two), "[program] w must keep the shape that it was compiled for: (3) and (2)",
                       ad::ShapeError);
  *held = V();
  CHECK_THROWS_AS(recorded(two), ad::TapeError);
}

TEST_CASE("what another model gives in a step is read as it is then") {
  nn::Linear<double> mine(2, 2), other(2, 1);
  mine.initialise(1), other.initialise(2);
  struct Through : nn::Module<double> {
    Through(nn::Linear<double>& a, nn::Linear<double>& b) : inner(a), outer(b) {}
    V forward(const V& x) override { return outer(inner(x)); }
    void members(nn::Members<double>& m) override { m("inner", inner); }
    nn::Linear<double>&inner, &outer;
  } through(mine, other);
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(through, still, nn::loss<double>("squared-error"));
  nn::Evaluator<double> evaluator(through);
  const auto x = sample({5, 2}, -1, 1), y = sample({5, 1}, -1, 1);
  for (unsigned seed : {3, 4}) {
    other.initialise(seed);
    CHECK(step(x, y) == doctest::Approx(ad::squared_error(V(through(x)), y).item()).epsilon(1e-13));
    CHECK_EQ(difference(evaluator(x), through(x).value(), 1e-13), "");
  }
}

namespace {

/// The slope of a network by its input.
struct Slope : nn::Module<double> {
  nn::Linear<double> a{1, 8}, b{8, 1};
  V forward(const V& x) override { return recorded_gradient(sum(b(tanh(a(x)))), x); }
  void members(nn::Members<double>& m) override { m("a", a), m("b", b); }
};

Array<double> slope(Slope& model, const Array<double>& x) {
  Tape tape;
  return model(tape.variable(x)).value();
}

}  // namespace

TEST_CASE("forward may take derivatives by its input: in a step, in fit, in inference and in a summary") {
  Slope model;
  model.initialise(3);
  const auto x = sample({6, 1}, -1, 1), y = sample({6, 1}, -1, 1), elsewhere = sample({6, 1}, 1, 2);
  CHECK_EQ(difference(model(x).value(), slope(model, x), 1e-14), "");
  CHECK_EQ(difference(model(elsewhere).value(), slope(model, elsewhere), 1e-14), "");
  CHECK_FALSE(model(x).recorded());
  CHECK_EQ(difference(nn::Evaluator<double>(model)(elsewhere), slope(model, elsewhere), 1e-13), "");
  nn::GradientDescent<double> still(0.0);
  nn::TrainingStep<double> step(model, still, nn::loss<double>("squared-error"));
  for (const auto& batch : {x, elsewhere})
    CHECK(step(batch, y) == doctest::Approx(ad::squared_error(V(slope(model, batch)), y).item()).epsilon(1e-12));
  CHECK(model.summary({4, 1}).find("Slope") != std::string::npos);
  nn::MemorySource<double> data(nn::Dataset<double>{x, y});
  nn::Adam<double> adam(0.01);
  nn::FitOptions<double> options;
  options.epochs = 20;
  options.validation = &data;
  const double before = ad::squared_error(V(model(x)), y).item();
  nn::fit(model, adam, nn::loss<double>("squared-error"), data, options);
  CHECK(ad::squared_error(V(model(x)), y).item() < before);
}

TEST_CASE("recorded products with Jacobians, and whole ones, agree with finite differences and with arrays") {
  const auto f = [](const auto& x) { return sin(matmul(x, transpose(x))) * 0.5 + sum(x); };
  check({"vjp", [&](const auto& x) { return recorded_vjp(f(x[0]), x[1], x[0]); }, samples({{2, 3}, {2, 2}})});
  check({"jvp", [&](const auto& x) { return recorded_jvp(f(x[0]), x[0], x[1]); }, samples({{2, 3}, {2, 3}})});
  check({"jacobian", [&](const auto& x) { return recorded_jacobian(f(x[0]), x[0]); }, samples({{2, 3}})});
  check({"hessian", [&](const auto& x) { return recorded_hessian(sum(f(x[0])), x[0]); }, samples({{2, 2}})});
  Tape tape;
  const V x = tape.variable(sample({2, 3}, -1, 1)), y = f(x);
  const auto u = sample({2, 2}, -1, 1, 2), v = sample({2, 3}, -1, 1, 3);
  CHECK_EQ(difference(recorded_vjp(y, u, x).value(), vjp(y, u, x), 1e-13), "");
  CHECK_EQ(difference(recorded_jvp(y, x, v).value(), jvp(y, x, v), 1e-13), "");
  CHECK_EQ(difference(recorded_jacobian(y, x).value(), jacobian(y, x), 1e-13), "");
  CHECK_EQ(difference(recorded_hessian(sum(y), x).value(), hessian(sum(y), x), 1e-13), "");
  const std::size_t size = tape.size();
  CHECK_THROWS_WITH_AS(recorded_jvp(y, x, u), "[recorded_jvp] the vector must have the shape of x: (2, 2) and (2, 3)",
                       ad::ShapeError);
  CHECK_THROWS_AS(recorded_vjp(y, v, x), ad::ShapeError);
  CHECK_EQ(tape.size(), size);
}
