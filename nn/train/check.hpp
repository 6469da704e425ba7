// Gradients of a model against finite differences.
#pragma once

#include <nn/data/batch.hpp>
#include <nn/model/losses.hpp>
#include <nn/model/module.hpp>

namespace nn {

/// Compares the gradients of the loss that a model has on a batch, by all its parameters, with central differences; the
/// report names the parameter. Parameters, states and mode are afterwards what they were. See autodiff::check_gradient.
/// Throws ValueError for a model without parameters, and what the model and the loss throw.
autodiff::CheckReport check_gradient(Module<double>& model, const Loss<double>& loss, const Array<double>& inputs,
                                     const Array<double>& targets, const autodiff::CheckOptions& options = {});
/// The same of a batch with several inputs or targets, or with weights.
autodiff::CheckReport check_gradient(Module<double>& model, const Loss<double>& loss, const Batch<double>& batch,
                                     const autodiff::CheckOptions& options = {});

}  // namespace nn
