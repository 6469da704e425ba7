// A run of fit: what it works with, what it remembers, and what it does.
#pragma once

#include <chrono>
#include <nn/base/interrupt.hpp>
#include <nn/data/batch_arrays.hpp>
#include <nn/observe/observer.hpp>
#include <nn/parallel/shard_sums.hpp>
#include <nn/report/progress.hpp>
#include <optional>
#include <span>

#include "evaluate.hpp"
#include "fit.hpp"

namespace nn::detail {

/// All that a run of training remembers beside model, optimiser and history, and so what a checkpoint holds of it.
struct RunState {
  std::size_t epochs = 0, steps = 0;  // that are done
  std::size_t step = 0;               // of the epoch that is not
  double total = 0;                   // of the losses of its samples, as they weigh
  double weight = 0;                  // of these samples; known without a checkpoint where all count alike
  std::vector<double> parts;          // as the total, of each part of the loss
  double seconds = 0;
  std::size_t best_epoch = 0, worse = 0;  // how many epochs in a row were not better
  double best = 0;

  /// Calls f with all of them and their names.
  void each(auto f) {
    f("fit.epochs", epochs), f("fit.steps", steps), f("fit.step", step), f("fit.total", total);
    f("fit.seconds", seconds), f("fit.best_epoch", best_epoch), f("fit.best", best), f("fit.worse", worse);
    for (std::size_t k = 0; k < parts.size(); ++k) f(("fit.part." + std::to_string(k)).c_str(), parts[k]);
  }
};

/// A run of training, from its beginning or from a checkpoint.
template <Real T>
class Run {
 public:
  Run(Module<T>& model, Optimiser<T>& optimiser, const Loss<T>& loss, Source<T>& data, const FitOptions<T>& options);
  FitReport operator()();

 private:
  using End = FitReport::End;

  // run_checkpoint.cpp
  void load();
  void save();

  // run_ranks.cpp
  static FitOptions<T> of_this_rank(FitOptions<T> options);
  void check_alike();
  bool any_rank(bool mine);
  void agree_on(std::vector<double>& row);
  void expect(std::span<const std::size_t> next);
  bool splits_slots() const { return options_.step.split_slots && ranks_.size() > 1; }
  std::map<std::string, Array<T>> slots_of_others();
  Evaluation<T> evaluate();
  std::vector<RankReport> reports_of_ranks();
  void say(const std::vector<RankReport>& ranks) const;
  void show_ranks();

  // fit.cpp
  void check() const;
  void name_columns();
  void check_metrics();
  void write_history(bool first) const;
  void check_finite();
  void look_for_end(bool stop);
  std::optional<End> over() const;
  void run_steps();
  double step(std::span<const std::size_t> numbers, std::span<const std::size_t> next);
  void finish_epoch();
  void watch(double watched);
  Moment moment(std::size_t epoch, double loss);
  template <class F>
  void guard(F&& f);
  void call(const Callback& callback, Moment& now);
  void save_rest();
  void take_best();
  std::unique_ptr<typename WeightAverage<T>::SwappedIn> averaged();
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  std::string columns_text() const;
  History::Row row(std::span<const double> numbers) const;

  Module<T>& model_;
  Optimiser<T>& optimiser_;
  Source<T>& data_;
  const FitOptions<T> options_;  // those of this rank
  const Loss<T> loss_;
  const std::size_t steps_, samples_;     // that an epoch has
  const std::vector<std::string> parts_;  // of the loss
  TrainingStep<T> step_;
  Evaluator<T> evaluator_;
  BatchArrays<T> arrays_;
  std::optional<ReduceOnPlateau> plateau_;
  std::optional<WeightAverage<T>> average_;
  std::optional<Progress> progress_;
  Ranks& ranks_;
  InterruptGuard interrupt_;

  std::vector<std::string> columns_;  // of the history
  std::string watched_;               // one of them
  bool largest_ = false;              // is better
  RunState state_;
  History history_;
  std::vector<Array<T>> best_;  // in the order of named_arrays()
  std::optional<Observer<T>> observer_;
  std::optional<End> end_;
  bool saved_ = false;  // whether the checkpoint is up to date
  double waited_ = 0;   // seconds, to hear from other ranks between steps
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace nn::detail
