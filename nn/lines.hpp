// The lines of a text file, plain or gzip, that nobody has to trust.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// Reads line by line in bounded memory. All throw DataError, "[caller] file:line: rule".
class Lines {
 public:
  Lines(std::string_view caller, const std::filesystem::path& path, std::size_t max_bytes, std::size_t max_line);
  /// The next line without its end ("\n" or "\r\n"), or false after the last. The line lives until the next call.
  bool next(std::string_view& line);
  /// Refuses the line read last.
  [[noreturn]] void refuse(const std::string& rule) const;

 private:
  bool fill();
  [[noreturn]] void refuse_file(const std::string& rule) const;

  std::string caller_, path_;
  std::size_t max_bytes_, max_line_;
  std::unique_ptr<gzFile_s, decltype(&gzclose)> file_;
  std::vector<char> buffer_;
  std::string_view rest_;  // of the buffer
  std::size_t bytes_ = 0, number_ = 0;
  std::string line_;
};

}  // namespace nn
