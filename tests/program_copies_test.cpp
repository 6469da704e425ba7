// Copies of programs, and programs in several threads.
#include <atomic>
#include <autodiff/op.hpp>
#include <iostream>
#include <sstream>
#include <thread>

#include "cases.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;
using Recorded = ad::Recording<double>;

namespace {

constexpr double same_bits = 1e-300;

/// The identity, which tells when it runs, and ends when it may.
struct Waits {
  static constexpr auto name = "waits";
  std::atomic<int>*runs, *may_end;
  ad::Shape shape(ad::Dims x) const { return ad::Shape(x.begin(), x.end()); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    const int run = ++*runs;
    while (*may_end < run) std::this_thread::yield();
    std::copy_n(x.data, ad::count(x.shape), y.data);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&) const {
    return ct;
  }
};

/// w x, and w x again: the sums of all that was given.
ad::Program<double> accumulating() {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {0, 0})), w = tape.variable(array({2}, {1, 2}), "w");
  return ad::compile({x}, {x * w}, {{w, w + x}});
}

ad::ShapedProgram<double> accumulating_means(const ad::CompileOptions& options = {}) {
  return ad::ShapedProgram<double>(
      [](Tape<double>& tape, const std::vector<V>& x) {
        const auto w = tape.variable(1.0);
        return Recorded{{x[0] * w}, {{w, w + mean(x[0])}}};
      },
      options);
}

const auto ones = array({2}, {1, 1});

/// Calls a program that waits in one thread, and `meanwhile` in this one while it does.
template <class P, class F>
void during_a_run(P& program, std::atomic<int>& runs, std::atomic<int>& may_end, F&& meanwhile) {
  const int before = runs;
  Array<double> found;
  std::thread thread([&] { found = program(std::vector{ones})[0]; });
  while (runs == before) std::this_thread::yield();
  meanwhile();
  may_end = runs.load();
  thread.join();
  CHECK_EQ(difference(found, array({2}, {2, 2}), same_bits), "");
}

}  // namespace

TEST_CASE("a copy has states, outputs and memory of its own") {
  auto program = accumulating();
  const auto& outputs = program(ones);
  auto copy = program;
  CHECK_EQ(difference(copy.state(0), array({2}, {2, 3}), same_bits), "");
  CHECK_EQ(difference(copy(array({2}, {10, 10}))[0], array({2}, {20, 30}), same_bits), "");
  CHECK_EQ(difference(copy.state(0), array({2}, {12, 13}), same_bits), "");
  CHECK_EQ(difference(outputs[0], array({2}, {1, 2}), same_bits), "");
  CHECK_EQ(difference(program.state(0), array({2}, {2, 3}), same_bits), "");
  copy.state(0, ones);
  CHECK_EQ(difference(program.state(0), array({2}, {2, 3}), same_bits), "");
  // Assigned, also to itself, and after the one that was copied is gone.
  auto last = accumulating();
  {
    const auto gone = copy;
    last = gone;
  }
  auto& itself = last;
  last = itself;
  CHECK_EQ(difference(last(ones)[0], ones, same_bits), "");
  CHECK_EQ(difference(copy.state(0), ones, same_bits), "");
}

TEST_CASE("a copy takes the outputs and states of another as inputs") {
  auto program = accumulating(), copy = program;
  CHECK_EQ(difference(copy(program.state(0))[0], array({2}, {1, 4}), same_bits), "");
  CHECK_EQ(difference(program(copy.state(0))[0], array({2}, {2, 8}), same_bits), "");
}

TEST_CASE("a copy of a program for several shapes shares what was compiled") {
  auto program = accumulating_means();
  program(ones);
  program(array({1}, {4}));
  auto copy = program;
  CHECK_EQ(copy.compiled(), 2);
  CHECK_EQ(copy.report().nodes, program.report().nodes);
  CHECK_EQ(copy(ones)[0](0), 6);
  CHECK_EQ(copy(array({1}, {3}))[0](0), 21);
  CHECK_EQ(copy.compiled(), 2);
  CHECK_EQ(copy.state(0)(), 10);
  CHECK_EQ(program.state(0)(), 6);
  copy(array({3}, {0, 0, 0}));
  CHECK_EQ(copy.compiled(), 3);
  CHECK_EQ(program.compiled(), 2);
  program = copy;
  CHECK_EQ(program.state(0)(), 10);
  CHECK_EQ(program.compiled(), 3);
}

TEST_CASE("profiles are those of each copy") {
  Tape<double> tape;
  const auto x = tape.variable(1.0);
  auto program = ad::compile({x}, {exp(x)}, {}, {.profile = true});
  program(1), program(2);
  auto copy = program;
  CHECK_EQ(copy.report().profiled_runs, 0);
  copy(1);
  CHECK_EQ(copy.report().profiled_runs, 1);
  CHECK_EQ(program.report().profiled_runs, 2);
}

