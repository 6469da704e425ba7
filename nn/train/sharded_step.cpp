// Steps whose batch is made of shards: one program finds what each of them has of the gradients, and another one makes
// the update of their sums.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
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

/// Of the sums, and the factor that holds their norm to its limit: the updates that this rank makes.
template <Real T>
autodiff::Recording<T> TrainingStep<T>::record_update(const std::vector<Variable<T>>& given) {
  const auto all = trained(given[0]);
  std::vector<Variable<T>> parameters, gradients;
  for (std::size_t k = 0; k < all.size(); ++k) {
    const std::size_t item = backwards(k, all.size());
    if (!is_mine(item)) continue;
    const auto& shape = all[k].shape();
    const auto& place = sums_->place(item);
    const auto at = static_cast<std::ptrdiff_t>(place.offset), size = static_cast<std::ptrdiff_t>(place.size);
    parameters.push_back(all[k]);
    if (!used_[k]) {
      gradients.push_back(given[0].tape().constant(Array<T>(xt::zeros<T>(shape))));
      continue;
    }
    auto gradient = reshape(take_range(given[place.bucket], 0, at, at + size),
                            std::vector<std::ptrdiff_t>(shape.begin(), shape.end()));
    if (options_.clip_value > 0) gradient = clip(gradient, -options_.clip_value, options_.clip_value);
    if (options_.clip_norm > 0) gradient = gradient * given.back();
    gradients.push_back(gradient);
  }
  return {{}, record_step(optimiser_, parameters, gradients)};
}

template <Real T>
void TrainingStep<T>::begin_shards() {
  std::vector<std::size_t> sizes;
  std::vector<std::string> names;
  for (std::size_t k = 0; const auto& [name, parameter] : model_.parameters())
    if (trains_[k++].second) sizes.insert(sizes.begin(), parameter.size()), names.insert(names.begin(), name);
  owners_.clear();
  if (options_.split_slots) {
    std::size_t all = 0, before = 0;
    for (const std::size_t size : sizes) all += size;
    for (const std::size_t size : sizes) {
      owners_.push_back((before + size / 2) * ranks().size() / std::max<std::size_t>(all, 1));
      before += size;
    }
    for (std::size_t item = 0; item < names.size(); ++item)
      if (!is_mine(item)) optimiser_.slots().erase(names[item]);
  }
  sizes.insert(sizes.end(), 1 + loss_.parts().size(), 1);
  sums_ = std::make_unique<detail::ShardSums<T>>(ranks(), sizes, owners_);
}

template <Real T>
std::size_t TrainingStep<T>::keeper(const std::string& parameter) const {
  std::size_t item = owners_.size();
  for (const auto& [name, is_trained] : trains_) {
    item -= item > 0 && is_trained;
    if (name == parameter && is_trained) return owners_.empty() ? 0 : owners_[item];
  }
  return 0;
}

