// What operators of ONNX are here.
#pragma once

#include <algorithm>
#include <map>
#include <nn/model/parameter.hpp>

#include "file.hpp"

namespace nn {

/// A value of a graph: numbers, or whole numbers that say shapes, places and axes.
template <Real T>
struct OnnxValue {
  Variable<T> numbers;
  Whole whole = {};
  Shape shape = {};  // of whole numbers
  bool is_whole = false;
  bool is_integral = false;  // of numbers: integers that are known only in a run, which divide as integers do

  bool integral() const { return is_whole || is_integral; }
};

/// One node, and what it is given.
template <Real T>
struct OnnxStep {
  const OnnxNode& node;
  std::vector<const OnnxValue<T>*> inputs;  // null where one is left out
  std::int64_t version;
  std::size_t most;  // elements that a result may have which no input bounds

  /// What it is called in errors.
  std::string title() const;
  /// Throws DataError, which names the node.
  [[noreturn]] void refuse(const std::string& rule) const;
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i]; }
  const OnnxValue<T>& input(std::size_t i) const;
  /// An input as numbers, also where it is whole numbers, if T has all their digits.
  Variable<T> x(std::size_t i) const { return numbers_of(input(i)); }
  Variable<T> numbers_of(const OnnxValue<T>& value) const;
  const Whole& whole(std::size_t i) const;
  std::int64_t integer(const char* name, std::int64_t otherwise) const;
  double real(const char* name, double otherwise) const;
  Whole integers(const char* name, const Whole& otherwise) const;
  std::string text(const char* name, const char* otherwise) const;
  /// A list that is an attribute in early versions, and an input in later ones.
  Whole list(const char* name, std::size_t i) const;
  /// That of arrays by NumPy's rules. Refuses one that is neither of theirs, and larger than what a file may ask for.
  Shape common_shape(const Shape& a, const Shape& b) const;
  /// Refuses a shape that is larger than what a file may ask for.
  void check_size(const Shape& shape) const;

 private:
  const OnnxAttribute* attribute(const char* name, OnnxType type) const;
};

template <Real T>
using Values = std::vector<OnnxValue<T>>;
template <Real T>
using Operators = std::map<std::string, Values<T> (*)(const OnnxStep<T>&)>;
template <Real T>
const Operators<T>& arithmetic_operators();
template <Real T>
const Operators<T>& shape_operators();

/// What a constant of a file is: numbers, or whole numbers of 32 or 64 bits.
template <Real T>
OnnxValue<T> value_of(const Tensor& tensor);
/// Refuses a node whose operator is not known.
template <Real T>
void check_known(const OnnxStep<T>& step);
/// The results of a node. Throws DataError for an operator that is not known, and what its operations throw.
template <Real T>
Values<T> run(const OnnxStep<T>& step);
/// Whether an input of this operator is what training computes itself: statistics.
bool is_statistic(const std::string& operation, std::size_t input);

template <Real T>
std::size_t axis_of(const OnnxStep<T>& step, std::int64_t axis, std::size_t rank) {
  const auto n = static_cast<std::int64_t>(rank);
  if (axis < -n || axis >= n) step.refuse("axis " + std::to_string(axis) + " is out of range");
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

template <Real T>
std::vector<int> axes_of(const OnnxStep<T>& step, const Whole& axes, std::size_t rank) {
  std::vector<int> result;
  for (const auto axis : axes) {
    result.push_back(static_cast<int>(axis_of(step, axis, rank)));
    if (std::find(result.begin(), result.end() - 1, result.back()) != result.end() - 1)
      step.refuse("axis " + std::to_string(axis) + " is named twice");
  }
  return result;
}

template <Real T>
Values<T> numbers(Variable<T> x) {
  return {{std::move(x)}};
}
template <Real T>
Values<T> whole(Whole values, Shape shape) {
  return {{{}, std::move(values), std::move(shape), true, false}};
}

}  // namespace nn
