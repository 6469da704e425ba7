// TrainingStep<T>: one step of training as a program.
#pragma once

#include <autodiff/ranks.hpp>
#include <functional>
#include <nn/data/batch.hpp>
#include <nn/model/losses.hpp>
#include <nn/optim/optimisers.hpp>
#include <nn/parallel/traffic.hpp>

namespace nn {

namespace detail {
template <Real T>
class Everything;
template <Real T>
class ShardSums;
class ShardTree;
}  // namespace detail

struct StepOptions {
  /// The batch goes through in so many parts, whose gradients are added up as those of a mean over the samples: less
  /// memory and, for a loss that is such a mean, the same step, but for layers that look at a whole batch. A sum, or a
  /// mean that class weights divide, gives another step. Fewer parts where there are fewer samples. For batches that
  /// come one by one, see record_step.
  std::size_t parts = 1;
  /// What the norm of all gradients together, and each of their elements, is held to; 0: nothing. Elements come first.
  double clip_norm = 0, clip_value = 0;
  autodiff::CompileOptions compile = {};
  /// The batch goes through in so many shards, whose gradients are added up in one order, so that a step has the same
  /// bits whichever rank computes which of them; fewer where there are not two samples for each. Unlike parts, all
  /// start from the same states of layers, and what comes of these is the mean over the samples: BatchNorm takes
  /// statistics by shard. 0: the batch is one whole. Needed for several ranks, at most as many as shards.
  std::size_t shards = 0;
  /// Each rank keeps the slots of the optimiser, and makes the update, of some of the parameters alone, whose new
  /// values it sends to the others: less memory, and the same bits for any number of ranks. S. Rajbhandari et al.,
  /// "ZeRO: memory optimizations toward training trillion parameter models", SC 2020, stage 1. Needs shards. What the
  /// optimiser of a rank remembers is then of its own parameters; a checkpoint has all of it.
  bool split_slots = false;
  /// Who shares the batch; null: this process alone. A step that throws gives up, and all ranks end.
  autodiff::Ranks* ranks = nullptr;
};

/// Model, loss, gradients and the rule of the optimiser, recorded once for each shape of batch, and run as programs.
/// Parameters and states are those of the model, slots those of the optimiser, which both must outlive this: a step
/// goes on from what they are by then, and changes them there. A step that throws changes none. It trains the
/// parameters that are trainable when it is made; all others that the forward pass goes through are read as they are at
/// each step. Meanwhile no other thread may use model and optimiser.
template <Real T>
class TrainingStep {
 public:
  /// Throws ValueError for options out of range, and for a model without parameters to train.
  TrainingStep(Module<T>& model, Optimiser<T>& optimiser, Loss<T> loss, const StepOptions& options = {});
  TrainingStep(const TrainingStep&) = delete;  // its programs refer to it

  /// One step on a batch, at the optimiser's learning rate; gives the loss that the batch had before it. Throws
  /// ValueError for a model that has other modules or parameters than when this was made, and what the model, the loss
  /// and compile throw.
  T operator()(const Array<T>& inputs, const Array<T>& targets);
  /// The same for models with several inputs or targets, and for samples with weights, which must not all be 0. Batches
  /// of one step have all as many inputs and targets, and all have weights or none: throws ValueError for others.
  T operator()(const Batch<T>& batch);
  /// The same on so many samples, where steps have shards: `rows` gives those from begin to end, which this asks for
  /// in order, and only for the shards of this rank.
  using Rows = std::function<const Batch<T>&(std::size_t begin, std::size_t end)>;
  T operator()(std::size_t samples, const Rows& rows);
  /// By how much the loss of the last batch counts: its samples, or their weights.
  double weight() const { return weight_; }
  /// Which rank keeps the slots of a parameter, by full name: 0 for all where they are not split.
  std::size_t keeper(const std::string& parameter) const;
  /// What communication has cost so far.
  Traffic traffic() const;
  ~TrainingStep();
  /// The parts of the loss that the last batch had, in the order of loss.parts(); none before the first step.
  const std::vector<T>& parts() const { return parts_; }

  /// Both do nothing: model and optimiser have all that a step changes.
  void store() {}
  void load() {}

  /// What the program of the last step is made of.
  const autodiff::ProgramReport& report() const { return program_.report(); }

 private:
  using Tape = autodiff::Tape<T>;
  autodiff::Recording<T> record(const std::vector<Variable<T>>& given);
  T run(std::size_t inputs, bool weighted, std::span<const Array<T>* const> given);
  autodiff::ShapedProgram<T> program();
  std::vector<Variable<T>> trained(const Variable<T>& beside);
  void look_at_model();

  // sharded_step.cpp
  autodiff::Recording<T> record_shard(const std::vector<Variable<T>>& given);
  autodiff::Recording<T> record_update(const std::vector<Variable<T>>& sums);
  void begin_shards();
  void check_shard(const Batch<T>& batch);
  void run_shards(std::size_t samples, const Rows& rows);
  void mix_states(const std::vector<T>& of_shards, std::size_t samples);
  double total_weight(const detail::ShardTree& tree, std::size_t samples, const Rows& rows);
  T update();
  T or_give_up(const std::function<T()>& step);
  bool is_mine(std::size_t item) const { return owners_.empty() || owners_[item] == ranks().rank(); }
  T norm_factor() const;
  void send_parameters();
  autodiff::Ranks& ranks() const { return options_.ranks ? *options_.ranks : autodiff::Ranks::alone(); }
  [[noreturn]] void refuse_model();

  Module<T>& model_;
  Optimiser<T>& optimiser_;
  Loss<T> loss_;
  StepOptions options_;
  std::vector<std::pair<std::string, bool>> trains_;  // all parameters, and whether each is trained
  std::shared_ptr<const detail::Everything<T>> made_for_;
  std::size_t optimiser_changes_ = 0;
  std::size_t inputs_ = 0;  // of what is given, targets and weights behind them
  bool weighted_ = false;
  std::size_t given_ = 0;  // all of it; 0 before the first step
  std::vector<T> parts_;
  double weight_ = 0;
  autodiff::ShapedProgram<T> program_;  // of a batch, or of a shard

  // Of steps with shards: what becomes of the sums of their gradients.
  std::unique_ptr<detail::ShardSums<T>> sums_;
  std::vector<bool> used_;           // by parameter: whether the loss depends on it
  std::vector<std::size_t> owners_;  // of items, where slots are split
  std::size_t shard_ = 0;            // that runs
  std::optional<autodiff::ShapedProgram<T>> update_;
};

extern template class TrainingStep<float>;
extern template class TrainingStep<double>;

}  // namespace nn
