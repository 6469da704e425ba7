#include "maps.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "pictures.hpp"
#include "results.hpp"

namespace nn::detail {

namespace {

using autodiff::Array;
using autodiff::Shape;
constexpr std::size_t most_units = 20, coarse = Grid::side / 2;

/// Every second point in both directions.
nlohmann::json unit_of(const UnitsThere& layer, std::size_t unit) {
  const std::size_t units = layer.values.size() / (Grid::side * Grid::side);
  std::vector<double> values;
  for (std::size_t row = 0; row < Grid::side; row += 2)
    for (std::size_t column = 0; column < Grid::side; column += 2)
      values.push_back(layer.values.data()[(row * Grid::side + column) * units + unit]);
  double most = 0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return {{"name", layer.name + "[" + std::to_string(unit) + "]"},
          {"most", short_number(most)},
          {"picture", signed_picture(values, {coarse, coarse, 1, false}, most)}};
}

/// Numbers from 0 to 255.
std::vector<double> levels_of_classes(const Array<double>& predictions) {
  const std::size_t points = predictions.shape(0);
  const auto all = *classified(predictions, Array<double>(Shape{points}, 0.0));
  const std::size_t classes = all.probabilities.shape(1);
  std::vector<double> levels;
  for (std::size_t i = 0; i < points; ++i) {
    const double* row = all.probabilities.data() + i * classes;
    const double *most = std::max_element(row, row + classes), least = 1 / static_cast<double>(classes);
    const double lead = std::clamp((*most - least) / (1 - least), 0.0, 1.0);
    levels.push_back(25 * double((most - row) % 10) + std::round(24 * lead));
  }
  return levels;
}

}  // namespace

Grid::Grid(const Array<double>& samples) : points(Shape{side * side, 2}) {
  for (std::size_t k = 0; k < 2; ++k) {
    low[k] = HUGE_VAL, high[k] = -HUGE_VAL;
    for (std::size_t i = 0; i < samples.size() / 2; ++i) {
      const double x = samples.data()[2 * i + k];
      if (std::isfinite(x)) low[k] = std::min(low[k], x), high[k] = std::max(high[k], x);
    }
    if (!(low[k] <= high[k])) low[k] = 0, high[k] = 0;
    const double margin = high[k] > low[k] ? (high[k] - low[k]) / 10 : 1;
    low[k] -= margin, high[k] += margin;
  }
  for (std::size_t row = 0; row < side; ++row)
    for (std::size_t column = 0; column < side; ++column) {
      const auto at = [&](std::size_t k, std::size_t place) {
        return low[k] + (high[k] - low[k]) * (static_cast<double>(place) + 0.5) / static_cast<double>(side);
      };
      points(row * side + column, 0) = at(0, column), points(row * side + column, 1) = at(1, side - 1 - row);
    }
}

std::string points_text(const Array<double>& samples, const Array<double>& targets, bool classes) {
  auto points = nlohmann::json::array();
  const std::size_t count = samples.size() / 2, width = targets.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const double* target = targets.data() + i * width;
    const double shown = classes && width > 1 ? double(std::max_element(target, target + width) - target) : target[0];
    points.push_back(short_numbers(std::array{samples.data()[2 * i], samples.data()[2 * i + 1], shown}));
  }
  return points.dump();
}

std::string map_text(const Grid& grid, const Array<double>& predictions, const std::vector<UnitsThere>& units,
                     bool classes) {
  const std::size_t width = predictions.size() / grid.points.shape(0);
  std::vector<double> levels;
  if (classes)
    levels = levels_of_classes(predictions);
  else
    for (std::size_t i = 0; i < grid.points.shape(0); ++i) levels.push_back(predictions.data()[i * width]);
  const auto [least, most] = std::ranges::minmax(levels);
  nlohmann::json map{{"low", short_numbers(grid.low)},
                     {"high", short_numbers(grid.high)},
                     {"side", Grid::side},
                     {"classes", classes},
                     {"least", short_number(least)},
                     {"most", short_number(most)},
                     {"bytes", classes ? bytes_of(levels, 0, 255) : bytes_of(levels, least, most)},
                     {"units", nlohmann::json::array()}};
  for (const auto& layer : units) {
    const std::size_t count = layer.values.size() / grid.points.shape(0);
    if (count * grid.points.shape(0) != layer.values.size()) continue;
    for (std::size_t j = 0; j < count && map["units"].size() < most_units; ++j)
      map["units"].push_back(unit_of(layer, j));
  }
  return map.dump();
}

}  // namespace nn::detail
