#include "threads.hpp"

#include <omp.h>

#include <atomic>
#include <utility>

namespace autodiff::kernels {
namespace {

std::atomic<int> process_threads = omp_get_max_threads();
thread_local int own_threads = 0;  // of UseThreads; 0: as the process

}  // namespace

void set_threads(int count) { process_threads = std::max(count, 1); }

int threads() {
  if (omp_in_parallel()) return 1;
  return own_threads > 0 ? own_threads : process_threads.load(std::memory_order_relaxed);
}

UseThreads::UseThreads(int count) : before_(std::exchange(own_threads, std::max(count, 1))) {}
UseThreads::~UseThreads() { own_threads = before_; }

void run_parts(std::size_t parts, int team, void (*run)(const void*, std::size_t), const void* f) noexcept {
#pragma omp parallel for num_threads(team) schedule(static)
  for (std::size_t i = 0; i < parts; ++i) run(f, i);
}

}  // namespace autodiff::kernels
