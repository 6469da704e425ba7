// What a run of training has come to, epoch by epoch.
#pragma once

#include <filesystem>
#include <nn/base/data_error.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nn {

/// A table of named numbers: a row an epoch, with the columns of its first row.
class History {
 public:
  /// Names and numbers, in order.
  using Row = std::vector<std::pair<std::string, double>>;

  /// Throws ValueError, and appends nothing, unless a later row has the names of the first one in their order, and the
  /// first one at least one name, each different and without commas, quotes and control characters.
  void append(const Row& row);
  /// Forgets all rows but the first ones, as on going back to an earlier epoch. Fewer than those stay as they are.
  void keep(std::size_t rows);

  /// How many rows there are.
  std::size_t rows() const { return columns_.empty() ? 0 : columns_.front().size(); }
  /// In the order of the first row; none before it.
  const std::vector<std::string>& names() const { return names_; }
  /// Whether there is a column of this name.
  bool contains(std::string_view name) const;
  /// The numbers of this name, one a row. Throws ValueError when there is no such column.
  const std::vector<double>& column(std::string_view name) const;
  /// One row, from 0.
  Row row(std::size_t index) const;

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<double>> columns_;
};

/// Writes a line of names, then a line a row, in the digits that read back as the same numbers. Throws DataError; the
/// old file is there until the new one is.
void write_csv(const std::filesystem::path& path, const History& history);
/// Reads what write_csv has written: the same numbers (but for which NaN). A last line without its end, which a crash
/// has cut off, is ignored. Throws DataError, with file and line, for anything else, and for
/// more than 256 MiB.
History read_history(const std::filesystem::path& path);

/// Writes each row as a line with a JSON object: numbers by name, null for those that are not finite. Throws DataError;
/// the old file is there until the new one is.
void write_json_lines(const std::filesystem::path& path, const History& history);
/// Appends the last row, if there is one, in the place of a last line without its end. Throws DataError.
void append_json_line(const std::filesystem::path& path, const History& history);

}  // namespace nn
