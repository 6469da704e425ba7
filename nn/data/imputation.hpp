// Missing features filled in.
#pragma once

#include "dataset.hpp"

namespace nn {

/// What stands for missing features, which are NaN, as CsvOptions::Missing::keep leaves them: found on training data,
/// then used on all data. A plain array, to be saved with the model that was trained on what it gave.
struct Imputation {
  /// (features).
  autodiff::Array<double> values;
  /// Throws ShapeError for inputs of another shape than (samples, features).
  template <autodiff::Real T>
  autodiff::Array<T> operator()(autodiff::Array<T> inputs) const;
};
using Filling = Imputation;  // its first name

// Both throw ShapeError for inputs that are not (samples, features), and DataError for a feature without any
// value and for two of one name beside categories.

/// The mean of every feature; of a column of categories, the most frequent one.
template <autodiff::Real T>
Imputation fill_mean(const Dataset<T>& data);
/// The median of every feature; of a column of categories, the most frequent one.
template <autodiff::Real T>
Imputation fill_median(const Dataset<T>& data);

}  // namespace nn
