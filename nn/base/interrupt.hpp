// Ctrl-C as a wish to end that a run meets when it is ready.
#pragma once

namespace nn {

/// While one lives, SIGINT ends no program but is remembered; a second one does end it. Where SIGINT was ignored, it
/// stays so. With the last one to end, the handler of before is back. The same of SIGTERM if asked for, where nobody
/// else handles it: it is what mpirun sends all ranks on Ctrl-C.
class InterruptGuard {
 public:
  explicit InterruptGuard(bool also_termination = false);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  /// Whether there was one since the first of those that live now was made.
  bool interrupted() const;
};

}  // namespace nn
