// The picture of a plain network, without any help: https://www.w3.org/TR/SVG11/
#include <algorithm>
#include <cmath>

#include "../explain/labels.hpp"
#include "network.hpp"
#include "picture.hpp"

namespace autodiff::detail {

namespace {

constexpr double radius = 19, step = 58, top = 96;
constexpr const char *blue = "#2166ac", *red = "#b2182b";

double largest(const std::vector<double>& numbers) {
  double result = 0;
  for (const double x : numbers)
    if (std::isfinite(x)) result = std::max(result, std::abs(x));
  return result;
}

std::string digits(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", x);
  return text;
}
std::string at(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", x);
  return text;
}

class Drawing {
 public:
  Drawing(const DrawnNetwork& network, const DrawOptions& options) : network_(network), options_(options) {
    const auto columns = double(network.layers.size());
    gap_ = std::clamp(1000 / columns, 96.0, 200.0);
    for (const auto& layer : network.layers) rows_ = std::max(rows_, shown(layer).size() + (folds(layer) ? 1 : 0));
    width_ = std::max(x_of(network.layers.size()) + 60, 760.0);  // which the legend needs
    height_ = top + step * double(rows_) + 78;
    for (const auto& layer : network.layers) most_unit_ = std::max(most_unit_, largest(layer.gradients));
    for (const auto& weights : network.weights) most_weight_ = std::max(most_weight_, largest(weights.gradients));
  }

  std::string text() {
    text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + at(width_) + ' ' + at(height_) +
            "\" width=\"" + at(width_) + "\" height=\"" + at(height_) +
            "\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\">\n<title>" + escaped(network_.loss) + " = " +
            number(network_.value) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    for (std::size_t k = 0; k < network_.weights.size(); ++k) connect(k);
    draw_loss();
    for (std::size_t k = 0; k < network_.layers.size(); ++k) draw_layer(k);
    legend();
    return text_ + "</svg>\n";
  }

 private:
  bool folds(const DrawnLayer& layer) const { return layer.units > std::max<std::size_t>(options_.most_units, 2); }
  /// The first ones and the last one.
  std::vector<std::size_t> shown(const DrawnLayer& layer) const {
    const std::size_t most = std::max<std::size_t>(options_.most_units, 2);
    std::vector<std::size_t> units;
    for (std::size_t i = 0; i < layer.units && i < (folds(layer) ? most - 1 : most); ++i) units.push_back(i);
    if (folds(layer)) units.push_back(layer.units - 1);
    return units;
  }
  double x_of(std::size_t layer) const {
    const double last = layer == network_.layers.size() ? std::max(0.0, gap_ - 150) : 0;
    return 60 + gap_ * double(layer) - last;
  }
  double middle() const { return top + step * double(rows_) / 2; }
  double y_of(const DrawnLayer& layer, std::size_t place) const {
    const auto units = shown(layer);
    const double rows = double(units.size() + (folds(layer) ? 1 : 0));
    const double row = double(place + (folds(layer) && place + 1 == units.size() ? 1 : 0));
    return middle() + step * (row + 0.5 - rows / 2);
  }
  /// From 0 to 1, a sixth for each power of ten above a millionth of the largest.
  static double level(double x, double most) {
    return x != 0 && most > 0 ? std::clamp(1 + std::log10(std::abs(x) / most) / 6, 0.0, 1.0) : 0;
  }

  void write(double x, double y, const std::string& what, double size, const char* colour,
             const char* anchor = "middle") {
    text_ += "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" font-size=\"" + at(size) + "\" fill=\"" + colour +
             "\" text-anchor=\"" + anchor + "\">" + escaped(what) + "</text>\n";
  }
  /// Small, on white, so that lines behind it do not hide it.
  void note(double x, double y, const std::string& what) {
    const double half = 2.7 * double(what.size());
    text_ += "<rect x=\"" + at(x - half) + "\" y=\"" + at(y - 8) + "\" width=\"" + at(2 * half) +
             "\" height=\"10\" fill=\"#ffffff\" fill-opacity=\"0.8\"/>\n";
    write(x, y, what, 9, "#444444");
  }
  /// What fits between two columns.
  std::string shortened(const std::string& name, double size) const {
    const auto most = static_cast<std::size_t>(gap_ / (0.56 * size));
    return name.size() <= most ? name : "…" + name.substr(name.size() - (most - 1));
  }

  static std::string of(std::size_t i, std::size_t j) {
    return "[" + std::to_string(i) + ", " + std::to_string(j) + "]";
  }

  void connect(std::size_t k) {
    const auto &from = network_.layers[k], &to = network_.layers[k + 1];
    const auto& its = network_.weights[k];
    const bool by_gradient = options_.gradients && !options_.values && !its.gradients.empty();
    const double most = largest(its.weights);
    const auto sources = shown(from), targets = shown(to);
    const double widest = sources.size() * targets.size() > 40 ? 2.2 : 4;
    for (std::size_t a = 0; a < sources.size(); ++a)
      for (std::size_t b = 0; b < targets.size(); ++b) {
        const std::size_t place = sources[a] * to.units + targets[b];
        const double w = its.weights[place], g = its.gradients.empty() ? 0 : its.gradients[place];
        const double share = by_gradient ? level(g, most_weight_) : most > 0 ? std::abs(w) / most : 0;
        const double opacity = options_.gradients && !by_gradient ? 0.25 + 0.7 * level(g, most_weight_) : 0.75;
        text_ += "<line x1=\"" + at(x_of(k) + radius) + "\" y1=\"" + at(y_of(from, a)) + "\" x2=\"" +
                 at(x_of(k + 1) - radius) + "\" y2=\"" + at(y_of(to, b)) + "\" stroke=\"" +
                 ((by_gradient ? g : w) < 0 ? red : blue) + "\" stroke-width=\"" + at(0.3 + widest * share) +
                 "\" stroke-opacity=\"" + at(opacity) + "\"><title>" +
                 escaped(its.name + (its.transposed ? of(targets[b], sources[a]) : of(sources[a], targets[b])) + " = " +
                         number(w)) +
                 (its.gradients.empty() ? "" : ", gradient " + number(g)) + "</title></line>\n";
      }
    const double size = 10;
    write((x_of(k) + x_of(k + 1)) / 2, top - 12, shortened(its.name, size), size, "#666666");
  }

