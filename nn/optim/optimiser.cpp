// What all update rules share: the rate, groups, slots, and a step by hand.
#include <algorithm>
#include <cmath>

#include "optimisers.hpp"

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
Optimiser<T>& Optimiser<T>::operator=(const Optimiser& from) {
  if (this == &from) return *this;
  ++changes_;
  learning_rate_ = from.learning_rate_, rate_ = from.rate_, groups_ = from.groups_;
  for (auto& [parameter, slots] : slots_)
    if (!from.slots_.contains(parameter))
      for (auto& [name, value] : slots) value = Variable<T>(Array<T>(xt::zeros<T>(value.shape())));
  for (const auto& [parameter, slots] : from.slots_) slots_[parameter] = slots;
  return *this;
}

template <Real T>
void Optimiser<T>::learning_rate(double rate) {
  if (!(rate >= 0) || std::isinf(rate))
    fail<ValueError>("optimiser", "the learning rate must be finite and not negative: ", rate);
  learning_rate_ = rate;
  rate_.set(rate);
}

namespace {

/// Whether the text is as the pattern says, in which '*' stands for any text and '?' for any character.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && matches(pattern.substr(1), text.substr(1));
}

}  // namespace

template <Real T>
Optimiser<T>& Optimiser<T>::group(std::string pattern, GroupOptions options) {
  for (const double option : {options.rate, options.weight_decay.value_or(0)})
    if (!(option >= 0) || std::isinf(option))
      fail<ValueError>("optimiser", "options of the group \"", pattern, "\" must be finite and not negative: ", option);
  std::ranges::replace(pattern, '/', '.');
  groups_.emplace_back(std::move(pattern), options);
  ++changes_;
  return *this;
}

template <Real T>
void Optimiser<T>::check_groups(Module<T>& model) const {
  if (groups_.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.parameters()) names.push_back(name);
  for (const auto& [pattern, options] : groups_)
    if (std::ranges::none_of(names, [&pattern = pattern](const auto& name) { return matches(pattern, name); }))
      fail<ValueError>("optimiser", "no parameter of the model belongs to the group \"", pattern, '"',
                       autodiff::names_near(pattern, names));
}

template <Real T>
const GroupOptions& Optimiser<T>::group_of(std::string_view parameter) const {
  static const GroupOptions all;
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group)
    if (matches(group->first, parameter)) return group->second;
  return all;
}

template <Real T>
Variable<T> Optimiser<T>::update_in_group(std::string_view name, const Variable<T>& parameter,
                                          const Variable<T>& gradient, const Variable<T>& rate, Slots<T>& slots) const {
  const auto& options = group_of(name);
  decay_of_group_ = options.weight_decay;
  struct Reset {
    std::optional<double>& decay;
    ~Reset() { decay.reset(); }
  } const reset{decay_of_group_};
  return update(parameter, gradient, options.rate == 1 ? rate : rate * options.rate, slots);
}

template <Real T>
std::map<std::string, Variable<T>> Optimiser<T>::first_slots(const std::string& parameter, const Shape& shape) {
  // The rule itself knows best what it keeps: it is asked by an update that nobody sees.
  const Variable<T> zero(Array<T>(xt::zeros<T>(shape)));
  Slots<T> fresh;
  update(zero, zero, Variable<T>(autodiff::to_array<T>(0)), fresh);
  const auto kept = slots_.find(parameter);
  for (auto& [slot, value] : fresh) {
    if (kept == slots_.end() || !kept->second.contains(slot) || !kept->second.at(slot).alive()) {
      value = Variable<T>(Array<T>(xt::zeros<T>(value.shape())));
      continue;
    }
    const auto& before = kept->second.at(slot);
    if (!std::ranges::equal(before.shape(), value.shape()))
      fail<ShapeError>("optimiser", "the slot \"", slot, "\" that it keeps for ", parameter,
                       " is of a parameter of another shape, so clear it, or take another optimiser: ",
                       Dims(before.shape()), " and ", Dims(value.shape()));
    value = before;
  }
  return fresh;
}

template <Real T>
void Optimiser<T>::step(Module<T>& model, std::vector<Array<T>> gradients) {
  check_groups(model);
  const auto parameters = model.parameters();
  if (parameters.size() != gradients.size())
    fail<ShapeError>("step", parameters.size(), " parameters and ", gradients.size(), " gradients");
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (!std::ranges::equal(parameters[i].parameter.shape(), gradients[i].shape()))
      fail<ShapeError>("step", "the gradient of ", parameters[i].name,
                       " must have its shape: ", Dims(parameters[i].parameter.shape()), " and ",
                       Dims(gradients[i].shape()));
  const Variable<T> rate(autodiff::to_array<T>(learning_rate_));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    auto& [name, parameter] = parameters[i];
    if (!parameter.trainable()) continue;
    parameter.assign(
        update_in_group(name, parameter.plain(), Variable<T>(std::move(gradients[i])), rate, slots_[name]));
  }
}

template class Optimiser<float>;
template class Optimiser<double>;

}  // namespace nn
