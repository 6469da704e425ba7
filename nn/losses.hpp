// What training makes small: from autodiff, and by name.
#pragma once

#include <autodiff/autodiff.hpp>
#include <functional>
#include <string>
#include <vector>

namespace nn {

using autodiff::softmax_cross_entropy;
using autodiff::squared_error;

/// One number from predictions and targets, each with a row a sample; the mean over the samples.
template <autodiff::Real T>
using Loss =
    std::function<autodiff::Variable<T>(const autodiff::Variable<T>& prediction, const autodiff::Variable<T>& target)>;

/// "cross-entropy" (softmax of the predictions, in nats; targets are classes or rows of probabilities) or
/// "squared-error" (of a linear output; targets are rows). Throws ValueError for another name.
template <autodiff::Real T>
Loss<T> loss(std::string_view name);
std::vector<std::string> loss_names();

}  // namespace nn
