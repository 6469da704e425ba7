// How tapes are compiled.
#pragma once

#include <cstddef>

namespace autodiff {

struct CompileOptions {
  /// How many threads a run uses, at most 256; 0: what the process is set to, usually one a core. Results do not depend
  /// on it.
  int threads = 0;
  /// Give the same bits as the tape: without the passes that round otherwise (scales and sums absorbed into products,
  /// multiply-adds, reductions by blocks, transposes read in place), and in which a factor that is zero at a run leaves
  /// out what it multiplies, be it NaN.
  bool exact = false;
  /// Stop a run at the first input, state or result that is not finite, with a ValueError that names it, its shape and
  /// index; compile() itself stops at a variable that keeps such a value, and at results that no run computes anew.
  /// Constants are let through, since an infinity may be meant, until a result is not finite. Slow; exact.
  bool stop_at_non_finite = false;
  /// Take numbers below the smallest normal one for zero in each run: see denormals.hpp. Results may differ by as much.
  bool flush_denormals = false;
  /// The most bytes of the arena: all values between inputs and results, but not what loops need within a step; 0: as
  /// many as it takes. Where that is more, what waits long to be read again is computed again, as little as was found
  /// to suffice; the report says what, and about how much more work it is. Results are the same, in programs that are
  /// not exact but for rounding. compile() throws ValueError, which names what takes most at one time, where no way was
  /// found; that takes seconds for 10^5 nodes.
  std::size_t memory_limit = 0;
  /// Time each instruction, for the report.
  bool profile = false;
  /// How many shapes a ShapedProgram keeps programs for, those used last; at least one. A shape that comes again after
  /// it had to go is compiled again, which takes a thousand times as long as a run: the first time that happens,
  /// std::clog says so.
  std::size_t capacity = 8;
};

}  // namespace autodiff
