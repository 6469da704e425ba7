// How well a classifier does.
#pragma once

#include <autodiff/autodiff.hpp>
#include <iosfwd>
#include <string>
#include <vector>

namespace nn {

/// How often each class (a row) was taken for each class (a column).
class ConfusionMatrix {
 public:
  /// All zeros; the names of the classes are printed. Throws ValueError without classes.
  explicit ConfusionMatrix(std::vector<std::string> classes);

  /// Counts samples: scores (samples, classes), of which the largest in a row is the prediction, and the true classes
  /// (samples). Throws ShapeError for other shapes, ValueError for a class that does not exist; counts nothing then.
  template <autodiff::Real T>
  void add(const autodiff::Array<T>& scores, const autodiff::Array<T>& labels);

  /// How many samples of class `actual` were taken for class `predicted`. Throws ValueError out of range.
  std::size_t operator()(std::size_t actual, std::size_t predicted) const;
  std::size_t samples() const;
  /// The share of samples whose prediction is right, from 0 to 1. Throws ValueError without samples.
  double accuracy() const;

  /// A table: a row an actual class, a column a predicted one, zeros as dots.
  friend std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix);

 private:
  std::vector<std::string> classes_;
  std::vector<std::size_t> counts_;
};

/// The share of samples, from 0 to 1, whose largest score (samples, classes) is that of their class (samples). Throws
/// ShapeError for other shapes or no samples.
template <autodiff::Real T>
double accuracy(const autodiff::Array<T>& scores, const autodiff::Array<T>& labels);

}  // namespace nn
