#include "evaluate.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nn/data/batch_arrays.hpp>
#include <nn/model/visit.hpp>
#include <numeric>
#include <span>

#include "judge.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

template <Real T>
Evaluator<T>::Evaluator(Module<T>& model, Loss<T> loss, const autodiff::CompileOptions& options)
    : model_(model), loss_(std::move(loss)), options_(options), predict_(program(false)), judge_(program(true)) {}

/// Gives all predictions and, if they are judged, behind them the loss and its parts.
template <Real T>
autodiff::ShapedProgram<T> Evaluator<T>::program(bool judged) {
  const auto record = [this, judged](autodiff::Tape<T>&, const std::vector<Variable<T>>& given) {
    const detail::InMode<T> inference(model_, false);
    if (!judged) return autodiff::Recording<T>{model_(given), {}};
    const auto outcome = detail::outcome(model_, given, inputs_, weighted_);
    auto outputs = outcome.predictions;
    for (auto& each : loss_(outcome)) outputs.push_back(std::move(each));
    return autodiff::Recording<T>{std::move(outputs), {}};
  };
  return autodiff::ShapedProgram<T>(record, options_);
}

template <Real T>
void Evaluator<T>::look_at_model() {
  if (made_for_ && made_for_->still(model_)) return;
  predict_ = program(false), judge_ = program(true);
  made_for_ = std::make_shared<const detail::Everything<T>>(model_);
}

template <Real T>
const Array<T>& Evaluator<T>::operator()(const Array<T>& inputs) {
  look_at_model();
  const auto& predictions = predict(std::array{&inputs});
  if (predictions.size() != 1)
    fail<ValueError>("evaluate", "the model gives ", predictions.size(),
                     " results: ask for all, by a vector of inputs");
  return predictions[0];
}

template <Real T>
const std::vector<Array<T>>& Evaluator<T>::operator()(const std::vector<Array<T>>& inputs) {
  look_at_model();
  return predict(Batch<T>{inputs, {}}.arrays());
}

template <Real T>
const std::vector<Array<T>>& Evaluator<T>::predict(std::span<const Array<T>* const> inputs) {
  if (predicts_ != inputs.size()) predict_ = program(false);
  predicts_ = inputs.size();
  return predict_.run(inputs);
}

template <Real T>
Shape Evaluator<T>::shape_of(const std::vector<Shape>& inputs) {
  const detail::InMode<T> inference(model_, false);
  autodiff::Tape<T> tape(autodiff::TapeMode::abstract);
  std::vector<Variable<T>> entered;
  for (const auto& shape : inputs) entered.push_back(tape.input(shape));
  return model_(entered)[0].shape();
}

namespace {

/// The rows of batches, one after the other, as one array.
template <Real T>
class Gathered {
 public:
  explicit Gathered(std::size_t samples) : samples_(samples) {}
  void add(const Array<T>& rows, std::size_t of_batch) {
    if (rows.dimension() == 0 || rows.shape(0) != of_batch)
      fail<autodiff::ShapeError>("evaluate", "a model must give as many predictions as there are samples: ",
                                 autodiff::Dims(rows.shape()), " for ", of_batch);
    const auto of_sample = [](const Array<T>& all) { return autodiff::Dims(all.shape()).subspan(1); };
    if (filled_ > 0 && !std::ranges::equal(of_sample(rows), of_sample(all_)))
      fail<autodiff::ShapeError>("evaluate", "a model must give as much for each sample, in every batch: ",
                                 autodiff::Dims(rows.shape()), " after ", autodiff::Dims(all_.shape()));
    if (filled_ == 0) {
      Shape shape = rows.shape();
      shape[0] = samples_;
      all_ = autodiff::uninitialised<T>(autodiff::Dims(shape));
    }
    std::ranges::copy(rows, all_.data() + filled_);
    filled_ += rows.size();
  }
  Array<T> take() { return std::move(all_); }

 private:
  std::size_t samples_, filled_ = 0;
  Array<T> all_;
};

}  // namespace

