// What is to be drawn of a history, whoever draws it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "history.hpp"

namespace nn {

/// Of P. Tol's "bright" and "vibrant" schemes, which are told apart by colour-blind readers too, on light and on dark.
inline constexpr std::array curve_colours{"#4477aa", "#ee6677", "#228833", "#ccaa33",
                                          "#66ccee", "#aa3377", "#ee7733", "#009988"};

/// A scale from one round number to another.
struct Axis {
  struct Tick {
    double value;
    std::string label;
  };
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks{};

  /// Where a value lies, from 0 to 1.
  double place(double value) const;
};

struct Series {
  std::string label;
  /// NaN where there is nothing to draw.
  std::vector<double> values;
};

struct Panel {
  std::string title;
  bool small = false;
  std::vector<Series> series{};
  Axis axis{};

  /// A single curve that is named like the panel needs no legend.
  bool has_legend() const { return series.size() > 1 || series.front().label != title; }
};

struct Panels {
  std::vector<double> x;
  Axis axis;
  std::vector<Panel> panels;

  /// Of the ticks of all panels, in letters.
  std::size_t longest_label() const;
};

/// Throws ValueError for a history without rows.
Panels panels(const History& history);

/// A picture by gnuplot, as the bytes of a PNG file. Throws DataError when gnuplot is not installed or fails.
std::string gnuplot_png(const Panels& panels);

}  // namespace nn
