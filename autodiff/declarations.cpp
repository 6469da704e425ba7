// Proofs of what operations declare, each by what the declaration says alone: no operation is named here.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "check.hpp"
#include "kernels/assembler.hpp"
#include "layouts.hpp"
#include "sweep.hpp"

namespace autodiff {

namespace {

using V = Variable<double>;
using Op = Primitive<double>;
using detail::Laid, detail::layouts, detail::place;
using Arrays = std::vector<Array<double>>;

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
constexpr double same_bits = 0, rounding = 1e-12;

Array<double> filled(Dims shape, double value) { return Array<double>(to_shape(shape), value); }

/// Numbers between the two, the same each time.
Array<double> random(Dims shape, double low, double high) {
  std::mt19937 bits(1);
  auto numbers = uninitialised<double>(shape);
  for (double& number : numbers) number = low + (high - low) * ((bits() + 0.5) / 4294967296.0);
  return numbers;
}

Shape index_of(Dims shape, std::size_t n) {
  Shape index = to_shape(shape);
  for (std::size_t axis = shape.size(); axis-- > 0; n /= shape[axis]) index[axis] = n % shape[axis];
  return index;
}

/// One recorded operation, what it was given, and what it made of it.
class Proof {
 public:
  Proof(const Op& op, std::vector<V> y, std::vector<V> x, DeclarationReport& report)
      : op_(op), ys_(std::move(y)), y_(ys_[0]), x_(std::move(x)), report_(report) {
    for (const auto& each : x_) shapes_.emplace_back(each.shape());
  }

  void all() {
    ++report_.operations;
    prove("forward", [&] { expect("run again gives another result", run_all(operands(x_)), values(ys_), same_bits); });
    prove("fails", [&] { fails(); });
    prove("reads", [&] { reads(); });
    if (ys_.size() > 1)
      prove("results", [&] { results(); });
    else
      of_one_result();
    if (op_.block() || x_.empty()) return;  // programs walk elementwise operands without asking
    for (const auto& x : x_) {
      auto& of_x = laid_.emplace_back();
      for (const auto& layout : layouts()) of_x.emplace_back(x.value(), layout);
    }
    if (ys_.size() == 1) prove("view", [&] { view(); });
    for (const auto& choice : detail::layout_choices(x_.size())) prove("takes", [&] { takes(choice); });
  }

 private:
  void of_one_result() {
    prove("linear", [&] { linear(); });
    prove("neutral", [&] { neutral(); });
    prove("commutative", [&] { commutative(); });
    prove("write", [&] { write(); });
    prove("reduction", [&] { reduction(); });
    prove("accumulate", [&] { accumulate(operands(x_), y_.value(), ""); });
    prove("cotangent_views", [&] { cotangent_views(); });
    prove("terms", [&] { terms(); });
    prove("summed", [&] { summed(); });
    prove("prepared", [&] { prepared(); });
  }

  template <class F>
  void prove(const char* declaration, F&& f) {
    declaration_ = declaration;
    try {
      f();
    } catch (const Error& error) {
      found(std::string("an error is thrown: ") + error.what());
    }
  }

  void found(const std::string& what) {
    report_.ok = false;
    if (report_.failures++) return;
    report_.operation = op_.name(), report_.declaration = declaration_;
    report_.text = "[" + report_.operation + "] does not keep `" + report_.declaration + "`: " + what;
  }

  /// Each element within `tolerance` times the larger of 1 and the largest that is expected; or the same bits, but for
  /// the kind of NaN.
  void expect(const std::string& else_what, const Array<double>& actual, const Array<double>& expected,
              double tolerance) {
    ++report_.proofs;
    if (!std::ranges::equal(actual.shape(), expected.shape()))
      return found(else_what + ": shape " + to_string(Dims(actual.shape())) + ", not " +
                   to_string(Dims(expected.shape())));
    double size = 1;
    for (double each : expected)
      if (std::isfinite(each)) size = std::max(size, std::abs(each));
    for (std::size_t n = 0; n < expected.size(); ++n) {
      const double a = actual.data()[n], b = expected.data()[n];
      if ((std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b))) continue;
      if (tolerance > 0 && (a == b || std::abs(a - b) <= tolerance * size)) continue;
      std::ostringstream text;
      text.precision(17);
      text << else_what << ": " << a << ", not " << b;
      if (!expected.shape().empty()) text << ", at " << to_string(Dims(index_of(expected.shape(), n)));
      return found(text.str());
    }
  }

