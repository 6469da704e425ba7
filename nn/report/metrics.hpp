// How well a model does: its predictions against what is true, as numbers to be read rather than made small.
#pragma once

#include <autodiff/autodiff.hpp>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// How classes are averaged: each alike (macro), by how many samples it has (weighted), or by counting the samples of
/// all together (micro), which is the accuracy, as a sample has one class.
enum class Average { macro, weighted, micro };

/// Of what was taken for a class, the share that is of it; of what is of a class, the share that was taken for it; and
/// the harmonic mean of the two. From 0 to 1, and 0 where nothing was taken for a class or nothing is of it.
struct PrecisionRecall {
  double precision, recall, f1;
  /// How many are of the class, or of all of them.
  std::size_t samples;
};

/// How often each class (a row) was taken for each class (a column).
class ConfusionMatrix {
 public:
  /// All zeros; the names of the classes are printed. Throws ValueError without classes.
  explicit ConfusionMatrix(std::vector<std::string> classes);

  /// Counts samples: scores (..., classes), of which the largest in a row is the prediction, and the true classes, as
  /// accuracy() takes them. Throws ShapeError for other shapes, ValueError for a class that does not exist; counts
  /// nothing then.
  template <autodiff::Real T>
  void add(const autodiff::Array<T>& scores, const autodiff::ArrayBeside<T>& labels);

  /// How many samples of class `actual` were taken for class `predicted`. Throws ValueError out of range.
  std::size_t operator()(std::size_t actual, std::size_t predicted) const;
  std::size_t samples() const;
  /// The share of samples whose prediction is right, from 0 to 1. Throws ValueError without samples.
  double accuracy() const;
  /// The mean recall of the classes that have samples: what guessing one class gets is 1 / classes, however rare the
  /// others are. Throws ValueError without samples.
  double balanced_accuracy() const;
  /// Of one class. Throws ValueError out of range.
  PrecisionRecall precision_recall(std::size_t actual) const;
  /// Of all classes, those without samples or predictions included. Throws ValueError without samples.
  PrecisionRecall precision_recall(Average average) const;
  /// A table of precision, recall, F1 and samples: a row a class, then the accuracy, the macro and the weighted
  /// average. Throws ValueError without samples.
  std::string report() const;

  /// A table: a row an actual class, a column a predicted one, zeros as dots.
  friend std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix);

 private:
  std::vector<std::string> classes_;
  std::vector<std::size_t> counts_;
};

// Of classes, as cross-entropies take them: scores (..., classes), such as (samples, classes) or (samples, time,
// classes), of which the largest in a row, the first of several, is the prediction; and the true classes, one a row, or
// rows of probabilities like the scores, of which the largest is meant. Every row counts as a sample. All throw
// ShapeError for other shapes and for no samples, and all but accuracy ValueError for a class that does not exist.

/// The share of samples, from 0 to 1, whose prediction is right.
template <autodiff::Real T>
double accuracy(const autodiff::Array<T>& scores, const autodiff::ArrayBeside<T>& labels);

/// The share of samples, from 0 to 1, whose class is among the k of the largest scores; of equal ones, the first count
/// as larger, and NaN as larger than all. Throws ValueError unless k is from 1 to the number of classes.
template <autodiff::Real T>
double top_k_accuracy(const autodiff::Array<T>& scores, const autodiff::ArrayBeside<T>& labels, std::size_t k);

/// The precision, recall and F1 of all classes.
template <autodiff::Real T>
PrecisionRecall precision_recall(const autodiff::Array<T>& scores, const autodiff::ArrayBeside<T>& labels,
                                 Average average = Average::macro);

/// The mean recall of the classes that have samples.
template <autodiff::Real T>
double balanced_accuracy(const autodiff::Array<T>& scores, const autodiff::ArrayBeside<T>& labels);

// Of real values: predictions and targets of the same shape, (samples, outputs) or (samples), computed in double. With
// several outputs, the mean of what each gives. All throw ShapeError for other shapes and for no elements.

template <autodiff::Real T>
double mean_absolute_error(const autodiff::Array<T>& predictions, const autodiff::ArrayBeside<T>& targets);

template <autodiff::Real T>
double mean_squared_error(const autodiff::Array<T>& predictions, const autodiff::ArrayBeside<T>& targets);

/// The root of the mean squared error: of each output, if there are several, and then their mean.
template <autodiff::Real T>
double root_mean_squared_error(const autodiff::Array<T>& predictions, const autodiff::ArrayBeside<T>& targets);

/// The coefficient of determination R²: the share of the targets' variance that the predictions explain, 1 at best and
/// below 0 for predictions worse than the mean. Targets that are all the same give 1 if they are met exactly and 0
/// otherwise; a single sample gives NaN.
template <autodiff::Real T>
double r2_score(const autodiff::Array<T>& predictions, const autodiff::ArrayBeside<T>& targets);

/// A metric by name, as a trainer watches it. It is one of all samples, and need not be the mean over batches.
template <autodiff::Real T>
struct Metric {
  std::string name;
  std::function<double(const autodiff::Array<T>& predictions, const autodiff::Array<T>& targets)> function;
  bool larger_is_better;
  /// Targets are classes rather than real values.
  bool takes_classes;
  /// What says before training whether it fits: throws for shapes of predictions and targets that the function would
  /// refuse; by default any fit.
  std::function<void(const autodiff::Shape& predictions, const autodiff::Shape& targets)> check = {};

  double operator()(const autodiff::Array<T>& predictions, const autodiff::ArrayBeside<T>& targets) const {
    return function(predictions, targets);
  }
};

/// The metrics of metric_names(): "accuracy", "balanced-accuracy", "top-5-accuracy", "precision", "recall" and
/// "f1" (macro averages), "mean-absolute-error", "mean-squared-error", "root-mean-squared-error", "r2". Throws
/// ValueError for another name.
template <autodiff::Real T>
Metric<T> metric(std::string_view name);
std::vector<std::string> metric_names();

}  // namespace nn
