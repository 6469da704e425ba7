#include "lines.hpp"

namespace nn {

bool Lines::fill() {
  rest_ = {buffer_.data(), read_some(buffer_.data(), buffer_.size())};
  return !rest_.empty();
}

void Lines::check_length(std::size_t length) const {
  if (length > max_line_) refuse("the line is longer than the " + std::to_string(max_line_) + " bytes allowed");
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
    check_length(line_.size() + part.size());
    line_ += part;
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (end != std::string_view::npos) break;
  }
  if (line_.ends_with('\r')) line_.pop_back();
  line = line_;
  return true;
}

}  // namespace nn
