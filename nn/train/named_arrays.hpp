// What models and optimisers keep, as a list of named arrays: all that saving and loading know of them.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <nn/io/tensor.hpp>
#include <nn/model/module.hpp>
#include <nn/optim/optimisers.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// An array under its full name. The shape is known before there is a value.
template <Real T>
struct NamedArray {
  std::string name;
  Shape shape;
  std::function<Array<T>()> value;
  std::function<void(Array<T>)> assign;
};

/// All that a model needs to compute the same again.
template <Real T>
std::vector<NamedArray<T>> named_arrays(Module<T>& model);
template <Real T>
std::vector<NamedArray<T>> named_arrays(const std::vector<Named<T>>& parameters);
/// The slots of one parameter, "<parameter>.<slot>".
template <Real T>
std::vector<NamedArray<T>> named_arrays(Optimiser<T>& optimiser, const Named<T>& parameter);
/// The slots of the optimiser, "<parameter>.<slot>", those included that it would make at its first step.
template <Real T>
std::vector<NamedArray<T>> named_arrays(Optimiser<T>& optimiser, Module<T>& model);

/// Puts the prefix before all names.
template <Real T>
std::vector<NamedArray<T>> under(std::string_view prefix, std::vector<NamedArray<T>> arrays);

/// Gives the arrays the values of the tensors of their names. Throws DataError, "[caller] path: ...", and changes
/// nothing, unless shapes and element types all agree, and no other tensor begins with one of the prefixes; it says all
/// that differ.
template <Real T>
void replace(const std::vector<NamedArray<T>>& arrays, const std::map<std::string, Tensor>& tensors,
             std::initializer_list<std::string_view> prefixes, std::string_view caller, const std::string& path);

}  // namespace nn
