// Programs as their users see them: replay, states, updates, other shapes, reports and errors. That every operation
// gives in a program what it gives on a tape is tested with its cases.
#include <autodiff/op.hpp>
#include "cases.hpp"

using namespace test;
using ad::CompileOptions;
using ad::Tape;
using ad::Variable;
using V = Variable<double>;

namespace {

constexpr double same_bits = 1e-300;

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const ad::Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

namespace {

// Of these, a pass must not take the linear arguments for the whole: something else is added.

struct Shift {
  static constexpr auto name = "shift";
  static constexpr ad::Linear linear[] = {ad::Linear::plus};
  template <class S>
  static S f(const S& a) {
    return a + 1;
  }
};

struct AddShifted {
  static constexpr auto name = "add_shifted";
  static constexpr ad::Linear linear[] = {ad::Linear::plus, ad::Linear::minus};
  template <class S>
  static S f(const S& a, const S& b) {
    return a - b + 3;
  }
};

struct AddSquare {
  static constexpr auto name = "add_square";
  static constexpr ad::Linear linear[] = {ad::Linear::plus, ad::Linear::no};
  template <class S>
  static S f(const S& a, const S& b) {
    return a + b * b;
  }
  template <int I, class S>
  requires(I == 1) static S vjp(const S& ct, const S&, const S&, const S& b) { return ct * 2 * b; }
};

}  // namespace

TEST_CASE("an operation that adds more than its linear argument keeps it") {
  ad::Tape<double> tape;
  const ad::Array<double> values = xt::xarray<double>{{1, 2}, {3, 4}};
  const auto a = tape.variable(values), b = tape.variable(values);
  auto program = ad::compile({a, b}, {ad::record(AddSquare{}, matmul(a, b), b),
                                      ad::record(AddSquare{}, a, b) + matmul(a, b), ad::record(Shift{}, matmul(a, b)),
                                      ad::record(AddShifted{}, matmul(a, b), b), ad::record(AddShifted{}, a * b, b)});
  const auto& results = program(values, values);
  CHECK(results[0] == xt::xarray<double>{{8, 14}, {24, 38}});
  CHECK(results[1] == xt::xarray<double>{{9, 16}, {27, 42}});
  CHECK(results[2] == xt::xarray<double>{{8, 11}, {16, 23}});
  CHECK(results[3] == xt::xarray<double>{{9, 11}, {15, 21}});
  CHECK(results[4] == xt::xarray<double>{{3, 5}, {9, 15}});
}

TEST_CASE("a program for several shapes keeps the number of its inputs") {
  ad::ShapedProgram<double> program([](ad::Tape<double>&, const std::vector<ad::Variable<double>>& in) {
    return ad::Recording<double>{{in.at(0) * in.at(1)}, {}};
  });
  CHECK(program(2, 3)[0]() == 6);
  CHECK_THROWS_WITH_AS(program(2), "[program] takes 2 inputs, not 1", ad::ShapeError);
  CHECK(program(2, 4)[0]() == 8);
}

TEST_CASE("states are read and set, and keep their shape") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {0, 0})), total = tape.variable(array({2}, {10, 20}));
  auto program = ad::compile({x}, {total * 1.0}, {{total, total + x}});
  CHECK_EQ(difference(program({array({2}, {1, 2})})[0], array({2}, {10, 20}), same_bits), "");
  CHECK_EQ(difference(program.state(0), array({2}, {11, 22}), same_bits), "");
  program.state(0, array({2}, {5, 5}));
  CHECK_EQ(difference(program({array({2}, {1, 2})})[0], array({2}, {5, 5}), same_bits), "");
  CHECK_EQ(difference(program.state(0), array({2}, {6, 7}), same_bits), "");
  CHECK_EQ(error_of([&] {
             program.state(0, array({3}, {1, 2, 3}));
           }),
           "[program] state 0 cannot take another shape: (3) and (2)");
  CHECK_EQ(error_of([&] { program.state(1); }), "[program] has 1 states, and none numbered 1");
  CHECK_THROWS_AS(program.state(1, array({2}, {1, 2})), ad::ValueError);
  CHECK_EQ(difference(program.state(0), array({2}, {6, 7}), same_bits), "");
}