template <Real T>
Evaluation<T> Evaluator<T>::operator()(Source<T>& data, std::size_t batch) {
  const std::size_t samples = data.size();
  if (batch == 0 || samples == 0)
    fail<ValueError>("evaluate", "needs samples, and at least one in a batch: ", samples, " and ", batch);
  look_at_model();
  if (inputs_ != data.input_shapes().size() || targets_ != data.target_shapes().size() || weighted_ != data.weighted())
    judge_ = program(true);
  inputs_ = data.input_shapes().size(), targets_ = data.target_shapes().size(), weighted_ = data.weighted();

  const std::size_t results = loss_ ? 1 + loss_.parts().size() : 0;
  std::vector<double> totals(results);
  std::vector<Gathered<T>> predictions, targets;
  double weight = 0;
  BatchArrays<T> arrays(data);
  std::vector<std::size_t> numbers;
  for (std::size_t begin = 0; begin < samples; begin += numbers.size()) {
    numbers.resize(std::min(batch, samples - begin));
    std::iota(numbers.begin(), numbers.end(), begin);
    const auto& part = arrays(numbers);
    const auto given = part.arrays();
    for (const auto& target : part.targets) loss_.check(target);
    const auto& outputs = loss_ ? judge_.run(given) : predict(std::span(given).first(inputs_));
    predictions.resize(outputs.size() - results, Gathered<T>(samples));
    targets.resize(part.targets.size(), Gathered<T>(samples));
    for (std::size_t k = 0; k < predictions.size(); ++k) predictions[k].add(outputs[k], numbers.size());
    for (std::size_t k = 0; k < targets.size(); ++k) targets[k].add(part.targets[k], numbers.size());
    const double share = part.weight();
    weight += share;
    for (std::size_t k = 0; k < results && share > 0; ++k)
      totals[k] += static_cast<double>(*outputs[predictions.size() + k].data()) * share;
  }

  if (loss_ && weight == 0) fail<ValueError>("evaluate", "the weights of all samples are 0");
  Evaluation<T> result;
  result.predictions = predictions[0].take(), result.targets = targets[0].take();
  for (std::size_t k = 1; k < predictions.size(); ++k) result.further_predictions.push_back(predictions[k].take());
  for (std::size_t k = 1; k < targets.size(); ++k) result.further_targets.push_back(targets[k].take());
  result.loss = loss_ ? totals[0] / weight : std::numeric_limits<double>::quiet_NaN();
  for (std::size_t k = 1; k < results; ++k) result.parts.push_back(totals[k] / weight);
  return result;
}

template <Real T>
std::vector<double> permutation_importance(Evaluator<T>& model, const Dataset<T>& data,
                                           const std::vector<std::vector<std::size_t>>& groups,
                                           const std::function<double(const Array<T>&, const Array<T>&)>& score,
                                           std::size_t repeats, std::uint64_t seed) {
  if (repeats == 0) fail<ValueError>("permutation_importance", "needs a shuffle at least");
  const std::size_t features = data.features(), samples = data.size();
  const auto score_of = [&](const Dataset<T>& of) {
    MemorySource<T> source(of);
    const auto result = model(source);
    return score(result.predictions, result.targets);
  };
  const double before = score_of(data);
  Random random(seed, "permutation_importance");
  std::vector<double> result;
  for (const auto& group : groups) {
    detail::check_numbers("permutation_importance", group, features);
    double loss = 0;
    for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
      auto shuffled = data;
      const auto order = random.permutation(samples);
      for (std::size_t i = 0; i < samples; ++i)
        for (const std::size_t j : group)
          shuffled.inputs.data()[i * features + j] = data.inputs.data()[order[i] * features + j];
      loss += before - score_of(shuffled);
    }
    result.push_back(loss / static_cast<double>(repeats));
  }
  return result;
}

#define NN_EVALUATE(T)                                                                \
  template class Evaluator<T>;                                                        \
  template std::vector<double> permutation_importance(                                \
      Evaluator<T>&, const Dataset<T>&, const std::vector<std::vector<std::size_t>>&, \
      const std::function<double(const Array<T>&, const Array<T>&)>&, std::size_t, std::uint64_t);
NN_EVALUATE(float)
NN_EVALUATE(double)

}  // namespace nn
