#include "normalisation.hpp"

#include <algorithm>
#include <numeric>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::keepdims;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

void check(std::string_view name, const Shape& features, double epsilon) {
  if (features.empty() || autodiff::count(features) == 0)
    fail<ValueError>(name, "needs at least one feature: ", Dims(features));
  if (!(epsilon > 0)) fail<ValueError>(name, "epsilon must be above 0: ", epsilon);
}

/// Whether the last axes of x are these.
bool ends_with(Dims x, Dims features) {
  return x.size() >= features.size() && std::ranges::equal(x.last(features.size()), features);
}

std::vector<int> axes(std::size_t from, std::size_t to) {
  std::vector<int> result(to - from);
  std::iota(result.begin(), result.end(), static_cast<int>(from));
  return result;
}

}  // namespace

template <Real T>
BatchNorm<T>::BatchNorm(std::size_t features, BatchNormOptions options)
    : weight({features}, constant(1)),
      bias({features}, zeros()),
      running_mean({features}, zeros(), Trainable::no),
      running_variance({features}, constant(1), Trainable::no,
                       PyTorchLayout{.name = "running_var", .counter = "num_batches_tracked"}),
      options_(options) {
  check("batch_norm", weight.shape(), options.epsilon);
  if (!(options.momentum >= 0 && options.momentum <= 1))
    fail<ValueError>("batch_norm", "the momentum must be from 0 to 1: ", options.momentum);
}

template <Real T>
Variable<T> BatchNorm<T>::forward(const Variable<T>& x) {
  if (!ends_with(x.shape(), weight.shape()))
    fail<ShapeError>("batch_norm", "the last axis must be the features: ", Dims(x.shape()), " and ",
                     Dims(weight.shape()));
  return normalised(x, x.dimension() - 1);
}

template <Real T>
Variable<T> BatchNorm<T>::normalised(const Variable<T>& x, std::size_t axis) {
  Shape along(x.dimension() - axis, 1);
  along[0] = weight.size();
  const auto each = [&](const Variable<T>& v) { return along.size() == 1 ? v : reshape(v, along); };
  const auto w = weight.beside(x), b = bias.beside(x), mean = running_mean.beside(x),
             variance = running_variance.beside(x);
  if (!this->training()) return (x - each(mean)) * each(w * rsqrt(variance + options_.epsilon)) + each(b);

  const std::size_t n = x.size() / weight.size();
  if (n < 2) fail<ShapeError>("batch_norm", "in training it needs at least two values of a feature: ", Dims(x.shape()));
  std::vector<int> samples = axes(0, x.dimension());
  samples.erase(samples.begin() + static_cast<std::ptrdiff_t>(axis));
  const auto batch_mean = autodiff::mean(x, samples);
  const auto centred = x - each(batch_mean);
  const auto batch_variance = autodiff::mean(centred * centred, samples);
  const auto running = [&](const Variable<T>& before, const Variable<T>& now, double scale) {
    // The loss does not depend on what later batches will see.
    return (1 - options_.momentum) * before + options_.momentum * scale * stop_gradient(now);
  };
  running_mean.assign(running(mean, batch_mean, 1));
  running_variance.assign(running(variance, batch_variance, static_cast<double>(n) / static_cast<double>(n - 1)));
  return centred * each(w * rsqrt(batch_variance + options_.epsilon)) + each(b);
}

template <Real T>
void BatchNorm<T>::members(Members<T>& m) {
  m("weight", weight);
  m("bias", bias);
  m("running_mean", running_mean);
  m("running_variance", running_variance);
}

template <Real T>
LayerNorm<T>::LayerNorm(Shape features, double epsilon)
    : weight(features, constant(1)), bias(features, zeros()), epsilon_(epsilon) {
  check("layer_norm", features, epsilon);
}

template <Real T>
Variable<T> LayerNorm<T>::forward(const Variable<T>& x) {
  if (!ends_with(x.shape(), weight.shape()))
    fail<ShapeError>("layer_norm", "the last axes must be the features: ", Dims(x.shape()), " and ",
                     Dims(weight.shape()));
  const auto features = axes(x.dimension() - weight.shape().size(), x.dimension());
  const auto centred = x - autodiff::mean(x, features, keepdims);
  const auto variance = autodiff::mean(centred * centred, features, keepdims);
  return centred * rsqrt(variance + epsilon_) * weight.beside(x) + bias.beside(x);
}

template <Real T>
void LayerNorm<T>::members(Members<T>& m) {
  m("weight", weight);
  m("bias", bias);
}

template <Real T>
RMSNorm<T>::RMSNorm(Shape features, double epsilon) : weight(features, constant(1)), epsilon_(epsilon) {
  check("rms_norm", features, epsilon);
}

template <Real T>
Variable<T> RMSNorm<T>::forward(const Variable<T>& x) {
  if (!ends_with(x.shape(), weight.shape()))
    fail<ShapeError>("rms_norm", "the last axes must be the features: ", Dims(x.shape()), " and ",
                     Dims(weight.shape()));
  const auto features = axes(x.dimension() - weight.shape().size(), x.dimension());
  return x * rsqrt(autodiff::mean(x * x, features, keepdims) + epsilon_) * weight.beside(x);
}

template <Real T>
void RMSNorm<T>::members(Members<T>& m) {
  m("weight", weight);
}

template class BatchNorm<float>;
template class BatchNorm<double>;
template class LayerNorm<float>;
template class LayerNorm<double>;

template class RMSNorm<float>;
template class RMSNorm<double>;

}  // namespace nn