TEST_CASE("a program that was moved from says so") {
  Tape<double> tape;
  const auto x = tape.variable(1.0), w = tape.variable(2.0);
  auto program = ad::compile({x}, {x * w}, {{w, w + x}});
  auto other = std::move(program);
  CHECK_EQ(other(3.0)[0](), 6);
  const std::string says = "[program] it has been moved to another";
  CHECK_EQ(error_of([&] { program(3.0); }), says);
  CHECK_EQ(error_of([&] { program.state(0); }), says);
  CHECK_EQ(error_of([&] { program.state(0, Array<double>(Shape{}, 1)); }), says);
  CHECK_EQ(error_of([&] { program.report(); }), says);
  program = std::move(other);
  CHECK_EQ(program(3.0)[0](), 15);

  auto shaped = ad::ShapedProgram<double>([](Tape<double>&, const auto& inputs) {
    return ad::Recording<double>{{inputs[0] * 2}, {}};
  });
  const auto there = std::move(shaped);
  CHECK_EQ(error_of([&] { shaped(3.0); }), says);
  CHECK_EQ(error_of([&] { shaped.states(); }), says);
  CHECK_EQ(error_of([&] { shaped.prepare({}); }), says);
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

TEST_CASE("states that pass their values round a ring, each changed on the way") {
  Tape<double> tape;
  const auto a = tape.variable(sample({700}, -1, 1)), b = tape.variable(sample({700}, -1, 1, 2)),
             c = tape.variable(sample({700}, -1, 1, 3));
  Array<double> p = a.value(), q = b.value(), r = c.value();
  auto program = ad::compile({}, {a, b}, {{a, b * 2}, {b, c}, {c, a + 1}});
  for (int i = 0; i < 5; ++i) {
    const auto& y = program(std::vector<Array<double>>());
    CHECK_EQ(difference(y[0], p, same_bits), "");
    CHECK_EQ(difference(y[1], q, same_bits), "");
    const Array<double> old = p;
    p = 2 * q, q = r, r = old + 1;
    CHECK_EQ(difference(program.state(0), p, same_bits), "");
    CHECK_EQ(difference(program.state(1), q, same_bits), "");
    CHECK_EQ(difference(program.state(2), r, same_bits), "");
  }
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

TEST_CASE("outputs that are inputs, constants, states, named twice, or another shape of one value") {
  Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, -1, 1)), c = tape.variable(sample({4}, -1, 1)), s = tape.variable(5.0);
  const auto y = tanh(x), flat = reshape(y, {6});
  auto program = ad::compile({x}, {x, c, s, y, y, flat, reshape(x, {3, 2})}, {{s, s}});
  const auto at = sample({2, 3}, -1, 1, 9);
  const auto& outputs = program(at);
  CHECK_EQ(difference(outputs[0], at, same_bits), "");
  CHECK_EQ(difference(outputs[1], c.value(), same_bits), "");
  CHECK_EQ(outputs[2](), 5);
  CHECK_EQ(difference(outputs[3], outputs[4], same_bits), "");
  CHECK(outputs[5].shape() == Shape{6});
  CHECK(outputs[6].shape() == Shape{3, 2});
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK_EQ(outputs[5](i), outputs[3].data()[i]);
    CHECK_EQ(outputs[6].data()[i], at.data()[i]);
  }
}

TEST_CASE("states that become an input, a constant, or another shape of something") {
  Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, -1, 1)), c = tape.variable(sample({6}, -1, 1, 4));
  const auto a = tape.variable(sample({2, 3}, -1, 1, 2)), b = tape.variable(sample({6}, -1, 1, 3)),
             d = tape.variable(sample({6}, -1, 1, 5)), e = tape.variable(sample({3, 2}, -1, 1, 6));
  auto program = ad::compile({x}, {}, {{a, x}, {b, c}, {d, reshape(tanh(x), {6})}, {e, reshape(a, {3, 2})}});
  const auto at = sample({2, 3}, -1, 1, 9);
  program(at);
  CHECK_EQ(difference(program.state(0), at, same_bits), "");
  CHECK_EQ(difference(program.state(1), c.value(), same_bits), "");
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(program.state(2)(i) == doctest::Approx(std::tanh(at.data()[i])).epsilon(1e-14));
    CHECK_EQ(program.state(3).data()[i], a.value().data()[i]);
  }
}

