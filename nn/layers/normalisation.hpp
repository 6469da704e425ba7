// Layers that bring features to mean 0 and variance 1: over the samples of a batch, or within every sample.
#pragma once

#include <nn/model/module.hpp>

namespace nn {

struct BatchNormOptions {
  double momentum = 0.1;  // the share of a new batch in the running statistics
  double epsilon = 1e-5;  // added to the variance, so that a constant feature does no harm
};

/// Every feature, on the last axis, less its mean and divided by its standard deviation, then times `weight` plus
/// `bias`: (x - mean) / sqrt(variance + epsilon) * weight + bias. S. Ioffe and C. Szegedy, ICML 2015, algorithms 1
/// and 2.
///
/// In training, mean and (biased) variance are those of the batch, over all axes but the last, and gradients flow
/// through them; `running_mean` and `running_variance` (unbiased), which are states, take up a share of `momentum` of
/// them. In inference those two are used. x (samples, ..., features). Throws ValueError without features, for a
/// momentum outside 0 to 1 or an epsilon that is not above 0; calling it throws ShapeError for another number of
/// features, and in training for fewer than two values of a feature.
///
/// PyTorch's BatchNorm1d computes the same, with the same meaning of momentum and the same variances: the biased one of
/// the batch, the unbiased one of running_var. For inputs of more than two axes its features are the second one.
template <Real T = float>
class BatchNorm : public Module<T> {
 public:
  explicit BatchNorm(std::size_t features, BatchNormOptions options = {});
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> weight, bias;                    // 1 and 0 at first
  Parameter<T> running_mean, running_variance;  // 0 and 1 at first

 protected:
  /// The same for features on another axis.
  Variable<T> normalised(const Variable<T>& x, std::size_t axis);

 private:
  BatchNormOptions options_;
};

/// The features of every sample less their mean and divided by their standard deviation, then times `weight` plus
/// `bias`, each of the features' shape: (x - mean) / sqrt(variance + epsilon) * weight + bias, where the variance is
/// the biased one. The features are the last axes of x, one or more. J. Ba, J. Kiros and G. Hinton, "Layer
/// normalization", 2016, equations 3 and 4.
///
/// Throws ValueError without features, or for an epsilon that is not above 0; calling it throws ShapeError when the
/// last axes are not the features.
template <Real T = float>
class LayerNorm : public Module<T> {
 public:
  explicit LayerNorm(std::size_t features, double epsilon = 1e-5) : LayerNorm(Shape{features}, epsilon) {}
  explicit LayerNorm(Shape features, double epsilon = 1e-5);
  /// LayerNorm({2, 3})
  template <std::size_t Axes>
  explicit LayerNorm(const std::size_t (&features)[Axes], double epsilon = 1e-5)
      : LayerNorm(Shape(std::begin(features), std::end(features)), epsilon) {}
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> weight, bias;  // 1 and 0 at first

 private:
  double epsilon_;
};

/// The features of every sample divided by their root mean square, then times `weight`, of the features' shape: x /
/// sqrt(mean(x^2) + epsilon) * weight. The features are the last axes of x. B. Zhang and R. Sennrich, "Root mean square
/// layer normalization", NeurIPS 2019. Throws what LayerNorm throws.
template <Real T = float>
class RMSNorm : public Module<T> {
 public:
  explicit RMSNorm(std::size_t features, double epsilon = 1e-5) : RMSNorm(Shape{features}, epsilon) {}
  explicit RMSNorm(Shape features, double epsilon = 1e-5);
  /// RMSNorm({2, 3})
  template <std::size_t Axes>
  explicit RMSNorm(const std::size_t (&features)[Axes], double epsilon = 1e-5)
      : RMSNorm(Shape(std::begin(features), std::end(features)), epsilon) {}
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> weight;  // 1 at first

 private:
  double epsilon_;
};

extern template class BatchNorm<float>;
extern template class BatchNorm<double>;
extern template class LayerNorm<float>;
extern template class LayerNorm<double>;
extern template class RMSNorm<float>;
extern template class RMSNorm<double>;

}  // namespace nn
