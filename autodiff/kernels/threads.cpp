#include "threads.hpp"

#include <pthread.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "denormals.hpp"
#include "processors.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// A team of our own. OpenMP waits at the end of each loop for all its threads, which takes
// milliseconds where the machine is busy; TBB sends its threads to sleep between two loops, which takes longer than a
// small product. Here helpers stay awake for a moment, and the caller waits only for parts that a helper has begun.

namespace autodiff::kernels {
namespace {

int possible(int count) { return std::clamp(count, 1, most_threads); }

std::atomic<int> process_threads = 0;  // 0: not known yet
thread_local int own_threads = 0;      // of UseThreads; 0: as the process
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
  static constexpr std::size_t most_parts = 256;
  using Call = void (*)(const void* f, std::size_t i, std::size_t thread);

  /// Whether the caller may run a loop: not while another thread does.
  bool join() { return mutex_.try_lock(); }

  /// Ends what join() began.
  void run(std::size_t parts, int threads, Call call, const void* f) {
    try {
      for (; helpers_ + 1 < threads; ++helpers_) std::thread(&Team::help, this, helpers_ + 1).detach();
    } catch (const std::system_error&) {  // fewer will do
    }
    call_ = call, f_ = f, mode_ = floating_mode(), done_ = 0;
    loop_ = Loop((loop_ >> 20) + 1) << 20 | Loop(threads) << 10 | Loop(parts);
    if (asleep_ > 0) loop_.notify_all();
    take_parts(0, loop_);
    for (int spins = 0; done_.load(std::memory_order_acquire) < parts; ++spins)
      spins < 1000 ? relax() : std::this_thread::yield();
    mutex_.unlock();
  }

 private:
  /// The number of a loop, and in the last 20 bits how many threads may take part and how many parts there are.
  using Loop = std::uint64_t;
  std::atomic<Loop> loop_ = 0;
  std::atomic<Loop> taken_[most_parts] = {};  // the last loop whose part of this number was taken
  std::atomic<std::size_t> done_ = 0;
  std::atomic<int> asleep_ = 0;
  Call call_ = nullptr;
  const void* f_ = nullptr;
  unsigned mode_ = 0;  // in which the caller computes, and so all
  int helpers_ = 0;
  std::mutex mutex_;  // of the one thread that runs a loop

  /// Runs the parts of a loop that nobody has begun: at first a thread's own share, the same in each loop, since what
  /// it works on may still be in its cache. A loop that is over has none left.
  bool take_parts(std::size_t thread, Loop loop) {
    const std::size_t parts = loop & 0x3ff, threads = loop >> 10 & 0x3ff;
    if (thread >= threads) return false;
    bool any = false;
    for (std::size_t k = 0, first = thread * parts / threads; k < parts; ++k) {
      const std::size_t i = first + k < parts ? first + k : first + k - parts;
      Loop before = taken_[i];
      if (before >= loop || !taken_[i].compare_exchange_strong(before, loop)) continue;
      set_floating_mode(mode_);
      call_(f_, i, thread);  // these stay what they are until this part is done
      done_.fetch_add(1, std::memory_order_release);
      any = true;
    }
    return any;
  }

  void help(std::size_t number) {
    in_part = true;
    for (int idle = 0;;) {
      const Loop loop = loop_;
      if (take_parts(number, loop)) {
        idle = 0;
      } else if (++idle < 3000) {  // some tenth of a millisecond
        relax();
      } else {
        ++asleep_;
        loop_.wait(loop);
        --asleep_, idle = 0;
      }
    }
  }
};

constinit Team team;
static_assert(std::is_trivially_destructible_v<Team>);  // its threads may outlive main

// The child has no helpers, and a loop that another thread had begun would never end in it.
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { std::construct_at(&team); });

int find_out() {
  int known = 0;
  const int count = default_threads();
  return process_threads.compare_exchange_strong(known, count) ? count : known;
}

}  // namespace

void set_threads(int count) { process_threads = possible(count); }

int threads() {
  if (in_part) return 1;
  if (own_threads > 0) return own_threads;
  const int count = process_threads.load(std::memory_order_relaxed);
  return count > 0 ? count : find_out();
}

UseThreads::UseThreads(int count) : before_(std::exchange(own_threads, possible(count))) {}
UseThreads::~UseThreads() { own_threads = before_; }

namespace {

/// What the parts of a loop call, and the first exception that one of them has ended with.
struct Watched {
  Team::Call run;
  const void* f;
  mutable std::atomic<bool> failed = false;
  mutable std::exception_ptr error = nullptr;
};

void call_watched(const void* watched, std::size_t i, std::size_t thread) {
  const auto& w = *static_cast<const Watched*>(watched);
  try {
    w.run(w.f, i, thread);
  } catch (...) {
    if (!w.failed.exchange(true)) w.error = std::current_exception();
  }
}

}  // namespace

void run_parts(std::size_t parts, int threads, Team::Call run, const void* f) {
  if (parts > Team::most_parts) {
    const auto several = [&](std::size_t i, std::size_t thread) {
      const std::size_t end = (i + 1) * parts / Team::most_parts;
      for (std::size_t part = i * parts / Team::most_parts; part < end; ++part) run(f, part, thread);
    };
    return parallel_for(Team::most_parts, several);
  }
  const Watched watched{run, f};
  in_part = true;
  if (team.join())
    team.run(parts, std::min(threads, most_threads), call_watched, &watched);
  else
    for (std::size_t i = 0; i < parts; ++i) call_watched(&watched, i, 0);
  in_part = false;
  if (watched.error) std::rethrow_exception(watched.error);
}

}  // namespace autodiff::kernels
