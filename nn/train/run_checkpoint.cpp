// What a checkpoint holds of a run of fit, and how a run goes on from there.
#include <algorithm>
#include <cmath>
#include <nn/base/data_error.hpp>

#include "named_arrays.hpp"
#include "run.hpp"

namespace nn::detail {

using autodiff::fail;

namespace {

// In the names of a checkpoint.
constexpr const char *identity_prefix = "fit.identity.", *average_prefix = "average.",
                     *average_updates = "fit.average_updates";

/// Calls f with all that a schedule on a plateau remembers, and its name.
void each(ReduceOnPlateau::State& state, auto f) {
  f("plateau.rate", state.rate), f("plateau.best", state.best);
  f("plateau.worse", state.worse), f("plateau.cooling", state.cooling);
}

}  // namespace

template <Real T>
void Run<T>::save() {
  saved_ = true;
  Checkpoint checkpoint;
  checkpoint.put(model_, optimiser_);
  RunState now = state_;
  now.seconds += seconds();
  const auto set = [&](const char* name, auto number) { checkpoint.set(name, number); };
  now.each(set);
  if (data_.weighted()) checkpoint.set("fit.weight", now.weight);
  checkpoint.set("fit.samples", data_.size());
  checkpoint.set("fit.batch", options_.batch);
  checkpoint.set("fit.seed", options_.seed);
  if (options_.drop_last) checkpoint.set("fit.drop_last", 1);
  checkpoint.set("fit.columns", columns_text());
  for (const auto& [name, text] : options_.identity) checkpoint.set(identity_prefix + name, text);
  if (plateau_) {
    auto state = plateau_->state();
    each(state, set);
  }
  auto rows = autodiff::uninitialised<double>(Shape{history_.rows(), columns_.size()});
  for (std::size_t i = 0; i < history_.rows(); ++i)
    for (std::size_t k = 0; k < columns_.size(); ++k) rows(i, k) = history_.column(columns_[k])[i];
  checkpoint.arrays.emplace("fit.history", rows);
  if (!best_.empty()) {
    std::size_t k = 0;
    for (const auto& array : named_arrays(model_)) checkpoint.arrays.emplace("best." + array.name, best_[k++]);
  }
  if (const auto* average = options_.average) {
    checkpoint.set(average_updates, average->updates());
    for (const auto& [name, mean] : average->means()) checkpoint.arrays.emplace(average_prefix + name, mean.value());
  }
  save_checkpoint(options_.checkpoint, checkpoint);
}

/// Throws DataError where the checkpoint has no means of such weights.
template <Real T>
std::map<std::string, Variable<T>> Run<T>::means_in(const Checkpoint& checkpoint) const {
  std::map<std::string, Variable<T>> means;
  if (!options_.average || checkpoint.number<std::size_t>(average_updates) == 0) return means;
  for (const auto& [name, parameter] : model_.parameters()) {
    auto mean = checkpoint.array<T>(average_prefix + name);
    if (!std::ranges::equal(mean.shape(), parameter.shape()))
      fail<DataError>("fit", options_.checkpoint.string(), ": the checkpoint has a mean of \"", name,
                      "\" of another shape");
    means.emplace(name, std::move(mean));
  }
  return means;
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
  if (checkpoint.contains("fit.drop_last") != options_.drop_last) refuse("is of a run with another drop_last");
  if (checkpoint.contains(average_updates) != (options_.average != nullptr))
    refuse("is of a run ", options_.average ? "without" : "with", " means of the weights");
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
  auto means = means_in(checkpoint);
  checkpoint.restore(model_, optimiser_);
  if (options_.average)
    options_.average->restore(std::move(means), checkpoint.template number<std::size_t>(average_updates));
  saved_ = true;
}

template void Run<float>::save();
template void Run<double>::save();
template void Run<float>::load();
template void Run<double>::load();

}  // namespace nn::detail
