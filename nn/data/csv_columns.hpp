// What a reader of separated values knows of its columns.
#pragma once

#include <algorithm>
#include <autodiff/array.hpp>
#include <cmath>
#include <nn/base/text.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dates.hpp"

namespace nn::detail {

inline std::optional<std::size_t> whole(std::string_view field) {
  const auto value = number(field);
  if (!value || !(*value >= 0 && *value < 0x1p53) || *value != std::floor(*value)) return std::nullopt;
  return static_cast<std::size_t>(*value);
}

/// Names and their numbers, in order.
struct Names {
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> numbers;
  bool complete = false;

  void add(std::string name) {
    numbers.emplace(name, names.size());
    names.push_back(std::move(name));
  }
  void fix(const std::vector<std::string>& given) {
    for (const auto& name : given) add(name);
    complete = !given.empty();
  }
};

/// What is done with a column.
struct Role {
  enum class Kind : char { number, date, categorical, target, dropped } kind = Kind::number;
  bool one_hot = false;
  DateOrder order = DateOrder::year;
};

template <autodiff::Real T>
autodiff::Array<T> array(autodiff::Shape shape, const std::vector<T>& values) {
  autodiff::Array<T> result(shape);
  std::ranges::copy(values, result.data());
  return result;
}

/// What is wrong with a value that is tolerated.
struct Fault {
  std::string rule;
};

}  // namespace nn::detail
