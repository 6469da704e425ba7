// What predictions come to beside their loss, as the page shows it.
#pragma once

#include <nn/data/source.hpp>
#include <nn/report/report.hpp>
#include <optional>
#include <vector>

namespace nn::detail {

/// Predictions that tell classes.
struct Classified {
  autodiff::Array<double> probabilities;  // (samples, classes)
  autodiff::Array<double> labels;         // (samples)
};

/// Of scores or probabilities (samples, classes) and labels (samples) or one-hot rows; or of two classes, of one number
/// a sample and truths of 0 and 1. Nothing for all else.
std::optional<Classified> classified(const autodiff::Array<double>& predictions,
                                     const autodiff::Array<double>& targets);

/// How often each class, the rows, was predicted as each.
std::vector<std::vector<std::size_t>> confusion(const Classified& all);
/// As JSON.
std::string calibration_of(const Classified& all);
/// As JSON, each class against the rest, of two classes the second one; nothing where there are more than ten.
std::string roc_of(const Classified& all);

/// The samples that are missed most, at most so many: where classes are told, those whose class is least probable; of
/// real values, those with the largest squared error.
std::vector<std::size_t> worst_of(const std::optional<Classified>& classes, const autodiff::Array<double>& predictions,
                                  const autodiff::Array<double>& targets, std::size_t most);
/// What is to be said of each, as JSON; `inputs` are those samples.
std::string worst_text(const std::vector<std::size_t>& samples, const autodiff::Array<double>& inputs,
                       const std::optional<Classified>& classes, const autodiff::Array<double>& predictions,
                       const autodiff::Array<double>& targets, const ReportOptions& options);

}  // namespace nn::detail
