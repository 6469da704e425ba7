#include "bytes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

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

void Bytes::take_room(std::uint64_t bytes) {
  if (bytes > room())
    refuse("the array would take " + std::to_string(bytes) + " bytes, more than the " + std::to_string(room()) +
           " that are allowed or left of them");
  room() -= bytes;
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

namespace {

/// Whether somebody writes to a pipe that does not block, or has, within a few seconds.
bool has_writer(int pipe) {
  constexpr int step = 50, most = 3000;  // milliseconds
  for (int waited = 0; waited < most; waited += step) {
    pollfd waiting{pipe, POLLIN, 0};
    if (::poll(&waiting, 1, step) > 0) return true;
    char byte = 0;  // without a writer, a pipe is at its end
    if (const auto got = ::read(pipe, &byte, 1); got != 0) return got < 0 && errno == EAGAIN;
  }
  return false;
}

}  // namespace

FileBytes::FileBytes(std::string_view caller, const std::filesystem::path& path, std::uint64_t max_bytes)
    : Bytes(caller, path.string(), max_bytes), path_(path), file_(nullptr, gzclose) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) refuse_file("is a directory");
  struct stat status;
  const bool pipe = ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  errno = 0;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (pipe ? O_NONBLOCK : 0));
  if (file >= 0 && pipe) {
    if (!has_writer(file)) ::close(file), refuse_file("is a pipe that nobody writes to");
    ::fcntl(file, F_SETFL, ::fcntl(file, F_GETFL) & ~O_NONBLOCK);
  }
  if (file >= 0) file_.reset(gzdopen(file, "rb"));
  if (file >= 0 && !file_) ::close(file);
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
