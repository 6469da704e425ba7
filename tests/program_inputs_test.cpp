// Programs that are fed with what is their own: states and outputs.
#include "cases.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;
using Recorded = ad::Recording<double>;

namespace {

/// The input is read once more after the state has its next value, and after the first output is there.
Recorded read_late(const V& x, const V& w) {
  const auto next = w + x, twice = x * 2.0;
  return {{twice, matmul(next, x), matmul(twice, x)}, {{w, next}}};
}

Array<double> times(const Array<double>& a, const Array<double>& b) {
  Array<double> c(Shape{2, 2}, 0.0);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j)
      for (std::size_t k = 0; k < 2; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}

const auto first = array({2, 2}, {1, 2, 3, 4}), other = array({2, 2}, {-1, 0, 2, 1});

/// A run of `program` on `given`, which may be its own, beside what is right for these numbers.
template <class P>
void check_run(P& program, const Array<double>& given) {
  const Array<double> x = given, w = program.state(0);
  const auto& outputs = program(given);
  CHECK_EQ(difference(outputs[0], Array<double>(x * 2.0), 1e-13), "");
  CHECK_EQ(difference(outputs[1], times(w + x, x), 1e-13), "");
  CHECK_EQ(difference(outputs[2], times(x * 2.0, x), 1e-13), "");
  CHECK_EQ(difference(program.state(0), Array<double>(w + x), 1e-13), "");
}

template <class P>
void check_all(P& program) {
  check_run(program, other);
  check_run(program, program.state(0));
  check_run(program, other);
  for (std::size_t k = 0; k < 3; ++k) {
    program.state(0, first);
    check_run(program, program(other)[k]);
    check_run(program, program.state(0));
  }
}

}  // namespace

TEST_CASE("a program takes its own states and outputs as inputs") {
  Tape<double> tape;
  const auto x = tape.variable(first), w = tape.variable(first);
  const auto recording = read_late(x, w);
  for (const bool exact : {false, true}) {
    auto program = ad::compile({x}, recording.outputs, recording.updates, {.exact = exact});
    check_all(program);
    auto copy = program;
    check_all(copy);
  }
}

TEST_CASE("a program for several shapes takes its own states and outputs as inputs") {
  ad::ShapedProgram<double> program(
      [](Tape<double>& tape, const std::vector<V>& x) {
        const auto w = tape.variable(first);
        if (x.size() == 1 && x[0].dimension() == 2) return read_late(x[0], w);
        return Recorded{{x[0] * w, x[0], x[0]}, {{w, w * 1}}};
      },
      {}, 1);
  program(other);
  check_all(program);
  // Those of a program for other shapes, which goes to make room.
  const auto row = array({2}, {2, 3});
  const auto& outputs = program(row);
  CHECK_EQ(outputs[0].dimension(), 2);
  check_run(program, outputs[0]);
}

TEST_CASE("a program takes one of its own arrays for several inputs, in any order") {
  Tape<double> tape;
  const auto x = tape.variable(1.0), y = tape.variable(2.0), a = tape.variable(3.0), b = tape.variable(5.0);
  auto program = ad::compile({x, y}, {x - y}, {{a, y}, {b, x}});
  for (int i = 0; i < 3; ++i) {
    const double was_a = program.state(0)(), was_b = program.state(1)();
    CHECK_EQ(program(program.state(0), program.state(1))[0](), was_a - was_b);
    CHECK_EQ(program.state(0)(), was_b);
    CHECK_EQ(program.state(1)(), was_a);
  }
  CHECK_EQ(program(program.state(0), program.state(0))[0](), 0);
}
