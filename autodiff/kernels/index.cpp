#include "index.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

// Calls f(o, first, place, n) for each outer position and each run of n of the indices [first, end), in memory order
// but for long rows of indices: those go by runs, each made whole numbers once for all outer positions.
constexpr std::size_t longest = 1024;
template <class T, class F>
void each_run(const T* index, std::size_t outer, std::size_t first, std::size_t end, F f) {
  std::int64_t place[longest];
  for (; first < end; first += longest) {
    const std::size_t n = std::min(longest, end - first);
    for (std::size_t i = 0; i < n; ++i) place[i] = static_cast<std::int64_t>(index[first + i]);
    for (std::size_t o = 0; o < outer; ++o) f(o, first, static_cast<const std::int64_t*>(place), n);
  }
}

// Slices of `inner` elements by whole registers, and what is left by part of one: a call of memcpy would take longer.
template <class T>
class Row {
  using L = NativeLanes<T>;

 public:
  explicit Row(std::size_t inner) : whole_(inner / L::size * L::size), rest_(inner - whole_), end_(rest_) {}
  void copy(T* to, const T* from) const {
    for (std::size_t j = 0; j < whole_; j += L::size) L::load(from + j).store(to + j);
    if (rest_) end_.store(end_.load(from + whole_), to + whole_);
  }
  void add(T* to, const T* from, L alpha) const {
    for (std::size_t j = 0; j < whole_; j += L::size) (L::load(to + j) + alpha * L::load(from + j)).store(to + j);
    if (rest_) end_.store(end_.load(to + whole_) + alpha * end_.load(from + whole_), to + whole_);
  }

 private:
  std::size_t whole_, rest_;
  FirstLanes<L> end_;
};

}  // namespace

template <class T>
std::size_t find_bad_index(const T* index, std::size_t count, std::size_t length) {
  using L = NativeLanes<T>;
  const L limit(static_cast<double>(length));
  L bad(0);
  const auto look = [&](L i) { bad = where(i >= 0 && i < limit && i == L(xsimd::floor(i.v)), bad, 1); };
  std::size_t i = 0;
  for (; i + L::size <= count; i += L::size) look(L::load(index + i));
  if (i < count) look(L::load_part(index + i, count - i));
  if (first_lane(fold_lanes(bad, [](L a, L b) { return maximum(a, b); })) == 0) return count;
  const auto fits = [=](T at) { return at >= 0 && at < static_cast<T>(length) && at == std::floor(at); };
  return static_cast<std::size_t>(std::find_if_not(index, index + count, fits) - index);
}

template <class T>
void gather(T* parts, const T* whole, const T* index, std::size_t outer, std::size_t length, std::size_t count,
            std::size_t inner) {
  const Row<T> row(inner);
  const auto copy = [=](std::size_t o, std::size_t first, const std::int64_t* place, std::size_t n) {
    const T* from = whole + o * length * inner;
    T* to = parts + (o * count + first) * inner;
    if (inner == 1) {
      for (std::size_t i = 0; i < n; ++i) to[i] = from[place[i]];
    } else {
      for (std::size_t i = 0; i < n; ++i) row.copy(to + i * inner, from + std::size_t(place[i]) * inner);
    }
  };
  const auto part = [&](std::size_t first, std::size_t end) { each_run(index, outer, first, end, copy); };
  share_out(count, outer * inner, 1 << 15, part);
}

template <class T>
void scatter_add(T* whole, const T* parts, const T* index, std::size_t outer, std::size_t length, std::size_t count,
                 std::size_t inner, T alpha) {
  const Row<T> row(inner);
  each_run(index, outer, 0, count, [=](std::size_t o, std::size_t first, const std::int64_t* place, std::size_t n) {
    T* to = whole + o * length * inner;
    const T* from = parts + (o * count + first) * inner;
    if (inner == 1) {
      for (std::size_t i = 0; i < n; ++i) to[place[i]] += alpha * from[i];
    } else {
      for (std::size_t i = 0; i < n; ++i)
        row.add(to + std::size_t(place[i]) * inner, from + i * inner, NativeLanes<T>(alpha));
    }
  });
}

#define INSTANTIATE(T)                                                                              \
  template std::size_t find_bad_index(const T*, std::size_t, std::size_t);                          \
  template void gather(T*, const T*, const T*, std::size_t, std::size_t, std::size_t, std::size_t); \
  template void scatter_add(T*, const T*, const T*, std::size_t, std::size_t, std::size_t, std::size_t, T);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
