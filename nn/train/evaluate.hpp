// A model in inference, as a program.
#pragma once

#include <functional>
#include <nn/data/source.hpp>
#include <nn/model/losses.hpp>
#include <nn/model/module.hpp>

namespace nn {

namespace detail {
template <Real T>
class Everything;
}  // namespace detail

/// What a model makes of a data set.
template <Real T>
struct Evaluation {
  /// (samples, ...) each, in the order of the data; of several, the first.
  Array<T> predictions, targets;
  /// The mean over the samples; NaN without a loss.
  double loss;
  /// Each part of the loss, in the order of loss.parts().
  std::vector<double> parts = {};
  /// The others, where a model gives or is to give several.
  std::vector<Array<T>> further_predictions = {}, further_targets = {};
};

/// The model in inference, and a loss if one is given, recorded once for each shape of batch and run as programs. The
/// model must outlive this; it stays as it is, and what is asked of it is answered with the parameters that it has
/// then.
template <Real T>
class Evaluator {
 public:
  explicit Evaluator(Module<T>& model, Loss<T> loss = {}, const autodiff::CompileOptions& options = {});
  Evaluator(const Evaluator&) = delete;  // its programs refer to it

  /// The predictions for inputs (samples, ...), to be read until the next call. Throws what model and compile throw.
  const Array<T>& operator()(const Array<T>& inputs);
  /// All that the model gives for several inputs, likewise.
  const std::vector<Array<T>>& operator()(const std::vector<Array<T>>& inputs);
  /// All samples of the source in batches; the last one may be smaller. Throws ValueError for no samples or a batch of
  /// 0, and what model, loss and source throw.
  Evaluation<T> operator()(Source<T>& data, std::size_t batch = 256);
  /// The shape of the first predictions for inputs of these shapes; nothing is computed. Throws what the model throws.
  Shape shape_of(const std::vector<Shape>& inputs);
  /// Does nothing: the parameters are always those that the model has.
  void load() {}

 private:
  autodiff::ShapedProgram<T> program(bool judged);
  const std::vector<Array<T>>& predict(std::span<const Array<T>* const> inputs);
  void look_at_model();  // whether it has the modules that the programs were recorded with

  Module<T>& model_;
  Loss<T> loss_;
  autodiff::CompileOptions options_;
  std::shared_ptr<const detail::Everything<T>> made_for_;
  autodiff::ShapedProgram<T> predict_, judge_;  // of inputs; of all that a batch has
  std::size_t inputs_ = 0, targets_ = 0;        // of a batch to judge
  bool weighted_ = false;
  std::size_t predicts_ = 0;  // from so many inputs
};

extern template class Evaluator<float>;
extern template class Evaluator<double>;

/// How much worse a model does on samples whose features are shuffled, one group of features after the other: a group
/// is what shuffles together, such as the one-hot features of a column. For each, the mean over `repeats` shuffles of
/// score(predictions, targets) before less that after. L. Breiman, "Random Forests", Machine Learning 45, 2001. Throws
/// ValueError for a feature that does not exist and no repeats, and what evaluation throws.
template <Real T>
std::vector<double> permutation_importance(
    Evaluator<T>& model, const Dataset<T>& data, const std::vector<std::vector<std::size_t>>& groups,
    const std::function<double(const Array<T>& predictions, const Array<T>& targets)>& score, std::size_t repeats = 5,
    std::uint64_t seed = 0);

}  // namespace nn
