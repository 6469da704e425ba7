// What training went through, epoch by epoch.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// A table with a row an epoch. fit's columns are "epoch", from 1, "loss", "<validation> loss" and "<validation>
/// <metric>" for each metric, where there is validation data, "learning rate", that of the last step, and "seconds"
/// since training began.
struct History {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;

  /// The place of the column of this name. Throws ValueError, listing the names, when there is none.
  std::size_t place(std::string_view column) const;
  /// All that stands in a column.
  std::vector<double> column(std::string_view name) const;
};

/// A number as text that reads back as the same one.
std::string exact_text(double number);

/// A history on disk that grows by a line an epoch, so that it can be looked at while training goes on: JSON lines, an
/// object an epoch, where the name ends in ".jsonl" or ".json" (what is not finite is null), or else CSV with a header.
class HistoryFile {
 public:
  /// Writes what there is so far, in the place of an old file. Throws DataError when it cannot be written, as append.
  HistoryFile(std::filesystem::path path, const History& history);
  void append(const History& history, std::size_t row);

 private:
  void check();

  std::filesystem::path path_;
  bool json_;
  std::ofstream file_;
};

}  // namespace nn
