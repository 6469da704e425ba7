// The records of a file of separated values, as RFC 4180 describes them.
#pragma once

#include <nn/io/lines.hpp>
#include <vector>

#include "csv.hpp"

namespace nn {

/// Reads record by record in bounded memory; a quoted field may hold separators, doubled quotes and line ends. Blanks
/// around fields do not count, nor do blank lines and comments between records. All throw DataError.
class CsvRecords {
 public:
  /// Of the options, the separator, the comment and the limits. They must outlive this.
  CsvRecords(std::string_view caller, const std::filesystem::path& path, const CsvOptions& options)
      : options_(options), lines_(caller, path, options.max_bytes, options.max_line) {}
  /// Those of a text that was read before, which must outlive this, too.
  CsvRecords(std::string_view caller, const CsvText& text, const CsvOptions& options)
      : options_(options), lines_(caller, text.path, text.text, options.max_line) {}
  /// The fields of the next record, or false after the last. They live until the next call.
  bool next(std::vector<std::string_view>& fields);
  /// The line on which the record read last begins, from 1.
  std::size_t line() const { return line_; }
  [[noreturn]] void refuse(std::size_t line, const std::string& rule) const { lines_.refuse(line, rule); }
  /// Refuses the file, at the line read last.
  [[noreturn]] void refuse(const std::string& rule) const { lines_.refuse(rule); }

 private:
  bool blank(char c) const { return c == ' ' || (c == '\t' && options_.separator != '\t'); }
  bool separates(char c) const { return options_.separator == ' ' ? blank(c) : c == options_.separator; }
  void check_columns(std::size_t columns) const;
  bool skipped(std::string_view line) const;
  void split_quoted(std::string_view line, std::vector<std::string_view>& fields);
  std::size_t unquote(std::string_view& line, std::size_t at);

  const CsvOptions& options_;
  Lines lines_;
  std::size_t line_ = 0;
  std::string text_;  // of a record with quotes, without them
};

}  // namespace nn
