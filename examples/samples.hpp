// More rows of a table that a network was trained on, whose columns may be in another order.
#pragma once

#include "network.hpp"

/// Rows as they were read, what is wrong with them, and what is carried through.
struct Rows {
  /// With the features and classes of training; what is missing or none of these is NaN. Targets are (rows, 0) where
  /// the file has none.
  nn::Dataset<double> data;
  bool labelled = false;
  /// By the number of the row: what is wrong with a value of it.
  std::map<std::size_t, std::string> faults = {};
  /// The line on which each row begins, and its fields of the columns to be kept.
  std::vector<std::size_t> lines = {};
  std::vector<std::vector<std::string>> kept = {};
};

/// Rows to test with or to learn from: targets must be there. A category that training had not is missing, and a fault,
/// where missing features are filled. Throws nn::DataError for other tables; it says which columns are missing, and
/// which are unknown.
Rows read_more(const std::string& file, const Description& description);
/// Rows to predict, with the targets or without: any value that is not what it should be, or is missing, is a fault.
/// Columns to be kept may be ones that training had not. Throws nn::DataError likewise.
Rows read_to_predict(const std::string& file, const Description& description, const std::vector<std::string>& keep);
