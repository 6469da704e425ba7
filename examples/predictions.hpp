// What predict writes: a line a row.
#pragma once

#include <iosfwd>

#include "samples.hpp"

/// How predictions are to be shown.
struct Showing {
  std::vector<std::string> keep;
  /// So many of the most probable classes; 0: the probabilities of all.
  std::size_t top = 0;
  /// The class that is said where its probability is at least so much.
  std::optional<std::pair<std::size_t, double>> threshold;
  /// The share of intervals that hold the true value; 0: none.
  double interval = 0;
};

/// "0.3" for the rarer of two classes, or "name=0.3". Throws nn::DataError, which names --threshold.
std::pair<std::size_t, double> threshold(const std::string& text, const Description& description);
/// The class that is said for a row of probabilities.
std::size_t said_class(std::span<const double> row, const Showing& showing);
/// For each real target, the distance from a prediction to both ends of its interval. Throws nn::DataError where too
/// few rows were held out in training.
std::vector<double> radii(const Description& description, double level);

/// Columns that are kept, predictions, and where there are faults a note on each; `unknown` rows have no prediction.
void write_predictions(std::ostream& out, const autodiff::Array<double>& values, const Description& description,
                       const Rows& rows, const std::vector<bool>& unknown, const Showing& showing);
