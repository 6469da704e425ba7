// Features and targets brought to a common scale.
#pragma once

#include <autodiff/autodiff.hpp>

namespace nn {

/// (x - shift) * factor, feature by feature: found on training data, then used on all data, features or real targets
/// alike. Two plain arrays, to be saved with the model that was trained on what they gave.
struct Scaling {
  /// (features).
  autodiff::Array<double> shift, factor;
  /// Throws ShapeError for values of another shape than (samples, features).
  template <autodiff::Real T>
  autodiff::Array<T> operator()(const autodiff::Array<T>& values) const;
  /// Back to what they were, but for rounding: predictions in the units of the targets. What is constant, and so scaled
  /// to 0, comes back as that constant. Throws ShapeError as above.
  template <autodiff::Real T>
  autodiff::Array<T> inverse(const autodiff::Array<T>& scaled) const;
};

// All take values (samples, features) and throw ShapeError for another shape or no samples.

/// From 0 to 1 over all features together: for features of one kind, such as pixels.
template <autodiff::Real T>
Scaling scale_range(const autodiff::Array<T>& values);
/// Every feature from 0 to 1; one that is constant to 0.
template <autodiff::Real T>
Scaling min_max(const autodiff::Array<T>& values);
/// Every feature to mean 0 and variance 1; one that is constant to 0.
template <autodiff::Real T>
Scaling standardise(const autodiff::Array<T>& values);

}  // namespace nn
