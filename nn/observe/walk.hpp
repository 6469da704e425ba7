// One sample's way forward and back through a plain network, with all numbers that a lecture would put on its drawing.
#pragma once

#include <nn/data/batch.hpp>
#include <nn/report/report.hpp>
#include <optional>
#include <string>

namespace nn::detail {

/// The walk through a network of the lecture's layers, "layer1" and so on, each reading the one before it alone, whose
/// loss is that of one sample, as JSON; nothing for any other. Of each layer the twelve units are shown that matter
/// most: those with the largest gradient of their pre-activation, of the input those with the largest product of value
/// and gradient. For each weight between two of them the page finds what autodiff::explain says of it: `chains` hold,
/// for each unit, how much of the gradient of its pre-activation passes each unit of the layers behind, all that are
/// not shown taken together.
template <autodiff::Real T>
std::optional<std::string> walk_through(const autodiff::Variable<T>& loss, const Batch<T>& batch,
                                        const std::string& name, const ReportOptions& options);

}  // namespace nn::detail
