#include "predictions.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iomanip>
#include <numeric>
#include <ostream>

using autodiff::Array;
using autodiff::fail;

namespace {

using Line = std::vector<std::string>;

/// A number in the digits that mean something, where no more than `step` does.
std::string shown(double value, double step) {
  const int places = step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step))), 0, 15) : 15;
  const double size = std::abs(value);
  if (!(size < 1e15) || (size > 0 && size < 1e-4)) return nn::digits(static_cast<float>(value));
  char text[64];
  const char* end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, places).ptr;
  std::string result(static_cast<const char*>(text), end);
  if (places > 0) result.erase(result.find_last_not_of('0') + 1);
  if (result.ends_with('.')) result.pop_back();
  return result == "-0" ? "0" : result;
}

/// Quoted where that is needed.
void write_line(std::ostream& out, const Line& fields) {
  for (std::size_t k = 0; k < fields.size(); ++k) {
    if (k > 0) out << ',';
    const std::string& field = fields[k];
    if (field.find_first_of(",\"\r\n") == field.npos)
      out << field;
    else
      out << std::quoted(field, '"', '"');
  }
  out << '\n';
}

/// The names of what is predicted.
void name_columns(Line& line, const Description& description, const Showing& showing) {
  if (description.classes.empty()) {
    const auto targets = description.targets.empty() ? Line{"value"} : description.targets;
    for (const auto& target : targets) {
      line.push_back(target);
      if (showing.interval > 0) line.push_back(target + " from"), line.push_back(target + " to");
    }
    return;
  }
  const std::string measure = description.loss.ends_with("cross-entropy") ? "probability" : "score";
  line.push_back("class");
  if (showing.top == 0)
    for (const auto& name : description.classes) line.push_back(measure + " " + name);
  for (std::size_t k = 1; k <= showing.top; ++k) {
    if (k > 1) line.push_back("class " + std::to_string(k));
    line.push_back(measure + (k > 1 ? " " + std::to_string(k) : ""));
  }
}

void add_classes(Line& line, std::span<const double> row, const Description& description, const Showing& showing) {
  const auto number = [](double value) { return nn::digits(static_cast<float>(value)); };
  const std::size_t said = said_class(row, showing);
  line.push_back(description.classes[said]);
  if (showing.top == 0)
    for (const double value : row) line.push_back(number(value));
  if (showing.top == 0) return;
  std::vector<std::size_t> order(row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return a != b && (a == said || (b != said && row[a] > row[b]));  // the one that is said first
  });
  for (std::size_t k = 0; k < showing.top; ++k) {
    if (k > 0) line.push_back(description.classes[order[k]]);
    line.push_back(number(row[order[k]]));
  }
}

void add_values(Line& line, std::span<const double> row, const Description& description,
                const std::vector<double>& radius) {
  // A float knows about a millionth of what the targets vary by.
  constexpr double precise = 1e-6;
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double factor = description.target_factor.empty() ? 1 : description.target_factor[j];
    const double step = factor == 0 ? 0 : precise / factor;
    line.push_back(shown(row[j], step));
    if (!radius.empty())
      line.push_back(shown(row[j] - radius[j], step)), line.push_back(shown(row[j] + radius[j], step));
  }
}

}  // namespace

std::pair<std::size_t, double> threshold(const std::string& text, const Description& description) {
  const auto& classes = description.classes;
  const auto sign = text.rfind('=');
  const auto value = nn::number(sign == text.npos ? text : text.substr(sign + 1));
  if (!value || !(*value >= 0 && *value <= 1))
    fail<nn::DataError>("--threshold", text, ": is no probability from 0 to 1, nor \"class=probability\"");
  if (classes.empty() || !description.loss.ends_with("cross-entropy"))
    fail<nn::DataError>("--threshold", text, ": the network gives no probabilities of classes");
  if (sign != text.npos) {
    const auto found = std::ranges::find(classes, text.substr(0, sign));
    if (found == classes.end())
      fail<nn::DataError>("--threshold", text, ": there is no class ", nn::in_quotes(text.substr(0, sign)));
    return {static_cast<std::size_t>(found - classes.begin()), *value};
  }
  if (classes.size() != 2)
    fail<nn::DataError>("--threshold", text, ": say of which of ", classes.size(), " classes, as in class=", text);
  const auto& counts = description.class_counts;
  return {counts.size() == 2 && counts[0] < counts[1] ? 0 : 1, *value};
}

std::size_t said_class(std::span<const double> row, const Showing& showing) {
  const auto largest = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
  if (!showing.threshold) return largest;
  const auto [wanted, least] = *showing.threshold;
  if (row[wanted] >= least || row.size() < 2) return wanted;
  std::size_t best = wanted == 0 ? 1 : 0;
  for (std::size_t c = 0; c < row.size(); ++c)
    if (c != wanted && row[c] > row[best]) best = c;
  return best;
}

std::vector<double> radii(const Description& description, double level) {
  const std::string shown_level = nn::digits(level);
  if (!description.classes.empty()) fail<nn::DataError>("--interval", shown_level, ": is for real values, not classes");
  if (description.residuals.empty())
    fail<nn::DataError>("--interval", shown_level, ": the network's file says nothing of rows that were held out");
  std::vector<double> result;
  for (const auto& residuals : description.residuals) {
    result.push_back(nn::conformal_radius(residuals, level));
    if (std::isinf(result.back()))
      fail<nn::DataError>("--interval", shown_level, ": needs more than the ", residuals.size(),
                          " rows that were held out in training");
  }
  return result;
}

void write_predictions(std::ostream& out, const Array<double>& values, const Description& description, const Rows& rows,
                       const std::vector<bool>& unknown, const Showing& showing) {
  const auto radius = showing.interval > 0 ? radii(description, showing.interval) : std::vector<double>();
  Line head = showing.keep;
  name_columns(head, description, showing);
  const std::size_t width = values.shape(1), columns = head.size();
  if (!rows.faults.empty()) head.push_back("note");
  write_line(out, head);
  for (std::size_t i = 0; i < values.shape(0); ++i) {
    const std::span row(values.data() + i * width, width);
    Line line = rows.kept.empty() ? Line() : rows.kept[i];
    if (unknown[i])
      line.resize(columns);
    else if (description.classes.empty())
      add_values(line, row, description, radius);
    else
      add_classes(line, row, description, showing);
    if (!rows.faults.empty()) {
      const auto fault = rows.faults.find(i);
      line.push_back(fault == rows.faults.end() ? "" : (unknown[i] ? "not predicted: " : "filled: ") + fault->second);
    }
    write_line(out, line);
  }
}
