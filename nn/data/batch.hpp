// Batch<T>: samples that go through a model together.
#pragma once

#include <autodiff/autodiff.hpp>
#include <optional>
#include <vector>

namespace nn {

/// All that a model is given, all that it is to give, and how much each sample counts: a row a sample in each array.
template <autodiff::Real T>
struct Batch {
  std::vector<autodiff::Array<T>> inputs, targets;
  /// (samples), not negative: the mean over the samples is sum_i w_i l_i / sum_i w_i.
  std::optional<autodiff::Array<T>> weights = {};

  std::size_t size() const { return inputs.empty() || inputs[0].dimension() == 0 ? 0 : inputs[0].shape(0); }
  /// By how much its mean counts in one of several batches: the weights together, or the number of samples.
  double weight() const {
    double sum = static_cast<double>(size());
    if (weights) sum = xt::sum(xt::cast<double>(*weights))();
    return sum;
  }
  /// All arrays in their order, the weights last: what a program is given.
  std::vector<const autodiff::Array<T>*> arrays() const {
    std::vector<const autodiff::Array<T>*> all;
    for (const auto* list : {&inputs, &targets})
      for (const auto& array : *list) all.push_back(&array);
    if (weights) all.push_back(&*weights);
    return all;
  }
};

}  // namespace nn
