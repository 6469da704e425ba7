// Convolutions, and their transposes, as layers.
#pragma once

#include <nn/model/module.hpp>
#include <optional>

namespace nn {

struct ConvOptions {
  /// As of autodiff::ConvolveOptions.
  autodiff::PerAxis stride = 1;
  autodiff::Padding padding = 0;  // numbers, "same" or "valid"
  autodiff::PerAxis dilation = 1;
  std::size_t groups = 1;
  bool bias = true;  // whether each output has one
  autodiff::ImageLayout layout = autodiff::ImageLayout::channels_first;
  /// What they start from; where nothing is said, uniform within 1 / sqrt(fan), as in PyTorch, where the fan is the
  /// number of inputs that each output is computed from.
  Initialiser weights = {}, biases = {};
};

struct ConvTransposeOptions {
  /// As of autodiff::ConvolveTransposedOptions.
  autodiff::PerAxis stride = 1;
  autodiff::PerAxis padding = 0;
  autodiff::PerAxis output_padding = 0;
  autodiff::PerAxis dilation = 1;
  std::size_t groups = 1;
  bool bias = true;  // whether each output has one
  autodiff::ImageLayout layout = autodiff::ImageLayout::channels_first;
  Initialiser weights = {}, biases = {};  // as of ConvOptions
};

/// The convolution of images (samples, inputs, space...) with a kernel of these lengths, to (samples, outputs,
/// places...): see autodiff::convolve. Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied
/// to document recognition", Proceedings of the IEEE 86, 1998.
///
/// `weight` is (outputs, inputs / groups, kernel...) and `bias`, where there is one, (outputs), both as in PyTorch. The
/// node is named "a". Throws ValueError where inputs or outputs are none or no multiple of the groups, and ShapeError
/// for a kernel of other axes; calling it throws what convolve throws.
template <Real T, std::size_t Axes>
class Conv : public Module<T> {
 public:
  Conv(std::size_t inputs, std::size_t outputs, const autodiff::PerAxis& kernel, ConvOptions options = {});
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;
  std::string kind() const override;

  Parameter<T> weight;               // as said above
  std::optional<Parameter<T>> bias;  // where there is one

 private:
  autodiff::ConvolveOptions options_;
};

/// The transpose of a convolution, which makes larger images of small ones: see autodiff::convolve_transposed. M.
/// Zeiler, D. Krishnan, G. Taylor and R. Fergus, "Deconvolutional networks", CVPR 2010.
///
/// `weight` is (inputs, outputs / groups, kernel...), as in PyTorch. Throws what Conv throws, of convolve_transposed.
template <Real T, std::size_t Axes>
class ConvTranspose : public Module<T> {
 public:
  ConvTranspose(std::size_t inputs, std::size_t outputs, const autodiff::PerAxis& kernel,
                ConvTransposeOptions options = {});
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;
  std::string kind() const override;

  Parameter<T> weight;               // as said above
  std::optional<Parameter<T>> bias;  // where there is one

 private:
  autodiff::ConvolveTransposedOptions options_;
};

template <Real T = float>
using Conv1d = Conv<T, 1>;
template <Real T = float>
using Conv2d = Conv<T, 2>;
template <Real T = float>
using Conv3d = Conv<T, 3>;
template <Real T = float>
using ConvTranspose1d = ConvTranspose<T, 1>;
template <Real T = float>
using ConvTranspose2d = ConvTranspose<T, 2>;
template <Real T = float>
using ConvTranspose3d = ConvTranspose<T, 3>;

extern template class Conv<float, 1>;
extern template class Conv<float, 2>;
extern template class Conv<float, 3>;
extern template class Conv<double, 1>;
extern template class Conv<double, 2>;
extern template class Conv<double, 3>;
extern template class ConvTranspose<float, 1>;
extern template class ConvTranspose<float, 2>;
extern template class ConvTranspose<float, 3>;
extern template class ConvTranspose<double, 1>;
extern template class ConvTranspose<double, 2>;
extern template class ConvTranspose<double, 3>;

}  // namespace nn
