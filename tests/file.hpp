// Files that are there for one test, and what readers say about them.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <nn/nn.hpp>
#include <sstream>
#include <string>

class File {
 public:
  explicit File(const std::string& bytes, bool gzip = false)
      : path_(std::filesystem::temp_directory_path() /
              ("nn_test_" + std::to_string(getpid()) + "_" + std::to_string(++count_))) {
    if (gzip) {
      gzFile file = gzopen(path_.c_str(), "wb");
      REQUIRE(gzwrite(file, bytes.data(), unsigned(bytes.size())) == int(bytes.size()));
      REQUIRE(gzclose(file) == Z_OK);
    } else {
      std::ofstream(path_, std::ios::binary) << bytes;
    }
  }
  File(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }
  /// To be damaged.
  std::string bytes() const { return bytes_of(path_); }

  static std::string bytes_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

/// What a reader says about a file, without "[reader] " and the path.
template <class Read>
std::string refusal(const std::string& reader, const File& file, const Read& read) {
  try {
    read(file.path());
  } catch (const nn::DataError& error) {
    const std::string text = error.what(), begin = "[" + reader + "] " + file.path().string();
    REQUIRE(text.starts_with(begin));
    return text.substr(begin.size());
  }
  return "accepted";
}
