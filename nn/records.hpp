// The records of a file of separated values, as RFC 4180 describes them.
#pragma once

#include <vector>

#include "lines.hpp"

namespace nn {

/// Reads record by record in bounded memory; a quoted field may hold separators, doubled quotes and line ends. Blanks
/// around fields do not count, nor do blank lines and comments between records. All throw DataError.
class Records {
 public:
  /// A separator ' ' stands for any run of spaces and tabs; a comment of 0 for none.
  Records(std::string_view caller, const std::filesystem::path& path, std::size_t max_bytes, std::size_t max_line,
          std::size_t max_columns, char separator, char comment)
      : lines_(caller, path, max_bytes, max_line),
        max_columns_(max_columns),
        separator_(separator),
        comment_(comment) {}
  /// The fields of the next record, or false after the last. They live until the next call.
  bool next(std::vector<std::string_view>& fields);
  /// The line on which the record read last begins, from 1.
  std::size_t line() const { return line_; }
  [[noreturn]] void refuse(std::size_t line, const std::string& rule) const { lines_.refuse(line, rule); }
  /// Refuses the file, at the line read last.
  [[noreturn]] void refuse(const std::string& rule) const { lines_.refuse(rule); }

 private:
  bool blank(char c) const { return c == ' ' || (c == '\t' && separator_ != '\t'); }
  bool separates(char c) const { return separator_ == ' ' ? blank(c) : c == separator_; }
  void check_columns(std::size_t columns) const;
  bool skipped(std::string_view line) const;
  void split_quoted(std::string_view line, std::vector<std::string_view>& fields);
  std::size_t unquote(std::string_view& line, std::size_t at);

  Lines lines_;
  std::size_t max_columns_;
  char separator_, comment_;
  std::size_t line_ = 0;
  std::string text_;  // of a record with quotes, without them
};

}  // namespace nn
