// The lines of a text file, plain or gzip, that nobody has to trust.
#pragma once

#include <vector>

#include "bytes.hpp"

namespace nn {

/// Reads line by line in bounded memory. All throw DataError, "[caller] file:line: rule".
class Lines : private FileBytes {
 public:
  Lines(std::string_view caller, const std::filesystem::path& path, std::size_t max_bytes, std::size_t max_line)
      : FileBytes(caller, path, max_bytes), max_line_(max_line), buffer_(1 << 16) {}
  /// Those of a text that stands for the file and outlives this.
  Lines(std::string_view caller, const std::filesystem::path& path, std::string_view text, std::size_t max_line)
      : FileBytes(caller, path, text), max_line_(max_line), buffer_(1 << 16) {}
  /// The next line without its end ("\n" or "\r\n"), or false after the last. The line lives until the next call.
  bool next(std::string_view& line);
  /// The number of the line read last, from 1.
  std::size_t number() const { return number_; }
  /// Refuses the line read last.
  using FileBytes::refuse;
  [[noreturn]] void refuse(std::size_t line, const std::string& rule) const { refuse_at(std::to_string(line), rule); }
  /// Refuses a line, read so far, that is longer than allowed.
  void check_length(std::size_t length) const;

 private:
  std::string place() const override { return number_ == 0 ? "" : std::to_string(number_); }
  bool fill();

  std::size_t max_line_;
  std::vector<char> buffer_;
  std::string_view rest_;  // of the buffer
  std::size_t number_ = 0;
  std::string line_;
};

}  // namespace nn
