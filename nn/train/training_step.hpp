// TrainingStep<T>: one step of training as a program.
#pragma once

#include <nn/data/batch.hpp>
#include <nn/model/losses.hpp>
#include <nn/optim/optimisers.hpp>

namespace nn {

namespace detail {
template <Real T>
class Everything;
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
  void look_at_model();
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
  autodiff::ShapedProgram<T> program_;
};

extern template class TrainingStep<float>;
extern template class TrainingStep<double>;

}  // namespace nn
