// Layers whose weight is made of something else: of lengths and directions, or of any weight, divided by what it
// stretches most.
#pragma once

#include "convolution.hpp"

namespace nn {

namespace detail {
/// The axis that is the first one in PyTorch's files.
template <Real T>
std::size_t first_axis_in_pytorch(const Parameter<T>& weight);
/// For WeightNorm: the forward, in which the weight is length * weight / |weight|.
template <Real T>
Variable<T> with_lengths(const Variable<T>& x, Parameter<T>& weight, Parameter<T>& length, std::size_t axis,
                         const std::function<Variable<T>()>& forward);
template <Real T>
Parameter<T> lengths_of(Parameter<T>& weight, std::size_t axis);
template <Real T>
void set_lengths(const Parameter<T>& weight, Parameter<T>& length, std::size_t axis);

/// What SpectralNorm knows of its weight as a matrix, with one axis as rows and all others as columns.
template <Real T>
struct Spectrum {
  Spectrum(Parameter<T>& weight, std::size_t axis, std::size_t iterations);
  /// The forward, in which the weight is divided by its largest singular value.
  Variable<T> divided(const Variable<T>& x, Parameter<T>& weight, bool training,
                      const std::function<Variable<T>()>& forward);
  void start(const Parameter<T>& weight);

  Parameter<T> u, v;
  std::size_t axis, iterations;
};

template <Real T, std::size_t Axes>
std::size_t axis_of_outputs(const ConvTranspose<T, Axes>&) {
  return 1;
}
template <class Layer>
std::size_t axis_of_outputs(const Layer& layer) {
  return first_axis_in_pytorch(layer.weight);
}
}  // namespace detail

/// A layer whose weight is weight_g * weight / |weight|, with a norm for each place along an axis, over all others: so
/// that lengths and directions are learnt apart. T. Salimans and D. Kingma, "Weight normalization", NeurIPS 2016.
///
/// nn::WeightNorm(nn::Linear<float>(4, 3)): any layer with a `weight`, such as Linear, Conv2d and Embedding, of which
/// it is one; `weight` is the direction, and `weight_g`, (1, ..., n, ..., 1), holds the lengths, first those of
/// `weight`. The axis is by default PyTorch's, whose `parametrizations.weight_norm` computes the same and gives the
/// names in its files: that of the outputs, but of the inputs for ConvTranspose2d. Throws AxisError for one that does
/// not exist.
template <class Layer>
requires std::derived_from<Layer, Module<typename Layer::value_type>>
class WeightNorm : public Layer {
 public:
  using T = typename Layer::value_type;  // the element type
  explicit WeightNorm(Layer layer) : WeightNorm(layer, detail::first_axis_in_pytorch(layer.weight)) {}
  WeightNorm(Layer layer, std::size_t axis)
      : Layer(std::move(layer)), weight_g(detail::lengths_of(this->weight, axis)), axis_(axis) {}
  Variable<T> forward(const Variable<T>& x) override {
    return detail::with_lengths<T>(x, this->weight, weight_g, axis_, [&] { return Layer::forward(x); });
  }
  void members(Members<T>& m) override { Layer::members(m), m("weight_g", weight_g); }
  void initialised() override { Layer::initialised(), detail::set_lengths(this->weight, weight_g, axis_); }
  std::string kind() const override { return "WeightNorm"; }

  Parameter<T> weight_g;  // the lengths

 private:
  std::size_t axis_;
};

/// A layer whose weight is divided by its largest singular value, as a matrix of outputs and all else: so that it
/// stretches nothing by more than 1. T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral normalization for
/// generative adversarial networks", ICLR 2018.
///
/// nn::SpectralNorm(nn::Conv2d<float>(3, 8, 3)): any layer with a `weight`, of which it is one. The value is u^T W v
/// with the states `weight_u` and `weight_v`, to which each forward in training applies so many steps of the power
/// iteration, after 15 on the first weight; no gradient flows through them. As PyTorch's
/// `parametrizations.spectral_norm`, whose names its files have.
template <class Layer>
requires std::derived_from<Layer, Module<typename Layer::value_type>>
class SpectralNorm : public Layer {
 public:
  using T = typename Layer::value_type;  // the element type
  explicit SpectralNorm(Layer layer, std::size_t iterations = 1)
      : Layer(std::move(layer)),
        spectrum_(this->weight, detail::axis_of_outputs(*static_cast<Layer*>(this)), iterations) {}
  Variable<T> forward(const Variable<T>& x) override {
    return spectrum_.divided(x, this->weight, this->training(), [&] { return Layer::forward(x); });
  }
  void members(Members<T>& m) override { Layer::members(m), m("weight_u", spectrum_.u), m("weight_v", spectrum_.v); }
  void initialised() override { Layer::initialised(), spectrum_.start(this->weight); }
  std::string kind() const override { return "SpectralNorm"; }

 private:
  detail::Spectrum<T> spectrum_;
};

}  // namespace nn
