#include "bytes.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace nn {

void Bytes::refuse_at(const std::string& place, const std::string& rule) const {
  autodiff::fail<DataError>(caller_, name_, place.empty() ? "" : ":", place, ": ", rule);
}

std::size_t Bytes::read_some(void* to, std::size_t n) {
  const std::size_t got = take(static_cast<char*>(to), n);
  if (got > max_bytes_ - offset_)
    refuse("the file holds more than the " + std::to_string(max_bytes_) + " bytes allowed");
  offset_ += got;
  return got;
}

void Bytes::read(void* to, std::size_t n) {
  for (char* at = static_cast<char*>(to); n > 0;) {
    const std::size_t got = read_some(at, n);
    if (got == 0) refuse("the file ends here, " + std::to_string(n) + " bytes too early");
    at += got, n -= got;
  }
}

void Bytes::skip(std::uint64_t n) {
  for (std::array<char, 4096> some; n > 0;) {
    const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(n, some.size()));
    read(some.data(), step);
    n -= step;
  }
}

void Bytes::restart() {
  rewind();
  offset_ = 0;
}

std::uint64_t Bytes::length() {
  const std::uint64_t before = offset_;
  std::uint64_t length = 0;
  if (known_length(length)) {
    if (length > max_bytes_) refuse("the file holds more than the " + std::to_string(max_bytes_) + " bytes allowed");
    return length;
  }
  for (std::array<char, 16384> some; read_some(some.data(), some.size()) > 0;) {
  }
  length = offset_;
  restart();
  skip(before);
  return length;
}

FileBytes::FileBytes(std::string_view caller, const std::filesystem::path& path, std::uint64_t max_bytes)
    : Bytes(caller, path.string(), max_bytes), path_(path), file_(nullptr, gzclose) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) refuse_file("is a directory");
  errno = 0;
  file_.reset(gzopen(path.c_str(), "rb"));
  if (!file_) refuse_file(std::string("cannot be opened: ") + (errno ? std::strerror(errno) : "out of memory"));
}

FileBytes::FileBytes(std::string_view caller, const std::filesystem::path& path, std::string_view text)
    : Bytes(caller, path.string(), text.size()), path_(path), file_(nullptr, gzclose), text_(text), rest_(text) {}

std::size_t FileBytes::take(char* to, std::size_t n) {
  if (!file_) {
    const std::size_t size = rest_.copy(to, n);
    rest_.remove_prefix(size);
    return size;
  }
  const int got = gzread(file_.get(), to, static_cast<unsigned>(std::min(n, std::size_t{1} << 30)));
  int code = Z_OK;
  const char* what = gzerror(file_.get(), &code);
  // A truncated file is no error to gzread: it gives what there is, and keeps Z_BUF_ERROR.
  if (code == Z_BUF_ERROR) refuse("the gzip file is truncated");
  if (got < 0) refuse(code == Z_ERRNO ? std::strerror(errno) : std::string("the gzip file is damaged: ") + what);
  return static_cast<std::size_t>(got);
}

void FileBytes::rewind() {
  rest_ = text_;
  if (file_ && gzrewind(file_.get()) != 0) refuse("the file cannot be read twice, as finding its length needs");
}

bool FileBytes::known_length(std::uint64_t& length) const {
  std::error_code error;
  if (!file_) return length = text_.size(), true;
  if (!std::filesystem::is_regular_file(path_, error)) refuse_file("is not a regular file");
  if (packed()) return false;
  length = std::filesystem::file_size(path_, error);
  if (error) refuse_file("has no length: " + error.message());
  return true;
}

}  // namespace nn
