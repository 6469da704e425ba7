#include "scaling.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::ShapeError;

namespace {

template <Real T>
void check_samples(std::string_view caller, const Array<T>& values) {
  if (values.dimension() != 2 || values.size() == 0)
    fail<ShapeError>(caller, "needs values (samples, features): ", Dims(values.shape()));
}

template <Real T>
void check_features(const Scaling& scaling, const Array<T>& values) {
  if (values.dimension() != 2 || values.shape(1) != scaling.shift.size())
    fail<ShapeError>("scaling", "needs values (samples, ", scaling.shift.size(), "): ", Dims(values.shape()));
}

}  // namespace

template <Real T>
Array<T> Scaling::operator()(const Array<T>& values) const {
  check_features(*this, values);
  return autodiff::to_array<T>((xt::cast<double>(values) - shift) * factor);
}

template <Real T>
Array<T> Scaling::inverse(const Array<T>& scaled) const {
  check_features(*this, scaled);
  Array<double> back = factor;
  for (double& f : back) f = f == 0 ? 0 : 1 / f;
  return autodiff::to_array<T>(xt::cast<double>(scaled) * back + shift);
}

template <Real T>
Scaling scale_range(const Array<T>& values) {
  check_samples("scale_range", values);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = static_cast<double>(*high) - static_cast<double>(*low);
  Array<double> shift = xt::ones<double>({values.shape(1)});
  Array<double> factor = shift * (range > 0 ? 1 / range : 0);
  return {shift * static_cast<double>(*low), factor};
}

template <Real T>
Scaling min_max(const Array<T>& values) {
  check_samples("min_max", values);
  const std::size_t features = values.shape(1);
  Array<double> low = xt::zeros<double>({features}), high = low;
  std::copy_n(values.data(), features, low.data());
  std::copy_n(values.data(), features, high.data());
  for (std::size_t i = features; i < values.size(); ++i) {
    low(i % features) = std::min(low(i % features), static_cast<double>(values.data()[i]));
    high(i % features) = std::max(high(i % features), static_cast<double>(values.data()[i]));
  }
  for (std::size_t j = 0; j < features; ++j) high(j) = high(j) > low(j) ? 1 / (high(j) - low(j)) : 0;
  return {low, high};
}

template <Real T>
Scaling standardise(const Array<T>& values) {
  check_samples("standardise", values);
  const std::size_t samples = values.shape(0), features = values.shape(1);
  const double n = static_cast<double>(samples);
  Array<double> mean = xt::zeros<double>({features}), square = mean, factor = mean;
  std::vector<bool> varies(features);  // a constant feature, too, deviates from its mean, by rounding
  for (std::size_t i = 0; i < values.size(); ++i) mean(i % features) += values.data()[i] / n;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double off = values.data()[i] - mean(i % features);
    square(i % features) += off * off / n;
    if (values.data()[i] != values.data()[i % features]) varies[i % features] = true;
  }
  for (std::size_t j = 0; j < features; ++j) factor(j) = varies[j] && square(j) > 0 ? 1 / std::sqrt(square(j)) : 0;
  return {mean, factor};
}

#define NN_SCALING(T)                                           \
  template Array<T> Scaling::operator()(const Array<T>&) const; \
  template Array<T> Scaling::inverse(const Array<T>&) const;    \
  template Scaling scale_range(const Array<T>&);                \
  template Scaling min_max(const Array<T>&);                    \
  template Scaling standardise(const Array<T>&);
NN_SCALING(float)
NN_SCALING(double)

}  // namespace nn
