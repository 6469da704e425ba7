#include "metrics.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <nn/base/choice.hpp>
#include <nn/base/class_of.hpp>
#include <numeric>
#include <sstream>
#include <utility>

namespace nn {

using autodiff::Array;
using autodiff::ArrayBeside;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::ShapeError;
using autodiff::ValueError;
using autodiff::Variable;

namespace {

/// Throws ShapeError unless these are scores and their classes; gives how many rows there are, and whether each has its
/// class or probabilities.
struct Classes {
  Classes(std::string_view caller, Dims scores, Dims labels)
      : are_numbers(!scores.empty() && std::ranges::equal(labels, scores.first(scores.size() - 1))),
        count(scores.empty() ? 0 : scores.back()),
        rows(count == 0 ? 0 : autodiff::count(scores) / count) {
    if ((!are_numbers && (!std::ranges::equal(scores, labels) || count < 2)) || rows == 0)
      fail<ShapeError>(caller, "needs scores (..., classes) and a class or probabilities for each row: ", scores,
                       " and ", labels);
  }
  bool are_numbers;
  std::size_t count, rows;
};

/// The place of the largest in every row.
template <Real T>
Array<T> largest(const Array<T>& x) {
  return autodiff::argmax(Variable<T>(x)).value();
}

/// The prediction and the true class of every row.
template <Real T>
struct Rows : Classes {
  Rows(std::string_view caller, const Array<T>& scores, const Array<T>& labels)
      : Classes(caller, scores.shape(), labels.shape()),
        predicted(largest(scores)),
        actual(are_numbers ? labels : largest(labels)) {}
  Array<T> predicted, actual;
};

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// From how many are of a class and were taken for it, were taken for it, and are of it.
PrecisionRecall precision_recall_of(std::size_t both, std::size_t predicted, std::size_t actual) {
  return {share(both, predicted), share(both, actual), share(2 * both, predicted + actual), actual};
}

void check_values(std::string_view caller, Dims predictions, Dims targets) {
  if (predictions.empty() || predictions.size() > 2 || !std::ranges::equal(predictions, targets) ||
      autodiff::count(predictions) == 0)
    fail<ShapeError>(caller,
                     "needs predictions and targets of one shape, (samples, outputs) or (samples): ", predictions,
                     " and ", targets);
}

/// The mean over the outputs of what `of` makes of each one's predictions and targets.
template <Real T, class Of>
double mean_over_outputs(std::string_view caller, const Array<T>& predictions, const Array<T>& targets, const Of& of) {
  check_values(caller, predictions.shape(), targets.shape());
  const Dims shape(predictions.shape());
  const std::size_t samples = shape[0], outputs = shape.size() == 2 ? shape[1] : 1;
  std::vector<double> predicted(samples), actual(samples);
  double sum = 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < samples; ++i) {
      predicted[i] = static_cast<double>(predictions.data()[i * outputs + o]);
      actual[i] = static_cast<double>(targets.data()[i * outputs + o]);
    }
    sum += of(predicted, actual);
  }
  return sum / static_cast<double>(outputs);
}

double sum_of_squares(const std::vector<double>& predicted, const std::vector<double>& actual) {
  return std::inner_product(predicted.begin(), predicted.end(), actual.begin(), 0.0, std::plus<>(),
                            [](double p, double a) { return (p - a) * (p - a); });
}

double mean_of_squares(const std::vector<double>& predicted, const std::vector<double>& actual) {
  return sum_of_squares(predicted, actual) / static_cast<double>(actual.size());
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::vector<std::string> classes)
    : classes_(std::move(classes)), counts_(classes_.size() * classes_.size()) {
  if (classes_.empty()) fail<ValueError>("confusion_matrix", "needs at least one class");
}

template <Real T>
void ConfusionMatrix::add(const Array<T>& scores, const ArrayBeside<T>& labels) {
  const Rows<T> rows("confusion_matrix", scores, labels);
  if (rows.count != classes_.size())
    fail<ShapeError>("confusion_matrix", "needs a score for each of ", classes_.size(),
                     " classes: ", Dims(scores.shape()));
  auto counts = counts_;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const std::size_t actual = class_of("confusion_matrix", rows.actual, i, classes_.size());
    ++counts[actual * classes_.size() + static_cast<std::size_t>(rows.predicted.data()[i])];
  }
  counts_ = std::move(counts);
}

std::size_t ConfusionMatrix::operator()(std::size_t actual, std::size_t predicted) const {
  if (std::max(actual, predicted) >= classes_.size())
    fail<ValueError>("confusion_matrix", "there are only ", classes_.size(), " classes: ", actual, ", ", predicted);
  return counts_[actual * classes_.size() + predicted];
}

std::size_t ConfusionMatrix::samples() const { return std::accumulate(counts_.begin(), counts_.end(), std::size_t{0}); }

double ConfusionMatrix::accuracy() const {
  if (samples() == 0) fail<ValueError>("accuracy", "there are no samples");
  std::size_t right = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) right += (*this)(c, c);
  return share(right, samples());
}