TEST_CASE("outputs and states of a program may be its next inputs") {
  Tape<double> tape;
  const auto x = tape.variable(sample({40, 40}, -1, 1)), s = tape.variable(sample({40, 40}, -1, 1, 2));
  const auto y = matmul(x, x) * 0.1 + x;
  auto program = ad::compile({x}, {y}, {{s, s * 0.5 + y}});
  auto other = ad::compile({x}, {y}, {{s, s * 0.5 + y}});
  program(x.value());
  for (int i = 0; i < 3; ++i) {
    const Array<double> before = i == 2 ? program.state(0) : program(x.value())[0];
    const Array<double> state = program.state(0);
    other.state(0, state);
    const auto& outputs = i == 2 ? program(program.state(0)) : program(program(x.value())[0]);
    if (i != 2) other(x.value());
    const auto& expected = other(before);
    CHECK_EQ(difference(outputs[0], expected[0], same_bits), "");
    CHECK_EQ(difference(program.state(0), other.state(0), same_bits), "");
  }
}

TEST_CASE("inputs may be lazy expressions, arrays of other types, and numbers") {
  ad::Tape<double> tape;
  const auto x = tape.variable({1, 2, 3}), rate = tape.variable(0.5);
  const auto record = [](ad::Tape<double>&, const std::vector<ad::Variable<double>>& in) {
    return ad::Recording<double>{{in[0] * in[1]}, {}};
  };
  auto program = ad::compile({x, rate}, {x * rate});
  ad::ShapedProgram<double> shaped(record);
  const xt::xarray<float> single{1.5f, 2, 4};
  const xt::xtensor<int, 1> whole{3, 4, 5};
  const ad::Array<double> doubles = xt::xarray<double>{6, 7, 8};
  const auto check = [&](auto& program) {
    CHECK(program(single, 2)[0] == xt::xarray<double>{3, 4, 8});
    CHECK(program(whole + 1, 0.5f)[0] == xt::xarray<double>{2, 2.5, 3});
    CHECK(program(doubles, 3)[0] == xt::xarray<double>{18, 21, 24});
    CHECK(program({doubles, ad::Array<double>(ad::Shape{}, 2.0)})[0] == xt::xarray<double>{12, 14, 16});
  };
  CHECK_THROWS_AS(program(single, whole), ad::ShapeError);
  CHECK(program(doubles, 3)[0] == xt::xarray<double>{18, 21, 24});
  CHECK(shaped(whole, whole)[0] == xt::xarray<double>{9, 16, 25});
  CHECK(shaped(2, 4)[0]() == 8);
  check(program), check(shaped);
}

