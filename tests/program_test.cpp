// Programs: replay of recorded tapes, states, plans in memory, errors. That every operation gives the same bits in a
// program is tested with its cases.
#include <autodiff/program/place.hpp>
#include <random>

#include "cases.hpp"

using namespace test;
using ad::Tape;
using ad::Variable;

namespace {

/// A network with one hidden layer, its loss, and gradient descent as updates, recorded on a tape.
template <class T>
struct Step {
  Tape<T> tape;
  Variable<T> x, y, w1, b1, w2, b2, loss;
  std::vector<ad::Update<T>> updates;

  explicit Step(const std::vector<Array<T>>& p, const Array<T>& inputs, const Array<T>& targets)
      : x(tape.constant(inputs, "x")),
        y(tape.constant(targets, "y")),
        w1(tape.variable(p[0], "w1")),
        b1(tape.variable(p[1], "b1")),
        w2(tape.variable(p[2], "w2")),
        b2(tape.variable(p[3], "b2")) {
    loss = softmax_cross_entropy(linear(tanh(linear(x, w1, b1)), w2, b2), y);
    const auto parameters = std::vector{w1, b1, w2, b2};
    const auto slopes = recorded_gradient(loss, parameters);
    for (std::size_t i = 0; i < 4; ++i) updates.push_back({parameters[i], parameters[i] - 0.5 * slopes[i]});
  }
};

template <class T>
std::vector<Array<T>> parameters() {
  std::vector<Array<T>> p;
  for (const Shape& shape : {Shape{7, 5}, Shape{5}, Shape{5, 3}, Shape{3}})
    p.push_back(ad::to_array<T>(sample(shape, -0.5, 0.5, unsigned(p.size() + 1))));
  return p;
}

}  // namespace

TEST_CASE_TEMPLATE("a program trains with the same bits as the tape", T, float, double) {
  auto p = parameters<T>();
  const auto batch = [](unsigned i) { return ad::to_array<T>(sample({4, 7}, -1, 1, 100 + i)); };
  const auto classes = [](unsigned i) { return array<T>({4}, {T(i % 3), T((i + 1) % 3), T(2), T(0)}); };
  const Step<T> first(p, batch(0), classes(0));
  auto program = ad::compile({first.x, first.y}, {first.loss}, first.updates);
  for (unsigned i = 0; i < 20; ++i) {
    const Step<T> now(p, batch(i), classes(i));
    for (std::size_t k = 0; k < 4; ++k) p[k] = now.updates[k].next.value();
    CHECK_EQ(program({batch(i), classes(i)})[0](), now.loss.item());
    for (std::size_t k = 0; k < 4; ++k) CHECK_EQ(difference(program.state(k), p[k], 1e-300), "");
  }
}

TEST_CASE("states are read and set, and keep their shape") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {0, 0})), total = tape.variable(array({2}, {10, 20}));
  auto program = ad::compile({x}, {total * 1.0}, {{total, total + x}});
  CHECK_EQ(difference(program({array({2}, {1, 2})})[0], array({2}, {10, 20}), 1e-300), "");
  CHECK_EQ(difference(program.state(0), array({2}, {11, 22}), 1e-300), "");
  program.state(0, array({2}, {5, 5}));
  CHECK_EQ(difference(program({array({2}, {1, 2})})[0], array({2}, {5, 5}), 1e-300), "");
  CHECK_EQ(difference(program.state(0), array({2}, {6, 7}), 1e-300), "");
  CHECK_THROWS_AS(program.state(0, array({3}, {1, 2, 3})), ad::ShapeError);
  CHECK_THROWS_AS(program.state(1), ad::ValueError);
}

TEST_CASE("states that take each other's values, old values as outputs, the tape gone") {
  auto tape = std::make_unique<Tape<double>>();
  const auto a = tape->variable(1.0), b = tape->variable(2.0), c = tape->variable(3.0), x = tape->variable(0.0);
  auto program = ad::compile({x}, {a, a + b, x}, {{a, b}, {b, a}, {c, x + c}});
  tape.reset();
  for (double i = 0; i < 4; ++i) {
    const auto& y = program({array({}, {i})});
    CHECK_EQ(y[0](), int(i) % 2 ? 2 : 1);
    CHECK_EQ(y[1](), 3);
    CHECK_EQ(y[2](), i);
    CHECK_EQ(program.state(0)(), int(i) % 2 ? 1 : 2);
    CHECK_EQ(program.state(1)(), int(i) % 2 ? 2 : 1);
  }
  CHECK_EQ(program.state(2)(), 3 + 0 + 1 + 2 + 3);
}

TEST_CASE("two states that become one value, and a state that an output shares") {
  Tape<double> tape;
  const auto a = tape.variable(1.0), b = tape.variable(2.0), x = tape.variable(0.0);
  const auto next = a * x + b;
  auto program = ad::compile({x}, {next}, {{a, next}, {b, next}});
  CHECK_EQ(program({array({}, {5})})[0](), 7);
  CHECK_EQ(program.state(0)(), 7);
  CHECK_EQ(program.state(1)(), 7);
  CHECK_EQ(program({array({}, {2})})[0](), 21);
}

