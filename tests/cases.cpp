#include "cases.hpp"

#include <algorithm>
#include <random>

#include "layouts.hpp"

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

void check_sweeps(const Case& c) {
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

ad::DeclarationReport prove_declarations(const Case& c) {
  auto report = ad::check_declarations([&](const Variables<double>& x) { return c.f(x); }, c.at);
  CHECK_MESSAGE(report, report.message());
  return report;
}

}  // namespace

ad::DeclarationReport check(const Case& c) {
  INFO(c.name << " at " << text(c.at));
  if (c.oracle) {
    check_values<double>(c, 1e-13);
    check_values<float>(c, 2e-6);
  }
  ad::Tape<double> tape;
  if (!empty(c, c.f(enter(tape, c.at)).shape())) check_derivatives(c);
  check_sweeps(c);
  for (const bool exact : {true, false}) {
    check_program<double>(c, exact);
    check_program<float>(c, exact);
  }
  CHECK_EQ(differing_layout(c), "");
  return prove_declarations(c);
}

void check(const std::vector<Case>& cases, std::string_view operation) {
  ad::DeclarationReport::Pullback op;
  bool recorded = false;
  for (const auto& c : cases) {
    const auto pullbacks = check(c).pullbacks;
    const auto found = pullbacks.find(std::string(operation));
    if (found == pullbacks.end()) continue;
    recorded = true;
    op.declared = found->second.declared, op.differentiable |= found->second.differentiable;
    op.seen = ad::Reads(int(op.seen) | int(found->second.seen));
  }
  if (operation.empty()) return;
  REQUIRE_MESSAGE(recorded, "no case records the operation");
  if (op.differentiable)
    CHECK_MESSAGE(op.declared == op.seen, "declares to read more than it does: values are kept for nothing");
  else
    CHECK_MESSAGE(op.declared == ad::Reads::nothing, "has no gradient, and declares that it reads values for it");
}

namespace {

using Vs = Variables<double>;

/// The same by vmap and by a loop over the samples of those that are stacked, others shared: values and gradients.
void compare_samples(const std::function<ad::Variable<double>(const Vs&)>& f, const Vs& x, std::size_t stacked) {
  const Vs samples(x.begin(), x.begin() + std::ptrdiff_t(stacked)),
      shared(x.begin() + std::ptrdiff_t(stacked), x.end());
  const auto with_shared = [&](Vs of) { return of.insert(of.end(), shared.begin(), shared.end()), f(of); };
  const auto all = ad::vmap(with_shared, samples);
  Vs each;
  for (int i = 0; i < int(x[0].shape(0)); ++i) {
    Vs of;
    for (const auto& s : samples) of.push_back(s(i));
    each.push_back(with_shared(of));
  }
  const auto expected = ad::stack(each);
  CHECK_EQ(difference(all.value(), expected.value(), 1e-13), "");
  const auto cotangent = sample(all.shape(), -1, 1, 7);
  const auto found = ad::vjp(all, cotangent, x), gradients = ad::vjp(expected, cotangent, x);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK_EQ(difference(found[i], gradients[i], 1e-12), "");
}

}  // namespace

void check_samples(const std::vector<Case>& cases) {
  for (const auto& c : cases) {
    INFO(c.name << " at " << text(c.at));
    ad::Tape<double> tape;
    Vs x, apart;
    for (const auto& a : c.at) {
      x.push_back(tape.variable(
          ad::stack(Vs{ad::Variable<double>(a), 0.7 * ad::Variable<double>(a), 0.3 * ad::Variable<double>(a)})));
      apart.push_back(x.size() == 1 ? x[0] : tape.variable(a));
    }
    const auto gradient = [&](const Vs& at) { return ad::recorded_gradient(ad::sum(ad::sin(c.f(at))), at[0]); };
    compare_samples(c.f, x, x.size());
    for (std::uint32_t i = 0; i < tape.size(); ++i) {
      const auto& operation = tape.node(i).operation;
      CHECK_MESSAGE((!operation || operation->name() != "scan"), "runs once for each sample");
    }
    compare_samples(gradient, x, x.size());
    if (x.size() > 1) compare_samples(c.f, apart, 1);
  }
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
