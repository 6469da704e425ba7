#include "lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

/// All parameters, or their gradients, one after the other.
template <Real T>
using Flat = std::vector<T>;

template <Real T>
double dot(const Flat<T>& a, const Flat<T>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](double x, double y) { return x * y; });
}

/// a + factor b
template <Real T>
Flat<T> sum(Flat<T> a, double factor, const Flat<T>& b) {
  std::ranges::transform(a, b, a.begin(), [=](T x, T y) { return T(x + factor * y); });
  return a;
}

template <Real T>
double largest(const Flat<T>& a) {
  return std::accumulate(a.begin(), a.end(), 0.0, [](double m, T x) { return std::max<double>(m, std::abs(x)); });
}

/// A point on the line that is searched.
template <Real T>
struct Point {
  Flat<T> x, gradient;
  double loss = 0;
  double step = 0, slope = 0;  // along the direction
};

/// Where the cubic through the losses and slopes of two points is least; Nocedal and Wright, equation 3.59. NaN where
/// there is no such place.
template <Real T>
double cubic_minimum(const Point<T>& a, const Point<T>& b) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step);
  const double d2 = std::copysign(std::sqrt(d1 * d1 - a.slope * b.slope), b.step - a.step);
  return b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
}

/// The value brought between the bounds, or their middle in place of NaN.
double within(double value, double low, double high) {
  return std::isnan(value) ? (low + high) / 2 : std::clamp(value, low, high);
}

template <Real T>
class Minimiser {
 public:
  Minimiser(const std::vector<Array<T>>& start, const LossAndGradients<T>& function, const LbfgsOptions& options)
      : parameters_(start), function_(function), options_(options) {
    Flat<T> x;
    for (const auto& array : start) x.insert(x.end(), array.begin(), array.end());
    now_ = evaluate(std::move(x));
    if (!usable(now_))
      fail<ValueError>("lbfgs", "the loss and its gradient must be finite at the start: the loss is ",
                       std::isnan(now_.loss) ? std::abs(now_.loss) : now_.loss);  // nan, not -nan
  }

  LbfgsReport run() {
    LbfgsReport report;
    for (;; ++report.iterations) {
      report.evaluations = evaluations_, report.loss = now_.loss, report.gradient_norm = largest(now_.gradient);
      const auto end = [&](LbfgsEnd why) { return report.end = why, report; };
      if (report.gradient_norm <= options_.gradient_tolerance) return end(LbfgsEnd::gradient);
      if (report.iterations == options_.iterations) return end(LbfgsEnd::iterations);
      if (evaluations_ >= options_.evaluations) return end(LbfgsEnd::evaluations);
      auto next = step();
      if (!next && !pairs_.empty()) pairs_.clear(), next = step();  // once more, down the gradient
      if (!next) return report.evaluations = evaluations_, end(LbfgsEnd::no_step);
      const double change = now_.loss - next->loss, scale = std::max({std::abs(now_.loss), std::abs(next->loss), 1.0});
      remember(*next);
      now_ = std::move(*next);
      if (change <= options_.change_tolerance * scale) {
        ++report.iterations, report.evaluations = evaluations_;
        report.loss = now_.loss, report.gradient_norm = largest(now_.gradient);
        return end(report.gradient_norm <= options_.gradient_tolerance ? LbfgsEnd::gradient : LbfgsEnd::change);
      }
    }
  }

  /// The parameters found.
  std::vector<Array<T>> result() { return unpack(now_.x), std::move(parameters_); }

 private:
  struct Pair {
    Flat<T> step, change;  // of the parameters; of the gradient
    double curvature;      // their product
  };

  static bool usable(const Point<T>& point) {
    return std::isfinite(point.loss) && std::ranges::all_of(point.gradient, [](T g) { return std::isfinite(g); });
  }

  void unpack(const Flat<T>& x) {
    auto from = x.begin();
    for (auto& array : parameters_) {
      std::copy_n(from, array.size(), array.begin());
      from += std::ptrdiff_t(array.size());
    }
  }

