#include "training_step.hpp"

#include <cmath>
#include <nn/optim/clipping.hpp>

#include "named_arrays.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

/// While it lives, the model works as in training. In the end its states are what they were: recording a step takes
/// none.
template <Real T>
class Recorded {
 public:
  explicit Recorded(Module<T>& model) : model_(model), training_(model.training()) {
    model.training(true);
    for (const auto& [name, state] : model.states()) states_.push_back(state.plain());
  }
  ~Recorded() {
    model_.training(training_);
    std::size_t i = 0;
    for (const auto& [name, state] : model_.states()) state.assign(states_[i++]);
  }
  Recorded(const Recorded&) = delete;

 private:
  Module<T>& model_;
  bool training_;
  std::vector<Variable<T>> states_;
};

/// All that changes from step to step, in the order in which the program holds it.
template <Real T>
std::vector<NamedArray<T>> all_arrays(Module<T>& model, Optimiser<T>& optimiser) {
  auto result = named_arrays(model);
  for (auto& slot : named_arrays(optimiser, model)) result.push_back(std::move(slot));
  return result;
}

}  // namespace

template <Real T>
TrainingStep<T>::TrainingStep(Module<T>& model, Optimiser<T>& optimiser, Loss<T> loss, const StepOptions& options)
    : model_(model),
      optimiser_(optimiser),
      loss_(std::move(loss)),
      options_(options),
      program_([this](Tape& tape, const auto& inputs) { return record(tape, inputs[0], inputs[1], inputs[2]); },
               options.compile) {
  if (model.parameters().empty())
    fail<ValueError>("training_step", "the model lists no parameters in members(): there is nothing to train");
  if (options.parts == 0) fail<ValueError>("training_step", "a batch has at least one part");
  for (const double limit : {options.clip_norm, options.clip_value})
    if (!(limit >= 0) || std::isinf(limit))
      fail<ValueError>("training_step", "limits of gradients must be finite and not negative: ", limit);
}

template <Real T>
autodiff::Recording<T> TrainingStep<T>::record(Tape& tape, const Variable<T>& inputs, const Variable<T>& targets,
                                               const Variable<T>& rate) {
  const Recorded<T> recorded(model_);
  const auto named = model_.parameters();
  const auto parameters = model_.variables(inputs), states = model_.state_variables(inputs);

  const std::size_t samples = inputs.dimension() == 0 ? 1 : inputs.shape(0);
  const std::size_t parts = std::clamp<std::size_t>(options_.parts, 1, std::max<std::size_t>(samples, 1));
  Variable<T> loss;
  std::vector<Variable<T>> gradients(parameters.size());
  for (std::size_t i = 0; i < parts; ++i) {
    const auto from = static_cast<std::ptrdiff_t>(i * samples / parts);
    const auto to = static_cast<std::ptrdiff_t>((i + 1) * samples / parts);
    const auto part = [&](const Variable<T>& x) { return parts == 1 ? x : take_range(x, 0, from, to); };
    auto share = loss_(model_(part(inputs)), part(targets));
    if (parts > 1) share = share * (static_cast<double>(to - from) / static_cast<double>(samples));
    const auto slopes = recorded_gradient(share, parameters);
    loss = i == 0 ? share : loss + share;
    for (std::size_t k = 0; k < slopes.size(); ++k) gradients[k] = i == 0 ? slopes[k] : gradients[k] + slopes[k];
  }
  if (options_.clip_value > 0) gradients = clip_value(gradients, options_.clip_value);
  if (options_.clip_norm > 0) gradients = clip_norm(gradients, options_.clip_norm);

  autodiff::Recording<T> result{{loss}, {}};
  std::vector<autodiff::Update<T>> slot_updates;
  const auto slots = named_arrays(optimiser_, model_);  // those of one parameter after those of another
  auto slot = slots.begin();
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const std::string prefix = named[k].name + ".";
    Slots<T> mine;
    std::vector<Variable<T>> before;
    std::vector<std::string> names;
    for (; slot != slots.end() && slot->name.starts_with(prefix); ++slot) {
      names.push_back(slot->name.substr(prefix.size()));
      before.push_back(mine.all()[names.back()] = tape.variable(slot->value(), slot->name));
    }
    result.updates.push_back({parameters[k], optimiser_.update(parameters[k], gradients[k], rate, mine)});
    for (std::size_t i = 0; i < names.size(); ++i) slot_updates.push_back({before[i], mine.all()[names[i]]});
  }
  const auto next = model_.state_variables(inputs);
  for (std::size_t k = 0; k < states.size(); ++k) result.updates.push_back({states[k], next[k]});
  for (auto& update : slot_updates) result.updates.push_back(std::move(update));
  return result;
}

template <Real T>
T TrainingStep<T>::operator()(const Array<T>& inputs, const Array<T>& targets) {
  rate_.data()[0] = static_cast<T>(optimiser_.learning_rate());
  return *program_(inputs, targets, rate_)[0].data();
}

template <Real T>
void TrainingStep<T>::store() {
  if (program_.states() == 0) return;
  std::size_t number = 0;
  for (const auto& array : all_arrays(model_, optimiser_)) array.assign(program_.state(number++));
}

template <Real T>
void TrainingStep<T>::load() {
  if (program_.states() == 0) return;
  std::size_t number = 0;
  for (const auto& array : all_arrays(model_, optimiser_)) program_.state(number++, array.value());
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace nn
