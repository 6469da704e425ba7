#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nn/base/class_of.hpp>

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

/// The first that is not below x, in steps that no processor has to foresee.
std::size_t place_of(double x, const std::vector<double>& sorted) {
  std::size_t place = 0;
  for (std::size_t left = sorted.size(); left > 0;) {
    const std::size_t half = (left + 1) / 2;
    place += sorted[place + half - 1] < x ? half : 0;
    left -= half;
  }
  return place;
}

/// Where scores of negatives lie among those of positives: only these are sorted, which are fewer where there are many
/// classes.
struct Ranks {
  std::vector<double> scores, positives;  // of positives, each once, the least first, and how many have it
  std::vector<double> tied, below;  // negatives that have it; that lie between it and the one before, or behind all
  double all_positives = 0, all_negatives = 0;
};

/// What is not a number counts as the least. Throws ShapeError unless there is a truth for each score.
Ranks ranks_of(const char* caller, std::span<const double> scores, const std::vector<bool>& positive) {
  if (scores.size() != positive.size())
    fail<ShapeError>(caller, "needs a truth for each score: ", scores.size(), " and ", positive.size());
  const auto score = [&](std::size_t i) { return std::isnan(scores[i]) ? -HUGE_VAL : scores[i]; };
  Ranks ranks;
  std::vector<double> sorted;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (positive[i]) sorted.push_back(score(i));
  std::ranges::sort(sorted);
  for (const double s : sorted)
    if (ranks.scores.empty() || ranks.scores.back() != s)
      ranks.scores.push_back(s), ranks.positives.push_back(1);
    else
      ++ranks.positives.back();
  ranks.tied.resize(ranks.scores.size() + 1), ranks.below = ranks.tied;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (positive[i]) continue;
    const std::size_t place = place_of(score(i), ranks.scores);
    const bool ties = place < ranks.scores.size() && ranks.scores[place] == score(i);
    ++(ties ? ranks.tied : ranks.below)[place];
  }
  ranks.all_positives = static_cast<double>(sorted.size());
  ranks.all_negatives = static_cast<double>(scores.size() - sorted.size());
  return ranks;
}

template <Real T>
void check_classes(const char* caller, const Array<T>& scores, const Array<T>& labels) {
  if (scores.dimension() != 2 || labels.dimension() != 1 || scores.shape(0) != labels.shape(0))
    fail<ShapeError>(caller, "needs scores (samples, classes) and labels (samples): ", Dims(scores.shape()), " and ",
                     Dims(labels.shape()));
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
  const auto ranks = ranks_of("roc_auc", scores, positive);
  if (ranks.all_positives == 0 || ranks.all_negatives == 0) return nothing;
  // Mann and Whitney's statistic: how many pairs there are in order.
  double pairs = 0, below = 0;
  for (std::size_t k = 0; k < ranks.scores.size(); ++k) {
    below += ranks.below[k];
    pairs += ranks.positives[k] * (below + ranks.tied[k] / 2);
    below += ranks.tied[k];
  }
  return pairs / (ranks.all_positives * ranks.all_negatives);
}

template <Real T>
double roc_auc(const Array<T>& scores, const Array<T>& labels) {
  check_classes("roc_auc", scores, labels);
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

std::vector<RocPoint> roc_curve(std::span<const double> scores, const std::vector<bool>& positive) {
  const auto ranks = ranks_of("roc_curve", scores, positive);
  if (ranks.all_positives == 0 || ranks.all_negatives == 0) return {};
  std::vector<RocPoint> curve{{0, 0}};
  double found = 0, wrong = 0;
  const auto move = [&](double positives, double negatives) {
    if (positives == 0 && negatives == 0) return;
    found += positives, wrong += negatives;
    curve.push_back({wrong / ranks.all_negatives, found / ranks.all_positives});
  };
  for (std::size_t k = ranks.scores.size(); k-- > 0;)
    move(0, ranks.below[k + 1]), move(ranks.positives[k], ranks.tied[k]);
  move(0, ranks.below[0]);
  return curve;
}

template <Real T>
Calibration calibration(const Array<T>& probabilities, const Array<T>& labels, std::size_t bins) {
  check_classes("calibration", probabilities, labels);
  const std::size_t samples = labels.size(), classes = probabilities.shape(1);
  if (bins == 0 || samples == 0) fail<ValueError>("calibration", "needs bins and samples: ", bins, " and ", samples);
  Calibration result{std::vector<Calibration::Bin>(bins)};
  for (std::size_t i = 0; i < samples; ++i) {
    const T *row = probabilities.data() + i * classes, *most = std::max_element(row, row + classes);
    const double confidence = *most >= 0 ? std::min(static_cast<double>(*most), 1.0) : 0;  // which NaN is
    auto& bin = result.bins[std::min(bins - 1, static_cast<std::size_t>(confidence * static_cast<double>(bins)))];
    ++bin.samples, bin.confidence += confidence;
    bin.accuracy += static_cast<std::size_t>(most - row) == class_of("calibration", labels, i, classes);
  }
  for (auto& bin : result.bins) {
    if (bin.samples == 0) continue;
    const double n = static_cast<double>(bin.samples);
    bin.confidence /= n, bin.accuracy /= n;
    result.error += n / static_cast<double>(samples) * std::abs(bin.accuracy - bin.confidence);
  }
  return result;
}

double conformal_radius(std::vector<double> residuals, double level) {
  check_share("conformal_radius", level);
  for (double& residual : residuals) residual = std::abs(residual);
  std::ranges::sort(residuals);
  const double rank = std::ceil(level * static_cast<double>(residuals.size() + 1) - 1e-9);
  if (rank > static_cast<double>(residuals.size())) return std::numeric_limits<double>::infinity();
  return residuals[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

template Calibration calibration(const Array<float>&, const Array<float>&, std::size_t);
template Calibration calibration(const Array<double>&, const Array<double>&, std::size_t);
template double roc_auc(const Array<float>&, const Array<float>&);
template double roc_auc(const Array<double>&, const Array<double>&);

}  // namespace nn
