#include "results.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <nn/report/statistics.hpp>
#include <numeric>

#include "pictures.hpp"

namespace nn::detail {

namespace {

using autodiff::Array;
using autodiff::Shape;
constexpr std::size_t few_classes = 10, most_points = 100, most_features = 60;

std::span<const double> row_of(const Array<double>& a, std::size_t i) {
  const std::size_t width = a.size() / a.shape(0);
  return {a.data() + i * width, width};
}
std::size_t largest_of(std::span<const double> row) {
  return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
}

bool is_distribution(std::span<const double> row) {
  return std::ranges::all_of(row, [](double p) { return p >= 0 && p <= 1; }) &&
         std::abs(std::accumulate(row.begin(), row.end(), 0.0) - 1) < 1e-4;
}

/// Whole numbers below the number of classes.
bool are_labels(const Array<double>& targets, std::size_t classes) {
  return std::ranges::all_of(
      targets, [&](double t) { return t >= 0 && t < static_cast<double>(classes) && t == std::floor(t); });
}

void softmax(std::span<double> row) {
  const double most = std::ranges::max(row);
  double sum = 0;
  for (double& x : row) sum += x = std::exp(x - most);
  for (double& x : row) x /= sum;
}

}  // namespace

std::optional<Classified> classified(const Array<double>& predictions, const Array<double>& targets) {
  if (predictions.dimension() == 0 || predictions.size() == 0) return {};
  const std::size_t samples = predictions.shape(0), width = predictions.size() / samples;
  const bool one_hot = targets.dimension() == 2 && predictions.dimension() == 2 &&
                       targets.shape() == predictions.shape() && width > 1 && are_labels(targets, 2);
  if (!one_hot && targets.size() != samples) return {};
  if (predictions.dimension() > 2 || !are_labels(targets, std::max<std::size_t>(width, 2))) return {};
  Classified result{Array<double>(Shape{samples, std::max<std::size_t>(width, 2)}), Array<double>(Shape{samples})};
  for (std::size_t i = 0; i < samples; ++i)
    result.labels(i) = one_hot ? static_cast<double>(largest_of(row_of(targets, i))) : targets.data()[i];
  if (width == 1) {
    const bool probable = std::ranges::all_of(predictions, [](double p) { return p >= 0 && p <= 1; });
    for (std::size_t i = 0; i < samples; ++i) {
      const double x = predictions.data()[i], p = probable ? x : 1 / (1 + std::exp(-x));
      result.probabilities(i, 0) = 1 - p, result.probabilities(i, 1) = p;
    }
    return result;
  }
  std::ranges::copy(predictions, result.probabilities.begin());
  bool probable = true;
  for (std::size_t i = 0; i < samples && probable; ++i) probable = is_distribution(row_of(predictions, i));
  for (std::size_t i = 0; i < samples && !probable; ++i) softmax({result.probabilities.data() + i * width, width});
  return result;
}

std::vector<std::vector<std::size_t>> confusion(const Classified& all) {
  const std::size_t classes = all.probabilities.shape(1);
  std::vector<std::vector<std::size_t>> counts(classes, std::vector<std::size_t>(classes));
  for (std::size_t i = 0; i < all.labels.size(); ++i)
    ++counts[static_cast<std::size_t>(all.labels(i))][largest_of(row_of(all.probabilities, i))];
  return counts;
}

std::string calibration_of(const Classified& all) {
  const auto found = calibration(all.probabilities, all.labels);
  auto bins = nlohmann::json::array();
  for (const auto& bin : found.bins)
    bins.push_back({{"samples", bin.samples},
                    {"confidence", short_number(bin.confidence)},
                    {"accuracy", short_number(bin.accuracy)}});
  return nlohmann::json{{"error", short_number(found.error)}, {"bins", bins}}.dump();
}

std::string roc_of(const Classified& all) {
  const std::size_t samples = all.labels.size(), classes = all.probabilities.shape(1);
  auto curves = nlohmann::json::array();
  if (classes > few_classes) return "[]";
  std::vector<double> scores(samples);
  std::vector<bool> positive(samples);
  for (std::size_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
    for (std::size_t i = 0; i < samples; ++i)
      scores[i] = all.probabilities(i, c), positive[i] = all.labels(i) == static_cast<double>(c);
    const auto curve = roc_curve(scores, positive);
    if (curve.empty()) continue;
    double area = 0, last = -1;
    auto points = nlohmann::json::array();
    for (std::size_t k = 0; k < curve.size(); ++k) {
      const auto& now = curve[k];
      if (k > 0)
        area += (now.false_positives - curve[k - 1].false_positives) *
                (now.true_positives + curve[k - 1].true_positives) / 2;
      // Of a long curve, points that are apart.
      const double way = now.false_positives + now.true_positives;
      if (k + 1 < curve.size() && way - last < 2.0 / double(most_points)) continue;
      const auto rounded = [](double share) { return std::round(1e4 * share) / 1e4; };
      points.push_back({rounded(now.false_positives), rounded(now.true_positives)}), last = way;
    }
    curves.push_back({{"class", c}, {"area", short_number(area)}, {"points", points}});
  }
  return curves.dump();
}

std::vector<std::size_t> worst_of(const std::optional<Classified>& classes, const Array<double>& predictions,
                                  const Array<double>& targets, std::size_t most) {
  std::vector<double> missed(targets.dimension() == 0 ? 0 : targets.shape(0));
  for (std::size_t i = 0; i < missed.size(); ++i)
    if (classes) {
      missed[i] = 1 - classes->probabilities(i, static_cast<std::size_t>(classes->labels(i)));
    } else {
      const auto said = row_of(predictions, i), truth = row_of(targets, i);
      if (said.size() != truth.size()) return {};
      for (std::size_t j = 0; j < said.size(); ++j) missed[i] += (said[j] - truth[j]) * (said[j] - truth[j]);
    }
  // What is not a number is missed most.
  const auto rank = [&](std::size_t i) { return std::isnan(missed[i]) ? HUGE_VAL : missed[i]; };
  std::vector<std::size_t> order(missed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  most = std::min(most, order.size());
  std::ranges::partial_sort(
      order, order.begin() + static_cast<std::ptrdiff_t>(most),
      [&](std::size_t i, std::size_t j) { return std::pair(-rank(i), i) < std::pair(-rank(j), j); });
  order.resize(most);
  return order;
}

std::string worst_text(const std::vector<std::size_t>& samples, const Array<double>& inputs,
                       const std::optional<Classified>& classes, const Array<double>& predictions,
                       const Array<double>& targets, const ReportOptions& options) {
  const auto form = picture_form(autodiff::Dims(inputs.shape()).subspan(1), options);
  auto result = nlohmann::json::array();
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const std::size_t i = samples[k];
    nlohmann::json one{{"sample", i}};
    if (classes) {
      const auto row = row_of(classes->probabilities, i);
      const auto truth = static_cast<std::size_t>(classes->labels(i)), said = largest_of(row);
      one.update({{"truth", truth},
                  {"said", said},
                  {"confidence", short_number(row[said])},
                  {"probability", short_number(row[truth])}});
    } else {
      one.update(
          {{"target", short_numbers(row_of(targets, i))}, {"prediction", short_numbers(row_of(predictions, i))}});
    }
    const auto input = row_of(inputs, k);
    if (form)
      one["picture"] = picture(input, *form);
    else if (inputs.dimension() == 2)
      one["row"] = short_numbers(input.first(std::min(input.size(), most_features)));
    result.push_back(std::move(one));
  }
  return result.dump();
}

}  // namespace nn::detail
