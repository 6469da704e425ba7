#include "training_step.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nn/model/visit.hpp>
#include <nn/optim/clipping.hpp>
#include <nn/optim/record_step.hpp>
#include <nn/parallel/shard_sums.hpp>

#include "judge.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

template <Real T>
TrainingStep<T>::TrainingStep(Module<T>& model, Optimiser<T>& optimiser, Loss<T> loss, const StepOptions& options)
    : model_(model), optimiser_(optimiser), loss_(std::move(loss)), options_(options), program_(program()) {
  if (model.parameters().empty())
    fail<ValueError>("training_step", "the model lists no parameters in members(): there is nothing to train");
  for (const auto& [name, parameter] : model.parameters()) trains_.emplace_back(name, parameter.trainable());
  made_for_ = std::make_shared<const detail::Everything<T>>(model);
  optimiser_changes_ = optimiser.changes();
  if (std::ranges::none_of(trains_, [](const auto& entry) { return entry.second; }))
    fail<ValueError>("training_step", "all parameters of the model are frozen: there is nothing to train");
  optimiser.check_groups(model);
  if (options.parts == 0) fail<ValueError>("training_step", "a batch has at least one part");
  for (const double limit : {options.clip_norm, options.clip_value})
    if (!(limit >= 0) || std::isinf(limit))
      fail<ValueError>("training_step", "limits of gradients must be finite and not negative: ", limit);
  if (options.shards > 0 && options.parts > 1)
    fail<ValueError>("training_step", "a batch has parts or shards, not both");
  if (options.split_slots && options.shards == 0)
    fail<ValueError>("training_step", "slots are split where batches have shards only");
  if (ranks().size() > std::max<std::size_t>(options.shards, 1))
    fail<ValueError>("training_step", "each of ", ranks().size(),
                     " ranks needs a shard of the batch at least (option shards): there are ", options.shards);
}

template <Real T>
TrainingStep<T>::~TrainingStep() = default;

template <Real T>
std::vector<Variable<T>> TrainingStep<T>::trained(const Variable<T>& beside) {
  std::vector<Variable<T>> parameters;
  for (std::size_t k = 0; const auto& variable : model_.variables(beside))
    if (trains_[k++].second) parameters.push_back(variable);
  return parameters;
}

template <Real T>
autodiff::Recording<T> TrainingStep<T>::record(const std::vector<Variable<T>>& given) {
  const detail::Recorded<T> recorded(model_);
  const auto states = model_.state_variables(given[0]);
  const auto parameters = trained(given[0]);

  const std::size_t samples = given[0].dimension() == 0 ? 1 : given[0].shape(0);
  const std::size_t parts = std::clamp<std::size_t>(options_.parts, 1, std::max<std::size_t>(samples, 1));
  std::vector<Variable<T>> losses, gradients;
  const auto add = [](std::vector<Variable<T>>& to, const std::vector<Variable<T>>& terms) {
    if (to.empty()) return void(to = terms);
    for (std::size_t k = 0; k < to.size(); ++k) to[k] = to[k] + terms[k];
  };
  for (std::size_t i = 0; i < parts; ++i) {
    const auto from = static_cast<std::ptrdiff_t>(i * samples / parts);
    const auto to = static_cast<std::ptrdiff_t>((i + 1) * samples / parts);
    const auto part = [&](const Variable<T>& x) { return take_range(x, 0, from, to); };
    auto shares = parts == 1 ? detail::judge(model_, loss_, given, inputs_, weighted_)
                             : detail::judge(model_, loss_, given, inputs_, weighted_, part);
    if (parts > 1 && !weighted_)
      for (auto& share : shares) share = share * (static_cast<double>(to - from) / static_cast<double>(samples));
    add(losses, shares);
    add(gradients, recorded_gradient(shares[0], parameters));
  }
  auto clipped = gradients;
  if (options_.clip_value > 0) clipped = clip_value(clipped, options_.clip_value);
  if (options_.clip_norm > 0) clipped = clip_norm(clipped, options_.clip_norm);
  for (std::size_t k = 0; k < gradients.size(); ++k)
    if (detail::is_of_unused(gradients[k])) clipped[k] = gradients[k];

  autodiff::Recording<T> result{losses, record_step(optimiser_, parameters, clipped)};
  const auto next = model_.state_variables(given[0]);
  for (std::size_t k = 0; k < states.size(); ++k) result.updates.push_back({states[k], next[k]});
  return result;
}

template <Real T>
autodiff::ShapedProgram<T> TrainingStep<T>::program() {
  return autodiff::ShapedProgram<T>(
      [this](Tape&, const auto& given) { return options_.shards > 0 ? record_shard(given) : record(given); },
      options_.compile);
}

/// What was assigned where it is may compute something else, and so is recorded anew.
template <Real T>
void TrainingStep<T>::look_at_model() {
  if (made_for_->still(model_) && optimiser_changes_ == optimiser_.changes()) return;
  if (!made_for_->same(model_)) refuse_model();
  optimiser_.check_groups(model_);
  made_for_ = std::make_shared<const detail::Everything<T>>(model_);
  optimiser_changes_ = optimiser_.changes();
  program_ = program();
  update_.reset();
}

template <Real T>
void TrainingStep<T>::refuse_model() {
  std::size_t k = 0;
  for (const auto& [name, parameter] : model_.parameters())
    if (k == trains_.size() || trains_[k++].first != name)
      fail<ValueError>("training_step", "the model has other parameters than when the step was made, \"", name,
                       "\" among them: make a new step");
  if (k < trains_.size())
    fail<ValueError>("training_step", "the model has no parameter \"", trains_[k].first,
                     "\" any more: make a new step");
  fail<ValueError>("training_step", "the model has other modules than when the step was made: make a new step");
}

template <Real T>
T TrainingStep<T>::run(std::size_t inputs, bool weighted, std::span<const Array<T>* const> given) {
  look_at_model();
  if (given_ != 0 && (inputs != inputs_ || weighted != weighted_ || given.size() != given_))
    fail<ValueError>(
        "training_step",
        "batches of one step have all as many inputs and targets, with weights or without: ", "make another step");
  for (std::size_t k = inputs; k + weighted < given.size(); ++k) loss_.check(*given[k]);
  inputs_ = inputs, weighted_ = weighted;
  const auto& losses = program_.run(given);
  given_ = given.size();  // which holds for all that follow, once it was right
  parts_.resize(losses.size() - 1);
  for (std::size_t k = 0; k < parts_.size(); ++k) parts_[k] = *losses[k + 1].data();
  return *losses[0].data();
}

template <Real T>
T TrainingStep<T>::operator()(const Array<T>& inputs, const Array<T>& targets) {
  if (options_.shards > 0) return (*this)(Batch<T>{{inputs}, {targets}});
  return run(1, false, std::array{&inputs, &targets});
}

template <Real T>
T TrainingStep<T>::operator()(const Batch<T>& batch) {
  if (options_.shards > 0) {
    Batch<T> part;
    return or_give_up([&] {
      detail::check_batch("training_step", batch);
      return (*this)(batch.size(), [&](std::size_t begin, std::size_t end) -> const Batch<T>& {
        return part = detail::rows_of(batch, begin, end);
      });
    });
  }
  detail::check_batch("training_step", batch);
  weight_ = batch.weight();
  return run(batch.inputs.size(), batch.weights.has_value(), batch.arrays());
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace nn
