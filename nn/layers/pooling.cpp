#include "pooling.hpp"

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

void check_axes(const std::string& name, Dims x, std::size_t axes) {
  if (x.size() != axes + 2)
    fail<ShapeError>(name, "needs images (samples, channels, space...) of ", axes, " axes of space: ", x);
}

}  // namespace

template <Real T, std::size_t Axes>
std::string MaxPool<T, Axes>::kind() const {
  return "MaxPool" + std::to_string(Axes) + "d";
}
template <Real T, std::size_t Axes>
Variable<T> MaxPool<T, Axes>::forward(const Variable<T>& x) {
  check_axes("max_pool", x.shape(), Axes);
  return autodiff::max_pool(x, window_, options_);
}

template <Real T, std::size_t Axes>
std::string AvgPool<T, Axes>::kind() const {
  return "AvgPool" + std::to_string(Axes) + "d";
}
template <Real T, std::size_t Axes>
Variable<T> AvgPool<T, Axes>::forward(const Variable<T>& x) {
  check_axes("average_pool", x.shape(), Axes);
  return autodiff::average_pool(x, window_, options_);
}

template <Real T, std::size_t Axes>
std::string AdaptiveAvgPool<T, Axes>::kind() const {
  return "AdaptiveAvgPool" + std::to_string(Axes) + "d";
}
template <Real T, std::size_t Axes>
Variable<T> AdaptiveAvgPool<T, Axes>::forward(const Variable<T>& x) {
  check_axes("adaptive_average_pool", x.shape(), Axes);
  return autodiff::adaptive_average_pool(x, results_, layout_);
}

template <Real T, std::size_t Axes>
std::string AdaptiveMaxPool<T, Axes>::kind() const {
  return "AdaptiveMaxPool" + std::to_string(Axes) + "d";
}
template <Real T, std::size_t Axes>
Variable<T> AdaptiveMaxPool<T, Axes>::forward(const Variable<T>& x) {
  check_axes("adaptive_max_pool", x.shape(), Axes);
  return autodiff::adaptive_max_pool(x, results_, layout_);
}

template <Real T>
Upsample<T>::Upsample(autodiff::PerAxis factor, autodiff::Interpolation how, bool align_corners)
    : factor_(std::move(factor)), how_(how), align_corners_(align_corners) {
  for (std::size_t each : factor_.resolve("upsample", "the factor", factor_.count()))
    if (each == 0) fail<ValueError>("upsample", "factors must be at least 1");
}
template <Real T>
Variable<T> Upsample<T>::forward(const Variable<T>& x) {
  if (x.dimension() < 3) fail<ShapeError>("upsample", "needs images (samples, channels, space...): ", Dims(x.shape()));
  std::vector<std::size_t> lengths;
  for (std::size_t each : factor_.resolve("upsample", "the factor", x.dimension() - 2))
    lengths.push_back(each * x.shape(2 + lengths.size()));
  return autodiff::interpolate(x, lengths, how_, align_corners_);
}

template <Real T>
Variable<T> Reshape<T>::forward(const Variable<T>& x) {
  std::vector<std::ptrdiff_t> lengths{static_cast<std::ptrdiff_t>(x.shape(0))};
  lengths.insert(lengths.end(), sample_.begin(), sample_.end());
  return autodiff::reshape(x, lengths);
}

#define NN_POOLING(T, Axes)                \
  template class MaxPool<T, Axes>;         \
  template class AvgPool<T, Axes>;         \
  template class AdaptiveAvgPool<T, Axes>; \
  template class AdaptiveMaxPool<T, Axes>;
#define NN_ALL_POOLING(T)          \
  NN_POOLING(T, 1)                 \
  NN_POOLING(T, 2)                 \
  NN_POOLING(T, 3)                 \
  template class GlobalAvgPool<T>; \
  template class Upsample<T>;      \
  template class Reshape<T>;
NN_ALL_POOLING(float)
NN_ALL_POOLING(double)

}  // namespace nn
