#include "cases.hpp"

#include <algorithm>
#include <autodiff/check.hpp>
#include <limits>
#include <map>
#include <random>

namespace test {

namespace {

bool empty(const Case& c, const Shape& y) {
  bool none = ad::count(ad::Dims(y)) == 0;
  for (const auto& x : c.at) none = none || x.size() == 0;
  return none;
}

template <class T>
Variables<T> enter(ad::Tape<T>& tape, const Arrays& at) {
  Variables<T> x;
  for (const auto& each : at) x.push_back(tape.variable(each));
  return x;
}

template <class T>
void check_values(const Case& c, double tolerance) {
  ad::Tape<T> tape;
  CHECK_EQ(difference(c.f(enter(tape, c.at)).value(), c.oracle(c.at), tolerance), "");
}

/// Whether two results of one pullback are the same, bit for bit but for the kind of NaN.
bool same(const ad::Variable<double>& a, const ad::Variable<double>& b) {
  return difference(a.value(), b.value(), 1e-300).empty();
}

ad::Variable<double> nan_like(const ad::Variable<double>& x) {
  return ad::Variable<double>(Array<double>(x.shape(), std::numeric_limits<double>::quiet_NaN()));
}

/// What an operation computes from values, in memory of its own.
Array<double> run(const ad::Primitive<double>& op, const Shape& shape, const Variables<double>& x) {
  std::vector<ad::Operand<const double>> operands;
  for (const auto& each : x) operands.push_back(ad::operand(each.value()));
  auto result = ad::uninitialised<double>(ad::Dims(shape));
  op.forward(ad::operand(result), operands);
  return result;
}

/// Which of the values that they may declare to read the pullbacks of an operation were seen to depend on.
struct Seen {
  ad::Reads declared = ad::Reads::nothing;
  bool differentiable = false, output = false, inputs = false;
};
using SeenByName = std::map<std::string, Seen>;

/// A proof of `reads`: values that the pullback does not declare to read may be anything.
void prove_reads(const ad::Primitive<double>& op, const ad::Variable<double>& y, const Variables<double>& x,
                 Seen& seen) {
  seen.declared = op.reads();
  const ad::Variable<double> ct(sample(y.shape(), 0.5, 1.5));
  const auto no_y = nan_like(y);
  Variables<double> no_x;
  for (const auto& each : x) no_x.push_back(nan_like(each));
  const bool output = int(op.reads()) & int(ad::Reads::output), inputs = int(op.reads()) & int(ad::Reads::inputs);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!op.differentiable(i)) continue;
    seen.differentiable = true;
    const auto expected = op.pullback(i, ct, y, x);
    CHECK_MESSAGE(same(op.pullback(i, ct, output ? y : no_y, inputs ? x : no_x), expected), std::string(op.name()),
                  ": the pullback of argument ", i, " reads more than it declares");
    try {
      seen.output |= !same(op.pullback(i, ct, no_y, x), expected);
      seen.inputs |= !same(op.pullback(i, ct, y, no_x), expected);
    } catch (const ad::ValueError&) {  // an index cannot be NaN: it was read
      seen.inputs = true;
    }
  }
}

/// A proof of `linear`: a step of one argument is a step of the result, forwards or backwards; or twice the argument is
/// twice the result.
void prove_linear(const ad::Primitive<double>& op, const ad::Variable<double>& y, const Variables<double>& x) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (op.linear(i) == ad::Linear::no) continue;
    CHECK_MESSAGE(bool(op.block()), "linear, and not elementwise");
    const bool scales = op.linear(i) == ad::Linear::scales;
    Variables<double> moved = x;
    moved[i] = ad::Variable<double>(scales ? Array<double>(2 * x[i].value()) : Array<double>(x[i].value() + 0.5));
    const auto result = run(op, y.shape(), moved);
    if (scales) {
      CHECK_EQ(difference(result, Array<double>(2 * y.value()), 1e-12), "");
      continue;
    }
    const Array<double> step = result - y.value(), plus(y.shape(), 0.5), minus(y.shape(), -0.5);
    CHECK_EQ(difference(step, op.linear(i) == ad::Linear::plus ? plus : minus, 1e-12), "");
  }
}

/// A proof of `neutral` and `commutative`.
void prove_neutral(const ad::Primitive<double>& op, const ad::Variable<double>& y, const Variables<double>& x) {
  if (x.size() != 2) return;
  if (op.commutative()) CHECK_EQ(difference(run(op, y.shape(), {x[1], x[0]}), y.value(), 1e-300), "");
  for (std::size_t i = 0; i < 2; ++i) {
    if (std::isnan(op.neutral(i))) continue;
    Variables<double> with = x;
    with[i] = ad::Variable<double>(Array<double>(x[1 - i].shape(), op.neutral(i)));
    const auto result = run(op, x[1 - i].shape(), with);
    CHECK(std::ranges::equal(result, x[1 - i].value(), [](double a, double b) {
      return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
    }));
  }
}

