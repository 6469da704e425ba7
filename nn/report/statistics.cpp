#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nn/base/class_of.hpp>
#include <numeric>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

void check_share(const char* caller, double share) {
  if (!(share > 0 && share < 1)) fail<ValueError>(caller, "needs a share between 0 and 1: ", share);
}

/// How many standard deviations a normal variable stays within with this probability: by halving.
double normal_distance(double probability) {
  double low = 0, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return high;
}

}  // namespace

Interval wilson_interval(std::size_t successes, std::size_t trials, double confidence) {
  if (trials == 0 || successes > trials)
    fail<ValueError>("wilson_interval", "needs trials, and no more successes: ", successes, " of ", trials);
  check_share("wilson_interval", confidence);
  const double n = static_cast<double>(trials), p = static_cast<double>(successes) / n;
  const double z = normal_distance(confidence), z2 = z * z / n;
  const double centre = (p + z2 / 2) / (1 + z2), radius = std::sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2);
  return {std::max(0.0, centre - radius), std::min(1.0, centre + radius)};
}

double roc_auc(std::span<const double> scores, const std::vector<bool>& positive) {
  if (scores.size() != positive.size())
    fail<ShapeError>("roc_auc", "needs a truth for each score: ", scores.size(), " and ", positive.size());
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return scores[i]; });
  // The ranks of positive ones, the mean rank for ties: Mann and Whitney's statistic.
  double ranks = 0, positives = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && (end == begin || scores[order[end]] == scores[order[begin]])) ++end;
    for (std::size_t i = begin; i < end; ++i)
      if (positive[order[i]]) ranks += static_cast<double>(begin + end + 1) / 2, ++positives;
  }
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return nothing;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

template <Real T>
double roc_auc(const Array<T>& scores, const Array<T>& labels) {
  if (scores.dimension() != 2 || labels.dimension() != 1 || scores.shape(0) != labels.shape(0))
    fail<ShapeError>("roc_auc", "needs scores (samples, classes) and labels (samples): ", Dims(scores.shape()), " and ",
                     Dims(labels.shape()));
  const std::size_t samples = scores.shape(0), classes = scores.shape(1);
  std::vector<std::size_t> actual(samples);
  for (std::size_t i = 0; i < samples; ++i) actual[i] = class_of("roc_auc", labels, i, classes);
  double sum = 0, counted = 0;
  std::vector<double> column(samples);
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<bool> positive(samples);
    for (std::size_t i = 0; i < samples; ++i) {
      positive[i] = actual[i] == c;
      // Of two classes, which probability is the larger says more than their roundings.
      column[i] = static_cast<double>(scores.data()[i * classes + c]);
      if (classes == 2) column[i] -= static_cast<double>(scores.data()[i * classes + 1 - c]);
    }
    if (const double area = roc_auc(column, positive); !std::isnan(area)) sum += area, ++counted;
  }
  return counted == 0 ? nothing : sum / counted;
}

double conformal_radius(std::vector<double> residuals, double level) {
  check_share("conformal_radius", level);
  for (double& residual : residuals) residual = std::abs(residual);
  std::ranges::sort(residuals);
  const double rank = std::ceil(level * static_cast<double>(residuals.size() + 1) - 1e-9);
  if (rank > static_cast<double>(residuals.size())) return std::numeric_limits<double>::infinity();
  return residuals[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

template double roc_auc(const Array<float>&, const Array<float>&);
template double roc_auc(const Array<double>&, const Array<double>&);

}  // namespace nn
