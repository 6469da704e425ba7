#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace nn {

namespace {

constexpr std::size_t most_lines = 20;
constexpr std::size_t bar_width = 24;
constexpr auto between_bars = std::chrono::milliseconds(100);

/// Wide enough for its name and for numbers of a few digits.
int width(const std::string& column) { return static_cast<int>(std::max<std::size_t>(column.size(), 8) + 2); }

}  // namespace

bool is_terminal(const std::ostream& stream) {
  if (stream.rdbuf() == std::cout.rdbuf()) return isatty(STDOUT_FILENO) == 1;
  return (stream.rdbuf() == std::cerr.rdbuf() || stream.rdbuf() == std::clog.rdbuf()) && isatty(STDERR_FILENO) == 1;
}

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return "?";
  const auto whole = static_cast<long long>(std::max(seconds, 0.0));
  std::ostringstream text;
  text << std::setfill('0');
  if (whole < 60)
    text << whole << " s";
  else if (whole < 3600)
    text << whole / 60 << ':' << std::setw(2) << whole % 60 << " min";
  else
    text << whole / 3600 << ':' << std::setw(2) << whole / 60 % 60 << ':' << std::setw(2) << whole % 60 << " h";
  return text.str();
}

Progress::Progress(std::ostream& stream, bool terminal, std::size_t epochs, std::size_t samples)
    : stream_(stream),
      terminal_(terminal),
      epochs_(epochs),
      samples_(samples),
      every_((epochs + most_lines - 1) / most_lines) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (bar_) stream_ << "\r\033[K" << std::flush;
  bar_ = false;
}

void Progress::advance(std::size_t samples, std::size_t epoch, std::size_t done) {
  seen_ += samples;
  const auto now = Clock::now();
  if (!terminal_ || now - shown_ < between_bars) return;
  shown_ = now;
  const std::chrono::duration<double> elapsed = now - start_;
  const double rate = static_cast<double>(seen_) / elapsed.count();
  const double left = static_cast<double>((epochs_ - epoch) * samples_ + samples_ - done);
  const std::size_t full = samples_ == 0 ? 0 : bar_width * done / samples_;
  std::ostringstream text;
  // A bar wider than the terminal is cut by it, instead of going on in the next line.
  text << "\033[?7l\r  epoch " << epoch << '/' << epochs_ << " [" << std::string(full, '=')
       << std::string(bar_width - full, ' ') << "] " << std::llround(rate) << " samples/s, "
       << duration_text(left / rate) << " left\033[K\033[?7h";
  stream_ << text.str() << std::flush;
  bar_ = true;
}

void Progress::line(const History& history, bool last) {
  const auto row = history.row(history.rows() - 1);
  const auto epoch = static_cast<std::size_t>(history.column("epoch").back());
  if (!last && epoch % every_ != 0 && header_) return;
  clear();
  std::ostringstream text;  // whose format is its own
  if (!header_) {
    for (const auto& [column, number] : row) text << std::setw(width(column)) << column;
    text << '\n';
    header_ = true;
  }
  for (const auto& [column, number] : row) {
    const bool seconds = column == "seconds";
    text << std::setw(width(column)) << std::setprecision(seconds ? 1 : 4) << (seconds ? std::fixed : std::defaultfloat)
         << number;
  }
  stream_ << text.str() << std::endl;
}

}  // namespace nn