/// Every operation on the tape, those that recorded sweeps left there among them.
void prove_declarations(const ad::Tape<double>& tape, SeenByName& seen) {
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const auto& op = tape.node(i).operation;
    if (!op) continue;
    Variables<double> x;
    for (auto j : tape.inputs(i)) x.push_back(tape.plain(j));
    prove_reads(*op, tape.plain(i), x, seen[std::string(op->name())]);
    prove_linear(*op, tape.plain(i), x);
    prove_neutral(*op, tape.plain(i), x);
  }
}

void check_sweeps(const Case& c, SeenByName& seen) {
  ad::Tape<double> tape;
  const auto x = enter(tape, c.at);
  const auto y = c.f(x);
  const auto cotangent = sample(y.shape(), -1, 1, 7);
  const auto arrays = ad::vjp(y, cotangent, x);
  const auto recorded = ad::recorded_gradient(ad::sum(y * cotangent), x);

  ad::Tape<float> float_tape;
  const auto float_x = enter(float_tape, c.at);
  const auto floats = ad::vjp(c.f(float_x), ad::to_array<float>(cotangent), float_x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    INFO("argument " << i);
    CHECK_EQ(difference(arrays[i], recorded[i].value(), 1e-13), "");
    CHECK_EQ(difference(floats[i], arrays[i], 2e-5), "");
  }

  prove_declarations(tape, seen);
}

/// A program gives what the tape gives, gradients included, at the point where it was recorded and at another: the same
/// bits if it is to be exact, else within a tolerance.
template <class T>
void check_program(const Case& c, bool exact) {
  ad::Tape<T> tape;
  const auto x = enter(tape, c.at);
  const auto results = [&](const Variables<T>& at) {
    Variables<T> all{c.f(at)};
    for (const auto& g : ad::recorded_gradient(ad::sum(ad::square(all[0])), at)) all.push_back(g);
    return all;
  };
  ad::CompileOptions options;
  options.exact = exact;
  const double tolerance = exact ? 1e-300 : std::is_same_v<T, float> ? 2e-5 : 1e-13;
  auto program = ad::compile(x, results(x), {}, options);
  Arrays elsewhere;
  for (Array<double> a : c.at) std::ranges::reverse(a), elsewhere.push_back(a);
  for (const auto& at : {c.at, elsewhere}) {
    std::vector<Array<T>> inputs;
    for (const auto& a : at) inputs.push_back(ad::to_array<T>(a));
    const auto& outputs = program(inputs);
    ad::Tape<T> fresh;
    const auto expected = results(enter(fresh, at));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("output " << i << (exact ? ", exact" : ""));
      CHECK_EQ(difference(outputs[i], expected[i].value(), tolerance), "");
    }
  }
}

void check_derivatives(const Case& c) {
  ad::CheckOptions options;
  options.second_order = true;
  const auto report = ad::check_gradient([&](const Variables<double>& x) { return c.f(x); }, c.at, options);
  CHECK_MESSAGE(report, report.message());
}

void check(const Case& c, SeenByName& seen) {
  INFO(c.name << " at " << text(c.at));
  if (c.oracle) {
    check_values<double>(c, 1e-13);
    check_values<float>(c, 2e-6);
  }
  ad::Tape<double> tape;
  if (!empty(c, c.f(enter(tape, c.at)).shape())) check_derivatives(c);
  check_sweeps(c, seen);
  for (const bool exact : {true, false}) {
    check_program<double>(c, exact);
    check_program<float>(c, exact);
  }
}

}  // namespace

void check(const Case& c) {
  SeenByName seen;
  check(c, seen);
}

void check(const std::vector<Case>& cases, std::string_view operation) {
  SeenByName seen;
  for (const auto& c : cases) check(c, seen);
  if (operation.empty()) return;
  REQUIRE_MESSAGE(seen.count(std::string(operation)), "no case records the operation");
  const Seen& op = seen[std::string(operation)];
  if (op.differentiable)
    CHECK_MESSAGE(int(op.declared) == int(op.output) * int(ad::Reads::output) + int(op.inputs) * int(ad::Reads::inputs),
                  "declares to read more than it does: values are kept for nothing");
  else
    CHECK_MESSAGE(op.declared == ad::Reads::nothing, "has no gradient, and declares that it reads values for it");
}

Array<double> sample(const Shape& shape, double low, double high, unsigned seed) {
  std::mt19937 random(seed);
  Array<double> a(shape);
  for (auto& x : a) x = static_cast<float>(low + (high - low) * ((random() + 0.5) / 4294967296.0));
  return a;
}

Arrays samples(const Shapes& shapes, double low, double high) {
  Arrays result;
  for (const auto& shape : shapes) result.push_back(sample(shape, low, high, static_cast<unsigned>(1 + result.size())));
  return result;
}

std::string text(const Shapes& shapes) {
  std::string all;
  for (const auto& shape : shapes) all += (all.empty() ? "" : " ") + ad::to_string(ad::Dims(shape));
  return all;
}

std::string text(const Arrays& at) {
  Shapes shapes;
  for (const auto& a : at) shapes.push_back(a.shape());
  return text(shapes);
}

}  // namespace test
