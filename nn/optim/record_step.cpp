#include "record_step.hpp"

#include <algorithm>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
bool detail::is_of_unused(const Variable<T>& gradient) {
  const auto& node = gradient.tape().node(gradient.index());
  const bool zeros_of_sweep = !node.operation && node.constant, of_constants = gradient.tape().abstract();
  return !node.abstract && (zeros_of_sweep || of_constants) &&
         std::ranges::all_of(*node.value, [](T x) { return x == 0; });
}
template bool detail::is_of_unused(const Variable<float>&);
template bool detail::is_of_unused(const Variable<double>&);

template <Real T>
std::vector<autodiff::Update<T>> record_step(Optimiser<T>& optimiser, const std::vector<Variable<T>>& parameters,
                                             const std::vector<Variable<T>>& gradients) {
  if (parameters.size() != gradients.size())
    fail<ShapeError>("record_step", parameters.size(), " parameters and ", gradients.size(), " gradients");
  if (parameters.empty()) return {};
  auto& tape = parameters[0].tape();
  const auto rate = tape.constant(optimiser.rate_cell(), "learning_rate");
  std::vector<autodiff::Update<T>> updates, of_slots;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const auto& parameter = parameters[k];
    if (!std::ranges::equal(parameter.shape(), gradients[k].shape()))
      fail<ShapeError>("record_step", "the gradient of ", parameter.name(),
                       " must have its shape: ", Dims(parameter.shape()), " and ", Dims(gradients[k].shape()));
    std::string name = parameter.name();
    if (name.empty()) fail<ValueError>("record_step", "parameter ", k, " needs a name, by which its slots go");
    std::ranges::replace(name, '/', '.');
    Slots<T> slots;
    std::vector<std::pair<std::string, Variable<T>>> before;
    auto& kept = optimiser.slots(name);
    for (const auto& [slot, value] : optimiser.first_slots(name, parameter.shape())) {
      kept[slot] = value;
      before.emplace_back(slot, slots[slot] = tape.variable(kept.cell(slot), name + "." + slot));
    }
    const bool unused = detail::is_of_unused(gradients[k]);  // and so it does not decay either
    updates.push_back(
        {parameter, unused ? parameter : optimiser.update_in_group(name, parameter, gradients[k], rate, slots)});
    for (const auto& [slot, variable] : before) of_slots.push_back({variable, slots[slot]});
  }
  updates.insert(updates.end(), of_slots.begin(), of_slots.end());
  return updates;
}

template std::vector<autodiff::Update<float>> record_step(Optimiser<float>&, const std::vector<Variable<float>>&,
                                                          const std::vector<Variable<float>>&);
template std::vector<autodiff::Update<double>> record_step(Optimiser<double>&, const std::vector<Variable<double>>&,
                                                           const std::vector<Variable<double>>&);

}  // namespace nn
