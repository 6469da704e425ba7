// Proofs of what operations declare, each by what the declaration says alone: no operation is named here.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "check.hpp"
#include "sweep.hpp"

namespace autodiff {

namespace {

using V = Variable<double>;
using Op = Primitive<double>;

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

/// Where element number n of a view is.
std::ptrdiff_t place(const View& view, std::size_t n) {
  std::ptrdiff_t at = view.offset;
  for (std::size_t axis = view.shape.size(); axis-- > 0; n /= view.shape[axis])
    at += static_cast<std::ptrdiff_t>(n % view.shape[axis]) * view.strides[axis];
  return at;
}

Shape index_of(Dims shape, std::size_t n) {
  Shape index = to_shape(shape);
  for (std::size_t axis = shape.size(); axis-- > 0; n /= shape[axis]) index[axis] = n % shape[axis];
  return index;
}

// ---- layouts ----

/// How an array lies along an axis, which counts from the end if it is negative: the step, 0 where elements repeat, and
/// how much memory is left out before and behind.
struct Along {
  int axis;
  std::ptrdiff_t step;
  std::size_t before = 0, behind = 0;
};
enum class Order { rows, reversed, swapped };  // of the axes in memory; swapped: the last two
struct Layout {
  const char* name;
  Order order;
  std::vector<Along> along;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all{
      {"dense", Order::rows, {}},
      {"transposed", Order::reversed, {}},
      {"swapped", Order::swapped, {}},
      {"shifted", Order::rows, {{0, 1, 1, 0}}},
      {"cut along columns", Order::rows, {{-1, 1, 1, 1}}},
      {"cut along rows", Order::rows, {{-2, 1, 1, 1}}},
      {"columns reversed", Order::rows, {{-1, -1}}},
      {"rows reversed", Order::rows, {{-2, -1}}},
      {"every second column", Order::rows, {{-1, 2}}},
      {"every second row", Order::rows, {{-2, 2}}},
      {"repeated along columns", Order::rows, {{-1, 0}}},
      {"repeated along the first axis", Order::rows, {{0, 0}}},
      {"transposed and cut", Order::reversed, {{-1, 1, 1, 1}}},
      {"swapped and reversed", Order::swapped, {{-2, -1}}},
      {"swapped and cut", Order::swapped, {{-1, 1, 1, 1}, {-2, 1, 1, 0}}},
  };
  return all;
}

/// An array in memory of a layout, of which NaN is all that is not in the array.
struct Laid {
  const char* name;
  View view;
  std::vector<double> memory;
  Array<double> values;  // what the view reads: not the array where elements repeat

  Laid(const Array<double>& a, const Layout& layout) : name(layout.name), view(dense(a.shape())) {
    const std::size_t axes = a.dimension();
    std::vector<Along> along;
    for (std::size_t axis = 0; axis < axes; ++axis) along.push_back({static_cast<int>(axis), 1});
    for (Along each : layout.along) {
      if (each.axis < 0) each.axis += static_cast<int>(axes);
      if (each.axis >= 0 && each.axis < static_cast<int>(axes)) along[static_cast<std::size_t>(each.axis)] = each;
    }
    if (layout.order == Order::reversed) std::ranges::reverse(along);
    if (layout.order == Order::swapped && axes >= 2) std::swap(along[axes - 1], along[axes - 2]);
    std::size_t size = 1;
    for (auto each = along.rbegin(); each != along.rend(); ++each) {
      const auto axis = static_cast<std::size_t>(each->axis);
      const auto wide = static_cast<std::size_t>(std::abs(each->step));
      const std::size_t last = a.shape(axis) == 0 ? 0 : (a.shape(axis) - 1) * wide;
      view.strides[axis] = each->step * static_cast<std::ptrdiff_t>(size);
      view.offset += static_cast<std::ptrdiff_t>((each->before + (each->step < 0 ? last : 0)) * size);
      size *= each->before + last + 1 + each->behind;
    }
    memory.assign(size, nan);
    for (std::size_t n = 0; n < a.size(); ++n) at(n) = a.data()[n];
    values = a;
    for (std::size_t n = 0; n < a.size(); ++n) values.data()[n] = at(n);
  }
  double& at(std::size_t n) { return memory[static_cast<std::size_t>(place(view, n))]; }
  Operand<const double> operand() const { return {memory.data() + view.offset, Dims(view.shape), Steps(view.strides)}; }
};

/// Which layouts are tried together, one number an operand: all pairs of two; of more, each alone, and some together.
std::vector<std::vector<std::size_t>> choices(std::size_t operands) {
  const std::size_t n = layouts().size();
  std::vector<std::vector<std::size_t>> all;
  const auto turn = [&](std::size_t shift) {
    for (std::size_t first = 0; first < n; ++first) {
      auto& row = all.emplace_back();
      for (std::size_t i = 0; i < operands; ++i) row.push_back((first + i * shift) % n);
    }
  };
  for (std::size_t shift = 0; shift < (operands == 2 ? n : operands == 1 ? 1 : 4); ++shift) turn(shift);
  for (std::size_t i = 0; operands > 2 && i < std::min<std::size_t>(operands, 4); ++i)
    for (std::size_t each = 1; each < n; ++each) all.emplace_back(operands)[i] = each;
  return all;
}

// ---- proofs ----

/// One recorded operation, what it was given, and what it made of it.
class Proof {
 public:
  Proof(const Op& op, const V& y, std::vector<V> x, DeclarationReport& report)
      : op_(op), y_(y), x_(std::move(x)), report_(report) {
    for (const auto& each : x_) shapes_.emplace_back(each.shape());
  }

