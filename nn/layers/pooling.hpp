// Pooling, other resolutions and other shapes: layers without parameters.
#pragma once

#include <nn/model/module.hpp>

namespace nn {

/// The largest element of each window, or the mean: see autodiff::max_pool and autodiff::average_pool. Images have as
/// many axes of space as the name says. Calling one throws what these throw, and ShapeError for images of other axes.
template <Real T, std::size_t Axes>
class MaxPool : public Module<T> {
 public:
  explicit MaxPool(autodiff::PerAxis window, autodiff::MaxPoolOptions options = {})
      : window_(std::move(window)), options_(std::move(options)) {}
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;

 private:
  autodiff::PerAxis window_;
  autodiff::MaxPoolOptions options_;
};
/// The mean of each window: see MaxPool.
template <Real T, std::size_t Axes>
class AvgPool : public Module<T> {
 public:
  explicit AvgPool(autodiff::PerAxis window, autodiff::AveragePoolOptions options = {})
      : window_(std::move(window)), options_(std::move(options)) {}
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;

 private:
  autodiff::PerAxis window_;
  autodiff::AveragePoolOptions options_;
};

/// So many results along each axis, each of its share of the image: see autodiff::adaptive_average_pool.
template <Real T, std::size_t Axes>
class AdaptiveAvgPool : public Module<T> {
 public:
  explicit AdaptiveAvgPool(autodiff::PerAxis results,
                           autodiff::ImageLayout layout = autodiff::ImageLayout::channels_first)
      : results_(std::move(results)), layout_(layout) {}
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;

 private:
  autodiff::PerAxis results_;
  autodiff::ImageLayout layout_;
};
/// The same with the largest of each share: see autodiff::adaptive_max_pool.
template <Real T, std::size_t Axes>
class AdaptiveMaxPool : public Module<T> {
 public:
  explicit AdaptiveMaxPool(autodiff::PerAxis results,
                           autodiff::ImageLayout layout = autodiff::ImageLayout::channels_first)
      : results_(std::move(results)), layout_(layout) {}
  Variable<T> forward(const Variable<T>& x) override;
  std::string kind() const override;

 private:
  autodiff::PerAxis results_;
  autodiff::ImageLayout layout_;
};

template <Real T = float>
using MaxPool1d = MaxPool<T, 1>;
template <Real T = float>
using MaxPool2d = MaxPool<T, 2>;
template <Real T = float>
using MaxPool3d = MaxPool<T, 3>;
template <Real T = float>
using AvgPool1d = AvgPool<T, 1>;
template <Real T = float>
using AvgPool2d = AvgPool<T, 2>;
template <Real T = float>
using AvgPool3d = AvgPool<T, 3>;
template <Real T = float>
using AdaptiveAvgPool1d = AdaptiveAvgPool<T, 1>;
template <Real T = float>
using AdaptiveAvgPool2d = AdaptiveAvgPool<T, 2>;
template <Real T = float>
using AdaptiveAvgPool3d = AdaptiveAvgPool<T, 3>;
template <Real T = float>
using AdaptiveMaxPool1d = AdaptiveMaxPool<T, 1>;
template <Real T = float>
using AdaptiveMaxPool2d = AdaptiveMaxPool<T, 2>;
template <Real T = float>
using AdaptiveMaxPool3d = AdaptiveMaxPool<T, 3>;

/// The mean of each channel: (samples, channels, space...) gives (samples, channels).
template <Real T = float>
class GlobalAvgPool : public Module<T> {
 public:
  Variable<T> forward(const Variable<T>& x) override { return autodiff::global_average_pool(x); }
};

/// Images (samples, channels, space...) so many times as long along each axis of space, the nearest element or between
/// neighbours in proportion: see autodiff::interpolate. Throws ValueError for a factor of 0.
template <Real T = float>
class Upsample : public Module<T> {
 public:
  explicit Upsample(autodiff::PerAxis factor, autodiff::Interpolation how = autodiff::Interpolation::nearest,
                    bool align_corners = false);
  Variable<T> forward(const Variable<T>& x) override;

 private:
  autodiff::PerAxis factor_;
  autodiff::Interpolation how_;
  bool align_corners_;
};

/// Each sample in another shape, of which one length may be -1: Reshape({8, -1}) makes (samples, 8, ...) of it. Calling
/// it throws ShapeError where that is not possible.
template <Real T = float>
class Reshape : public Module<T> {
 public:
  explicit Reshape(std::initializer_list<std::ptrdiff_t> sample) : sample_(sample) {}
  Variable<T> forward(const Variable<T>& x) override;

 private:
  std::vector<std::ptrdiff_t> sample_;
};

extern template class MaxPool<float, 1>;
extern template class MaxPool<float, 2>;
extern template class MaxPool<float, 3>;
extern template class MaxPool<double, 1>;
extern template class MaxPool<double, 2>;
extern template class MaxPool<double, 3>;
extern template class AvgPool<float, 1>;
extern template class AvgPool<float, 2>;
extern template class AvgPool<float, 3>;
extern template class AvgPool<double, 1>;
extern template class AvgPool<double, 2>;
extern template class AvgPool<double, 3>;
extern template class AdaptiveAvgPool<float, 1>;
extern template class AdaptiveAvgPool<float, 2>;
extern template class AdaptiveAvgPool<float, 3>;
extern template class AdaptiveAvgPool<double, 1>;
extern template class AdaptiveAvgPool<double, 2>;
extern template class AdaptiveAvgPool<double, 3>;
extern template class AdaptiveMaxPool<float, 1>;
extern template class AdaptiveMaxPool<float, 2>;
extern template class AdaptiveMaxPool<float, 3>;
extern template class AdaptiveMaxPool<double, 1>;
extern template class AdaptiveMaxPool<double, 2>;
extern template class AdaptiveMaxPool<double, 3>;
extern template class GlobalAvgPool<float>;
extern template class GlobalAvgPool<double>;
extern template class Upsample<float>;
extern template class Upsample<double>;
extern template class Reshape<float>;
extern template class Reshape<double>;

}  // namespace nn