TEST_CASE("constants are folded, equal nodes merged, reshapes free, dead operands written over") {
  Tape<double> tape;
  const auto x = tape.variable(sample({6}, -1, 1)), c = tape.constant(sample({6}, -1, 1, 2));
  const auto unused = exp(x);
  const auto y = reshape(tanh(x * (c + 1) + 1), {2, 3}) + reshape(tanh(x * (c + 1) + 1), {2, 3});
  auto program = ad::compile({x}, {y});
  const auto& report = program.report();
  CHECK_EQ(report.folded, 1);        // c + 1, of which there are two at first
  CHECK_EQ(report.viewed, 1);        // of the two reshapes one is merged
  CHECK_EQ(report.instructions, 4);  // mul, add, tanh, add
  CHECK_EQ(report.in_place, 2);      // add and tanh over the product; the sum is the output
  CHECK_EQ(report.bytes, 16 * sizeof(double));
  CHECK_EQ(report.unplanned_bytes, 4 * 6 * sizeof(double));
  CHECK(report.text().find("4 instructions") != std::string::npos);
}

TEST_CASE("buffers that live at one time never share memory, and the arena is reused") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<ad::detail::Buffer> buffers;
    std::size_t sum = 0;
    for (std::uint32_t b = 0; b < 60; ++b) {
      buffers.push_back({1 + random() % 100, b, b + random() % 8, true, 0});
      sum += ad::detail::padded(buffers[b].size);
    }
    const std::size_t length = ad::detail::place(buffers);
    CHECK(length < sum / 3);
    CHECK(length >= ad::detail::peak(buffers));
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      CHECK(buffers[i].offset + buffers[i].size <= length);
      for (std::size_t j = i + 1; j < buffers.size() && j <= buffers[i].last_use; ++j)
        CHECK((buffers[i].offset + buffers[i].size <= buffers[j].offset ||
               buffers[j].offset + buffers[j].size <= buffers[i].offset));
    }
  }
}

TEST_CASE("what cannot be compiled or run says why") {
  Tape<double> tape, other;
  const auto x = tape.variable(array({2}, {1, 2}), "x"), w = tape.variable(array({2}, {3, 4}), "w"), y = x * w;
  const auto compile = [](auto... arguments) { ad::compile(arguments...); };
  using Variables = std::vector<Variable<double>>;
  using Updates = std::vector<ad::Update<double>>;
  CHECK_THROWS_WITH_AS(compile(Variables{y}, Variables{y}, Updates{}), "[compile] input 0 is the result of mul: (2)",
                       ad::TapeError);
  CHECK_THROWS_WITH_AS(compile(Variables{x, x}, Variables{y}, Updates{}), "[compile] input 1 (x) is named twice",
                       ad::TapeError);
  CHECK_THROWS_WITH_AS(compile(Variables{x}, Variables{y}, Updates{{x, y}}), "[compile] input 0 (x) is named twice",
                       ad::TapeError);
  CHECK_THROWS_AS(compile(Variables{x}, Variables{other.variable(1.0)}, Updates{}), ad::TapeError);
  CHECK_THROWS_AS(compile(Variables{x}, Variables{detach(y)}, Updates{}), ad::TapeError);
  CHECK_THROWS_AS(compile(Variables{x}, Variables{Variable<double>()}, Updates{}), ad::TapeError);
  CHECK_THROWS_AS(compile(Variables{x}, Variables{}, Updates{{w, sum(y)}}), ad::ShapeError);
  CHECK_THROWS_AS(compile(Variables{}, Variables{}, Updates{}), ad::TapeError);

  auto program = ad::compile({x}, {y}, {{w, y}});
  CHECK_THROWS_WITH_AS(program({array({3}, {1, 2, 3})}),
                       "[program] input 0 must have the shape that it was compiled for: (3) and (2)", ad::ShapeError);
  CHECK_THROWS_AS(program({}), ad::ShapeError);
  CHECK_EQ(difference(program.state(0), w.value(), 1e-300), "");
}

TEST_CASE("a class out of range is refused at the run that meets it, before any update") {
  Tape<double> tape;
  const auto classes = tape.constant(array({2}, {0, 1})), w = tape.variable(sample({2, 3}, -1, 1));
  const auto loss = softmax_cross_entropy(w, classes);
  auto program = ad::compile({classes}, {loss}, {{w, w - recorded_gradient(loss, w)}});
  CHECK_THROWS_AS(program({array({2}, {0, 3})}), ad::ValueError);
  CHECK_EQ(difference(program.state(0), w.value(), 1e-300), "");
  CHECK_EQ(program({array({2}, {0, 1})})[0](), loss.item());
}
