// How well a network does on samples whose targets are known.
#pragma once

#include <iosfwd>

#include "network.hpp"

struct Score {
  /// The accuracy, or R2, the mean of several targets.
  double value;
  /// The same in words.
  std::string text;
  /// Classes that are there, and of which no sample was found.
  std::vector<std::string> never_found = {};
};

/// Prints measures of what was predicted, probabilities of classes or values in their units, beside those of a
/// baseline: the most frequent class in training, or the mean. If it is to be brief, only the last of them, or those of
/// values. `what` is said before each. Of `scores`, if there are any, the area under the curve is found, and not of
/// what was predicted by a threshold.
Score say_results(std::ostream& out, const std::string& what, const autodiff::Array<double>& predicted,
                  const autodiff::Array<double>& actual, const Description& description, bool brief,
                  const autodiff::Array<double>* scores = nullptr);
