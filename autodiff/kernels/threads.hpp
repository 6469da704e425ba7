// How many threads work at a time.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// How many threads kernels may use, in the whole process; at first what OpenMP offers, usually one a core.
void set_threads(int count);
/// How many may be used here: that of the process, or what UseThreads says.
int threads();

/// While it lives, kernels that this thread calls use so many threads.
class [[nodiscard]] UseThreads {
 public:
  explicit UseThreads(int count);
  ~UseThreads();
  UseThreads(const UseThreads&) = delete;

 private:
  int before_;
};

/// Runs call(f, 0) to call(f, parts - 1), which must not throw, on as many threads as may be used.
void parallel_for(std::size_t parts, void (*call)(const void* f, std::size_t part), const void* f);

/// Runs f(0) to f(parts - 1), which must not throw, on as many threads as may be used.
template <class F>
void parallel_for(std::size_t parts, const F& f) {
  parallel_for(
      parts, [](const void* g, std::size_t part) { (*static_cast<const F*>(g))(part); }, &f);
}

}  // namespace autodiff::kernels
