// Steps whose batch is made of shards: one program finds what each of them has of the gradients, and another one makes
// the update of their sums.
#include <algorithm>
#include <cmath>
#include <nn/model/shard.hpp>
#include <nn/optim/record_step.hpp>
#include <nn/parallel/hand_over.hpp>
#include <nn/parallel/shard_sums.hpp>

#include "judge.hpp"
#include "training_step.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

/// The trained parameters in the order in which a sweep comes to their gradients, as far as that is known.
std::size_t backwards(std::size_t k, std::size_t count) { return count - 1 - k; }

/// The states of a model, as numbers one behind the other.
template <Real T>
std::vector<T> values_of(const std::vector<Named<T>>& states) {
  std::vector<T> values;
  for (const auto& [name, state] : states) values.insert(values.end(), state.value().begin(), state.value().end());
  return values;
}

template <Real T>
void assign(const std::vector<Named<T>>& states, const T* values) {
  for (const auto& [name, state] : states) {
    auto value = autodiff::uninitialised<T>(autodiff::Dims(state.shape()));
    std::copy_n(values, value.size(), value.data());
    state.assign(std::move(value));
    values += state.size();
  }
}

}  // namespace

/// Of what a shard has, then by what its loss is multiplied, or its weighted one divided, and which shard it is: hands
/// over gradients and losses.
template <Real T>
autodiff::Recording<T> TrainingStep<T>::record_shard(const std::vector<Variable<T>>& given) {
  const detail::Recorded<T> recorded(model_);
  const detail::ShardScope<T> scope(given.back());
  const auto& share = given[given.size() - 2];
  const std::vector<Variable<T>> samples(given.begin(), given.end() - 2);
  const auto states = model_.state_variables(given[0]);
  const auto parameters = trained(given[0]);
  auto outcome = detail::outcome(model_, samples, inputs_, weighted_);
  if (weighted_) outcome.divisor = share;
  auto losses = loss_(outcome);
  if (!weighted_)
    for (auto& loss : losses) loss = loss * share;
  const auto gradients = recorded_gradient(losses[0], parameters);

  autodiff::Recording<T> result;
  const auto give = [&](const Variable<T>& x, std::size_t item) {
    result.outputs.push_back(
        detail::hand_over<T>(x, share, [this, item](const T* values) { sums_->add(item, shard_, values); }));
  };
  used_.clear();
  for (const auto& gradient : gradients) used_.push_back(!detail::is_of_unused(gradient));
  for (std::size_t k = 0; k < gradients.size(); ++k) give(gradients[backwards(k, gradients.size())], k);
  for (std::size_t k = 0; k < losses.size(); ++k) give(losses[k], gradients.size() + k);
  const auto next = model_.state_variables(given[0]);
  for (std::size_t k = 0; k < states.size(); ++k) result.updates.push_back({states[k], next[k]});
  return result;
}

template <Real T>
autodiff::Recording<T> TrainingStep<T>::record_update(const std::vector<Variable<T>>& sums) {
  const auto parameters = trained(sums[0]);
  std::vector<Variable<T>> gradients;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const auto& shape = parameters[k].shape();
    const auto& place = sums_->place(backwards(k, parameters.size()));
    const auto at = static_cast<std::ptrdiff_t>(place.offset), size = static_cast<std::ptrdiff_t>(place.size);
    gradients.push_back(used_[k] ? reshape(take_range(sums[place.bucket], 0, at, at + size),
                                           std::vector<std::ptrdiff_t>(shape.begin(), shape.end()))
                                 : sums[0].tape().constant(Array<T>(xt::zeros<T>(shape))));
  }
  return {{}, record_updates(parameters, gradients)};
}

template <Real T>
void TrainingStep<T>::begin_shards() {
  std::vector<std::size_t> sizes;
  std::size_t k = 0;
  for (const auto& [name, parameter] : model_.parameters())
    if (trains_[k++].second) sizes.insert(sizes.begin(), parameter.size());
  sizes.insert(sizes.end(), 1 + loss_.parts().size(), 1);
  sums_ = std::make_unique<detail::ShardSums<T>>(ranks(), sizes);
}

template <Real T>
void TrainingStep<T>::check_shard(const Batch<T>& batch) {
  const std::size_t given = batch.inputs.size() + batch.targets.size() + batch.weights.has_value();
  if (given_ != 0 && (batch.inputs.size() != inputs_ || batch.weights.has_value() != weighted_ || given != given_))
    fail<ValueError>("training_step",
                     "batches of one step have all as many inputs and targets, with weights or "
                     "without: make another step");
  inputs_ = batch.inputs.size(), weighted_ = batch.weights.has_value(), given_ = given;
}

/// The samples, or the sum of their weights in the order of the shards.
template <Real T>
double TrainingStep<T>::total_weight(const detail::ShardTree& tree, std::size_t samples, const Rows& rows) {
  if (given_ == 0) check_shard(rows(0, 1));  // also a rank without a shard knows what batches are like
  if (!weighted_) return static_cast<double>(samples);
  const auto mine = tree.part_of(ranks().rank(), ranks().size());
  std::vector<double> weights;
  for (std::size_t shard = mine.begin; shard < mine.end; ++shard) {
    const auto part = tree.samples_of(shard, samples);
    weights.push_back(rows(part.begin, part.end).weight());
  }
  double total = 0;
  for (const double weight : detail::gather_shards(ranks(), tree, weights, 1)) total += weight;
  return total;
}

