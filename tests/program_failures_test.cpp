// A run that throws changes no state.
#include <autodiff/op.hpp>
#include <autodiff/program/passes.hpp>
#include <nn/nn.hpp>

#include "passes.hpp"
#include "planned.hpp"
#include "random_graph.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;

namespace {

constexpr double same_bits = 1e-300;

/// The identity, which throws where the flag is up. A program has to expect that, unless it is told otherwise.
template <bool declared>
struct Guard {
  static constexpr auto name = "guard";
  static constexpr bool differentiable[2] = {true, false};
  static constexpr bool fails = declared;
  ad::Shape shape(ad::Dims x, ad::Dims) const { return ad::Shape(x.begin(), x.end()); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x, ad::Operand<const T> flag) const {
    if (*flag.data > 1) throw std::runtime_error("no error of the library");
    if (*flag.data > 0) ad::fail<ad::ValueError>(name, "the flag is up");
    std::copy_n(x.data, ad::count(x.shape), y.data);
  }
  template <int I, class S>
  requires(I == 0) S vjp(const S& ct, const S&, const S&, const S&)
  const { return ct; }
};
struct Unknown : Guard<true> {
  static constexpr auto name = "unknown";
  bool fails() const { return true; }
};

V guarded(const V& x, const V& flag) { return record(Guard<true>(), x, flag); }

Array<double> number(double value) { return array({}, {value}); }

}  // namespace

TEST_CASE("states are written over where nothing throws any more") {
  Tape<double> tape;
  const auto x = tape.variable(sample({4, 3}, -1, 1)), w = tape.variable(sample({4, 3}, -1, 1, 2));
  const auto flag = tape.variable(0.0);
  const auto next = w + x;
  CHECK(Planned({x}, {}, {{w, next}}).updated_in_place(0));
  CHECK_FALSE(Planned({x, flag}, {guarded(next, flag)}, {{w, next}}).updated_in_place(0));
  CHECK(Planned({x, flag}, {record(Guard<false>(), next, flag)}, {{w, next}}).updated_in_place(0));
  CHECK_FALSE(Planned({x, flag}, {record(Unknown(), next, flag)}, {{w, next}}).updated_in_place(0));
  // What throws does not depend on the update, nor the update on it: it comes first.
  CHECK(Planned({x, flag}, {guarded(x, flag)}, {{w, next}}).updated_in_place(0));
  const auto earlier = guarded(x * 2, flag), later = guarded(next * 3, flag) + w;
  CHECK(Planned({x, flag}, {earlier}, {{w, later}}).updated_in_place(0));
  CHECK_FALSE(Planned({x, flag}, {}, {{w, guarded(next, flag)}}).updated_in_place(0));
}

TEST_CASE("training steps look at their classes before all updates, which are in place") {
  Tape<double> tape;
  const auto x = tape.constant(sample({6, 4}, -1, 1)), classes = tape.constant(array({6}, {0, 1, 2, 0, 1, 2}));
  Variables<double> p;
  for (const auto& shape : {Shape{4, 5}, Shape{5}, Shape{5, 3}, Shape{3}})
    p.push_back(tape.variable(sample(shape, -1, 1, unsigned(p.size()))));
  const auto loss = softmax_cross_entropy(linear(tanh(linear(x, p[0], p[1])), p[2], p[3]), classes);
  const auto slopes = recorded_gradient(loss, p);
  std::vector<ad::Update<double>> updates;
  for (std::size_t i = 0; i < p.size(); ++i) updates.push_back({p[i], p[i] - 0.1 * slopes[i]});
  const Planned planned({x, classes}, {loss}, updates);
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(planned.updated_in_place(i));
}

