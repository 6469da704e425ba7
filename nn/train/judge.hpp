// What a loss makes of a model: for steps, evaluation and checks, which all record it.
#pragma once

#include <nn/data/batch.hpp>
#include <nn/model/losses.hpp>
#include <nn/model/module.hpp>
#include <nn/model/visit.hpp>

namespace nn::detail {

/// While it lives, the model works as in training. In the end its states are what they were: recording a step takes
/// none.
template <Real T>
class Recorded {
 public:
  explicit Recorded(Module<T>& model) : states_(model.states()), mode_(model, true) {
    for (const auto& [name, state] : states_) values_.push_back(state.plain());
  }
  ~Recorded() {
    for (std::size_t i = 0; i < states_.size(); ++i) states_[i].parameter.assign(values_[i]);
  }
  Recorded(const Recorded&) = delete;

 private:
  std::vector<Named<T>> states_;
  std::vector<Variable<T>> values_;
  InMode<T> mode_;
};

/// Some of the samples of a batch.
template <Real T>
Batch<T> rows_of(const Batch<T>& batch, std::size_t begin, std::size_t end) {
  const auto part = [&](const Array<T>& all) {
    auto shape = all.shape();
    shape[0] = end - begin;
    auto rows = autodiff::uninitialised<T>(autodiff::Dims(shape));
    const std::size_t each = all.size() / all.shape(0);
    std::copy_n(all.data() + begin * each, rows.size(), rows.data());
    return rows;
  };
  Batch<T> result;
  for (const auto& input : batch.inputs) result.inputs.push_back(part(input));
  for (const auto& target : batch.targets) result.targets.push_back(part(target));
  if (batch.weights) result.weights = part(*batch.weights);
  return result;
}

/// What the model gives for all that is given, inputs first, then targets, then weights if there are any.
template <Real T, class Part = std::identity>
Outcome<T> outcome(Module<T>& model, const std::vector<Variable<T>>& given, std::size_t inputs, bool weighted,
                   Part part = {}) {
  Outcome<T> result;
  const std::size_t targets = given.size() - (weighted ? 1 : 0);
  for (std::size_t k = 0; k < targets; ++k) (k < inputs ? result.inputs : result.targets).push_back(part(given[k]));
  if (weighted) result.weights = part(given.back());
  if (weighted && !std::same_as<Part, std::identity>) result.divisor = sum(given.back());
  result.predictions = model(result.inputs);
  return result;
}

/// The loss of it, and the parts of the loss.
template <Real T, class Part = std::identity>
std::vector<Variable<T>> judge(Module<T>& model, const Loss<T>& loss, const std::vector<Variable<T>>& given,
                               std::size_t inputs, bool weighted, Part part = {}) {
  return loss(outcome(model, given, inputs, weighted, part));
}

/// Throws ValueError for a batch without inputs, ShapeError for arrays that have not a row a sample, and one or the
/// other for weights that are not one a sample, negative, not finite or all 0.
template <Real T>
void check_batch(std::string_view caller, const Batch<T>& batch) {
  if (batch.inputs.empty()) autodiff::fail<autodiff::ValueError>(caller, "a batch needs inputs");
  for (const auto* list : {&batch.inputs, &batch.targets})
    for (const auto& array : *list)
      if (array.dimension() == 0 || array.shape(0) != batch.size())
        autodiff::fail<autodiff::ShapeError>(caller,
                                             "needs a row a sample in all arrays: ", autodiff::Dims(array.shape()),
                                             " for ", batch.size(), " samples");
  if (!batch.weights) return;
  if (batch.weights->dimension() != 1 || batch.weights->size() != batch.size())
    autodiff::fail<autodiff::ShapeError>(caller, "needs a weight a sample: ", autodiff::Dims(batch.weights->shape()),
                                         " for ", batch.size(), " samples");
  for (const T weight : *batch.weights)
    if (!(weight >= 0)) autodiff::fail<autodiff::ValueError>(caller, "weights must not be negative: ", weight);
  if (const double sum = batch.weight(); !(sum > 0) || std::isinf(sum))
    autodiff::fail<autodiff::ValueError>(caller, "the weights of a batch must be finite, and not all 0");
}

}  // namespace nn::detail
