// How many threads the kernels use, and the one loop that uses them.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

namespace autodiff::kernels {

/// As many as there can be: a greater number counts as this.
inline constexpr int most_threads = 256;

/// How many threads a kernel may use in this process, at least 1; until it is called, default_threads().
void set_threads(int count);

/// How many threads a kernel called here and now may use: 1 inside a part of parallel_for, else what the innermost
/// UseThreads of this thread says, else what set_threads said.
int threads();

/// While it lives, kernels called by the thread that made it use `count` threads (at least 1). Guards nest; one is
/// destroyed by the thread that made it, in reverse order.
class UseThreads {
 public:
  explicit UseThreads(int count);
  ~UseThreads();
  UseThreads(const UseThreads&) = delete;
  UseThreads& operator=(const UseThreads&) = delete;

 private:
  int before_;
};

/// Calls run(f, i, thread) for i in [0, parts) on so many threads, the caller's among them; parallel_for is what to
/// call.
void run_parts(std::size_t parts, int threads, void (*run)(const void* f, std::size_t i, std::size_t thread),
               const void* f);

/// Calls f(i) for i in [0, parts), on at most min(parts, threads()) threads, each of which takes the next part that
/// nobody has begun; on one thread where that is one, or while another thread uses the team. Or f(i, thread), where
/// thread < threads() is the same for all parts of one. Where parts throw, the others are computed, and the first
/// exception ends the call. It allocates nothing once the threads run.
template <class F>
void parallel_for(std::size_t parts, const F& f) {
  constexpr auto call = [](const void* g, std::size_t i, [[maybe_unused]] std::size_t thread) {
    if constexpr (std::invocable<const F&, std::size_t, std::size_t>)
      (*static_cast<const F*>(g))(i, thread);
    else
      (*static_cast<const F*>(g))(i);
  };
  const int team = parts > 1 ? static_cast<int>(std::min(parts, static_cast<std::size_t>(threads()))) : 1;
  if (team > 1) return run_parts(parts, team, call, &f);
  for (std::size_t i = 0; i < parts; ++i) call(&f, i, 0);
}

/// Calls f(begin, end) for parts of [0, n), on the threads of parallel_for: so many things a part, each of which takes
/// some `work`, that it takes at least `least`, which others that wait for a thread are worth. Parts begin at multiples
/// of `granule` and depend on nothing else, so that what is computed does not depend on the threads.
template <class F>
void share_out(std::size_t n, std::size_t work, std::size_t least, const F& f, std::size_t granule = 1) {
  const std::size_t granules = (least / std::max<std::size_t>(1, work) + granule - 1) / granule;
  const std::size_t step = std::max<std::size_t>(1, granules) * granule;
  if (n <= step) return n > 0 ? f(std::size_t(0), n) : void();
  parallel_for((n + step - 1) / step, [&](std::size_t i) { f(i * step, std::min(n, (i + 1) * step)); });
}

}  // namespace autodiff::kernels
