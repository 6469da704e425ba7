#include "threads.hpp"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

// TBB and not OpenMP: the calling thread goes on alone where others are late, while every OpenMP team waits for all its
// threads, which takes milliseconds on a busy machine.

namespace autodiff::kernels {
namespace {

std::atomic<int> process_threads = tbb::info::default_concurrency();
thread_local int own_threads = 0;  // of UseThreads; 0: as the process
thread_local bool in_part = false;

/// TBB takes no more threads than there are cores, unless it is told.
void allow(int team) {
  static std::mutex mutex;
  static int allowed = tbb::info::default_concurrency();
  static std::unique_ptr<tbb::global_control> control;
  if (team <= tbb::info::default_concurrency()) return;
  const std::lock_guard lock(mutex);
  if (team <= std::exchange(allowed, std::max(allowed, team))) return;
  control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, std::size_t(team));
}

/// A team of so many threads, that of the caller among them; kept, since making one takes long.
tbb::task_arena& arena(int team) {
  thread_local std::map<int, tbb::task_arena> arenas;
  const auto found = arenas.find(team);
  if (found != arenas.end()) return found->second;
  allow(team);
  return arenas.try_emplace(team, team).first->second;
}

}  // namespace

void set_threads(int count) { process_threads = std::max(count, 1); }

int threads() {
  if (in_part) return 1;
  return own_threads > 0 ? own_threads : process_threads.load(std::memory_order_relaxed);
}

UseThreads::UseThreads(int count) : before_(std::exchange(own_threads, std::max(count, 1))) {}
UseThreads::~UseThreads() { own_threads = before_; }

void run_parts(std::size_t parts, int team, void (*run)(const void*, std::size_t), const void* f) noexcept {
  arena(team).execute([&] {
    tbb::parallel_for(
        std::size_t{0}, parts,
        [&](std::size_t i) {
          const bool outside = !std::exchange(in_part, true);
          run(f, i);
          if (outside) in_part = false;
        },
        tbb::static_partitioner());
  });
}

}  // namespace autodiff::kernels