TEST_CASE("constants are folded, equal nodes merged, reshapes free, the rest runs in one cluster") {
  Tape<double> tape;
  const auto x = tape.variable(sample({6}, -1, 1)), c = tape.constant(sample({6}, -1, 1, 2));
  const auto unused = exp(x);
  const auto y = reshape(tanh(x * (c + 1) + 1), {2, 3}) + reshape(tanh(x * (c + 1) + 1), {2, 3});
  auto program = ad::compile({x}, {y});
  const auto& report = program.report();
  CHECK_EQ(report.folded, 2);         // c + 1, twice
  CHECK_EQ(report.viewed, 1);         // of the two reshapes one is merged
  CHECK_EQ(report.clustered, 4);      // mul, add, tanh, add
  CHECK_EQ(report.multiply_adds, 1);  // of the first two
  CHECK_EQ(report.clusters, 1);
  CHECK_EQ(report.instructions, 1);
  CHECK_EQ(report.bytes, 0);  // nothing but the output is stored
  CHECK_EQ(report.unplanned_bytes, 4 * 6 * sizeof(double));
  CHECK_EQ(report.steps.size(), 1);
  CHECK_EQ(report.steps[0].text, "cluster of 6: mul add tanh add for output 0");
  CHECK_EQ(report.profiled_runs, 0);
  const std::string text = report.text();
  for (const char* part : {"1 views", "4 in 1 clusters", "1 multiply-adds", "1 instructions", "cluster of 6: mul"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, text);
  CHECK_EQ(text.find(" us "), std::string::npos);

  const auto exact = ad::compile({x}, {y}, {}, {.exact = true}).report();
  CHECK_EQ(exact.multiply_adds, 0);
}

TEST_CASE("profiled runs are counted and timed, instruction by instruction") {
  Tape<double> tape;
  const auto x = tape.variable(sample({60, 60}, -1, 1));
  const auto y = matmul(tanh(matmul(x, x)), x);
  auto program = ad::compile({x}, {y}, {}, {.profile = true});
  for (int i = 0; i < 3; ++i) CHECK_EQ(difference(program(x.value())[0], y.value(), 1e-12), "");
  const auto& report = program.report();
  CHECK_EQ(report.profiled_runs, 3);
  CHECK_EQ(report.steps.size(), 3);
  for (const auto& step : report.steps) CHECK_GT(step.seconds, 0);
  CHECK_EQ(report.steps[0].text, "[matmul] (60, 60) for output 0");
  CHECK_NE(report.text().find(" ops  [matmul] (60, 60)"), std::string::npos);
}

TEST_CASE("what cannot be compiled says why") {
  Tape<double> tape, other;
  const auto x = tape.variable(array({2}, {1, 2}), "x"), w = tape.variable(array({2}, {3, 4}), "w"), y = x * w;
  const auto message = [](auto... arguments) { return error_of([&] { ad::compile(arguments...); }); };
  using Variables = std::vector<V>;
  using Updates = std::vector<ad::Update<double>>;
  CHECK_EQ(message(Variables{y}, Variables{y}, Updates{}),
           "[compile] input 0 must be a variable or a constant, and is the result of mul: (2)");
  CHECK_EQ(message(Variables{x, x}, Variables{y}, Updates{}), "[compile] input 1 (x) is named twice");
  CHECK_EQ(message(Variables{x}, Variables{y}, Updates{{x, y}}), "[compile] input 0 (x) is named twice");
  CHECK_EQ(message(Variables{x}, Variables{y}, Updates{{w, y}, {w, y}}), "[compile] state 1 (w) is named twice");
  CHECK_EQ(message(Variables{}, Variables{y}, Updates{{y, y}}),
           "[compile] state 0 must be a variable or a constant, and is the result of mul: (2)");
  CHECK_EQ(message(Variables{x}, Variables{other.variable(1.0)}, Updates{}),
           "[compile] input 0 (x) is of another tape");
  CHECK_EQ(message(Variables{x}, Variables{V(y.value())}, Updates{}),
           "[compile] output 0 is a plain value, recorded on no tape: (2)");
  CHECK_EQ(message(Variables{x}, Variables{V()}, Updates{}), "[compile] output 0 is empty, or its tape is gone");
  CHECK_EQ(message(Variables{x}, Variables{}, Updates{{w, sum(y)}}),
           "[compile] state 0 (w) and its next value must have one shape: (2) and ()");
  CHECK_EQ(message(Variables{}, Variables{}, Updates{}),
           "[compile] there is nothing to compute: no outputs and no updates");
  const auto scope = tape.scope("net");
  const auto inner = exp(y);
  CHECK_EQ(message(Variables{inner}, Variables{inner}, Updates{}),
           "net: [compile] input 0 (net) must be a variable or a constant, and is the result of exp: (2)");
  CHECK_THROWS_AS(ad::compile({x}, {other.variable(1.0)}), ad::TapeError);
  CHECK_THROWS_AS(ad::compile({x}, {}, {{w, sum(y)}}), ad::ShapeError);
}

TEST_CASE("numbers of threads that cannot be") {
  Tape<double> tape;
  const auto x = tape.variable(1.0);
  CHECK_EQ(error_of([&] { ad::compile({x}, {x}, {}, {.threads = 257}); }),
           "[compile] there must be 0 to 256 threads: 257");
  CHECK_EQ(error_of([&] { ad::compile({x}, {x}, {}, {.threads = -1}); }),
           "[compile] there must be 0 to 256 threads: -1");
  CHECK_EQ(error_of([&] { ad::compile({x}, {x}, {}, {.threads = 256}); }), "no error");
}

TEST_CASE("wrong shapes and numbers of inputs change nothing") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2}), "x"), w = tape.variable(array({2}, {3, 4}), "w"), y = x * w;
  auto program = ad::compile({x}, {y}, {{w, y}});
  const auto& outputs = program(array({2}, {1, 2}));
  CHECK_THROWS_WITH_AS(program(array({3}, {1, 2, 3})),
                       "[program] input 0 must have the shape that it was compiled for: (3) and (2)", ad::ShapeError);
  CHECK_THROWS_AS(program(array({1, 2}, {1, 2})), ad::ShapeError);
  CHECK_THROWS_WITH_AS(program(std::vector<Array<double>>()), "[program] takes 1 inputs, not 0", ad::ShapeError);
  CHECK_THROWS_AS(program(array({2}, {1, 2}), array({2}, {1, 2})), ad::ShapeError);
  CHECK_EQ(difference(program.state(0), array({2}, {3, 8}), same_bits), "");
  CHECK_EQ(difference(outputs[0], array({2}, {3, 8}), same_bits), "");
}

