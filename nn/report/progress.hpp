// How training goes, for people to watch.
#pragma once

#include <chrono>
#include <iosfwd>

#include "history.hpp"

namespace nn {

/// Whether a stream is the standard output or the standard error of the process, and that is a terminal.
bool is_terminal(const std::ostream& stream);

/// A line for an epoch, of some twenty epochs that are spread over all; on a terminal a bar below, with the samples a
/// second and the time left, that moves ten times a second and is cut to the terminal's width.
class Progress {
 public:
  /// Of so many samples in each of so many epochs. `stream` must outlive this.
  Progress(std::ostream& stream, bool terminal, std::size_t epochs, std::size_t samples);
  /// Takes the bar away.
  ~Progress();
  Progress(const Progress&) = delete;

  /// `samples` more went through, in an epoch, from 1, of which `done` have.
  void advance(std::size_t samples, std::size_t epoch, std::size_t done);
  /// An epoch is over: the last row, whose columns have "epoch".
  void line(const History& history, bool last);

 private:
  using Clock = std::chrono::steady_clock;
  void clear();

  std::ostream& stream_;
  bool terminal_, header_ = false, bar_ = false;
  std::size_t epochs_, samples_, every_, seen_ = 0;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
};

/// Seconds as people write them: "4 s", "2:05 min", "1:02:05 h".
std::string duration_text(double seconds);

}  // namespace nn