double ConfusionMatrix::balanced_accuracy() const {
  double sum = 0, present = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c)
    if (const auto one = precision_recall(c); one.samples > 0) sum += one.recall, ++present;
  if (present == 0) fail<ValueError>("balanced_accuracy", "there are no samples");
  return sum / present;
}

PrecisionRecall ConfusionMatrix::precision_recall(std::size_t actual) const {
  const std::size_t both = (*this)(actual, actual);
  std::size_t row = 0, column = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) row += (*this)(actual, c), column += (*this)(c, actual);
  return precision_recall_of(both, column, row);
}

PrecisionRecall ConfusionMatrix::precision_recall(Average average) const {
  const std::size_t all = samples();
  if (all == 0) fail<ValueError>("precision_recall", "there are no samples");
  if (average == Average::micro) {
    const double right = accuracy();  // all samples were taken for some class, and are of one
    return {right, right, right, all};
  }
  PrecisionRecall mean{0, 0, 0, all};
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const auto one = precision_recall(c);
    const double weight = average == Average::macro ? share(1, classes_.size()) : share(one.samples, all);
    mean.precision += weight * one.precision, mean.recall += weight * one.recall, mean.f1 += weight * one.f1;
  }
  return mean;
}

std::string ConfusionMatrix::report() const {
  const double right = accuracy();
  const std::string weighted = "weighted average";
  std::size_t name = weighted.size();
  for (const auto& c : classes_) name = std::max(name, c.size());
  std::ostringstream text;
  const auto put = [&](const auto& cell) { text << std::setw(11) << cell; };
  const auto put_name = [&](const std::string& cell) { text << std::setw(static_cast<int>(name)) << cell; };
  const auto put_row = [&](const std::string& of, const PrecisionRecall& row) {
    put_name(of), put(row.precision), put(row.recall), put(row.f1), put(row.samples), text << '\n';
  };
  text << std::fixed << std::setprecision(4);
  put_name(""), put("precision"), put("recall"), put("F1"), put("samples"), text << '\n';
  for (std::size_t c = 0; c < classes_.size(); ++c) put_row(classes_[c], precision_recall(c));
  text << '\n';
  put_name("accuracy"), put(""), put(""), put(right), put(samples()), text << '\n';
  put_row("macro average", precision_recall(Average::macro));
  put_row(weighted, precision_recall(Average::weighted));
  return text.str();
}

std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix) {
  const auto& classes = matrix.classes_;
  std::size_t name = std::string_view("actual").size(), cell = 3;
  for (const auto& c : classes) name = std::max(name, c.size()), cell = std::max(cell, c.size());
  for (const auto n : matrix.counts_) cell = std::max(cell, std::to_string(n).size());
  const auto put = [&](const std::string& text, std::size_t width) {
    out << std::setw(static_cast<int>(width)) << text;
  };
  put("actual", name), out << " | predicted\n";
  put("", name), out << " |";
  for (const auto& c : classes) out << ' ', put(c, cell);
  out << '\n' << std::string(name + 1, '-') << '+' << std::string(classes.size() * (cell + 1), '-') << '\n';
  for (std::size_t a = 0; a < classes.size(); ++a) {
    put(classes[a], name), out << " |";
    for (std::size_t p = 0; p < classes.size(); ++p)
      out << ' ', put(matrix(a, p) ? std::to_string(matrix(a, p)) : ".", cell);
    out << '\n';
  }
  return out;
}

template <Real T>
double accuracy(const Array<T>& scores, const ArrayBeside<T>& labels) {
  const Rows<T> rows("accuracy", scores, labels);
  const auto right = std::inner_product(rows.predicted.begin(), rows.predicted.end(), rows.actual.begin(),
                                        std::size_t{0}, std::plus<>(), std::equal_to<>());
  return share(right, rows.rows);
}

namespace {

void check_k(std::size_t k, std::size_t classes) {
  if (k == 0 || k > classes) fail<ValueError>("top_k_accuracy", "k is not from 1 to ", classes, ": ", k);
}

}  // namespace

template <Real T>
double top_k_accuracy(const Array<T>& scores, const ArrayBeside<T>& labels, std::size_t k) {
  const Rows<T> rows("top_k_accuracy", scores, labels);
  check_k(k, rows.count);
  std::size_t right = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const std::size_t label = class_of("top_k_accuracy", rows.actual, i, rows.count);
    const T* row = scores.data() + i * rows.count;
    std::size_t larger = 0;
    for (std::size_t c = 0; c < rows.count; ++c)
      larger += c != label && !(row[c] < row[label] || (row[c] == row[label] && c > label));
    right += larger < k;
  }
  return share(right, rows.rows);
}

namespace {

template <Real T>
ConfusionMatrix confusion(std::string_view caller, const Array<T>& scores, const Array<T>& labels) {
  ConfusionMatrix matrix(std::vector<std::string>(Classes(caller, scores.shape(), labels.shape()).count));
  matrix.add(scores, labels);
  return matrix;
}

}  // namespace

