// Timing of things side by side: what is compared runs in turn, and the best of many turns counts.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <vector>

namespace bench {

/// Seconds a call of each function takes, in the best of the turns that fit in `seconds` (five at least, or one where
/// one takes longer than that). A turn of one function lasts a few hundred microseconds or one call. Of the processor,
/// where that is asked for: what runs on one thread of a busy machine.
inline std::vector<double> side_by_side(const std::vector<std::function<void()>>& functions, double seconds,
                                        bool of_processor = false) {
  using clock = std::chrono::steady_clock;
  const auto now = [of_processor] {
    timespec t;
    clock_gettime(of_processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
  };
  const auto time = [&](const std::function<void()>& f, std::size_t calls) {
    const double start = now();
    for (std::size_t i = 0; i < calls; ++i) f();
    return (now() - start) / static_cast<double>(calls);
  };
  std::vector<std::size_t> calls;
  std::vector<double> best;
  int least = 5;
  for (const auto& f : functions) {
    f();
    const double once = time(f, 1);
    best.push_back(once);
    if (once > seconds && once > 0.1) least = 0;
    calls.push_back(once > 100e-6 ? 1 : static_cast<std::size_t>(std::max(1.0, 300e-6 / time(f, 3))));
  }
  const auto start = clock::now();
  const auto left = [&] { return std::chrono::duration<double>(clock::now() - start).count() < seconds; };
  for (int turn = 0; turn < least || (least > 0 && left()); ++turn)
    for (std::size_t i = 0; i < functions.size(); ++i) best[i] = std::min(best[i], time(functions[i], calls[i]));
  return best;
}

}  // namespace bench
