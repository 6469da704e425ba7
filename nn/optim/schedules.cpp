#include "schedules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nn/base/choice.hpp>
#include <numbers>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

void check(const char* schedule, const char* what, double value) {
  if (!(value >= 0) || std::isinf(value)) fail<ValueError>(schedule, what, " must be finite and not negative: ", value);
}

void check_steps(const char* schedule, std::size_t steps, std::size_t least = 1) {
  if (steps < least) fail<ValueError>(schedule, "needs at least ", least, " steps: ", steps);
}

/// From one value to the other along half a period of a cosine; the share of the way is cut at its end.
double along_cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * std::min(share, 1.0)));
}

}  // namespace

Schedule constant_rate(double rate) {
  check("constant_rate", "the rate", rate);
  return [=](std::size_t) { return rate; };
}

Schedule step_decay(double rate, std::size_t length, double factor) {
  check("step_decay", "the rate", rate);
  check("step_decay", "the factor", factor);
  check_steps("step_decay", length);
  return [=](std::size_t step) { return rate * std::pow(factor, step / length); };
}

Schedule multi_step_decay(double rate, std::vector<std::size_t> milestones, double factor) {
  check("multi_step_decay", "the rate", rate);
  check("multi_step_decay", "the factor", factor);
  if (const auto wrong = std::ranges::is_sorted_until(milestones); wrong != milestones.end())
    fail<ValueError>("multi_step_decay", "milestones must be in order: ", wrong[-1], " before ", wrong[0]);
  return [=](std::size_t step) {
    return rate * std::pow(factor, std::ranges::upper_bound(milestones, step) - milestones.begin());
  };
}

Schedule exponential_decay(double rate, double factor) {
  check("exponential_decay", "the rate", rate);
  check("exponential_decay", "the factor", factor);
  return [=](std::size_t step) { return rate * std::pow(factor, step); };
}

Schedule cosine_decay(double rate, std::size_t steps, double minimum) {
  check("cosine_decay", "the rate", rate);
  check("cosine_decay", "the minimum", minimum);
  check_steps("cosine_decay", steps);
  return [=](std::size_t step) { return along_cosine(rate, minimum, double(step) / steps); };
}

Schedule polynomial_decay(double rate, std::size_t steps, double power) {
  check("polynomial_decay", "the rate", rate);
  check("polynomial_decay", "the power", power);
  check_steps("polynomial_decay", steps);
  return [=](std::size_t step) { return rate * std::pow(1 - double(std::min(step, steps)) / steps, power); };
}

Schedule one_cycle(double largest, std::size_t steps, OneCycleOptions options) {
  check("one_cycle", "the largest rate", largest);
  check_steps("one_cycle", steps, 2);
  if (!(options.pct_start >= 0 && options.pct_start <= 1))
    fail<ValueError>("one_cycle", "pct_start must be from 0 to 1: ", options.pct_start);
  for (const double divisor : {options.div_factor, options.final_div_factor})
    if (!(divisor > 0)) fail<ValueError>("one_cycle", "rates are divided by numbers above 0: ", divisor);
  const double first = largest / options.div_factor, last = first / options.final_div_factor;
  const double top = options.pct_start * double(steps) - 1, end = double(steps) - 1;
  return [=](std::size_t step) {
    const double t = double(step);
    if (t <= top) return top > 0 ? along_cosine(first, largest, t / top) : largest;
    return along_cosine(largest, last, (t - top) / (end - top));
  };
}

Schedule warm_up(std::size_t steps, Schedule then, double start_factor) {
  check("warm_up", "the first factor", start_factor);
  if (!then) fail<ValueError>("warm_up", "there is no schedule to follow");
  return [=, then = std::move(then)](std::size_t step) {
    if (step >= steps) return then(step - steps);
    return then(0) * (start_factor + (1 - start_factor) * double(step) / double(steps));
  };
}

namespace {

constexpr Choice<Schedule (*)(double, std::size_t)> schedules[] = {
    {"constant", [](double rate, std::size_t) { return constant_rate(rate); }},
    {"step", [](double rate, std::size_t steps) { return step_decay(rate, (steps + 2) / 3); }},
    {"exponential",
     [](double rate, std::size_t steps) { return exponential_decay(rate, std::pow(0.01, 1.0 / steps)); }},
    {"cosine", [](double rate, std::size_t steps) { return cosine_decay(rate, steps); }},
    {"linear", [](double rate, std::size_t steps) { return polynomial_decay(rate, steps); }},
    {"one-cycle", [](double rate, std::size_t steps) { return one_cycle(rate, steps); }},
};

}  // namespace

Schedule schedule(std::string_view name, double rate, std::size_t steps, std::size_t warming) {
  const auto make = choose("schedule", std::span(schedules), name);
  if (warming >= steps) fail<ValueError>("schedule", "of ", steps, " steps, ", warming, " cannot be for warming up");
  const Schedule then = make(rate, steps - warming);
  return warming == 0 ? then : warm_up(warming, then);
}

std::vector<std::string> schedule_names() { return names(std::span(schedules)); }

ReduceOnPlateau::ReduceOnPlateau(double rate, PlateauOptions options) : options_(options) {
  if (!(options.factor >= 0 && options.factor < 1))
    fail<ValueError>("reduce_on_plateau", "the factor must be at least 0 and below 1: ", options.factor);
  check("reduce_on_plateau", "the threshold", options.threshold);
  check("reduce_on_plateau", "the least rate", options.min_lr);
  state({rate, std::numeric_limits<double>::infinity() * (options.largest ? -1 : 1), 0, 0});
}

double ReduceOnPlateau::operator()(double watched) {
  auto& [rate, best, worse, cooling] = state_;
  const double gain = options_.largest ? watched - best : best - watched;
  if (std::isinf(best) ? gain > 0 : gain > options_.threshold * std::abs(best))
    best = watched, worse = 0;
  else
    ++worse;
  if (cooling > 0) --cooling, worse = 0;
  if (worse > options_.patience) {
    rate = std::min(rate, std::max(rate * options_.factor, options_.min_lr));
    cooling = options_.cooldown, worse = 0;
  }
  return rate;
}

void ReduceOnPlateau::state(const State& state) {
  check("reduce_on_plateau", "the rate", state.rate);
  state_ = state;
}

}  // namespace nn
