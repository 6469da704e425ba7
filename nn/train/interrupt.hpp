// Ctrl-C as a wish to end that a run meets when it is ready.
#pragma once

namespace nn {

/// While one lives, SIGINT ends no program but is remembered; a second one does end it. Where SIGINT was ignored, it
/// stays so. With the last one to end, the handler of before is back.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  /// Whether there was a SIGINT since the first of those that live now was made.
  bool interrupted() const;
};

}  // namespace nn