  void expect(const std::string& what, const Arrays& actual, const Arrays& expected, double tolerance) {
    for (std::size_t k = 0; k < expected.size(); ++k)
      expect(expected.size() > 1 ? what + " number " + std::to_string(k) : what, actual[k], expected[k], tolerance);
  }

  static Arrays values(const std::vector<V>& variables) {
    Arrays all;
    for (const auto& each : variables) all.push_back(each.value());
    return all;
  }
  static std::vector<Operand<const double>> operands(const std::vector<V>& x) {
    std::vector<Operand<const double>> all;
    for (const auto& each : x) all.push_back(operand(each.value()));
    return all;
  }
  /// What forward makes of these, in memory that holds NaN before.
  Arrays run_all(std::span<const Operand<const double>> x) const {
    std::vector<Dims> shapes;
    for (const auto& each : x) shapes.push_back(each.shape);
    Arrays results;
    for (const auto& shape : op_.shapes(shapes)) results.push_back(filled(Dims(shape), nan));
    std::vector<Operand<double>> y;
    for (auto& each : results) y.push_back(operand(each));
    op_.forward(y, x);
    return results;
  }
  Array<double> run(const std::vector<V>& x) const { return run_all(operands(x))[0]; }
  std::vector<V> with(std::size_t i, Array<double> value) const {
    auto x = x_;
    x[i] = V(std::move(value));
    return x;
  }

  /// Where forward may throw for no values, it takes all.
  void fails() {
    if (op_.fails()) return;
    for (const double each : {nan, infinity, -1e300, 0.5}) {
      std::vector<V> x;
      for (const auto& of : x_) x.emplace_back(filled(of.shape(), each));
      run_all(operands(x));
    }
  }

  /// The cotangents of all inputs to which a gradient flows, others being empty arrays.
  Arrays pull_back(const std::vector<V>& cotangents, const std::vector<V>& y, const std::vector<V>& x) const {
    Pullback<double> step{cotangents, y, x, {}, std::vector<Cotangent<double>>(x.size())};
    for (std::size_t i = 0; i < x.size(); ++i) step.wanted.push_back(op_.differentiable(i));
    op_.pull_back(step);
    Arrays all(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!op_.differentiable(i)) continue;
      const auto& found = step.found[i];
      all[i] = found.value.alive() ? found.value.value() : filled(shapes_[i], 0);
      if (found.operation) found.operation->accumulate(operand(all[i]), operands(found.inputs), 1, 1);
    }
    return all;
  }
  std::vector<V> cotangents() const {
    std::vector<V> all;
    for (std::size_t k = 0; k < ys_.size(); ++k)
      all.push_back(op_.result_differentiable(k) ? V(random(ys_[k].shape(), 0.5, 1.5)) : V());
    return all;
  }

  /// Values that a pullback does not declare to read may be anything.
  void reads() {
    auto& seen = report_.pullbacks[std::string(op_.name())];
    seen.declared = op_.reads();
    for (std::size_t i = 0; i < x_.size(); ++i) seen.differentiable |= op_.differentiable(i);
    if (!seen.differentiable) return;
    const auto flag = [](Reads reads, Reads what) { return (int(reads) & int(what)) != 0; };
    const auto nan_like = [](const std::vector<V>& variables) {
      std::vector<V> all;
      for (const auto& each : variables) all.emplace_back(filled(each.shape(), nan));
      return all;
    };
    const auto ct = cotangents(), no_y = nan_like(ys_), no_x = nan_like(x_);
    const auto expected = pull_back(ct, ys_, x_);
    const bool output = flag(op_.reads(), Reads::output), inputs = flag(op_.reads(), Reads::inputs);
    expect("the pullback looks at more: without it, it gives another cotangent",
           pull_back(ct, output ? ys_ : no_y, inputs ? x_ : no_x), expected, same_bits);
    const auto looks = [&](const std::vector<V>& y, const std::vector<V>& x) {
      try {
        const auto found = pull_back(ct, y, x);
        for (std::size_t i = 0; i < found.size(); ++i)
          if (!std::ranges::equal(found[i], expected[i],
                                  [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }))
            return true;
        return false;
      } catch (const Error&) {  // an index cannot be NaN: it was read
        return true;
      }
    };
    seen.seen =
        Reads(int(seen.seen) | int(looks(no_y, x_)) * int(Reads::output) | int(looks(ys_, no_x)) * int(Reads::inputs));
  }