  void all() {
    ++report_.operations;
    prove("forward", [&] { expect("run again gives another result", run(x_), y_.value(), same_bits); });
    prove("reads", [&] { reads(); });
    prove("linear", [&] { linear(); });
    prove("neutral", [&] { neutral(); });
    prove("commutative", [&] { commutative(); });
    prove("reduction", [&] { reduction(); });
    prove("accumulate", [&] { accumulate(operands(x_), y_.value(), ""); });
    if (op_.block() || x_.empty()) return;  // programs walk elementwise operands without asking
    for (const auto& x : x_) {
      auto& of_x = laid_.emplace_back();
      for (const auto& layout : layouts()) of_x.emplace_back(x.value(), layout);
    }
    prove("view", [&] { view(); });
    for (const auto& choice : choices(x_.size())) prove("takes", [&] { takes(choice); });
  }

 private:
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

  static std::vector<Operand<const double>> operands(const std::vector<V>& x) {
    std::vector<Operand<const double>> all;
    for (const auto& each : x) all.push_back(operand(each.value()));
    return all;
  }
  /// What forward makes of these, in memory that holds NaN before.
  Array<double> run(std::span<const Operand<const double>> x) const {
    std::vector<Dims> shapes;
    for (const auto& each : x) shapes.push_back(each.shape);
    auto result = filled(op_.shape(shapes), nan);
    op_.forward(operand(result), x);
    return result;
  }
  Array<double> run(const std::vector<V>& x) const { return run(operands(x)); }
  std::vector<V> with(std::size_t i, Array<double> value) const {
    auto x = x_;
    x[i] = V(std::move(value));
    return x;
  }

  /// Values that a pullback does not declare to read may be anything.
  void reads() {
    auto& seen = report_.pullbacks[std::string(op_.name())];
    seen.declared = op_.reads();
    const auto flag = [](Reads reads, Reads what) { return (int(reads) & int(what)) != 0; };
    const V ct(random(y_.shape(), 0.5, 1.5)), no_y(filled(y_.shape(), nan));
    std::vector<V> no_x;
    for (const auto& each : x_) no_x.emplace_back(filled(each.shape(), nan));
    const V& y = flag(op_.reads(), Reads::output) ? y_ : no_y;
    const auto& x = flag(op_.reads(), Reads::inputs) ? x_ : no_x;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      if (!op_.differentiable(i)) continue;
      seen.differentiable = true;
      const auto expected = op_.pullback(i, ct, y_, x_).value();
      expect("the pullback of argument " + std::to_string(i) + " looks at more: without it, it gives another result",
             op_.pullback(i, ct, y, x).value(), expected, same_bits);
      const auto looks = [&](const V& some_y, const std::vector<V>& some_x) {
        try {
          return !std::ranges::equal(op_.pullback(i, ct, some_y, some_x).value(), expected,
                                     [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
        } catch (const Error&) {  // an index cannot be NaN: it was read
          return true;
        }
      };
      const int found = int(looks(no_y, x_)) * int(Reads::output) + int(looks(y_, no_x)) * int(Reads::inputs);
      seen.seen = Reads(int(seen.seen) | found);
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

  /// Elements read through the view are those that forward gives.
  void view() {
    if (x_.size() != 1) return;
    for (const Laid& input : laid_[0]) {
      const auto view = op_.view(input.view);
      if (!view) continue;
      const std::string of = std::string("the view of an input laid out ") + input.name;
      auto read = uninitialised<double>(Dims(view->shape));
      for (std::size_t n = 0; n < read.size(); ++n) {
        const std::ptrdiff_t at = place(*view, n);
        if (at < 0 || at >= std::ssize(input.memory)) return found(of + " reaches out of its memory");
        read.data()[n] = input.memory[static_cast<std::size_t>(at)];
      }
      expect(of + " gives another result", read, run(std::vector{V(input.values)}), same_bits);
    }
  }

  /// Inputs laid out so give what they give when they are dense.
  void takes(const std::vector<std::size_t>& choice) {
    std::vector<View> views;
    for (std::size_t i = 0; i < choice.size(); ++i) views.push_back(laid_[i][choice[i]].view);
    if (std::ranges::all_of(views, is_dense) || !op_.takes(views)) return;
    std::vector<Operand<const double>> x;
    std::vector<V> values;
    std::string names;
    for (std::size_t i = 0; i < choice.size(); ++i) {
      const Laid& each = laid_[i][choice[i]];
      x.push_back(each.operand());
      values.emplace_back(each.values);
      names += (i ? ", " : ", of inputs laid out ") + std::string(each.name);
    }
    const auto expected = run(values);
    expect("the result" + names + ", is another", run(x), expected, rounding);
    accumulate(x, expected, names + ",");
  }

  const Op& op_;
  V y_;
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
    if (!operation) continue;
    std::vector<V> inputs;
    for (auto j : tape.inputs(i)) inputs.push_back(tape.plain(j));
    Proof(*operation, tape.plain(i), std::move(inputs), report).all();
  }
  return report;
}

std::string DeclarationReport::message() const {
  if (ok) return std::to_string(proofs) + " proofs of " + std::to_string(operations) + " recorded operations hold";
  return failures < 2 ? text : text + " (the first of " + std::to_string(failures) + " failures)";
}

}  // namespace autodiff
