// A directory for the files of one test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

/// Empty at first, and gone afterwards.
class Scratch {
 public:
  Scratch() : directory_(std::filesystem::temp_directory_path() / ("autodiff_test_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scratch(const Scratch&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return directory_ / name; }
  const std::filesystem::path& path() const { return directory_; }
  /// How many files there are.
  std::size_t files() const { return std::size_t(std::distance(std::filesystem::directory_iterator(directory_), {})); }

 private:
  std::filesystem::path directory_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);  // a file that is cut off and written again goes to the disk at once, which takes long
  std::ofstream(path, std::ios::binary) << bytes;
}
