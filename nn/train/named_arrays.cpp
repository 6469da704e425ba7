#include "named_arrays.hpp"

#include <algorithm>
#include <nn/base/data_error.hpp>
#include <nn/base/text.hpp>
#include <set>

namespace nn {

template <Real T>
std::vector<NamedArray<T>> named_arrays(const std::vector<Named<T>>& parameters) {
  std::vector<NamedArray<T>> result;
  for (auto& [name, parameter] : parameters)
    result.push_back({name, parameter.shape(), [&parameter = parameter] { return parameter.value(); },
                      [&parameter = parameter](Array<T> value) { parameter.assign(std::move(value)); }});
  return result;
}

template <Real T>
std::vector<NamedArray<T>> named_arrays(Module<T>& model) {
  auto result = named_arrays(model.parameters());
  for (auto& state : named_arrays(model.states())) result.push_back(std::move(state));
  return result;
}

template <Real T>
std::vector<NamedArray<T>> named_arrays(Optimiser<T>& optimiser, const Named<T>& parameter) {
  std::vector<NamedArray<T>> result;
  for (const auto& [slot, value] : optimiser.first_slots(parameter.name, parameter.parameter.shape()))
    result.push_back({parameter.name + "." + slot, autodiff::to_shape(value.shape()),
                      [value = value] { return value.value(); },
                      [&slots = optimiser.slots(parameter.name), slot = slot](Array<T> to) {
                        slots[slot] = Variable<T>(std::move(to));
                      }});
  return result;
}

template <Real T>
std::vector<NamedArray<T>> named_arrays(Optimiser<T>& optimiser, Module<T>& model) {
  std::vector<NamedArray<T>> result;
  for (const auto& parameter : model.parameters())
    if (parameter.parameter.trainable() || !optimiser.slots(parameter.name).all().empty())
      for (auto& slot : named_arrays(optimiser, parameter)) result.push_back(std::move(slot));
  return result;
}

template <Real T>
std::vector<NamedArray<T>> under(std::string_view prefix, std::vector<NamedArray<T>> arrays) {
  for (auto& array : arrays) array.name.insert(0, prefix);
  return arrays;
}

template <Real T>
void replace(const std::vector<NamedArray<T>>& arrays, const std::map<std::string, Tensor>& tensors,
             std::initializer_list<std::string_view> prefixes, std::string_view caller, const std::string& path) {
  std::string differences;
  std::set<std::string_view> known;
  for (const auto& array : arrays) {
    known.insert(array.name);
    const auto expected = to_string(dtype_of<T>, array.shape);
    const auto found = tensors.find(array.name);
    if (found == tensors.end())
      differences += "; missing " + in_quotes(array.name) + " " + expected;
    else if (found->second.dtype() != dtype_of<T> || found->second.shape() != array.shape)
      differences += "; " + in_quotes(array.name) + " expected " + expected + ", found " +
                     to_string(found->second.dtype(), found->second.shape());
  }
  for (const auto& [name, tensor] : tensors)
    if (!known.contains(name) && std::ranges::any_of(prefixes, [&name = name](auto p) { return name.starts_with(p); }))
      differences += "; unexpected " + in_quotes(name) + " " + to_string(tensor.dtype(), tensor.shape());
  if (!differences.empty())
    autodiff::fail<DataError>(caller, path, ": differs from the model: ", differences.substr(2));

  std::vector<Array<T>> values;  // all of them, so that no lack of memory comes between
  for (const auto& array : arrays) values.push_back(tensors.at(array.name).template as<T>());
  for (std::size_t i = 0; i < arrays.size(); ++i) arrays[i].assign(std::move(values[i]));
}

#define NN_NAMED_ARRAYS(T)                                                                       \
  template std::vector<NamedArray<T>> named_arrays(const std::vector<Named<T>>&);                \
  template std::vector<NamedArray<T>> named_arrays(Optimiser<T>&, const Named<T>&);              \
  template std::vector<NamedArray<T>> named_arrays(Module<T>&);                                  \
  template std::vector<NamedArray<T>> named_arrays(Optimiser<T>&, Module<T>&);                   \
  template std::vector<NamedArray<T>> under(std::string_view, std::vector<NamedArray<T>>);       \
  template void replace(const std::vector<NamedArray<T>>&, const std::map<std::string, Tensor>&, \
                        std::initializer_list<std::string_view>, std::string_view, const std::string&);
NN_NAMED_ARRAYS(float)
NN_NAMED_ARRAYS(double)

}  // namespace nn
