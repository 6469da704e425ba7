// Tables of what can be chosen by name, as on a command line.
#pragma once

#include <autodiff/error.hpp>
#include <span>
#include <string>
#include <vector>

namespace nn {

template <class Value>
struct Choice {
  const char* name;
  Value value;
};

template <class Value, std::size_t N>
std::vector<std::string> names(std::span<const Choice<Value>, N> choices) {
  std::vector<std::string> result;
  for (const auto& choice : choices) result.emplace_back(choice.name);
  return result;
}

/// The value of this name. Throws ValueError, listing the names, when there is none.
template <class Value, std::size_t N>
Value choose(std::string_view what, std::span<const Choice<Value>, N> choices, std::string_view name) {
  std::string known;
  for (const auto& choice : choices) {
    if (choice.name == name) return choice.value;
    known += (known.empty() ? "" : ", ") + std::string(choice.name);
  }
  autodiff::fail<autodiff::ValueError>(what, "there is none named \"", name, "\", only ", known);
}

}  // namespace nn
