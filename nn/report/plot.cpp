#include "plot.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nn/io/atomic_file.hpp>
#include <span>

#include "panels.hpp"

namespace nn {

namespace {

// In pixels.
constexpr double width = 800, right = 24, letter = 6.6, line = 18;
constexpr double plot_height = 230, small_plot_height = 70, between = 30, labels_below = 44;

constexpr auto style = R"(<style>
.ground { fill: #ffffff }
.grid { stroke: #e3e3e3; stroke-width: 1 }
.frame { fill: none; stroke: #9a9a9a; stroke-width: 1 }
.curve { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round }
text { font: 12px "DejaVu Sans", Verdana, sans-serif; fill: #4a4a4a }
.dot { stroke-width: 6 }
.title { font-size: 13px; font-weight: bold }
@media (prefers-color-scheme: dark) {
  .ground { fill: #1c1c1e }
  .grid { stroke: #353538 }
  .frame { stroke: #77777a }
  text { fill: #c4c4c6 }
}
</style>
)";

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const std::string_view from = "&<>\"'";
    constexpr std::array to{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    const auto at = from.find(c);
    at == from.npos ? result += c : result += to[at];
  }
  return result;
}

std::string pixels(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, 1).ptr};
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& kind = "") {
  return "<text x=\"" + pixels(x) + "\" y=\"" + pixels(y) + "\" text-anchor=\"" + anchor + '"' +
         (kind.empty() ? "" : " class=\"" + kind + '"') + '>' + escaped(text) + "</text>\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const std::string& how) {
  return "<path d=\"M" + pixels(x1) + ' ' + pixels(y1) + 'L' + pixels(x2) + ' ' + pixels(y2) + "\" " + how + "/>\n";
}

std::string stroke(std::size_t series, const std::string& kind = "curve") {
  return "class=\"" + kind + "\" stroke=\"" + curve_colours[series % curve_colours.size()] + '"' +
         (series < curve_colours.size() ? "" : " stroke-dasharray=\"6 4\"");
}

/// With gaps where there are no values, and a dot for one between two gaps.
std::string curve(std::size_t s, const std::vector<double>& values, const auto& x_of, const auto& y_of) {
  std::string path, dots;
  const auto there = [&](std::size_t i) { return i < values.size() && !std::isnan(values[i]); };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!there(i)) continue;
    const auto point = pixels(x_of(i)) + ' ' + pixels(y_of(values[i]));
    if (const bool begins = !there(i - 1); begins && !there(i + 1))
      dots += "M" + point + "L" + point;
    else
      path += (begins ? "M" : "L") + point;
  }
  if (!path.empty()) path = "<path d=\"" + path + "\" " + stroke(s) + "/>\n";
  if (!dots.empty()) path += "<path d=\"" + dots + "\" " + stroke(s, "curve dot") + "/>\n";
  return path;
}

/// A panel from `y` downwards; `y` is then below it.
std::string svg_of(const Panel& panel, const Panels& all, double left, double& y) {
  std::string svg = text_at(left, y + line, "start", panel.title, "title");
  // The legend, flowing to the right of the title and on to further lines.
  const double begin = left + 20 + 9 * static_cast<double>(panel.title.size());
  double x = begin;
  y += line;
  for (std::size_t s = 0; s < panel.series.size() && panel.has_legend(); ++s) {
    const auto& label = panel.series[s].label;
    const double length = 46 + letter * static_cast<double>(label.size());
    if (x > begin && x + length > width - right) x = begin, y += line;
    svg += line_from(x, y - 4, x + 20, y - 4, stroke(s)) + text_at(x + 26, y, "start", label);
    x += length;
  }
  y += 10;

  const double top = y, height = panel.small ? small_plot_height : plot_height;
  const auto x_at = [&](double value) { return left + all.axis.place(value) * (width - left - right); };
  const auto y_at = [&](double value) { return top + (1 - panel.axis.place(value)) * height; };
  for (const auto& tick : panel.axis.ticks)
    svg += line_from(left, y_at(tick.value), width - right, y_at(tick.value), "class=\"grid\"") +
           text_at(left - 8, y_at(tick.value) + 4, "end", tick.label);
  for (const auto& tick : all.axis.ticks)
    svg += line_from(x_at(tick.value), top, x_at(tick.value), top + height, "class=\"grid\"") +
           text_at(x_at(tick.value), top + height + 17, "middle", tick.label);
  svg += "<rect x=\"" + pixels(left) + "\" y=\"" + pixels(top) + "\" width=\"" + pixels(width - left - right) +
         "\" height=\"" + pixels(height) + "\" class=\"frame\"/>\n";
  for (std::size_t s = 0; s < panel.series.size(); ++s)
    svg += curve(
        s, panel.series[s].values, [&](std::size_t i) { return x_at(all.x[i]); }, y_at);
  y = top + height + between;
  return svg;
}

std::string svg_of(const Panels& all) {
  std::string body;
  const double left = 20 + 8 * static_cast<double>(std::max<std::size_t>(all.longest_label(), 3));
  double y = 4;
  for (const auto& panel : all.panels) body += svg_of(panel, all, left, y);
  body += text_at((left + width - right) / 2, y + 4, "middle", "epoch");
  const auto height = pixels(y + labels_below - between);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + pixels(width) + "\" height=\"" + height +
         "\" viewBox=\"0 0 " + pixels(width) + ' ' + height + "\">\n" + style +
         "<rect width=\"100%\" height=\"100%\" class=\"ground\"/>\n" + body + "</svg>\n";
}

std::string html_of(const std::string& svg) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Training curves</title>\n"
         "<style>\n:root { color-scheme: light dark }\nbody { margin: 1em }\nsvg { max-width: 100%; height: auto }\n"
         "</style>\n</head>\n<body>\n" +
         svg + "</body>\n</html>\n";
}

std::string picture_of(const History& history, const std::filesystem::path& path) {
  const auto ending = path.extension();
  if (ending != ".svg" && ending != ".html" && ending != ".png")
    autodiff::fail<autodiff::ValueError>("plot", path.string(), ": is not the name of a .svg, .html or .png");
  const auto all = panels(history);
  return ending == ".png" ? gnuplot_png(all) : ending == ".svg" ? svg_of(all) : html_of(svg_of(all));
}

}  // namespace

void check_plot(const std::filesystem::path& path) {
  History smallest;
  smallest.append({{"loss", 1}});
  picture_of(smallest, path);
  AtomicFile("plot", path);
}

void plot(const History& history, const std::filesystem::path& path) {
  const auto picture = picture_of(history, path);
  AtomicFile file("plot", path);
  file.write(std::as_bytes(std::span(picture)));
  file.commit();
}

}  // namespace nn