  /// Where no cotangent flows back from a result, it is as if it were zero.
  void results() {
    for (std::size_t k = 0; k < ys_.size(); ++k) {
      if (!op_.result_differentiable(k)) continue;
      auto without = cotangents(), zero = without;
      without[k] = V(), zero[k] = V(filled(ys_[k].shape(), 0));
      if (std::ranges::none_of(without, [](const V& ct) { return ct.alive(); })) continue;
      expect("without a cotangent of result " + std::to_string(k) + ", that of an input is not as if it were zero",
             pull_back(without, ys_, x_), pull_back(zero, ys_, x_), rounding);
    }
  }

  /// A step of one argument is a step of the result, forwards or backwards; or a multiple of it gives that multiple.
  void linear() {
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const Linear how = op_.linear(i);
      if (how == Linear::no) continue;
      if (!op_.block()) return found("it is not elementwise");
      const auto& x = x_[i].value();
      const double sign = how == Linear::minus ? -1 : 1;
      for (const double by : {2.0, -0.75}) {
        std::ostringstream what;
        what << "argument " << i << (how == Linear::scales ? " times " : " plus ") << by << " gives another result";
        if (how == Linear::scales)
          expect(what.str(), run(with(i, by * x)), by * y_.value(), rounding);
        else
          expect(what.str(), run(with(i, by + x)), sign * by + y_.value(), rounding);
      }
    }
  }

  /// Beside the neutral value, the other argument is the result, whatever it is.
  void neutral() {
    if (x_.size() != 2) return;
    const Array<double> special = xt::xarray<double>{0.0, -0.0, 1.5, -1e300, 1e-310, infinity, -infinity, nan};
    for (std::size_t i = 0; i < 2; ++i) {
      if (std::isnan(op_.neutral(i))) continue;
      for (const auto& other : {x_[1 - i].value(), special}) {
        std::vector<V> x(2, V(other));
        x[i] = V(filled(other.shape(), op_.neutral(i)));
        expect("with argument " + std::to_string(i) + " neutral, the result is not the other one", run(x), other,
               same_bits);
      }
    }
  }

  void commutative() {
    if (!op_.commutative()) return;
    if (x_.size() != 2) return found("it has not two arguments");
    expect("the arguments the other way round give another result", run(std::vector{x_[1], x_[0]}), y_.value(),
           same_bits);
  }

  /// The kernel, over one axis after the other, gives what forward gives.
  void reduction() {
    if (x_.size() != 1 || x_[0].size() == 0) return;
    const auto reduction = op_.reduction(shapes_[0]);
    if (!reduction) return;
    check_reduction(op_.name(), reduction->kernel);
    auto rest = x_[0].value();
    for (std::size_t axis = shapes_[0].size(); axis-- > 0;) {
      if (!(reduction->axes >> axis & 1)) continue;
      Shape shape = rest.shape();
      const std::size_t n = shape[axis], outer = count(Dims(shape).first(axis)), inner = rest.size() / outer / n;
      shape[axis] = 1;
      auto reduced = uninitialised<double>(Dims(shape));
      reduction->kernel(reduced.data(), rest.data(), outer, n, inner);
      rest = std::move(reduced);
    }
    if (rest.size() != y_.size()) return found("it does not reduce the axes that it says");
    rest.reshape(y_.shape());
    expect("its kernel, axis by axis, gives another result", rest, y_.value(), rounding);
  }

  /// alpha forward(x) + beta y, where beta = 0 means that y is not read.
  void accumulate(std::span<const Operand<const double>> x, const Array<double>& forward, const std::string& laid_out) {
    if (!op_.accumulates(shapes_)) return;
    for (const auto& [alpha, beta] : {std::pair{1.0, 1.0}, {2.0, -0.5}, {-0.75, 1.0}, {1.5, 0.0}}) {
      const auto before = random(y_.shape(), -1, 1);
      auto result = beta == 0 ? filled(y_.shape(), nan) : before;
      op_.accumulate(operand(result), x, alpha, beta);
      std::ostringstream what;
      what << alpha << " times the result and " << beta << " times what was there" << laid_out << " is something else";
      expect(what.str(), result, Array<double>(alpha * forward + beta * before), rounding);
    }
  }

  /// The parts of a sum, added up, give what forward gives.
  void terms() {
    if (op_.terms().empty()) return;
    auto sum = filled(y_.shape(), 0);
    const auto x = operands(x_);
    std::size_t from = 0;
    for (const auto& term : op_.terms()) {
      term.operation->accumulate(operand(sum), std::span(x).subspan(from, term.inputs), 1, 1);
      from += term.inputs;
    }
    expect("its terms give another sum", sum, y_.value(), rounding);
  }

  /// Of two samples at once, it gives their sum.
  void summed() {
    std::vector<V> twice;
    for (const auto& x : x_) {
      Shape shape = x.shape();
      shape.insert(shape.begin(), 2);
      Array<double> both(shape);
      for (std::size_t i = 0; i < both.size(); ++i) both.data()[i] = x.value().data()[i % x.size()];
      twice.emplace_back(std::move(both));
    }
    if (const V sum = op_.summed(twice); sum.alive())
      expect("the sum of two samples is another", sum.value(), 2 * y_.value(), rounding);
  }

  /// A loop made of what the operation writes gives what its own loop gives, but for products that one of them rounds
  /// before a sum.
  void write() {
    if (!op_.block() || y_.size() == 0 || !kernels::Assembler<double>::works()) return;
    kernels::Formula formula;
    std::vector<kernels::Term> terms;
    for (std::uint32_t i = 0; i < x_.size(); ++i) terms.push_back(formula.load(i));
    const auto term = op_.write(formula, terms);
    if (!term) return;
    formula.store(*term, static_cast<std::uint32_t>(x_.size()));
    formula.single.assign(x_.size() + 1, false);
    kernels::Assembler<double> assembler;
    const auto begin = assembler.add(formula, 0);
    assembler.finish();

    Array<double> y = filled(Dims(y_.shape()), nan);
    Arrays x;
    std::vector<const double*> arrays;
    for (const auto& each : x_) x.push_back(broadcast(each.value(), Dims(y_.shape())));
    for (const auto& each : x) arrays.push_back(each.data());
    arrays.push_back(y.data());
    assembler.loop(begin)(formula.numbers.data(), y.data(), arrays.data(), 0, y.size());
    expect("what it writes gives another result", y, y_.value(), rounding);
  }

  static Array<double> broadcast(const Array<double>& x, Dims shape) {
    auto all = uninitialised<double>(shape);
    for (std::size_t n = 0; n < all.size(); ++n) {
      const Shape index = index_of(shape, n);
      std::size_t at = 0;
      for (std::size_t axis = 0; axis < x.dimension(); ++axis)
        at = at * x.shape(axis) + (x.shape(axis) == 1 ? 0 : index[axis + index.size() - x.dimension()]);
      all.data()[n] = x.data()[at];
    }
    return all;
  }

  /// With any one input made ready, or all of them, it gives the same.
  void prepared() {
    for (std::size_t i = 0; i <= x_.size(); ++i) {
      std::vector<bool> fixed(x_.size(), i == x_.size());
      if (i < x_.size()) fixed[i] = true;
      auto x = x_;
      if (const auto op = op_.prepared(fixed, x))
        expect("with inputs prepared it gives another result", Tape<double>::record(op, x).value(), y_.value(),
               rounding);
    }
  }

  /// Elements read through the view are those that forward gives.
  void view() {
    if (x_.size() != 1) return;
    for (const Laid& input : laid_[0]) {
      const auto view = op_.view(input.view);
      if (!view) continue;
      const std::string of = std::string("the view of an input laid out ") + input.name;
      if (const auto read = read_through(*view, input.memory))
        expect(of + " gives another result", *read, run(std::vector{V(input.values)}), same_bits);
      else
        return found(of + " reaches out of its memory");
    }
  }

  /// Nothing where it reaches out of the memory.
  static std::optional<Array<double>> read_through(const View& view, std::span<const double> memory) {
    auto read = uninitialised<double>(Dims(view.shape));
    for (std::size_t n = 0; n < read.size(); ++n) {
      const std::ptrdiff_t at = place(view, n);
      if (at < 0 || at >= std::ssize(memory)) return std::nullopt;
      read.data()[n] = memory[static_cast<std::size_t>(at)];
    }
    return read;
  }

  /// Read through the views, a cotangent of the result gives what the rule gives.
  void cotangent_views() {
    const auto views = op_.cotangent_views(dense(Dims(y_.shape())), shapes_);
    if (views.empty()) return;
    if (views.size() != x_.size()) return found("there must be one view an argument");
    const auto ct = cotangents();
    const Arrays expected = pull_back(ct, ys_, x_);
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const std::string of = "the view for argument " + std::to_string(i);
      const Operand<const double> memory = ct[0].elements();
      if (const auto read = read_through(views[i], {memory.data, ct[0].size()}))
        expect(of + " gives another cotangent than the rule", *read, expected[i], same_bits);
      else
        return found(of + " reaches out of the cotangent");
    }
  }

  /// Inputs laid out so give what they give when they are dense.
  void takes(const std::vector<std::size_t>& choice) {
    std::vector<View> views;
    for (std::size_t i = 0; i < choice.size(); ++i) views.push_back(laid_[i][choice[i]].view);
    if (std::ranges::all_of(views, is_dense) || !op_.takes(views)) return;
    std::vector<Operand<const double>> x;
    std::vector<V> dense_values;
    std::string names;
    for (std::size_t i = 0; i < choice.size(); ++i) {
      const Laid& each = laid_[i][choice[i]];
      x.push_back(each.operand());
      dense_values.emplace_back(each.values);
      names += (i ? ", " : ", of inputs laid out ") + std::string(each.name);
    }
    const auto expected = run_all(operands(dense_values));
    expect("the result" + names + ", is another", run_all(x), expected, rounding);
    if (ys_.size() == 1) accumulate(x, expected[0], names + ",");
  }

  const Op& op_;
  std::vector<V> ys_;  // all results, and the first
  const V& y_;
  std::vector<V> x_;
  std::vector<Dims> shapes_;
  DeclarationReport& report_;
  const char* declaration_ = "";
  std::vector<std::vector<Laid>> laid_;  // each input in each layout
};

}  // namespace

DeclarationReport detail::check_declarations(const Checked& f, const std::vector<Array<double>>& at) {
  Tape<double> tape;
  std::vector<V> x;
  for (const auto& a : at) x.push_back(tape.variable(a));
  for (const auto& y : f(x))
    if (y.recorded())
      sweep("check_declarations", Sweep::recorded, y, V(random(y.shape(), 0.5, 1.5)), std::span<const V>(x));
  DeclarationReport report;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const auto operation = tape.node(i).operation;
    if (!operation || tape.node(i).result > 0) continue;
    std::vector<V> inputs, results;
    for (auto j : tape.inputs(i)) inputs.push_back(tape.plain(j));
    for (std::size_t k = 0; k < operation->results(); ++k) results.push_back(tape.plain(i + k));
    Proof(*operation, std::move(results), std::move(inputs), report).all();
  }
  return report;
}

std::string DeclarationReport::message() const {
  if (ok) return std::to_string(proofs) + " proofs of " + std::to_string(operations) + " recorded operations hold";
  return failures < 2 ? text : text + " (the first of " + std::to_string(failures) + " failures)";
}

}  // namespace autodiff
