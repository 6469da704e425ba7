#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <random>

#include "transforms.hpp"

namespace autodiff {

namespace {

using V = Variable<double>;
using Values = std::vector<Array<double>>;
using Flat = std::vector<double>;  // all elements of several arrays, one after the other
using Function = detail::Checked;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Why there is nothing to compare. Ends a check, and becomes its report.
struct Fault {
  std::string text;
};

template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  text.precision(9);
  (text << ... << parts);
  return text.str();
}

Flat flat(const std::vector<V>& variables) {
  Flat all;
  for (const auto& v : variables) all.insert(all.end(), v.value().begin(), v.value().end());
  return all;
}

/// Of a number whose size alone matters.
std::string rounded(double number) {
  std::ostringstream text;
  text.precision(2);
  text << number;
  return text.str();
}

double dot(const Flat& a, const Flat& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

/// The array, and the place in it, of an element of a Flat.
struct Place {
  std::size_t array = 0;
  Shape index;
};
Place place(std::size_t i, const std::vector<Shape>& shapes) {
  Place result;
  for (; i >= count(Dims(shapes[result.array])); ++result.array) i -= count(Dims(shapes[result.array]));
  result.index = shapes[result.array];
  for (std::size_t axis = result.index.size(); axis-- > 0;) {
    const std::size_t length = result.index[axis];
    result.index[axis] = i % length;
    i /= length;
  }
  return result;
}

std::string at(const Shape& index) { return index.empty() ? "" : " at " + to_string(Dims(index)); }

/// Numbers from -1.5 to -0.5 and 0.5 to 1.5: none so small that it hides an element.
Flat random(std::mt19937_64& bits, std::size_t n) {
  Flat numbers(n);
  for (double& number : numbers) {
    const auto b = bits();
    number = (0.5 + std::ldexp(double(b >> 11), -53)) * (b & 1 ? 1 : -1);
  }
  return numbers;
}

/// f, run at a point on a tape of its own. It is recorded, since f may take gradients inside.
struct Run {
  Run(const Function& f, const Values& point) {
    for (const auto& a : point) xs.push_back(tape.variable(a));
    ys = f(xs);
    if (ys.empty()) fail<ValueError>("check_gradient", "there must be an output to check");
    for (const auto& y : ys) shapes.push_back(y.shape());
  }
  Tape<double> tape;
  std::vector<V> xs, ys;
  std::vector<Shape> shapes;
};

/// Compares the derivatives of one function at one point.
class Check {
 public:
  /// `outputs`: how many cotangents there are among the inputs, at second order.
  Check(const Function& f, const Values& point, const CheckOptions& options, CheckReport& report, std::size_t outputs)
      : f_(f),
        point_(point),
        options_(options),
        report_(report),
        outputs_(outputs),
        base_(f, point),
        values_(flat(base_.ys)) {
    for (const auto& x : base_.xs) inputs_.push_back(x.shape()), columns_ += x.size();
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (!std::isfinite(values_[i])) throw Fault{join(output_name(i), " is not finite: ", values_[i])};
    const Flat again = run(Flat(columns_), 0);
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (values_[i] != again[i])
        throw Fault{join("f is not deterministic: at the same point, ", output_name(i), " was first ", values_[i],
                         " and then ", again[i])};
  }

  /// All of the Jacobian: its rows by sweeps, its columns by differences.
  void full() {
    std::vector<Flat> rows;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      Flat unit(values_.size());
      unit[i] = 1;
      rows.push_back(pull(unit));
    }
    for (std::size_t j = 0; j < columns_; ++j) {
      const Place x = place(j, inputs_);
      Flat direction(columns_), analytic;
      direction[j] = 1;
      for (const auto& row : rows) analytic.push_back(row[j]);
      compare(direction, options_.step * reach(j), analytic, {}, [&](std::size_t i) {
        const Place y = place(i, base_.shapes);
        report_.input = x.array, report_.name = base_.xs[x.array].name(), report_.index = x.index;
        report_.output = y.array, report_.output_index = y.index;
        report_.text = join("gradient of ", output_name(i), " with respect to ", input_name(j));
      });
    }
  }

  /// The Jacobian between random vectors.
  void fast() {
    if (values_.empty() || columns_ == 0) return;
    std::mt19937_64 bits(options_.seed);
    for (std::size_t n = 0; n < options_.directions; ++n) {
      const Flat u = random(bits, values_.size());
      Flat v = random(bits, columns_);
      for (std::size_t j = 0; j < columns_; ++j) v[j] *= reach(j);
      compare(v, options_.step, {dot(pull(u), v)}, u, [&](std::size_t) {
        report_.text = join(report_.order == 2 ? "second order: " : "", "gradient along random direction ", n + 1,
                            " of ", options_.directions, ", projected on a random cotangent");
      });
    }
  }

 private:
  double reach(std::size_t j) const {
    const Place x = place(j, inputs_);
    return std::max(1.0, std::abs(point_[x.array].element(x.index.begin(), x.index.end())));
  }

  /// The product of a cotangent, over all outputs, with the Jacobian, by the sweep.
  Flat pull(const Flat& cotangent) const {
    Flat total(columns_);
    const double* from = cotangent.data();
    for (const auto& y : base_.ys) {
      auto ct = uninitialised<double>(y.shape());
      std::copy_n(from, y.size(), ct.data());
      from += y.size();
      if (!y.recorded()) continue;  // a plain value depends on nothing
      double* to = total.data();
      const auto slopes = vjp(y, ct, base_.xs);
      for (const auto& slope : slopes)
        to = std::ranges::transform(slope, std::span(to, slope.size()), to, std::plus()).out;
    }
    return total;
  }

  /// All outputs at point + t v.
  Flat run(const Flat& v, double t) const {
    Values moved = point_;
    const double* by = v.data();
    for (auto& a : moved)
      for (double& x : a) x += t * *by++;
    const Run run(f_, moved);
    for (std::size_t k = 0; k < base_.ys.size(); ++k)
      if (!std::ranges::equal(run.shapes[k], base_.shapes[k]))
        fail<ShapeError>("check_gradient", "the shape of the output must not change: ", Dims(base_.shapes[k]), " and ",
                         Dims(run.shapes[k]));
    return flat(run.ys);
  }

  /// Outputs at both sides of the point, projected on u if there is one.
  struct Sides {
    double step;
    Flat up, down;
    double central(std::size_t i) const { return (up[i] - down[i]) / (2 * step); }
    /// By how much the differences to the two sides differ.
    double gap(std::size_t i, double middle) const { return std::abs(up[i] - 2 * middle + down[i]) / step; }
  };
  Sides sides(const Flat& v, double step, const Flat& u) const {
    Sides s{step, run(v, step), run(v, -step)};
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (!std::isfinite(s.up[i]) || !std::isfinite(s.down[i]))
        throw Fault{join(output_name(i), " is not finite within a step of ", step, u.empty() ? moved(v) : "",
                         ": take a smaller step, or move the point")};
    if (!u.empty()) s.up = {dot(u, s.up)}, s.down = {dot(u, s.down)};
    return s;
  }
  std::string moved(const Flat& unit) const {
    return " of " + input_name(std::find(unit.begin(), unit.end(), 1.0) - unit.begin());
  }

  /// Compares derivatives along v, of all outputs or of their product with u, with differences; `locate` is told when
  /// one is the worst so far.
  template <class Locate>
  void compare(const Flat& v, double step, const Flat& analytic, const Flat& u, Locate&& locate) {
    const Sides wide = sides(v, step, u);
    std::vector<Sides> narrow;  // only a failure needs them
    for (std::size_t i = 0; i < analytic.size(); ++i) {
      double middle = values_[i], size = std::abs(middle);
      if (!u.empty()) {
        middle = dot(u, values_), size = 0;
        for (std::size_t k = 0; k < u.size(); ++k) size += std::abs(u[k] * values_[k]);
      }
      const double numeric = wide.central(i);
      const double rounding = 8 * std::numeric_limits<double>::epsilon() * size / step;
      const double tolerance = options_.atol + options_.rtol * std::abs(numeric) + rounding;
      double error = std::abs(analytic[i] - numeric);
      if (std::isnan(error)) error = infinity;
      Verdict verdict = Verdict::agree;
      if (error > tolerance) {
        if (narrow.empty())
          for (double shrink : {1e-1, 1e-2, 1e-3}) narrow.push_back(sides(v, step * shrink, u));
        verdict = kink(i, analytic[i], middle, wide, narrow) ? Verdict::kink : Verdict::wrong;
      }
      ++report_.comparisons;
      report_.failures += verdict != Verdict::agree;
      report_.max_error = std::max(report_.max_error, error);
      const double ratio = error / tolerance;
      if (verdict < worst_ || (verdict == worst_ && ratio <= worst_ratio_)) continue;
      worst_ = verdict, worst_ratio_ = ratio;
      report_.ok = verdict == Verdict::agree, report_.kink = verdict == Verdict::kink;
      report_.analytic = analytic[i], report_.numeric = numeric, report_.tolerance = tolerance;
      locate(i);
      report_.text +=
          join(": sweep ", analytic[i], ", central difference ", numeric, ", tolerance ", rounded(tolerance));
      if (report_.kink)
        report_.text += join("; this may be no error: f has a kink, a jump or a sharp bend within a step of ", step,
                             ", where differences prove nothing; move the point");
    }
  }

  /// Whether a kink explains that a derivative and the difference disagree. Near one, a smaller step brings them
  /// together; at one, the differences to both sides keep apart, and the derivative is between them; at a jump, the
  /// difference grows as the step shrinks.
  static bool kink(std::size_t i, double analytic, double middle, const Sides& wide, const std::vector<Sides>& narrow) {
    const double error = std::abs(analytic - wide.central(i)), last = narrow.back().central(i);
    const auto between = [&](const Sides& s) {  // a little more than half, for rounding
      return std::abs(analytic - s.central(i)) <= 0.51 * s.gap(i, middle);
    };
    return std::ranges::any_of(narrow, [&](auto& s) { return std::abs(analytic - s.central(i)) < error / 10; }) ||
           (between(wide) && between(narrow.back())) ||
           (std::abs(wide.central(i)) > error / 2 && std::abs(last) > 100 * std::abs(wide.central(i)));
  }

  /// At second order: by how many inputs each output of f is derived, and which of the outputs is meant, if there are
  /// several. The inputs are followed by a cotangent for each output.
  std::size_t gradients() const { return inputs_.size() - outputs_; }
  std::string of(std::size_t output) const { return outputs_ == 1 ? "" : join(" of output number ", output); }

  std::string output_name(std::size_t i) const {
    const Place y = place(i, base_.shapes);
    if (report_.order == 1 && base_.ys.size() > 1) return join("output number ", y.array, at(y.index));
    if (report_.order == 1) return y.index.empty() ? "the output" : "output " + to_string(Dims(y.index));
    return join("(the gradient", of(y.array / gradients()), " with respect to input ", y.array % gradients(),
                at(y.index), ")");
  }
  std::string input_name(std::size_t j) const {
    const Place x = place(j, inputs_);
    const std::string name = base_.xs[x.array].name();
    if (report_.order == 2 && x.array >= gradients()) return "the cotangent" + of(x.array - gradients()) + at(x.index);
    return join("input ", x.array, name.empty() ? "" : " \"" + name + '"', at(x.index));
  }

  enum class Verdict { agree, kink, wrong };

  const Function& f_;
  const Values& point_;
  const CheckOptions& options_;
  CheckReport& report_;
  std::size_t outputs_;
  Run base_;
  Flat values_;
  std::vector<Shape> inputs_;
  std::size_t columns_ = 0;
  Verdict worst_ = Verdict::agree;
  double worst_ratio_ = -1;
};

/// The gradients of each output of f in each of the n inputs, by recorded sweeps, as a function of the inputs and of
/// the cotangents of the outputs.
std::vector<V> recorded_slopes(const Function& f, const std::vector<V>& inputs, std::size_t n) {
  const std::span<const V> xs(inputs.data(), n);
  const auto ys = f({xs.begin(), xs.end()});
  std::vector<V> slopes;
  for (std::size_t k = 0; k < ys.size(); ++k) {
    if (ys[k].recorded())
      std::ranges::copy(sweep("check_gradient", Sweep::recorded, ys[k], inputs[n + k], xs), std::back_inserter(slopes));
    else
      for (const auto& x : xs) slopes.emplace_back(Array<double>(xt::zeros<double>(x.shape())));
  }
  return slopes;
}

/// One definition serves both sweeps, so they give the same numbers, up to rounding.
void compare_sweeps(const Run& run, const Function& slopes, const Values& inputs, const CheckOptions& options) {
  const Run recorded(slopes, inputs);
  const std::size_t n = run.xs.size();
  for (std::size_t k = 0; k < recorded.ys.size(); ++k) {
    const V& y = run.ys[k / n];
    if (!y.recorded()) continue;
    const auto plain = vjp(y, inputs[n + k / n], run.xs[k % n]);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      const double a = recorded.ys[k].value().data()[i], b = plain.data()[i];
      if (!(std::abs(a - b) <= options.atol + options.rtol * std::abs(b)))
        throw Fault{join("the two sweeps differ: gradient with respect to input ", k % n,
                         at(place(i, {recorded.shapes[k]}).index), ": recorded ", a, ", by arrays ", b)};
    }
  }
}

}  // namespace

