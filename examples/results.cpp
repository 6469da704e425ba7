#include "results.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

using autodiff::Array;

namespace {

std::string fixed(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << value;
  return text.str();
}

std::string rounded(double value) { return nn::digits(std::round(1e4 * value) / 1e4); }

/// The share of the samples that are of the class which was most frequent in training.
std::pair<std::size_t, double> most_frequent(const nn::ConfusionMatrix& confusion, const Description& description) {
  const auto& counts = description.class_counts;
  std::size_t most = 0;
  for (std::size_t c = 1; c < counts.size(); ++c)
    if (counts[c] > counts[most]) most = c;
  const auto here = confusion.precision_recall(most).samples;
  return {most, static_cast<double>(here) / static_cast<double>(confusion.samples())};
}

Score say_classes(std::ostream& out, const std::string& what, const Array<double>& predicted,
                  const Array<double>& actual, const Description& description, bool brief,
                  const Array<double>& scores) {
  nn::ConfusionMatrix confusion(description.classes);
  confusion.add(predicted, actual);
  const double accuracy = confusion.accuracy();
  if (!brief) {
    out << confusion << '\n' << confusion.report() << '\n';
    const auto samples = confusion.samples();
    const auto long_run =
        nn::wilson_interval(static_cast<std::size_t>(std::lround(accuracy * static_cast<double>(samples))), samples);
    out << "balanced accuracy " << fixed(confusion.balanced_accuracy()) << ", which is "
        << fixed(1 / static_cast<double>(description.classes.size())) << " for guesses\n";
    if (const double area = nn::roc_auc(scores, actual); !std::isnan(area)) out << "AUC " << fixed(area) << '\n';
    if (!description.class_counts.empty()) {
      const auto [most, baseline] = most_frequent(confusion, description);
      out << "baseline accuracy " << fixed(baseline) << ", of always " << nn::in_quotes(description.classes[most])
          << '\n';
    }
    out << "from " << fixed(long_run.low) << " to " << fixed(long_run.high)
        << " in the long run, with a confidence of 95 % (Wilson)\n";
  }
  out << what << "accuracy " << fixed(accuracy) << '\n';
  Score score{accuracy, "accuracy " + rounded(accuracy)};
  for (std::size_t c = 0; c < description.classes.size(); ++c)
    if (const auto one = confusion.precision_recall(c); one.samples > 0 && one.recall == 0)
      score.never_found.push_back(description.classes[c]);
  return score;
}

/// One column of several.
Array<double> column(const Array<double>& values, std::size_t j) {
  Array<double> result(autodiff::Shape{values.shape(0), 1});
  for (std::size_t i = 0; i < values.shape(0); ++i) result(i, 0) = values(i, j);
  return result;
}

Score say_values(std::ostream& out, const std::string& what, const Array<double>& predicted,
                 const Array<double>& actual, const Description& description, bool brief) {
  const std::size_t outputs = actual.shape(1);
  for (std::size_t j = 0; outputs > 1 && j < outputs; ++j) {
    const auto p = column(predicted, j), t = column(actual, j);
    const std::string name = j < description.targets.size() ? description.targets[j] : std::to_string(j + 1);
    out << std::setprecision(4) << nn::in_quotes(name) << ": RMSE " << nn::root_mean_squared_error(p, t) << ", MAE "
        << nn::mean_absolute_error(p, t) << ", R2 " << fixed(nn::r2_score(p, t)) << '\n';
  }
  if (!brief && description.target_shift.size() == outputs) {
    Array<double> means(actual.shape());
    for (std::size_t i = 0; i < actual.size(); ++i) means.data()[i] = description.target_shift[i % outputs];
    out << std::setprecision(4) << "baseline RMSE " << nn::root_mean_squared_error(means, actual) << ", MAE "
        << nn::mean_absolute_error(means, actual) << ", of always the mean in training\n";
  }
  const double r2 = nn::r2_score(predicted, actual);
  out << std::setprecision(4) << what << "RMSE " << nn::root_mean_squared_error(predicted, actual) << '\n'
      << what << "MAE  " << nn::mean_absolute_error(predicted, actual) << '\n'
      << what << "R2   " << fixed(r2) << '\n';
  return {r2, "R2 " + rounded(r2)};
}

}  // namespace

Score say_results(std::ostream& out, const std::string& what, const Array<double>& predicted,
                  const Array<double>& actual, const Description& description, bool brief,
                  const Array<double>* scores) {
  if (description.classes.empty()) return say_values(out, what, predicted, actual, description, brief);
  return say_classes(out, what, predicted, actual, description, brief, scores ? *scores : predicted);
}
