// What a checkpoint holds of a run of fit, and how a run goes on from there.
#include <algorithm>
#include <cmath>
#include <nn/base/data_error.hpp>

#include "checkpoint.hpp"
#include "named_arrays.hpp"
#include "run.hpp"

namespace nn::detail {

using autodiff::fail;

namespace {

// In the names of a checkpoint.
constexpr const char* identity_prefix = "fit.identity.";

/// Calls f with all that a schedule on a plateau remembers, and its name.
void each(ReduceOnPlateau::State& state, auto f) {
  f("plateau.rate", state.rate), f("plateau.best", state.best);
  f("plateau.worse", state.worse), f("plateau.cooling", state.cooling);
}

std::string averaging_text(const AveragingOptions& options) {
  return options.decay ? "a decay of " + digits(*options.decay) : "a power of " + digits(options.power);
}

}  // namespace

template <Real T>
void Run<T>::save() {
  saved_ = true;
  const auto of_others = slots_of_others();
  if (ranks_.rank() > 0) return;
  Checkpoint checkpoint;
  checkpoint.put(model_, optimiser_);
  for (const auto& [name, value] : of_others) checkpoint.arrays.insert_or_assign("optimiser." + name, Tensor(value));
  RunState now = state_;
  now.seconds += seconds();
  const auto set = [&](const char* name, auto number) { checkpoint.set(name, number); };
  now.each(set);
  if (data_.weighted()) checkpoint.set("fit.weight", now.weight);
  checkpoint.set("fit.samples", data_.size());
  checkpoint.set("fit.batch", options_.batch);
  checkpoint.set("fit.seed", options_.seed);
  if (options_.drop_last) checkpoint.set("fit.drop_last", 1);
  if (options_.step.shards > 0) checkpoint.set("fit.shards", options_.step.shards);
  checkpoint.set("fit.columns", columns_text());
  for (const auto& [name, text] : options_.identity) checkpoint.set(identity_prefix + name, text);
  if (plateau_) {
    auto state = plateau_->state();
    each(state, set);
  }
  if (average_) {
    checkpoint.set("average.updates", average_->updates());
    checkpoint.set("fit.average", averaging_text(*options_.average));
    for (const auto& [name, mean] : average_->means()) checkpoint.arrays.emplace("average." + name, mean.value());
  }
  auto rows = autodiff::uninitialised<double>(Shape{history_.rows(), columns_.size()});
  for (std::size_t i = 0; i < history_.rows(); ++i)
    for (std::size_t k = 0; k < columns_.size(); ++k) rows(i, k) = history_.column(columns_[k])[i];
  checkpoint.arrays.emplace("fit.history", rows);
  if (!best_.empty()) {
    std::size_t k = 0;
    for (const auto& array : named_arrays(model_)) checkpoint.arrays.emplace("best." + array.name, best_[k++]);
  }
  save_checkpoint(options_.checkpoint, checkpoint);
}

template <Real T>
void Run<T>::load() {
  const auto checkpoint = load_checkpoint(options_.checkpoint);
  const auto refuse = [&](const auto&... why) {
    fail<DataError>("fit", options_.checkpoint.string(), ": the checkpoint ", why...);
  };
  const auto is_kept = [&](const auto& entry) { return checkpoint.contains(identity_prefix + entry.first); };
  if (!options_.identity.empty() && std::ranges::none_of(options_.identity, is_kept))
    refuse("does not say of which run it is, as those of older versions do not");
  std::string differences;
  for (const auto& [name, mine] : options_.identity) {
    const auto kept = identity_prefix + name;
    const auto theirs = checkpoint.contains(kept) ? checkpoint.text(kept) : "not kept";
    if (theirs != mine) differences += (differences.empty() ? "" : "; ") + name + " was " + theirs + ", is " + mine;
  }
  if (!differences.empty()) refuse("is of another run: ", differences);
  const auto compare = [&](const char* name, std::uint64_t mine) {
    const auto theirs = checkpoint.template number<std::uint64_t>(std::string("fit.") + name);
    if (theirs != mine) refuse("is of a run with another ", name, ": ", theirs, " and not ", mine);
  };
  compare("samples", data_.size()), compare("batch", options_.batch), compare("seed", options_.seed);
  if (checkpoint.contains("fit.shards"))
    compare("shards", options_.step.shards);
  else if (options_.step.shards > 0)
    refuse("is of a run without shards, which one process goes on with alone");
  if (checkpoint.contains("fit.drop_last") != options_.drop_last) refuse("is of a run with another drop_last");
  if (checkpoint.contains("average.updates") != options_.average.has_value())
    refuse(options_.average ? "is of a run without" : "is of a run with", " means of the weights");
  if (options_.average) {
    const auto ours = averaging_text(*options_.average);
    if (const auto& theirs = checkpoint.text("fit.average"); theirs != ours)
      refuse("is of a run whose means have ", theirs, "; and not ", ours);
  }
  if (const auto& theirs = checkpoint.text("fit.columns"); theirs != columns_text())
    refuse("has a history of other columns: ", theirs, "; and not ", columns_text());

  const auto get = [&]<class N>(const char* name, N& number) { number = checkpoint.template number<N>(name); };
  state_.each(get);
  state_.weight = static_cast<double>(std::min(state_.step * options_.batch, samples_));
  if (data_.weighted()) get("fit.weight", state_.weight);
  const auto rows = checkpoint.template array<double>("fit.history");
  if (rows.dimension() != 2 || rows.shape(0) != state_.epochs || rows.shape(1) != columns_.size() ||
      state_.step > steps_ || state_.best_epoch > state_.epochs)
    refuse("does not fit together");
  for (std::size_t i = 0; i < rows.shape(0); ++i)
    history_.append(row(std::span(rows.data() + i * rows.shape(1), rows.shape(1))));
  if (plateau_) {
    auto state = plateau_->state();
    each(state, get);
    if (!(state.rate >= 0) || std::isinf(state.rate)) refuse("has a learning rate that cannot be: ", state.rate);
    plateau_->state(state);
  }
  if (options_.keep_best && state_.best_epoch > 0)
    for (const auto& array : named_arrays(model_)) {
      best_.push_back(checkpoint.template array<T>("best." + array.name));
      if (!std::ranges::equal(best_.back().shape(), array.shape))
        refuse("has a best \"", array.name, "\" of another shape");
    }
  if (const auto updates = average_ ? checkpoint.template number<std::size_t>("average.updates") : 0; updates > 0) {
    std::map<std::string, Variable<T>> means;
    for (auto& [name, parameter] : model_.parameters()) {
      auto mean = checkpoint.template array<T>("average." + name);
      if (!std::ranges::equal(mean.shape(), parameter.shape())) refuse("has a mean of \"", name, "\" of another shape");
      means.emplace(name, std::move(mean));
    }
    average_->restore(std::move(means), updates);
  }
  checkpoint.restore(model_, optimiser_);
  saved_ = true;
}

template void Run<float>::save();
template void Run<double>::save();
template void Run<float>::load();
template void Run<double>::load();

}  // namespace nn::detail