CheckReport detail::check_gradient(const Checked& f, const Values& at, const CheckOptions& options) {
  if (at.empty()) fail<ValueError>("check_gradient", "there must be an input to check");
  CheckReport report;
  const auto check = [&](const Function& function, const Values& point, std::size_t outputs) {
    Check one(function, point, options, report, outputs);
    options.fast ? one.fast() : one.full();
  };
  try {
    check(f, at, 0);
    if (!report.ok || !options.second_order) return report;
    const Function slopes = [&](const std::vector<V>& inputs) { return recorded_slopes(f, inputs, at.size()); };
    const Run run(f, at);
    Values all = at;
    std::mt19937_64 bits(options.seed + 1);
    for (const auto& y : run.ys) std::ranges::copy(random(bits, y.size()), all.emplace_back(y.value()).begin());
    report.order = 2;
    compare_sweeps(run, slopes, all, options);
    check(slopes, all, run.ys.size());
  } catch (const Fault& fault) {
    report.ok = report.kink = false;
    report.text = fault.text;
  }
  return report;
}

std::string CheckReport::message() const {
  if (ok && comparisons == 0) return "there was no element to compare";
  if (ok)
    return join(comparisons, " derivatives agree with central differences; the largest error is ", rounded(max_error));
  if (failures < 2) return text;
  return join(text, " (the worst of ", failures, " that differ, of ", comparisons, ")");
}

}  // namespace autodiff