TEST_CASE("errors at a run name the scope, and come before any update") {
  Tape<double> tape;
  const auto classes = tape.constant(array({2}, {0, 1})), w = tape.variable(sample({2, 3}, -1, 1));
  V loss;
  {
    const auto scope = tape.scope("network");
    const auto inner = tape.scope("loss");
    loss = softmax_cross_entropy(w, classes);
  }
  for (const bool stop : {false, true}) {
    auto program = ad::compile({classes}, {loss}, {{w, w - recorded_gradient(loss, w)}}, {.stop_at_non_finite = stop});
    const std::string message = error_of([&] { program(array({2}, {0, 3})); });
    CHECK_MESSAGE(message.find("network/loss: [") == 0, message);
    CHECK_EQ(message.find("network/loss", 1), std::string::npos);
    CHECK_THROWS_AS(program(array({2}, {0, 3})), ad::ValueError);
    CHECK_EQ(difference(program.state(0), w.value(), same_bits), "");
    CHECK_EQ(program(array({2}, {0, 1}))[0](), loss.item());
  }
}

// ---- programs for several shapes ----

namespace {

using Recorded = ad::Recording<double>;
using Inputs = std::vector<V>;

/// The mean of x W over rows, and W plus that of all: for any number of rows.
ad::ShapedProgram<double> shaped(std::size_t capacity = 8, const CompileOptions& options = {}) {
  return ad::ShapedProgram<double>(
      [](Tape<double>& tape, const Inputs& x) {
        const auto w = tape.variable(array({2}, {1, -1}));
        const auto y = matmul(x[0], w);
        return Recorded{{y}, {{w, w + mean(y)}}};
      },
      options, capacity);
}

}  // namespace

TEST_CASE("a program for several shapes: one compilation each, one set of states") {
  auto program = shaped();
  CHECK_EQ(program.states(), 0);
  CHECK_EQ(program.compiled(), 0);
  CHECK_THROWS_AS(program.report(), ad::ValueError);
  CHECK_THROWS_AS(program.state(0), ad::ValueError);
  const auto full = array({3, 2}, {1, 0, 2, 0, 3, 0}), last = array({1, 2}, {4, 0});
  CHECK_EQ(difference(program(full)[0], array({3}, {1, 2, 3}), same_bits), "");
  CHECK_EQ(program.states(), 1);
  CHECK_EQ(difference(program.state(0), array({2}, {3, 1}), 1e-15), "");
  CHECK_EQ(difference(program(last)[0], array({1}, {12}), 1e-15), "");
  CHECK_EQ(difference(program.state(0), array({2}, {15, 13}), 1e-15), "");
  CHECK_EQ(program.compiled(), 2);
  program.state(0, array({2}, {0, 1}));
  CHECK_EQ(difference(program(full)[0], array({3}, {0, 0, 0}), same_bits), "");
  CHECK_EQ(program.compiled(), 2);
  program.prepare({array({5, 2}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0})});
  CHECK_EQ(program.compiled(), 3);
  CHECK_EQ(difference(program.state(0), array({2}, {0, 1}), same_bits), "");
  CHECK_EQ(difference(program(std::vector{last})[0], array({1}, {0}), same_bits), "");
  CHECK_EQ(program.compiled(), 3);
  CHECK_GT(program.report().nodes, 0);
  CHECK_THROWS_AS(program.state(0, array({3}, {0, 0, 1})), ad::ShapeError);
}

