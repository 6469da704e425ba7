// Networks as files of ONNX, which other programs run, and networks of other programs: https://onnx.ai.
#pragma once

#include <filesystem>
#include <memory>
#include <nn/model/module.hpp>
#include <span>
#include <string>
#include <vector>

namespace nn {

/// Writes what a model computes in inference as a model of ONNX, operators of version 17. `input` is the shape of a
/// batch, such as (1, 64), of which the file's model takes any number of samples. Parameters keep their names;
/// what goes in and out is "input" and "output", or of several "input0", "input1", ...
///
/// Throws what forward throws; what autodiff::to_onnx throws, as for an operation without a counterpart in ONNX;
/// ValueError where forward uses the number of samples as a number, as a mean over samples does; and DataError where
/// the file cannot be written. The old file is then left as it was, and the modes of all modules are as before.
template <Real T>
void save_onnx(Module<T>& model, const std::filesystem::path& path, std::span<const Shape> inputs);
template <Real T>
void save_onnx(Module<T>& model, const std::filesystem::path& path, const Shape& input) {
  save_onnx(model, path, std::span(&input, 1));
}

namespace detail {
template <Real T>
struct OnnxGraph;
}  // namespace detail

/// A network that was read from a file of ONNX: its arrays of numbers are parameters, with '.' in their names as '_',
/// which train like others; it computes as in inference. So statistics of a BatchNormalization stay as they are.
template <Real T = float>
class OnnxModel : public Module<T> {
 public:
  /// Reads a file with operators of versions 7 to 21, of which these are known: arithmetic, comparisons, elementary and
  /// activation functions, Gemm, MatMul, Conv, pooling, normalisations, Softmax and LogSoftmax, reductions, and those
  /// that change shapes. Numbers become T, whole ones, too, unless the file alone and shapes say what they are. Throws
  /// DataError, which says where, for a file that is damaged, or an operator that is not known; forward throws it for
  /// one that is used in a way that is not, as with too large a result.
  explicit OnnxModel(const std::filesystem::path& path);

  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;
  /// Names of what it takes and gives.
  const std::vector<std::string>& inputs() const;
  const std::vector<std::string>& outputs() const;

 private:
  std::shared_ptr<const detail::OnnxGraph<T>> graph_;
  std::vector<Parameter<T>> parameters_;
};

extern template class OnnxModel<float>;
extern template class OnnxModel<double>;

}  // namespace nn
