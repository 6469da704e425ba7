// Training curves in letters.
#include <algorithm>
#include <cmath>

#include "panels.hpp"
#include "plot.hpp"

namespace nn {

namespace {

constexpr std::string_view marks = "*+ox#@%&";

/// Where a curve is at a place of the axis of epochs, from 0 to 1, between the epochs before and after it; NaN in gaps.
double height_at(const Panels& all, const Panel& panel, const Series& series, double place) {
  std::size_t next = 0;
  while (next < all.x.size() && all.axis.place(all.x[next]) < place - 1e-9) ++next;
  const auto height = [&](std::size_t i) { return panel.axis.place(series.values[i]); };
  if (next == all.x.size() || (next == 0 && all.axis.place(all.x[0]) > place + 1e-9)) return std::nan("");
  if (next == 0) return height(0);
  const double before = all.axis.place(all.x[next - 1]), after = all.axis.place(all.x[next]);
  const double share = (place - before) / (after - before);
  return share > 1 - 1e-9 ? height(next) : (1 - share) * height(next - 1) + share * height(next);
}

std::string right_of(std::string text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string text_of(const Panel& panel, const Panels& all, std::size_t left, std::size_t columns) {
  const std::size_t rows = panel.small ? 5 : 13;
  std::vector<std::string> lines(rows, std::string(columns, ' ')), labels(rows);
  const auto row_of = [&](double place) {
    return static_cast<std::size_t>(std::lround((1 - place) * double(rows - 1)));
  };
  for (const auto& tick : panel.axis.ticks) labels[row_of(panel.axis.place(tick.value))] = tick.label;
  for (std::size_t s = 0; s < panel.series.size(); ++s) {
    const auto& series = panel.series[s];
    const auto put = [&](std::size_t column, double height) {
      if (height >= 0 && height <= 1) lines[row_of(height)][column] = marks[s % marks.size()];
    };
    for (std::size_t column = 0; column < columns; ++column)
      put(column, height_at(all, panel, series, double(column) / double(columns - 1)));
    for (std::size_t i = 0; i < all.x.size(); ++i)  // which may be alone
      put(static_cast<std::size_t>(std::lround(all.axis.place(all.x[i]) * double(columns - 1))),
          panel.axis.place(series.values[i]));
  }
  std::string text = right_of("", left + 2) + panel.title;
  for (std::size_t s = 0; s < panel.series.size() && panel.has_legend(); ++s)
    text += std::string("  ") + marks[s % marks.size()] + ' ' + panel.series[s].label;
  text += '\n';
  for (std::size_t row = 0; row < rows; ++row) {
    std::string line = right_of(labels[row], left) + (labels[row].empty() ? " |" : " +") + lines[row];
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

/// The last line: epochs, where there is room for them.
std::string epochs_of(const Panels& all, std::size_t left, std::size_t columns) {
  std::string line(left + 2 + columns + 8, ' ');
  std::size_t end = 0;
  for (const auto& tick : all.axis.ticks) {
    const std::size_t at =
        left + 2 + static_cast<std::size_t>(std::lround(all.axis.place(tick.value) * double(columns - 1)));
    if (at < end || at + tick.label.size() > line.size()) continue;
    line.replace(at, tick.label.size(), tick.label);
    end = at + tick.label.size() + 1;
  }
  return line.substr(0, line.find_last_not_of(' ') + 1) + "  epoch\n";
}

}  // namespace

std::string plot_text(const History& history, std::size_t width) {
  const auto all = panels(history);
  const std::size_t left = all.longest_label(), columns = width > left + 30 ? width - left - 10 : 20;
  std::string text;
  for (const auto& panel : all.panels) text += (text.empty() ? "" : "\n") + text_of(panel, all, left, columns);
  return text + epochs_of(all, left, columns);
}

}  // namespace nn