  void draw_layer(std::size_t k) {
    const auto& layer = network_.layers[k];
    const auto units = shown(layer);
    write(x_of(k), 34, shortened(layer.name, 12), 12, "#111111");
    write(x_of(k), 50, layer.function, 10, "#666666");
    write(x_of(k), 65, std::to_string(layer.units) + (layer.units == 1 ? " unit" : " units"), 10, "#666666");
    const double most = largest(layer.values);
    for (std::size_t place = 0; place < units.size(); ++place) draw_unit(k, units[place], y_of(layer, place), most);
    if (folds(layer)) {
      const double y = (y_of(layer, units.size() - 2) + y_of(layer, units.size() - 1)) / 2;
      for (int dot = -1; dot <= 1; ++dot)
        text_ += "<circle cx=\"" + at(x_of(k)) + "\" cy=\"" + at(y + 9 * dot) + "\" r=\"2.2\" fill=\"#666666\"/>\n";
    }
  }

  void draw_unit(std::size_t k, std::size_t i, double y, double most) {
    const auto& layer = network_.layers[k];
    const double v = layer.values[i], g = layer.gradients.empty() ? 0 : layer.gradients[i];
    const bool graded = options_.gradients && !layer.gradients.empty();
    std::string about = layer.name + "[" + std::to_string(i) + "] = " + number(v);
    if (!layer.gradients.empty()) about += ", gradient " + number(g);
    if (i < layer.biases.size()) about += ", bias " + number(layer.biases[i]);
    text_ += "<circle cx=\"" + at(x_of(k)) + "\" cy=\"" + at(y) + "\" r=\"" + at(radius) + "\" fill=\"" +
             (options_.values ? colour(most > 0 ? v / most : 0) : "#ffffff") + "\" stroke=\"#333333\" stroke-width=\"" +
             at(graded ? 0.6 + 5 * level(g, most_unit_) : 1.2) + "\"><title>" + escaped(about) + "</title></circle>\n";
    if (options_.values) write(x_of(k), y + 4, digits(v), digits(v).size() > 5 ? 8.5 : 11, "#111111");
    if (graded) note(x_of(k), y + radius + 13, "∂ " + digits(g));
  }

  void draw_loss() {
    const auto& last = network_.layers.back();
    const std::size_t k = network_.layers.size();
    const auto units = shown(last);
    for (std::size_t place = 0; place < units.size(); ++place)
      text_ += "<line x1=\"" + at(x_of(k - 1) + radius) + "\" y1=\"" + at(y_of(last, place)) + "\" x2=\"" +
               at(x_of(k) - 46) + "\" y2=\"" + at(middle()) + "\" stroke=\"#999999\" stroke-width=\"1\"/>\n";
    text_ += "<rect x=\"" + at(x_of(k) - 46) + "\" y=\"" + at(middle() - 24) +
             "\" width=\"92\" height=\"48\" rx=\"8\" fill=\"#fff3cd\" stroke=\"#333333\"/>\n";
    write(x_of(k), middle() - 4, shortened(network_.loss, 14), 12, "#111111");
    write(x_of(k), middle() + 13, number(network_.value), 11, "#111111");
  }

  void legend() {
    const std::string many = network_.samples > 1 ? " of " + std::to_string(network_.samples) + " samples" : "";
    std::string lines = "Lines: blue positive, red negative; ";
    if (options_.gradients && !options_.values)
      lines += "the wider, the larger the gradient, by powers of ten.";
    else
      lines += "the wider, the larger the weight in its layer" +
               std::string(options_.gradients ? "; the paler, the smaller its gradient, by powers of ten." : ".");
    write(20, height_ - 44, lines, 10, "#555555", "start");
    std::string units;
    if (options_.values)
      units +=
          "Units: blue positive, red negative, " + std::string(many.empty() ? "the value. " : "the mean" + many + ". ");
    if (options_.gradients)
      units += "∂: the gradient of the loss" + std::string(many.empty() ? "" : ", summed over the samples") +
               "; borders thinner by powers of ten.";
    if (!units.empty()) write(20, height_ - 28, units, 10, "#555555", "start");
    write(20, height_ - 12, "Pointing at units and lines shows their numbers.", 10, "#555555", "start");
  }

  const DrawnNetwork& network_;
  const DrawOptions& options_;
  std::string text_;
  std::size_t rows_ = 0;
  double gap_, width_, height_, most_unit_ = 0, most_weight_ = 0;
};

}  // namespace

std::string as_svg(const DrawnNetwork& network, const DrawOptions& options) { return Drawing(network, options).text(); }

}  // namespace autodiff::detail