/// By which all gradients are multiplied, as clip_norm does: the squares of each are added up in double precision by
/// who has its sum.
template <Real T>
T TrainingStep<T>::norm_factor() const {
  const double limit = options_.clip_value > 0 ? options_.clip_value : std::numeric_limits<double>::infinity();
  std::vector<double> squares(used_.size());
  for (std::size_t item = 0; item < squares.size(); ++item) {
    const auto& place = sums_->place(item);
    if (!is_mine(item) || !used_[backwards(item, used_.size())]) continue;
    const T* x = sums_->sums(place.bucket).data() + place.offset;
    for (std::size_t i = 0; i < place.size; ++i) {
      const double held = std::clamp(static_cast<double>(x[i]), -limit, limit);
      squares[item] += held * held;
    }
  }
  if (!owners_.empty() && ranks().size() > 1) {
    const auto bytes = std::as_bytes(std::span(squares));
    const auto all = ranks().gather({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    for (std::size_t item = 0; item < squares.size(); ++item)
      std::memcpy(&squares[item], all[owners_[item]].data() + item * sizeof(double), sizeof(double));
  }
  double sum = 0;
  for (const double square : squares) sum += square;
  return static_cast<T>(std::min(1.0, options_.clip_norm / (std::sqrt(sum) + 1e-6)));
}

/// To all ranks, what their owners have made of the parameters.
template <Real T>
void TrainingStep<T>::send_parameters() {
  const std::size_t ranks = this->ranks().size(), rank = this->ranks().rank();
  std::vector<std::vector<T>> values(ranks);
  const auto for_all = [&](auto f) {
    std::size_t item = owners_.size();
    for (std::size_t k = 0; auto& [name, parameter] : model_.parameters())
      if (trains_[k++].second) --item, f(owners_[item], parameter);
  };
  for_all([&](std::size_t owner, Parameter<T>& parameter) {
    auto& of_owner = values[owner];
    if (owner == rank)
      of_owner.insert(of_owner.end(), parameter.value().begin(), parameter.value().end());
    else
      of_owner.resize(of_owner.size() + parameter.size());
  });
  std::vector<autodiff::Ranks::Received> from;
  for (auto& of_owner : values) from.push_back(std::as_writable_bytes(std::span(of_owner)));
  const auto mine = values[rank];
  this->ranks().exchange(std::vector(ranks, std::as_bytes(std::span(mine))), from);
  std::vector<std::size_t> done(ranks);
  for_all([&](std::size_t owner, Parameter<T>& parameter) {
    if (owner != rank) assign<T>({{"", parameter}}, values[owner].data() + done[owner]);
    done[owner] += parameter.size();
  });
}

template <Real T>
void TrainingStep<T>::check_shard(const Batch<T>& batch) {
  const std::size_t given = batch.inputs.size() + batch.targets.size() + batch.weights.has_value();
  if (given_ != 0 && (batch.inputs.size() != inputs_ || batch.weights.has_value() != weighted_ || given != given_))
    fail<ValueError>("training_step",
                     "batches of one step have all as many inputs and targets, with weights or "
                     "without: make another step");
  for (const auto& target : batch.targets) loss_.check(target);
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
  const detail::ShardTree tree(options_.shards, samples);
  return or_give_up([&] {
    look_at_model();
    if (!sums_) begin_shards();
    weight_ = total_weight(tree, samples, rows);
    if (weight_ == 0) return T(0);
    sums_->begin(tree);
    run_shards(samples, rows);
    return update();
  });
}

/// What throws ends the step on all ranks, which would wait for this one otherwise.
template <Real T>
T TrainingStep<T>::or_give_up(const std::function<T()>& step) {
  const std::size_t given = given_;
  try {
    return step();
  } catch (...) {
    sums_.reset();
    given_ = given;
    if (ranks().size() > 1) ranks().give_up();
    throw;
  }
}

/// The step itself, once all sums are known; gives the loss.
template <Real T>
T TrainingStep<T>::update() {
  if (!update_) update_.emplace([this](Tape&, const auto& sums) { return record_update(sums); }, options_.compile);
  std::vector<const Array<T>*> given;
  for (std::size_t bucket = 0; bucket < sums_->buckets(); ++bucket) given.push_back(&sums_->sums(bucket));
  Array<T> factor(autodiff::Shape{});
  if (options_.clip_norm > 0) factor() = norm_factor(), given.push_back(&factor);
  update_->run(given);
  if (!owners_.empty() && ranks().size() > 1) send_parameters();
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
  template std::size_t TrainingStep<T>::keeper(const std::string&) const;                               \
  template T TrainingStep<T>::norm_factor() const;                                                      \
  template void TrainingStep<T>::send_parameters();                                                     \
  template T TrainingStep<T>::update();                                                                 \
  template T TrainingStep<T>::operator()(std::size_t, const Rows##T&);                                  \
  template T TrainingStep<T>::or_give_up(const std::function<T()>&);                                    \
  template Traffic TrainingStep<T>::traffic() const;
NN_SHARDED_STEP(float)
NN_SHARDED_STEP(double)

}  // namespace nn