TEST_CASE("a program for several shapes keeps those used last, and its states") {
  auto program = shaped(2);
  const auto rows = [](std::size_t n) { return Array<double>(Shape{n, 2}, 0.0); };
  program.prepare({rows(1)}), program.prepare({rows(2)}), program.prepare({rows(1)});
  CHECK_EQ(program.compiled(), 2);
  program.state(0, array({2}, {7, 8}));
  program(rows(3));  // 2 goes
  program(rows(1));
  CHECK_EQ(program.compiled(), 3);
  program(rows(2));
  CHECK_EQ(program.compiled(), 4);
  CHECK_EQ(difference(program.state(0), array({2}, {7, 8}), same_bits), "");
  auto moved = std::move(program);
  moved(rows(2));
  CHECK_EQ(moved.compiled(), 4);
}

TEST_CASE("a program for several shapes: errors leave states and programs as they are") {
  std::size_t calls = 0;
  ad::ShapedProgram<double> program([&](Tape<double>& tape, const Inputs& x) {
    ++calls;
    const std::size_t n = x[0].shape(0);
    if (n == 13) throw std::runtime_error("thirteen");
    const auto w = tape.variable(Array<double>(Shape{n == 7 ? n : 2}, 1.0));
    Recorded recording{{sum(x[0]) * w}, {{w, w * 2}}};
    if (n == 5) recording.updates.clear();
    if (n == 6) recording.outputs = {V(Array<double>(Shape{2}, 1.0))};
    if (n == 8) recording.updates.push_back({tape.variable(1.0), tape.variable(2.0)});
    return recording;
  });
  const auto rows = [](std::size_t n) { return Array<double>(Shape{n}, 1.0); };
  CHECK_THROWS_AS(program(rows(13)), std::runtime_error);  // at the first meeting of all
  CHECK_EQ(program.states(), 0);
  CHECK_EQ(program(rows(3))[0](0), 3);
  CHECK_THROWS_WITH_AS(program(rows(13)), "thirteen", std::runtime_error);
  CHECK_THROWS_WITH_AS(program(rows(5)), "[compile] there must be as many states as before: 0 and 1", ad::ShapeError);
  CHECK_THROWS_AS(program(rows(6)), ad::TapeError);
  CHECK_THROWS_WITH_AS(program(rows(7)), "[compile] state 0 must keep its shape: (7) and (2)", ad::ShapeError);
  CHECK_THROWS_WITH_AS(program(rows(8)), "[compile] there must be as many states as before: 2 and 1", ad::ShapeError);
  CHECK_EQ(calls, 7);
  CHECK_EQ(program.compiled(), 1);
  CHECK_EQ(difference(program.state(0), array({2}, {2, 2}), same_bits), "");
  CHECK_EQ(program(rows(3))[0](0), 6);
  CHECK_EQ(program(rows(4))[0](0), 16);
  CHECK_EQ(program.compiled(), 2);
}

TEST_CASE("a program for several shapes that begins without states has none later") {
  ad::ShapedProgram<double> program([](Tape<double>& tape, const Inputs& x) {
    if (x[0].size() == 1) return Recorded{{x[0] * 2}, {}};
    const auto w = tape.variable(1.0);
    return Recorded{{x[0] * w}, {{w, w * 2}}};
  });
  CHECK_EQ(program(array({1}, {3}))[0](0), 6);
  CHECK_THROWS_AS(program(array({2}, {3, 3})), ad::ShapeError);
  CHECK_EQ(program.states(), 0);
  CHECK_EQ(program(array({1}, {4}))[0](0), 8);
}
