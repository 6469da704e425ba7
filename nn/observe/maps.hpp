// What a model of two features says all over their plane.
#pragma once

#include <array>
#include <autodiff/array.hpp>
#include <string>
#include <vector>

namespace nn::detail {

/// A square of points around samples (samples, 2), row by row from the largest second feature down, as a picture is.
struct Grid {
  static constexpr std::size_t side = 40;
  explicit Grid(const autodiff::Array<double>& samples);
  std::array<double, 2> low, high;
  autodiff::Array<double> points;  // (side^2, 2)
};

/// What the units of a layer say at the points of a grid: (side^2, units).
struct UnitsThere {
  std::string name;
  autodiff::Array<double> values;
};

/// The samples and their targets, of each the first, as JSON.
std::string points_text(const autodiff::Array<double>& samples, const autodiff::Array<double>& targets, bool classes);

/// What the model predicts, (side^2, ...), and its hidden units say, at most 20 of them, as JSON. Of classes, a byte a
/// point is 25 times the most probable one of ten and up to 24 by how much it leads; else a byte goes from the least
/// prediction to the largest.
std::string map_text(const Grid& grid, const autodiff::Array<double>& predictions, const std::vector<UnitsThere>& units,
                     bool classes);

}  // namespace nn::detail