TEST_CASE("what was moved from cannot be copied, but assigned to") {
  auto program = accumulating();
  const auto moved = std::move(program);
  CHECK_THROWS_AS(ad::Program<double>{program}, ad::ValueError);  // NOLINT(bugprone-use-after-move)
  auto other = accumulating();
  CHECK_THROWS_AS(other = program, ad::ValueError);
  CHECK_EQ(difference(other(ones)[0], array({2}, {1, 2}), same_bits), "");
  program = moved;
  CHECK_EQ(difference(program(ones)[0], array({2}, {1, 2}), same_bits), "");
  auto shaped = accumulating_means();
  const auto taken = std::move(shaped);
  CHECK_THROWS_AS(ad::ShapedProgram<double>{shaped}, ad::ValueError);  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("threads copy one program and run their copies") {
  const auto program = accumulating();
  const auto shaped = [] {
    auto made = accumulating_means();
    made.prepare({ones});
    return made;
  }();
  std::vector<int> right(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      auto mine = program;
      auto of_shapes = shaped;
      const auto given = array({2}, {double(t), double(t)});
      for (int i = 0; i < 200; ++i) {
        const auto w = mine.state(0);
        right[t] += mine(given)[0](1) == t * (2 + i * t) && w(0) == 1 + i * t;
        right[t] += of_shapes(given)[0](0) == t * (1 + i * t);
      }
    });
  for (auto& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) CHECK_EQ(right[t], 400);
}

TEST_CASE("a program that runs already is not run by another thread") {
  std::atomic<int> runs = 0, may_end = 0;
  Tape<double> tape;
  const auto x = tape.variable(ones);
  const auto w = tape.variable(2.0);
  may_end = 1;
  auto program = ad::compile({x}, {record(Waits{&runs, &may_end}, x) * w}, {{w, w * 1}});
  const auto busy = "[program] it is running already: each thread needs a copy of its own";
  for (int i = 0; i < 2; ++i)
    during_a_run(program, runs, may_end, [&] {
      CHECK_THROWS_WITH_AS(program(ones), busy, ad::ValueError);
      CHECK_THROWS_WITH_AS(program(std::vector{ones}), busy, ad::ValueError);
      CHECK_THROWS_WITH_AS(program.state(0, array({}, {7})), busy, ad::ValueError);
    });
  ad::ShapedProgram<double> shaped([&](Tape<double>& tape, const std::vector<V>& inputs) {
    return Recorded{{record(Waits{&runs, &may_end}, inputs[0]) * tape.constant(2.0)}, {}};
  });
  shaped.prepare({ones});
  for (int i = 0; i < 2; ++i)
    during_a_run(shaped, runs, may_end, [&] {
      CHECK_THROWS_WITH_AS(shaped(ones), busy, ad::ValueError);
      CHECK_THROWS_WITH_AS(shaped.prepare({array({1}, {1})}), busy, ad::ValueError);
    });
  CHECK_EQ(shaped.compiled(), 1);
}

TEST_CASE("a run that throws ends") {
  auto program = accumulating();
  CHECK_THROWS_AS(program(array({3}, {1, 1, 1})), ad::ShapeError);
  CHECK_THROWS_AS(program(std::vector<Array<double>>()), ad::ShapeError);
  CHECK_EQ(difference(program(ones)[0], array({2}, {1, 2}), same_bits), "");
}

TEST_CASE("a program for several shapes says once that its capacity is too small, and counts compilations") {
  std::ostringstream said;
  auto* const before = std::clog.rdbuf(said.rdbuf());
  auto program = accumulating_means({.capacity = 2});
  const auto of = [](std::size_t n) { return Array<double>(Shape{n}, 1.0); };
  for (std::size_t n : {1, 2, 3, 4}) program(of(n));
  const std::string nothing = said.str();
  for (int round = 0; round < 3; ++round)
    for (std::size_t n : {1, 2, 3}) program(of(n));
  auto copy = program;
  for (std::size_t n : {1, 2, 3}) copy(of(n));
  std::clog.rdbuf(before);
  CHECK_EQ(nothing, "");
  CHECK_EQ(said.str(),
           "[program] compiles again for shapes that it met before: (1); it keeps programs for 2 shapes, see "
           "CompileOptions::capacity\n");
  CHECK_EQ(program.compiled(), 13);
  CHECK_EQ(program.report().compilations, 13);
  CHECK_EQ(copy.report().compilations, 16);
  CHECK_NE(program.report().text().find("13 compilations for several shapes"), std::string::npos);
  auto roomy = accumulating_means({.capacity = 4});
  for (int round = 0; round < 3; ++round)
    for (std::size_t n : {1, 2, 3, 4}) roomy(of(n));
  CHECK_EQ(roomy.compiled(), 4);
  // Capacity 0 is 1.
  auto least = accumulating_means({.capacity = 0});
  least(of(1)), least(of(1));
  CHECK_EQ(least.compiled(), 1);
}

TEST_CASE("the report counts the bytes of states and constants") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {0, 0})), w = tape.variable(array({2}, {1, 2})), n = tape.variable(0.0);
  const auto table = tape.constant(sample({5, 2}, -1, 1));
  const auto program = ad::compile({x}, {x * w + table}, {{w, w + x}, {n, n + sum(x)}});
  const auto& report = program.report();
  CHECK_EQ(report.state_bytes, 3 * sizeof(double));
  CHECK_EQ(report.constant_bytes, 10 * sizeof(double));
}