  Point<T> evaluate(Flat<T> x) {
    unpack(x);
    std::vector<Array<T>> gradients;
    for (const auto& array : parameters_) gradients.push_back(Array<T>(array.shape(), T(0)));
    ++evaluations_;
    Point<T> point{.x = std::move(x), .gradient = {}, .loss = double(function_(parameters_, gradients))};
    if (gradients.size() != parameters_.size())
      fail<ShapeError>("lbfgs", parameters_.size(), " parameters and ", gradients.size(), " gradients");
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!std::ranges::equal(gradients[i].shape(), parameters_[i].shape()))
        fail<ShapeError>("lbfgs", "gradient ", i,
                         " must have the shape of its parameter: ", Dims(parameters_[i].shape()), " and ",
                         Dims(gradients[i].shape()));
      point.gradient.insert(point.gradient.end(), gradients[i].begin(), gradients[i].end());
    }
    return point;
  }

  /// Minus the gradient times what is known of the inverse of the Hessian: algorithm 7.4.
  Flat<T> direction() const {
    Flat<T> d = now_.gradient;
    std::vector<double> shares;
    for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
      shares.push_back(dot(pair->step, d) / pair->curvature);
      d = sum(std::move(d), -shares.back(), pair->change);
    }
    const double scale = pairs_.empty() ? 1 : pairs_.back().curvature / dot(pairs_.back().change, pairs_.back().change);
    for (auto& element : d) element = T(-scale * element);
    for (const auto& pair : pairs_) {
      const double share = shares.back() + dot(pair.change, d) / pair.curvature;
      d = sum(std::move(d), -share, pair.step);
      shares.pop_back();
    }
    return d;
  }

  void remember(const Point<T>& next) {
    Pair pair{sum(next.x, -1, now_.x), sum(next.gradient, -1, now_.gradient), 0};
    pair.curvature = dot(pair.step, pair.change);
    const double size = std::sqrt(dot(pair.step, pair.step) * dot(pair.change, pair.change));
    if (!(pair.curvature > std::numeric_limits<T>::epsilon() * size)) return;  // rounding, or a search that gave up
    pairs_.push_back(std::move(pair));
    if (pairs_.size() > options_.history) pairs_.pop_front();
  }

  /// The next point: a step along the direction that meets the strong Wolfe conditions, or at least the first of them.
  /// Nothing when there is none.
  std::optional<Point<T>> step() {
    direction_ = direction();
    now_.step = 0, now_.slope = dot(now_.gradient, direction_);
    if (!(now_.slope < 0)) return {};
    // Without curvature the gradient says where to go, but not how far.
    double length = pairs_.empty() ? std::min(1.0, 1 / std::sqrt(-now_.slope)) : 1;
    Point<T> before = now_;
    for (int trial = 0; trial < trials; ++trial) {  // algorithm 3.5
      Point<T> point = along(length);
      if (too_high(point) || (trial > 0 && point.loss >= before.loss))
        return zoom(std::move(before), std::move(point), trials - trial - 1);
      if (flat(point)) return point;
      if (point.slope >= 0) return zoom(std::move(point), std::move(before), trials - trial - 1);
      length = within(cubic_minimum(before, point), point.step + 0.01 * (point.step - before.step), 10 * point.step);
      before = std::move(point);
    }
    return before;
  }

  /// Between the lower point, which has decreased enough, and the other, there are steps that meet both conditions:
  /// algorithm 3.6.
  std::optional<Point<T>> zoom(Point<T> low, Point<T> high, int trials_left) {
    for (; trials_left > 0; --trials_left) {
      const double a = std::min(low.step, high.step), b = std::max(low.step, high.step), margin = 0.1 * (b - a);
      Point<T> point = along(within(usable(high) ? cubic_minimum(low, high) : NAN, a + margin, b - margin));
      if (too_high(point) || point.loss >= low.loss) {
        high = std::move(point);
        continue;
      }
      if (flat(point)) return point;
      if (point.slope * (high.step - low.step) >= 0) high = std::move(low);
      low = std::move(point);
    }
    if (low.step == 0) return {};
    return low;
  }

  Point<T> along(double step) {
    Point<T> point = evaluate(sum(now_.x, step, direction_));
    point.step = step, point.slope = dot(point.gradient, direction_);
    return point;
  }
  bool too_high(const Point<T>& point) const {
    return !usable(point) || !(point.loss <= now_.loss + options_.decrease * point.step * now_.slope);
  }
  bool flat(const Point<T>& point) const { return std::abs(point.slope) <= -options_.curvature * now_.slope; }

  static constexpr int trials = 30;  // of one search

  std::vector<Array<T>> parameters_;
  const LossAndGradients<T>& function_;
  const LbfgsOptions& options_;
  std::size_t evaluations_ = 0;
  Point<T> now_;
  Flat<T> direction_;
  std::deque<Pair> pairs_;  // the latest last
};

}  // namespace

