// Training from beginning to end.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <map>
#include <nn/data/source.hpp>
#include <nn/optim/averaging.hpp>
#include <nn/optim/schedules.hpp>
#include <nn/report/history.hpp>
#include <nn/report/metrics.hpp>
#include <nn/report/report.hpp>

#include "training_step.hpp"

namespace nn {

/// Where a run of training stands, for what is called in between.
struct Moment {
  std::size_t epoch;  // from 1
  std::size_t step;   // within the epoch, from 1: the steps that were made
  std::size_t steps;  // that an epoch has
  double loss;        // of the last step, or the mean over the samples of the epoch
  const History& history;
  /// Does nothing: model and optimiser have all that steps change.
  std::function<void()> store;
  /// A callback sets it to end training here.
  bool stop = false;
};
using Callback = std::function<void(Moment& moment)>;

/// A number of one's own in the history, asked for after every epoch. In a picture, all that is called "norms/..."
/// shares a panel of the title "norms".
struct Quantity {
  std::string name;
  std::function<double(const Moment& moment)> value;
};

template <Real T>
struct FitOptions {
  /// How often all samples are seen, and how many of them make a step.
  std::size_t epochs = 10;
  std::size_t batch = 32;
  /// Leaves out the last batch of an epoch where it is smaller, as for BatchNorm, which takes no single sample.
  bool drop_last = false;
  /// Of the order of the samples in every epoch.
  std::uint64_t seed = 0;
  /// Parts and shards of a batch, ranks, limits of gradients, threads.
  StepOptions step = {};

  /// The learning rate of every step, counted over all epochs; by default the optimiser's. A schedule in epochs is one
  /// in steps, of which an epoch has samples / batch, rounded up, or down with drop_last. Or it is reduced when the
  /// watched number does not get better any more; `largest` is then set to what suits that number.
  Schedule schedule = {};
  std::optional<PlateauOptions> plateau = {};

  /// What is looked at, kept as the best epoch, and in the model in the end is a mean of its weights after the steps,
  /// which go on from the weights themselves. The report sees the means, callbacks the weights.
  std::optional<AveragingOptions> average = {};

  /// What is looked at after every epoch, in inference, and what the columns of the history call it.
  Source<T>* validation = nullptr;
  std::string validation_name = "validation";
  /// Of the validation data. One that refuses the shapes of predictions and targets is refused before training.
  std::vector<Metric<T>> metrics = {};
  /// What else the history shows, such as the norm of the parameters.
  std::vector<Quantity> quantities = {};

  /// The column of the history that says whether an epoch was better than the best: by default the validation loss, or
  /// the loss where there is no validation. Smaller is better, but for a metric of which larger is.
  std::string watch = {};
  /// An epoch is better if it improves the best by more than this. With 0, one that only equals the best is not better.
  double min_delta = 0;
  /// Training ends when this many epochs in a row were not better; 0: never.
  std::size_t patience = 0;
  /// In the end, the model gets the parameters and states of the best epoch.
  bool keep_best = false;

  /// What they throw ends training, as what metrics and quantities do, with all in the model and the checkpoint as
  /// after Ctrl-C.
  Callback after_step = {}, after_epoch = {};

  /// Where the history is written, line by line; as JSON lines if its name ends in .jsonl or .json, or else as CSV: a
  /// row an epoch, of "epoch", from 1, "loss" and its parts, the same with "<validation>_" and "<validation>_<metric>"
  /// where there is validation data, quantities, "learning_rate", that of the last step, and "seconds" since training
  /// began.
  std::filesystem::path history = {};
  /// Where progress is shown, see Progress; by default nowhere.
  std::ostream* progress = nullptr;
  /// What is written after every epoch; must outlive the run.
  Report* report = nullptr;

  /// Where all that a run needs to go on is saved, when it ends or is interrupted, after every `checkpoint_epochs`
  /// epochs and, within them, every `checkpoint_steps` steps; 0: not then.
  std::filesystem::path checkpoint = {};
  std::size_t checkpoint_epochs = 1, checkpoint_steps = 0;
  /// Goes on from the checkpoint: what comes out has the same bits as if training had never stopped, but for seconds.
  /// `epochs` may be more than before.
  bool resume = false;
  /// What else makes the run what it is, by name, such as its loss and its data. The checkpoint keeps it, and one that
  /// says anything else of one of them, or nothing, is refused.
  std::map<std::string, std::string> identity = {};
};

/// What a run was for one of its ranks: how long it took, what communication took of that, and what it
/// keeps.
struct RankReport {
  double seconds = 0;
  Traffic traffic = {};
  double slot_bytes = 0;  // of the optimiser, that it keeps
};
/// The rank that others wait for: who waited least, where another one waited a fifth of its time longer.
std::optional<std::size_t> slow_rank(const std::vector<RankReport>& ranks);

/// What training came to.
struct FitReport {
  /// Why training ended: all epochs are done; nothing got better; a callback wanted it; Ctrl-C; or a loss was not
  /// finite, after which the parameters are worth nothing but those of the best epoch, and nothing is saved.
  enum class End { finished, stopped_early, stopped, interrupted, not_finite } end = End::finished;
  History history;
  /// That were completed, and the steps in all of them and the one that was not; earlier runs included.
  std::size_t epochs = 0, steps = 0;
  /// The best epoch, from 1, and its watched number; 0 without any.
  std::size_t best_epoch = 0;
  double best = 0;
  std::vector<RankReport> ranks = {};
};

/// Trains a model: batches of the data, in an order that seed and epoch choose, go through a TrainingStep. At the end
/// model and optimiser hold what was learnt. Meanwhile Ctrl-C ends training after the current step, saving first. The
/// same bits for any number of threads.
///
/// Within an mpi::Session, all ranks call it alike, and share each batch: a shard is computed by one of them, and the
/// result is the same bits for any number of ranks; by default 4 shards, or for more than 319 samples one for each 64,
/// up to 16. Rank 0 alone shows progress and writes history, report and checkpoint, which all read to resume. Callbacks
/// and quantities are called on all ranks; the number of a quantity is that of rank 0, and who stops, stops all. Throws
/// ValueError where a rank has another build, other options or data, and autodiff::RankLost where one has ended. Where
/// anything else is thrown, this rank gives up, and all end with its session.
///
/// Throws ValueError for options out of range, before anything was changed;
/// DataError for a file that cannot be written, and for a checkpoint that is not of such a run; and what model, loss,
/// metrics, callbacks and sources throw.
template <Real T>
FitReport fit(Module<T>& model, Optimiser<T>& optimiser, std::type_identity_t<Loss<T>> loss, Source<T>& data,
              const std::type_identity_t<FitOptions<T>>& options = {});

/// The same on a source that is made for it.
template <Real T>
FitReport fit(Module<T>& model, Optimiser<T>& optimiser, std::type_identity_t<Loss<T>> loss, Source<T>&& data,
              const std::type_identity_t<FitOptions<T>>& options = {}) {
  return fit(model, optimiser, std::move(loss), data, options);
}

extern template FitReport fit(Module<float>&, Optimiser<float>&, Loss<float>, Source<float>&, const FitOptions<float>&);
extern template FitReport fit(Module<double>&, Optimiser<double>&, Loss<double>, Source<double>&,
                              const FitOptions<double>&);

}  // namespace nn