template <Real T>
PrecisionRecall precision_recall(const Array<T>& scores, const ArrayBeside<T>& labels, Average average) {
  return confusion("precision_recall", scores, labels).precision_recall(average);
}

template <Real T>
double balanced_accuracy(const Array<T>& scores, const ArrayBeside<T>& labels) {
  return confusion("balanced_accuracy", scores, labels).balanced_accuracy();
}

template <Real T>
double mean_absolute_error(const Array<T>& predictions, const ArrayBeside<T>& targets) {
  return mean_over_outputs("mean_absolute_error", predictions, targets, [](const auto& predicted, const auto& actual) {
    return std::inner_product(predicted.begin(), predicted.end(), actual.begin(), 0.0, std::plus<>(),
                              [](double p, double a) { return std::abs(p - a); }) /
           static_cast<double>(actual.size());
  });
}

template <Real T>
double mean_squared_error(const Array<T>& predictions, const ArrayBeside<T>& targets) {
  return mean_over_outputs("mean_squared_error", predictions, targets, mean_of_squares);
}

template <Real T>
double root_mean_squared_error(const Array<T>& predictions, const ArrayBeside<T>& targets) {
  return mean_over_outputs(
      "root_mean_squared_error", predictions, targets,
      [](const auto& predicted, const auto& actual) { return std::sqrt(mean_of_squares(predicted, actual)); });
}

template <Real T>
double r2_score(const Array<T>& predictions, const ArrayBeside<T>& targets) {
  return mean_over_outputs("r2_score", predictions, targets, [](const auto& predicted, const auto& actual) {
    if (actual.size() == 1) return std::numeric_limits<double>::quiet_NaN();
    const double error = sum_of_squares(predicted, actual);
    // Asked of the targets themselves: their mean may be rounded.
    if (std::ranges::count(actual, actual[0]) == std::ssize(actual)) return error == 0 ? 1.0 : 0.0;
    const double mean = std::accumulate(actual.begin(), actual.end(), 0.0) / static_cast<double>(actual.size());
    return 1 - error / sum_of_squares(std::vector<double>(actual.size(), mean), actual);
  });
}

namespace {

template <Real T>
struct NamedMetric {
  double (*function)(const Array<T>&, const Array<T>&);
  bool larger_is_better, takes_classes;
};

template <Real T>
constexpr Choice<NamedMetric<T>> metrics[] = {
    {"accuracy", {accuracy<T>, true, true}},
    {"balanced-accuracy", {balanced_accuracy<T>, true, true}},
    {"top-5-accuracy", {[](const Array<T>& p, const Array<T>& t) { return top_k_accuracy(p, t, 5); }, true, true}},
    {"precision", {[](const Array<T>& p, const Array<T>& t) { return precision_recall(p, t).precision; }, true, true}},
    {"recall", {[](const Array<T>& p, const Array<T>& t) { return precision_recall(p, t).recall; }, true, true}},
    {"f1", {[](const Array<T>& p, const Array<T>& t) { return precision_recall(p, t).f1; }, true, true}},
    {"mean-absolute-error", {mean_absolute_error<T>, false, false}},
    {"mean-squared-error", {mean_squared_error<T>, false, false}},
    {"root-mean-squared-error", {root_mean_squared_error<T>, false, false}},
    {"r2", {r2_score<T>, true, false}},
};

}  // namespace

template <Real T>
Metric<T> metric(std::string_view name) {
  const auto found = choose("metric", std::span(metrics<T>), name);
  const auto check = [name = std::string(name), classes = found.takes_classes](const auto& predictions,
                                                                               const auto& targets) {
    if (!classes) return check_values(name, predictions, targets);
    const Classes fitting(name, predictions, targets);
    if (name == "top-5-accuracy") check_k(5, fitting.count);
  };
  return {std::string(name), found.function, found.larger_is_better, found.takes_classes, check};
}

std::vector<std::string> metric_names() { return names(std::span(metrics<float>)); }

#define NN_METRICS(T)                                                                   \
  template void ConfusionMatrix::add(const Array<T>&, const Array<T>&);                 \
  template double accuracy(const Array<T>&, const Array<T>&);                           \
  template double top_k_accuracy(const Array<T>&, const Array<T>&, std::size_t);        \
  template PrecisionRecall precision_recall(const Array<T>&, const Array<T>&, Average); \
  template double balanced_accuracy(const Array<T>&, const Array<T>&);                  \
  template double mean_absolute_error(const Array<T>&, const Array<T>&);                \
  template double mean_squared_error(const Array<T>&, const Array<T>&);                 \
  template double root_mean_squared_error(const Array<T>&, const Array<T>&);            \
  template double r2_score(const Array<T>&, const Array<T>&);                           \
  template Metric<T> metric(std::string_view);
NN_METRICS(float)
NN_METRICS(double)

}  // namespace nn