TEST_CASE("a run that throws changes no state: random graphs, guarded wherever") {
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    Tape<double> tape;
    Variables<double> x;
    for (const auto& a : random_graph_inputs(seed)) x.push_back(tape.variable(a));
    const auto flag = tape.variable(0.0);
    auto inner = x;
    if (seed % 2) inner[seed % x.size()] = guarded(x[seed % x.size()], flag);
    const auto y = RandomGraph<double>(seed)(inner);
    const auto slopes = recorded_gradient(sum(y), x);
    const auto next = x[1] - 0.1 * slopes[1], other = x[2] * slopes[2];
    const auto last = seed % 3 ? guarded(next, flag) : guarded(y, flag);
    for (const auto& options : {ad::CompileOptions{}, {.exact = true}, {.profile = true}}) {
      auto program = ad::compile({x[0], flag}, {y, last}, {{x[1], next}, {x[2], other}}, options), copy = program;
      CHECK_THROWS_AS(program(x[0].value(), number(1)), ad::ValueError);
      CHECK_THROWS_AS(program(x[0].value(), number(2)), std::runtime_error);
      for (std::size_t k = 0; k < 2; ++k) CHECK_EQ(difference(program.state(k), x[k + 1].value(), same_bits), "");
      program(x[0].value(), number(0)), copy(x[0].value(), number(0));
      for (std::size_t k = 0; k < 2; ++k) CHECK_EQ(difference(program.state(k), copy.state(k), same_bits), "");
    }
  }
}

TEST_CASE("a run that throws changes no state: classes, indices, keys, and the hunt") {
  Tape<double> tape;
  const auto table = tape.variable(sample({4, 3}, -1, 1), "table"), count = tape.variable(1.0);
  const auto index = tape.variable(array({2}, {0, 2})), key = tape.variable(5.0);
  const auto rows = gather(table, index, 0), next = table + sum(rows);
  const auto noise = random_uniform(key, count, {4, 3});
  const auto untouched = [&](const V& output, const V& of_table, const Array<double>& bad_index, double bad_key,
                             const ad::CompileOptions& options = {}) {
    auto program = ad::compile({index, key}, {output}, {{table, of_table}, {count, count + 1}}, options);
    for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(program(bad_index, number(bad_key)), ad::ValueError);
    CHECK_EQ(difference(program.state(0), table.value(), same_bits), "");
    CHECK_EQ(program.state(1)(), 1);
    program(index.value(), key.value());
    CHECK_EQ(program.state(1)(), 2);
  };
  const auto good = index.value();
  untouched(gather(next, index, 0), next, array({2}, {0, 4}), 5);
  untouched(softmax_cross_entropy(gather(next, array({2}, {1, 2}), 0), index), next, array({2}, {0, 3.5}), 5);
  untouched(sum(next * expand_dims(sum(one_hot(index, 4), 0), 1)), next, array({2}, {-1, 3}), 5);
  untouched(sum(next), next + noise, good, 0.5);
  untouched(log(sum(next) * key), next, good, -1, {.stop_at_non_finite = true});
  untouched(key, next * log(key), good, -1, {.stop_at_non_finite = true, .profile = true});
}

TEST_CASE("a training step that throws leaves parameters, slots and statistics as they were") {
  nn::Sequential<double> model(nn::BatchNorm<double>(3), nn::Linear<double>(3, 3));
  model.initialise(1);
  nn::Adam<double> adam(0.1);
  nn::TrainingStep<double> step(model, adam, nn::loss<double>("cross-entropy"));
  const Array<double> x{{1, 2, 3}, {4, 5, 7}, {0, 1, 0}, {2, 2, 9}}, classes{0, 1, 2, 0};
  const auto values = [&] {
    std::vector<Array<double>> all;
    for (auto& [name, state] : model.states()) all.push_back(state.value());
    for (auto& [name, parameter] : model.parameters()) all.push_back(parameter.value());
    return all;
  };
  step(x, classes);
  const auto before = values();
  CHECK_THROWS_AS(step(Array<double>(x * 3.0), Array<double>{0, 1, 7, 0}), ad::ValueError);
  const auto after = values();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK_EQ(difference(after[i], before[i], same_bits), "");
  // The next step is that of a model that never met the bad batch: Adam's counter and slots are as before, too.
  nn::Sequential<double> twin(nn::BatchNorm<double>(3), nn::Linear<double>(3, 3));
  twin.initialise(1);
  nn::Adam<double> same(0.1);
  nn::TrainingStep<double> twin_step(twin, same, nn::loss<double>("cross-entropy"));
  twin_step(x, classes), twin_step(x, classes), step(x, classes);
  for (std::size_t i = 0; i < model.parameters().size(); ++i)
    CHECK_EQ(difference(model.parameters()[i].parameter.value(), twin.parameters()[i].parameter.value(), same_bits),
             "");
}
