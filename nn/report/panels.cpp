#include "panels.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace nn {

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// What can be drawn without an overflow on the way.
double drawable(double value) {
  if (!(std::abs(value) < 1e300)) return nothing;
  return std::abs(value) < 1e-300 ? 0 : value;
}

std::string printed(std::chars_format format, int digits, double value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value, format, digits).ptr};
}

/// 1, 2 or 5 times a power of ten, and at least `step`.
double round_step(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1., 2., 5.})
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/// Ticks at multiples of the step. The digits of their labels tell them from each other.
void put_ticks(Axis& axis, double step) {
  const double largest = std::max(std::abs(axis.low), std::abs(axis.high));
  const int places = static_cast<int>(-std::floor(std::log10(step) + 1e-9)), fixed = std::max(places, 0),
            scientific = std::clamp(static_cast<int>(std::floor(std::log10(largest))) + places, 0, 15);
  // With a power of ten only where that is quite a bit shorter.
  const bool plain = largest < 1e15 && places < 15 &&
                     printed(std::chars_format::fixed, fixed, largest).size() <=
                         printed(std::chars_format::scientific, scientific, largest).size() + 1;
  const double first = std::ceil(axis.low / step - 1e-6);
  for (int i = 0; i < 20; ++i) {
    const double value = first + i == 0 ? 0 : (first + i) * step;
    if (value > axis.high + step * 1e-6) break;
    axis.ticks.push_back({value, plain ? printed(std::chars_format::fixed, fixed, value)
                                       : printed(std::chars_format::scientific, scientific, value)});
  }
}

/// From one multiple of a round step to another, around all values.
Axis linear_axis(double low, double high, int intervals) {
  // What varies no more than by rounding is taken for constant.
  const double middle = low / 2 + high / 2;
  if (high - low <= 1e-9 * std::max(std::abs(low), std::abs(high))) {
    const double margin = middle == 0 ? 1 : std::abs(middle) / 10;
    low = middle - margin, high = middle + margin;
  }
  const double step = round_step((high - low) / intervals);
  Axis axis{std::floor(low / step + 1e-6) * step, std::ceil(high / step - 1e-6) * step};
  put_ticks(axis, step);
  return axis;
}

/// From 1, 2 or 5 times a power of ten to another, around all values.
Axis logarithmic_axis(double low, double high, int intervals) {
  Axis axis{low, high, true};
  const int first = static_cast<int>(std::floor(std::log10(low))),
            last = static_cast<int>(std::floor(std::log10(high)));
  const int decades = last - first + 1, every = (decades + intervals - 1) / intervals;
  for (int decade = first; decade <= last + 1; ++decade)
    for (const double factor : {1., 2., 5.}) {
      const double value = factor * std::pow(10, decade);
      if (value <= low * (1 + 1e-9)) axis.low = value;
      if (value < high * (1 - 1e-9)) continue;
      axis.high = value, decade = last + 1;
      break;
    }
  for (int decade = first; decade <= last + 1; ++decade)
    for (const double factor : {1., 2., 5.}) {
      const double value = factor * std::pow(10, decade);
      const bool labelled = factor == 1 ? (decade - first) % every == 0 : 3 * decades <= 2 * intervals;
      if (labelled && value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9))
        axis.ticks.push_back({value, printed(std::chars_format::general, 3, value)});
    }
  return axis;
}

Axis axis_of(const Panel& panel, bool may_be_logarithmic) {
  const int intervals = panel.small ? 2 : 5;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const auto& series : panel.series)
    for (const double value : series.values)
      if (!std::isnan(value)) low = std::min(low, value), high = std::max(high, value);
  if (low > high) return linear_axis(0, 1, intervals);
  if (may_be_logarithmic && low > 0 && high / low >= 100) return logarithmic_axis(low, high, intervals);
  return linear_axis(low, high, intervals);
}

/// Epochs: from the first to the last, with ticks at whole numbers.
Axis axis_of_epochs(const std::vector<double>& x) {
  Axis axis{x.front(), x.back()};
  if (axis.low == axis.high) axis.low -= 1, axis.high += 1;
  put_ticks(axis, std::max(1., round_step((axis.high - axis.low) / 10)));
  return axis;
}

std::string quantity_of(const std::string& name) {
  for (const std::string prefix : {"validation_", "val_", "train_", "training_", "test_"})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

}  // namespace

double Axis::place(double value) const {
  if (logarithmic) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

std::size_t Panels::longest_label() const {
  std::size_t longest = 0;
  for (const auto& panel : panels)
    for (const auto& tick : panel.axis.ticks) longest = std::max(longest, tick.label.size());
  return longest;
}

Panels panels(const History& history) {
  if (history.rows() == 0) autodiff::fail<autodiff::ValueError>("plot", "there are no rows");
  Panels result;
  for (std::size_t i = 0; i < history.rows(); ++i) result.x.push_back(static_cast<double>(i + 1));
  if (history.contains("epoch")) {
    const auto& epochs = history.column("epoch");
    const auto wrong = [](double x) { return !(std::abs(x) < 1e9); };
    // Epochs that do not grow are of no use as an axis.
    if (std::ranges::none_of(epochs, wrong) &&
        std::ranges::adjacent_find(epochs, std::greater_equal<>()) == epochs.end())
      result.x = epochs;
  }
  result.axis = axis_of_epochs(result.x);

  std::vector<Panel> panels{{"loss"}, {"metrics"}};
  Panel rate{"learning rate", true};
  const auto series_of = [&](const std::string& name) {
    Series series{spaced(name.substr(name.find('/') + 1)), {}};
    for (const double value : history.column(name)) series.values.push_back(drawable(value));
    return series;
  };
  const auto is_share = [&](const std::string& quantity) {
    return std::ranges::all_of(history.names(), [&](const auto& name) {
      return quantity_of(name) != quantity ||
             std::ranges::none_of(history.column(name), [](double x) { return x < 0 || x > 1; });
    });
  };
  for (const auto& name : history.names()) {
    const auto quantity = quantity_of(name);
    if (name == "epoch" || name == "seconds") continue;
    if (name == "learning_rate") {
      rate.series.push_back(series_of(name));
      continue;
    }
    const auto slash = name.find('/');
    const auto title = slash != name.npos                                  ? spaced(name.substr(0, slash))
                       : quantity == "loss" || quantity.ends_with("_loss") ? "loss"
                       : is_share(quantity)                                ? "metrics"
                                                                           : spaced(quantity);
    auto panel = std::ranges::find(panels, title, &Panel::title);
    if (panel == panels.end()) panel = panels.insert(panels.end(), Panel{title});
    panel->series.push_back(series_of(name));
  }
  panels.push_back(std::move(rate));
  for (auto& panel : panels) {
    if (panel.series.empty()) continue;
    panel.axis = axis_of(panel, panel.title != "metrics" && !panel.small);
    result.panels.push_back(std::move(panel));
  }
  if (result.panels.empty()) autodiff::fail<autodiff::ValueError>("plot", "there are no curves to draw");
  return result;
}

}  // namespace nn
