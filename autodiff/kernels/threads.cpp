#include "threads.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>

namespace autodiff::kernels {

namespace {

std::atomic<int> process_threads = omp_get_max_threads();
thread_local int here = 0;  // 0: as the process

}  // namespace

void set_threads(int count) { process_threads = std::max(count, 1); }
int threads() { return here > 0 ? here : process_threads.load(); }

UseThreads::UseThreads(int count) : before_(here) { here = count; }
UseThreads::~UseThreads() { here = before_; }

void parallel_for(std::size_t parts, void (*call)(const void* f, std::size_t part), const void* f) {
  const std::size_t team = std::min(parts, static_cast<std::size_t>(threads()));
  if (team <= 1) {
    for (std::size_t i = 0; i < parts; ++i) call(f, i);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(team)) schedule(static)
  for (std::size_t i = 0; i < parts; ++i) call(f, i);
}

}  // namespace autodiff::kernels