template <Real T>
void TrainingStep<T>::run_shards(std::size_t samples, const Rows& rows) {
  const auto& tree = sums_->tree();
  const auto mine = tree.part_of(ranks().rank(), ranks().size());
  const auto states = model_.states();
  const auto before = values_of(states);
  std::vector<T> after;
  Array<T> share(autodiff::Shape{}), number(autodiff::Shape{});
  const auto run = [&](const Batch<T>& batch, bool only_prepare) {
    auto given = batch.arrays();
    given.push_back(&share), given.push_back(&number);
    if (!only_prepare) return void(program_.run(given));
    std::vector<Array<T>> copies;
    for (const auto* array : given) copies.push_back(*array);
    program_.prepare(copies);
  };
  for (shard_ = mine.begin; shard_ < mine.end; ++shard_) {
    const auto part = tree.samples_of(shard_, samples);
    const auto& batch = rows(part.begin, part.end);
    check_shard(batch);
    const auto size = static_cast<double>(part.end - part.begin);
    share() = static_cast<T>(weighted_ ? weight_ : size / static_cast<double>(samples));
    number() = static_cast<T>(shard_);
    run(batch, false);
    if (states.empty()) continue;
    const auto next = values_of(states);
    after.insert(after.end(), next.begin(), next.end());
    assign(states, before.data());
  }
  if (used_.empty()) run(rows(0, 1), true);  // a rank without a shard has to know what the update is of
  sums_->finish();
  if (!states.empty()) mix_states(after, samples);
}

/// The mean over the samples of what shards have made of the states; where it is the same, this.
template <Real T>
void TrainingStep<T>::mix_states(const std::vector<T>& of_shards, std::size_t samples) {
  const auto states = model_.states();
  std::size_t each = 0;
  for (const auto& [name, state] : states) each += state.size();
  const auto& tree = sums_->tree();
  const auto all = detail::gather_shards(ranks(), tree, of_shards, each);
  std::vector<T> mean(each);
  for (std::size_t i = 0; i < each; ++i) {
    double sum = 0;
    bool same = true;
    for (std::size_t shard = 0; shard < tree.shards(); ++shard) {
      const auto part = tree.samples_of(shard, samples);
      const T value = all[shard * each + i];
      same = same && value == all[i];
      sum += static_cast<double>(part.end - part.begin) * static_cast<double>(value);
    }
    mean[i] = same ? all[i] : static_cast<T>(sum / static_cast<double>(samples));
  }
  assign(states, mean.data());
}

template <Real T>
T TrainingStep<T>::operator()(std::size_t samples, const Rows& rows) {
  if (options_.shards == 0) fail<ValueError>("training_step", "has no shards: give it the whole batch");
  if (samples == 0) fail<ValueError>("training_step", "a batch needs samples");
  look_at_model();
  if (!sums_) begin_shards();
  const detail::ShardTree tree(std::min(options_.shards, samples));
  try {
    weight_ = total_weight(tree, samples, rows);
    if (weight_ == 0) return 0;
    sums_->begin(tree);
    run_shards(samples, rows);
  } catch (...) {
    sums_.reset();
    if (ranks().size() > 1) ranks().give_up();
    throw;
  }
  return update();
}

/// The step itself, once all sums are known; gives the loss.
template <Real T>
T TrainingStep<T>::update() {
  if (!update_) update_.emplace([this](Tape&, const auto& sums) { return record_update(sums); }, options_.compile);
  std::vector<const Array<T>*> given;
  for (std::size_t bucket = 0; bucket < sums_->buckets(); ++bucket) given.push_back(&sums_->sums(bucket));
  update_->run(given);
  std::vector<T> losses;
  for (std::size_t k = 0; k <= loss_.parts().size(); ++k) {
    const auto& place = sums_->place(used_.size() + k);
    losses.push_back(sums_->sums(place.bucket).data()[place.offset]);
  }
  parts_.assign(losses.begin() + 1, losses.end());
  return losses[0];
}

template <Real T>
Traffic TrainingStep<T>::traffic() const {
  return sums_ ? sums_->traffic() : Traffic{};
}

#define NN_SHARDED_STEP(T)                                                                              \
  using Rows##T = std::function<const Batch<T>&(std::size_t, std::size_t)>;                             \
  template autodiff::Recording<T> TrainingStep<T>::record_shard(const std::vector<Variable<T>>&);       \
  template autodiff::Recording<T> TrainingStep<T>::record_update(const std::vector<Variable<T>>&);      \
  template void TrainingStep<T>::begin_shards();                                                        \
  template void TrainingStep<T>::check_shard(const Batch<T>&);                                          \
  template double TrainingStep<T>::total_weight(const detail::ShardTree&, std::size_t, const Rows##T&); \
  template void TrainingStep<T>::run_shards(std::size_t, const Rows##T&);                               \
  template void TrainingStep<T>::mix_states(const std::vector<T>&, std::size_t);                        \
  template T TrainingStep<T>::update();                                                                 \
  template T TrainingStep<T>::operator()(std::size_t, const Rows##T&);                                  \
  template Traffic TrainingStep<T>::traffic() const;
NN_SHARDED_STEP(float)
NN_SHARDED_STEP(double)

}  // namespace nn
