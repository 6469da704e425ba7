#include "convolution.hpp"

#include <cmath>

namespace nn {

using autodiff::fail;
using autodiff::PerAxis;
using autodiff::ValueError;

namespace {

/// "conv2d", as errors have it.
std::string name_of(const char* layer, std::size_t axes) { return layer + std::to_string(axes) + "d"; }

/// (first, second / groups, kernel...).
Shape weight_shape(const std::string& name, std::size_t first, std::size_t second, std::size_t groups,
                   const PerAxis& kernel, std::size_t axes) {
  if (first == 0 || second == 0 || groups == 0 || first % groups != 0 || second % groups != 0)
    fail<ValueError>(name, "needs inputs and outputs that divide into ", groups, " groups: ", first, " and ", second);
  Shape shape{first, second / groups};
  for (std::size_t length : kernel.resolve(name, "the kernel", axes)) shape.push_back(length);
  return shape;
}

/// What is given, or uniform within 1 / sqrt(fan), where weights of these axes say what the fan is.
Initialiser or_by_fan(Initialiser given, const Shape& weight) {
  if (given) return given;
  std::size_t fan = 1;
  for (std::size_t i = 1; i < weight.size(); ++i) fan *= weight[i];
  const double bound = fan == 0 ? 0 : 1 / std::sqrt(static_cast<double>(fan));
  return uniform(-bound, bound);
}

template <Real T>
std::optional<Parameter<T>> bias_of(std::size_t outputs, bool wanted, Initialiser given, const Shape& weight) {
  if (!wanted) return std::nullopt;
  return Parameter<T>({outputs}, or_by_fan(std::move(given), weight));
}

}  // namespace

template <Real T, std::size_t Axes>
Conv<T, Axes>::Conv(std::size_t inputs, std::size_t outputs, const PerAxis& kernel, ConvOptions options)
    : weight(weight_shape(name_of("conv", Axes), outputs, inputs, options.groups, kernel, Axes),
             or_by_fan(std::move(options.weights),
                       weight_shape(name_of("conv", Axes), outputs, inputs, options.groups, kernel, Axes))),
      bias(bias_of<T>(outputs, options.bias, std::move(options.biases), weight.shape())),
      options_{options.stride, options.padding, options.dilation, options.groups, options.layout} {}

template <Real T, std::size_t Axes>
Variable<T> Conv<T, Axes>::forward(const Variable<T>& x) {
  const auto w = weight.beside(x);
  return (bias ? autodiff::convolve(x, w, bias->beside(x), options_) : autodiff::convolve(x, w, options_)).named("a");
}

template <Real T, std::size_t Axes>
void Conv<T, Axes>::members(Members<T>& m) {
  m("weight", weight, "W");
  m("bias", bias, "b");
}

template <Real T, std::size_t Axes>
std::string Conv<T, Axes>::kind() const {
  return name_of("Conv", Axes);
}

template <Real T, std::size_t Axes>
ConvTranspose<T, Axes>::ConvTranspose(std::size_t inputs, std::size_t outputs, const PerAxis& kernel,
                                      ConvTransposeOptions options)
    : weight(weight_shape(name_of("conv_transpose", Axes), inputs, outputs, options.groups, kernel, Axes),
             or_by_fan(std::move(options.weights),
                       weight_shape(name_of("conv_transpose", Axes), inputs, outputs, options.groups, kernel, Axes))),
      bias(bias_of<T>(outputs, options.bias, std::move(options.biases), weight.shape())),
      options_{options.stride,   options.padding, options.output_padding,
               options.dilation, options.groups,  options.layout} {}

template <Real T, std::size_t Axes>
Variable<T> ConvTranspose<T, Axes>::forward(const Variable<T>& x) {
  auto y = autodiff::convolve_transposed(x, weight.beside(x), options_);
  if (bias) {
    Shape shape(options_.layout == autodiff::ImageLayout::channels_first ? 1 + Axes : 1, 1);
    shape[0] = bias->size();
    y = y + reshape(bias->beside(x), shape);
  }
  return y.named("a");
}

template <Real T, std::size_t Axes>
void ConvTranspose<T, Axes>::members(Members<T>& m) {
  m("weight", weight, "W");
  m("bias", bias, "b");
}

template <Real T, std::size_t Axes>
std::string ConvTranspose<T, Axes>::kind() const {
  return name_of("ConvTranspose", Axes);
}

#define NN_CONVOLUTIONS(T, Axes) \
  template class Conv<T, Axes>;  \
  template class ConvTranspose<T, Axes>;
NN_CONVOLUTIONS(float, 1)
NN_CONVOLUTIONS(float, 2)
NN_CONVOLUTIONS(float, 3)
NN_CONVOLUTIONS(double, 1)
NN_CONVOLUTIONS(double, 2)
NN_CONVOLUTIONS(double, 3)

}  // namespace nn
