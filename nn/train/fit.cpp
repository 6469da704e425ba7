#include "fit.hpp"

#include <algorithm>
#include <cmath>
#include <nn/parallel/agreement.hpp>

#include "judge.hpp"
#include "named_arrays.hpp"
#include "run.hpp"

namespace nn {

using autodiff::fail;
using autodiff::Ranks;
using autodiff::ValueError;

namespace detail {

template <Real T>
Run<T>::Run(Module<T>& model, Optimiser<T>& optimiser, const Loss<T>& loss, Source<T>& data,
            const FitOptions<T>& options)
    : model_(model),
      optimiser_(optimiser),
      data_(data),
      options_(of_this_rank(options)),
      loss_(loss),
      steps_(options.batch == 0 ? 0 : (data.size() + (options.drop_last ? 0 : options.batch - 1)) / options.batch),
      samples_(std::min(steps_ * options.batch, data.size())),
      parts_(loss.parts()),
      step_(model, optimiser, loss, options_.step),
      evaluator_(model, loss, options.step.compile),
      arrays_(data),
      ranks_(*options_.step.ranks),
      interrupt_(ranks_.size() > 1) {
  check();
  state_.parts.resize(parts_.size());
  name_columns();
  check_metrics();
  if (options.plateau) {
    auto plateau = *options.plateau;
    plateau.largest = largest_;
    plateau_.emplace(optimiser.learning_rate(), plateau);
  }
  if (options.average) average_.emplace(model, *options.average);
  if (options.resume) load();
  check_alike();
  write_history(true);
  if (auto* stream = options_.progress) progress_.emplace(*stream, is_terminal(*stream), options.epochs, samples_);
}

template <Real T>
void Run<T>::check() const {
  if (options_.epochs == 0 || options_.batch == 0 || data_.size() == 0)
    fail<ValueError>("fit", "needs epochs, samples, and samples in a batch: ", options_.epochs, ", ", data_.size(),
                     " and ", options_.batch);
  if (steps_ == 0)
    fail<ValueError>("fit", "drop_last leaves nothing of ", data_.size(), " samples in batches of ", options_.batch);
  if (options_.schedule && options_.plateau)
    fail<ValueError>("fit", "the learning rate follows a schedule or a plateau, not both");
  if (!(options_.min_delta >= 0) || std::isinf(options_.min_delta))
    fail<ValueError>("fit", "min_delta must be finite and not negative: ", options_.min_delta);
  if (options_.resume && options_.checkpoint.empty()) fail<ValueError>("fit", "there is no checkpoint to resume from");
  if (!options_.metrics.empty() && !options_.validation) fail<ValueError>("fit", "metrics need validation data");
}

/// Whether they fit what the model makes of the validation data, as far as shapes say.
template <Real T>
void Run<T>::check_metrics() {
  if (std::ranges::none_of(options_.metrics, [](const auto& metric) { return bool(metric.check); })) return;
  if (options_.validation->size() == 0) return;
  const std::size_t first[] = {0, 1};
  const auto sample =
      options_.validation->batch(std::span(first).first(std::min<std::size_t>(options_.validation->size(), 2)));
  std::vector<Shape> shapes;
  for (const auto& input : sample.inputs) shapes.push_back(input.shape());
  const Shape predictions = evaluator_.shape_of(shapes);
  for (const auto& metric : options_.metrics) {
    const autodiff::ErrorScope scope("metric " + metric.name);
    if (metric.check) metric.check(predictions, sample.targets[0].shape());
  }
}

template <Real T>
void Run<T>::name_columns() {
  const auto& prefix = options_.validation_name;
  columns_ = {"epoch", "loss"};
  const auto add_parts = [&](const std::string& before) {
    for (const auto& part : parts_) columns_.push_back(before + part);
  };
  add_parts("");
  if (options_.validation) columns_.push_back(prefix + "_loss"), add_parts(prefix + "_");
  for (const auto& metric : options_.metrics) columns_.push_back(prefix + "_" + metric.name);
  for (const auto& quantity : options_.quantities) columns_.push_back(quantity.name);
  columns_.insert(columns_.end(), {"learning_rate", "seconds"});
  History().append(row(std::vector<double>(columns_.size())));  // throws for names that cannot be

  watched_ = options_.watch;
  if (watched_.empty()) watched_ = options_.validation ? prefix + "_loss" : "loss";
  if (std::ranges::find(columns_, watched_) == columns_.end())
    fail<ValueError>("fit", "there is no column \"", watched_, "\" to watch, only ", columns_text());
  for (const auto& metric : options_.metrics)
    if (watched_ == prefix + "_" + metric.name) largest_ = metric.larger_is_better;
}

template <Real T>
std::string Run<T>::columns_text() const {
  std::string text;
  for (const auto& column : columns_) text += (text.empty() ? "" : ", ") + column;
  return text;
}

template <Real T>
History::Row Run<T>::row(std::span<const double> numbers) const {
  History::Row result;
  for (std::size_t k = 0; k < columns_.size(); ++k) result.emplace_back(columns_[k], numbers[k]);
  return result;
}

template <Real T>
void Run<T>::write_history(bool first) const {
  const auto& path = options_.history;
  if (path.empty()) return;
  if (path.extension() != ".jsonl" && path.extension() != ".json")
    write_csv(path, history_);
  else if (first)
    write_json_lines(path, history_);
  else
    append_json_line(path, history_);
}

template <Real T>
std::optional<FitReport::End> Run<T>::over() const {
  if (state_.epochs >= options_.epochs) return End::finished;
  if (options_.patience > 0 && state_.worse >= options_.patience) return End::stopped_early;
  return {};
}

template <Real T>
Moment Run<T>::moment(std::size_t epoch, double loss) {
  return {epoch, state_.step, steps_, loss, history_, [] {}};
}

/// What it throws loses no step.
template <Real T>
template <class F>
void Run<T>::guard(F&& f) try {
  f();
} catch (...) {
  try {
    check_finite();
    if (!splits_slots()) save_rest();  // which would need the others
  } catch (...) {                      // that of f comes first
  }
  take_best();
  throw;
}

template <Real T>
void Run<T>::call(const Callback& callback, Moment& now) {
  if (callback) guard([&] { callback(now); });
}

/// Saves what is not saved yet.
template <Real T>
void Run<T>::save_rest() {
  if (!options_.checkpoint.empty() && !saved_ && end_ != End::not_finite) save();
}

/// The means in the place of the weights, if there are any.
template <Real T>
std::unique_ptr<typename WeightAverage<T>::SwappedIn> Run<T>::averaged() {
  if (!average_ || average_->updates() == 0) return {};
  return std::make_unique<typename WeightAverage<T>::SwappedIn>(*average_);
}

/// Gives the model the best epoch, if that is kept, or the means, if there are any.
template <Real T>
void Run<T>::take_best() {
  if (best_.empty()) {
    if (average_ && average_->updates() > 0)
      for (auto& [name, parameter] : model_.parameters()) parameter.assign(average_->means().at(name));
    return;
  }
  std::size_t k = 0;
  for (const auto& array : named_arrays(model_)) array.assign(best_[k++]);
}

/// One step, but for a batch in which no sample counts.
template <Real T>
double Run<T>::step(std::span<const std::size_t> numbers, std::span<const std::size_t> next) {
  double loss = 0, weight = 0;
  if (options_.step.shards > 0) {
    expect(next);
    loss = step_(numbers.size(), [&](std::size_t begin, std::size_t end) -> const Batch<T>& {
      return arrays_(numbers.subspan(begin, end - begin));
    });
    weight = step_.weight();
  } else {
    const auto& batch = arrays_(numbers);
    data_.expect(next);
    weight = batch.weight();
    if (weight > 0) loss = step_(batch);
  }
  if (weight == 0) return 0;
  if (average_) average_->update();
  state_.total += loss * weight, state_.weight += weight;
  for (std::size_t k = 0; k < parts_.size(); ++k) state_.parts[k] += static_cast<double>(step_.parts()[k]) * weight;
  return loss;
}

/// Those of an epoch that are left.
template <Real T>
void Run<T>::run_steps() {
  const std::size_t epoch = state_.epochs + 1;
  const auto order = batches(data_.size(), options_.batch, options_.seed, epoch);
  std::size_t done = std::min(state_.step * options_.batch, samples_);
  while (state_.step < steps_ && !end_) {
    if (options_.schedule) optimiser_.learning_rate(options_.schedule(state_.steps));
    const auto& numbers = order[state_.step];
    const bool last = state_.step + 1 == steps_;
    const double loss = step(numbers, last ? std::span<const std::size_t>() : order[state_.step + 1]);
    ++state_.step, ++state_.steps, done += numbers.size();
    saved_ = false;
    if (!std::isfinite(loss)) end_ = End::not_finite;
    if (progress_) progress_->advance(numbers.size(), epoch, done);
    auto now = moment(epoch, loss);
    if (!end_) call(options_.after_step, now);
    look_for_end(now.stop);
    const bool due = options_.checkpoint_steps > 0 && state_.step % options_.checkpoint_steps == 0;
    if (!end_ && due && state_.step < steps_ && !options_.checkpoint.empty()) {
      check_finite();
      if (!end_) save();
    }
  }
  check_finite();
}

/// Whether somebody wants training to end, which all ranks must know alike.
template <Real T>
void Run<T>::look_for_end(bool stop) {
  const bool interrupted = interrupt_.interrupted();
  if (end_ || !any_rank(stop || interrupted)) return;
  end_ = any_rank(stop) ? End::stopped : End::interrupted;
}

/// Ends training where parameters are not finite: the loss of a step says nothing of the update that follows it.
template <Real T>
void Run<T>::check_finite() {
  for (const auto& array : named_arrays(model_))
    if (!std::ranges::all_of(array.value(), [](T x) { return std::isfinite(x); })) end_ = End::not_finite;
}

template <Real T>
void Run<T>::watch(double watched) {
  const double gain = largest_ ? watched - state_.best : state_.best - watched;
  if (state_.best_epoch == 0 ? std::isnan(watched) : !(gain > options_.min_delta)) {
    ++state_.worse;
  } else {
    state_.best_epoch = state_.epochs, state_.best = watched, state_.worse = 0;
    best_.clear();
    const auto means = averaged();
    if (options_.keep_best)
      for (const auto& array : named_arrays(model_)) best_.push_back(array.value());
  }
  if (plateau_) optimiser_.learning_rate((*plateau_)(watched));
}

template <Real T>
void Run<T>::finish_epoch() {
  if (state_.weight == 0) fail<ValueError>("fit", "the weights of all samples are 0");
  const double loss = state_.total / state_.weight;
  auto now = moment(state_.epochs + 1, loss);
  std::vector<double> numbers{static_cast<double>(now.epoch), loss};
  for (const double part : state_.parts) numbers.push_back(part / state_.weight);
  Evaluation<T> result;
  guard([&] {
    const auto means = averaged();
    if (options_.validation) {
      result = evaluate();
      numbers.push_back(result.loss);
      numbers.insert(numbers.end(), result.parts.begin(), result.parts.end());
      for (const auto& metric : options_.metrics) numbers.push_back(metric(result.predictions, result.targets));
    }
    for (const auto& quantity : options_.quantities) numbers.push_back(quantity.value(now));
  });
  ++state_.epochs;
  numbers.insert(numbers.end(), {optimiser_.learning_rate(), state_.seconds + seconds()});
  agree_on(numbers);
  history_.append(row(numbers));
  watch(history_.column(watched_).back());
  state_.step = 0, state_.total = 0, state_.weight = 0;
  std::ranges::fill(state_.parts, 0);

  write_history(false);
  show_ranks();
  if (observer_)
    guard([&] {
      const auto means = averaged();  // of which the results are, too
      observer_->look(history_, steps_, options_.validation ? &result.predictions : nullptr,
                      options_.validation ? &result.targets : nullptr);
    });
  call(options_.after_epoch, now);
  end_ = over();
  look_for_end(now.stop);
  if (progress_) progress_->line(history_, end_.has_value());
  const bool due = options_.checkpoint_epochs > 0 && state_.epochs % options_.checkpoint_epochs == 0;
  if (!end_ && due && !options_.checkpoint.empty()) save();
}

template <Real T>
FitReport Run<T>::operator()() {
  if (options_.report)
    observer_.emplace(
        model_,
        [this](autodiff::Tape<T>& tape, const Batch<T>& batch) {
          std::vector<Variable<T>> given;
          for (const auto* array : batch.arrays()) given.push_back(tape.constant(*array));
          return judge(model_, loss_, given, batch.inputs.size(), batch.weights.has_value())[0];
        },
        data_, options_.validation, options_.validation_name, *options_.report);
  for (end_ = over(); !end_;) {
    run_steps();
    if (!end_) finish_epoch();
  }
  save_rest();
  take_best();
  auto ranks = reports_of_ranks();
  say(ranks);
  return {*end_, std::move(history_), state_.epochs, state_.steps, state_.best_epoch, state_.best, std::move(ranks)};
}

template class Run<float>;  // but for what run_checkpoint.cpp defines
template class Run<double>;

}  // namespace detail

template <Real T>
FitReport fit(Module<T>& model, Optimiser<T>& optimiser, std::type_identity_t<Loss<T>> loss, Source<T>& data,
              const std::type_identity_t<FitOptions<T>>& options) {
  try {
    return detail::Run<T>(model, optimiser, loss, data, options)();
  } catch (const detail::Unlike&) {
    throw;  // as all ranks do
  } catch (const autodiff::RankLost& lost) {
    fail<autodiff::RankLost>("fit", lost.what(),
                             options.checkpoint.empty()
                                 ? "; it has to begin anew, as there is no checkpoint"
                                 : "; it goes on, with resume, from " + options.checkpoint.string());
  } catch (...) {
    if (auto* ranks = options.step.ranks ? options.step.ranks : Ranks::of_session())
      if (ranks->size() > 1) ranks->give_up();  // or the others would wait
    throw;
  }
}

template FitReport fit(Module<float>&, Optimiser<float>&, Loss<float>, Source<float>&, const FitOptions<float>&);
template FitReport fit(Module<double>&, Optimiser<double>&, Loss<double>, Source<double>&, const FitOptions<double>&);

}  // namespace nn
