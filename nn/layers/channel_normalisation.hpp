// Layers that normalise images (samples, channels, space...), channel by channel or by groups of them.
#pragma once

#include <optional>

#include "normalisation.hpp"

namespace nn {

/// BatchNorm whose features are the channels, of images of so many axes of space, as PyTorch's BatchNorm1d to 3d have
/// it. Calling it throws ShapeError for images of other axes or channels, and what BatchNorm throws.
template <Real T, std::size_t Axes>
class ChannelBatchNorm : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;
};

template <Real T = float>
using BatchNorm1d = ChannelBatchNorm<T, 1>;
template <Real T = float>
using BatchNorm2d = ChannelBatchNorm<T, 2>;
template <Real T = float>
using BatchNorm3d = ChannelBatchNorm<T, 3>;

struct GroupNormOptions {
  double epsilon = 1e-5;  // added to the variance
  bool affine = true;     // whether each channel has a weight and a bias
};

/// The channels of every sample in so many groups, each less its mean and divided by its standard deviation, then each
/// channel times `weight` plus `bias`. Y. Wu and K. He, "Group normalization", ECCV 2018. x (samples, channels, ...).
/// Throws ValueError where the channels do not divide into the groups or epsilon is not above 0; calling it throws
/// ShapeError for other channels.
template <Real T = float>
class GroupNorm : public Module<T> {
 public:
  GroupNorm(std::size_t groups, std::size_t channels, GroupNormOptions options = {});
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  std::optional<Parameter<T>> weight, bias;  // 1 and 0 at first

 private:
  std::size_t groups_, channels_;
  double epsilon_;
};

/// The same with each channel alone, of images of so many axes of space. D. Ulyanov, A. Vedaldi and V. Lempitsky,
/// "Instance normalization: the missing ingredient for fast stylization", 2016. As in PyTorch, without weight and bias
/// unless `affine` says so.
template <Real T, std::size_t Axes>
class InstanceNorm : public GroupNorm<T> {
 public:
  explicit InstanceNorm(std::size_t channels, GroupNormOptions options = {.affine = false})
      : GroupNorm<T>(channels, channels, options) {}
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;
};

template <Real T = float>
using InstanceNorm1d = InstanceNorm<T, 1>;
template <Real T = float>
using InstanceNorm2d = InstanceNorm<T, 2>;
template <Real T = float>
using InstanceNorm3d = InstanceNorm<T, 3>;

extern template class ChannelBatchNorm<float, 1>;
extern template class ChannelBatchNorm<float, 2>;
extern template class ChannelBatchNorm<float, 3>;
extern template class ChannelBatchNorm<double, 1>;
extern template class ChannelBatchNorm<double, 2>;
extern template class ChannelBatchNorm<double, 3>;
extern template class InstanceNorm<float, 1>;
extern template class InstanceNorm<float, 2>;
extern template class InstanceNorm<float, 3>;
extern template class InstanceNorm<double, 1>;
extern template class InstanceNorm<double, 2>;
extern template class InstanceNorm<double, 3>;
extern template class GroupNorm<float>;
extern template class GroupNorm<double>;

}  // namespace nn