std::string LbfgsReport::text() const {
  static constexpr const char* whys[] = {"the gradient is within its tolerance", "the loss changes no more",
                                         "all iterations were used", "all evaluations were used",
                                         "no step makes the loss smaller"};
  std::ostringstream text;
  text << "loss " << loss << ", gradient " << gradient_norm << " after " << iterations << " iterations and "
       << evaluations << " evaluations: " << whys[int(end)];
  return text.str();
}

template <Real T>
LbfgsReport lbfgs(std::vector<Array<T>>& parameters, const std::type_identity_t<LossAndGradients<T>>& function,
                  LbfgsOptions options) {
  if (options.history == 0) fail<ValueError>("lbfgs", "needs a history of at least one step");
  for (const double tolerance : {options.gradient_tolerance, options.change_tolerance})
    if (!(tolerance >= 0)) fail<ValueError>("lbfgs", "tolerances must not be negative: ", tolerance);
  if (!(0 < options.decrease && options.decrease < options.curvature && options.curvature < 1))
    fail<ValueError>("lbfgs", "0 < decrease < curvature < 1 must hold: ", options.decrease, " and ", options.curvature);
  Minimiser<T> minimiser(parameters, function, options);
  const LbfgsReport report = minimiser.run();
  parameters = minimiser.result();
  return report;
}

template <Real T>
LbfgsReport lbfgs(Module<T>& model, const std::type_identity_t<RecordedLoss<T>>& loss, LbfgsOptions options) {
  std::vector<Named<T>> parameters;
  for (const auto& named : model.parameters())
    if (named.parameter.trainable()) parameters.push_back(named);
  const auto assign = [&](const std::vector<Array<T>>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) parameters[i].parameter.assign(values[i]);
  };
  std::vector<Array<T>> values;
  for (const auto& [name, parameter] : parameters) values.push_back(parameter.value());
  autodiff::Tape<T> tape;
  const LossAndGradients<T> function = [&](const auto& at, auto& gradients) {
    assign(at);
    tape.clear();
    const auto y = loss(tape);
    std::vector<Variable<T>> variables;
    for (const auto& [name, parameter] : parameters) variables.push_back(parameter.beside(y));
    gradients = gradient(y, variables);
    return y.item();
  };
  const auto start = values;
  try {
    const auto report = lbfgs(values, function, options);
    return assign(values), report;
  } catch (...) {
    assign(start);
    throw;
  }
}

#define NN_LBFGS(T)                                                                             \
  template LbfgsReport lbfgs(std::vector<Array<T>>&, const LossAndGradients<T>&, LbfgsOptions); \
  template LbfgsReport lbfgs(Module<T>&, const RecordedLoss<T>&, LbfgsOptions);
NN_LBFGS(float)
NN_LBFGS(double)

}  // namespace nn
