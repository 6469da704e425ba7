#include "lines.hpp"

#include <cerrno>
#include <cstring>

#include "data.hpp"

namespace nn {

Lines::Lines(std::string_view caller, const std::filesystem::path& path, std::size_t max_bytes, std::size_t max_line)
    : caller_(caller),
      path_(path.string()),
      max_bytes_(max_bytes),
      max_line_(max_line),
      file_(nullptr, gzclose),
      buffer_(1 << 16) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) refuse_file("is a directory");
  errno = 0;
  file_.reset(gzopen(path_.c_str(), "rb"));
  if (!file_) refuse_file(std::string("cannot be opened: ") + (errno ? std::strerror(errno) : "out of memory"));
}

bool Lines::fill() {
  const int got = gzread(file_.get(), buffer_.data(), static_cast<unsigned>(buffer_.size()));
  int code = Z_OK;
  const char* what = gzerror(file_.get(), &code);
  // A truncated file is no error to gzread: it gives what there is, and keeps Z_BUF_ERROR.
  if (code == Z_BUF_ERROR) refuse("the gzip file is truncated");
  if (got < 0) refuse(code == Z_ERRNO ? std::strerror(errno) : std::string("the gzip file is damaged: ") + what);
  bytes_ += static_cast<std::size_t>(got);
  if (bytes_ > max_bytes_) refuse("the file holds more than the " + std::to_string(max_bytes_) + " bytes allowed");
  rest_ = {buffer_.data(), static_cast<std::size_t>(got)};
  return got > 0;
}

bool Lines::next(std::string_view& line) {
  line_.clear();
  ++number_;
  for (bool started = false;;) {
    if (rest_.empty() && !fill()) {
      if (!started) return --number_, false;
      break;
    }
    started = true;
    const std::size_t end = rest_.find('\n');
    const std::string_view part = rest_.substr(0, end);
    if (line_.size() + part.size() > max_line_)
      refuse("the line is longer than the " + std::to_string(max_line_) + " bytes allowed");
    line_ += part;
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (end != std::string_view::npos) break;
  }
  if (line_.ends_with('\r')) line_.pop_back();
  line = line_;
  return true;
}

void Lines::refuse(const std::string& rule) const {
  if (number_ == 0) refuse_file(rule);
  autodiff::fail<DataError>(caller_, path_, ':', number_, ": ", rule);
}

void Lines::refuse_file(const std::string& rule) const { autodiff::fail<DataError>(caller_, path_, ": ", rule); }

}  // namespace nn
