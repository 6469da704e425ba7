#include "threads.hpp"

#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A team of our own, of some fifty lines. OpenMP waits at the end of each loop for all its threads, which takes
// milliseconds where the machine is busy; TBB sends its threads to sleep between two loops, which takes longer than a
// small product. Here helpers stay awake for a moment, and the caller waits only for parts that a helper has begun.

namespace autodiff::kernels {
namespace {

std::atomic<int> process_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
thread_local int own_threads = 0;  // of UseThreads; 0: as the process
thread_local bool in_part = false;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

class Team {
 public:
  static constexpr std::size_t most_parts = 0xffff;
  static constexpr int most_threads = 0xff;

  /// Null where another thread is using the team.
  static Team* free() {
    static auto* team = new Team;  // its threads may outlive main
    return team->mutex_.try_lock() ? team : nullptr;
  }

  void run(std::size_t parts, int threads, void (*call)(const void*, std::size_t), const void* f) {
    try {
      for (; helpers_ + 1 < threads; ++helpers_) std::thread(&Team::help, this, helpers_).detach();
    } catch (const std::system_error&) {  // fewer will do
    }
    call_ = call, f_ = f, done_ = 0;
    const std::uint64_t turn = (state_ >> 40) + 1;
    state_ = turn << 40 | std::uint64_t(threads) << 32 | std::uint64_t(parts) << 16;
    if (asleep_ > 0) state_.notify_all();
    while (take_part(0)) {
    }
    for (int spins = 0; done_.load(std::memory_order_acquire) < parts; ++spins)
      spins < 1000 ? relax() : std::this_thread::yield();
    mutex_.unlock();
  }

 private:
  /// The number of the loop (24 bits), how many threads may take part (8), how many parts there are and how many are
  /// taken (16 each): in one word, so that nobody takes a part of a loop that is over.
  std::atomic<std::uint64_t> state_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<int> asleep_ = 0;
  void (*call_)(const void*, std::size_t) = nullptr;
  const void* f_ = nullptr;
  int helpers_ = 0;
  std::mutex mutex_;  // of the one thread that runs a loop

  /// Runs one part, if there is one left for this thread.
  bool take_part(int thread) {
    std::uint64_t state = state_.load();
    for (;;) {
      const std::uint64_t next = state & 0xffff, parts = state >> 16 & 0xffff, threads = state >> 32 & 0xff;
      if (next >= parts || static_cast<std::uint64_t>(thread) >= threads) return false;
      if (state_.compare_exchange_weak(state, state + 1)) {
        // The loop cannot end before this part is done: call_ and f_ are its own.
        call_(f_, next);
        done_.fetch_add(1, std::memory_order_release);
        return true;
      }
    }
  }

  void help(int number) {
    in_part = true;
    for (int idle = 0;;) {
      const std::uint64_t before = state_;
      if (take_part(number + 1)) {
        idle = 0;
      } else if (++idle < 3000) {  // some tenth of a millisecond
        relax();
      } else {
        ++asleep_;
        state_.wait(before);
        --asleep_, idle = 0;
      }
    }
  }
};

}  // namespace

void set_threads(int count) { process_threads = std::max(count, 1); }

int threads() {
  if (in_part) return 1;
  return own_threads > 0 ? own_threads : process_threads.load(std::memory_order_relaxed);
}

UseThreads::UseThreads(int count) : before_(std::exchange(own_threads, std::max(count, 1))) {}
UseThreads::~UseThreads() { own_threads = before_; }

void run_parts(std::size_t parts, int threads, void (*run)(const void*, std::size_t), const void* f) noexcept {
  in_part = true;
  Team* team = parts <= Team::most_parts ? Team::free() : nullptr;
  if (team)
    team->run(parts, std::min(threads, Team::most_threads), run, f);
  else
    for (std::size_t i = 0; i < parts; ++i) run(f, i);
  in_part = false;
}

}  // namespace autodiff::kernels
