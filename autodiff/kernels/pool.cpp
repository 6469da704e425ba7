#include "pool.hpp"

#include <algorithm>
#include <utility>

#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

using Lengths = Pool::Lengths;

std::size_t product(const Lengths& a) { return a[0] * a[1] * a[2]; }

/// The elements of one axis that a window sees: first, first + step, ... below end.
struct Range {
  std::size_t first, end, step;
};
Range range(const Pool& p, std::size_t axis, std::size_t i) {
  const std::size_t n = p.input[axis], m = p.output[axis];
  if (p.adaptive) return {i * n / m, ((i + 1) * n + m - 1) / m, 1};
  const std::size_t step = p.dilation[axis], begin = i * p.stride[axis], front = p.front[axis];
  const std::size_t end = begin + step * (p.window[axis] - 1) + 1;
  const std::size_t skipped = begin < front ? (front - begin + step - 1) / step * step : 0;
  const std::size_t first = begin + skipped - front;
  return {first, end > front ? std::min(n, end - front) : 0, step};
}

/// Calls f(place, offset) for all elements of the window of each place, those of one in order.
template <class F, class Begin, class End>
void each_window(const Pool& p, const Begin& begin, const F& f, const End& end) {
  std::size_t place = 0;
  for (std::size_t a = 0; a < p.output[0]; ++a) {
    const Range slabs = range(p, 0, a);
    for (std::size_t b = 0; b < p.output[1]; ++b) {
      const Range rows = range(p, 1, b);
      for (std::size_t c = 0; c < p.output[2]; ++c, ++place) {
        const Range columns = range(p, 2, c);
        begin(place);
        for (std::size_t d = slabs.first; d < slabs.end; d += slabs.step)
          for (std::size_t h = rows.first; h < rows.end; h += rows.step)
            for (std::size_t w = columns.first; w < columns.end; w += columns.step)
              f(place, (d * p.input[1] + h) * p.input[2] + w);
        end(place);
      }
    }
  }
}

/// Calls f(plane) for all, in parts that depend on the shape alone.
template <class F>
void each_plane(std::size_t planes, std::size_t work, const F& f) {
  constexpr std::size_t least_work = 1 << 14, most = 128;
  const std::size_t each = std::min(work, least_work);
  const std::size_t parts = std::clamp<std::size_t>(planes * each / least_work, 1, most);
  const std::size_t step = (planes + parts - 1) / parts;
  parallel_for(parts, [&](std::size_t part) {
    for (std::size_t i = part * step, end = std::min(planes, i + step); i < end; ++i) f(i);
  });
}

/// Windows of two by two that touch, as most are, in planes without borders.
bool by_two(const Pool& p) {
  const Lengths two{1, 2, 2}, one{1, 1, 1}, none{0, 0, 0};
  return !p.adaptive && p.window == two && p.stride == two && p.dilation == one && p.front == none &&
         2 * p.output[1] <= p.input[1] && 2 * p.output[2] <= p.input[2] && p.input[0] == 1;
}

/// Lanes 0, 2, 4, ... of two registers, or 1, 3, 5, ...
template <std::size_t first, class L>
L every_other(L a, L b) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return L(decltype(a.v)(__builtin_shufflevector(a.v.data, b.v.data, (first + 2 * i)...)));
  }
  (std::make_index_sequence<L::size>());
}

/// The larger of each lane, and its place: the first of equal ones, and the first NaN.
template <class L>
struct Best {
  L value, place;
  Best or_later(const Best& b) const {
    const auto later = !(b.value <= value) && value == value;
    return {where(later, b.value, value), where(later, b.place, place)};
  }
};

template <class T>
void max_by_two(T* y, T* places, const T* x, const Pool& p) {
  using L = NativeLanes<T>;
  const std::size_t width = p.input[2], across = p.output[2];
  const L twice = lane_indices<L>() * 2;
  for (std::size_t i = 0; i < p.output[1]; ++i, y += across, places += across)
    for (std::size_t j = 0; j < across; j += L::size) {
      const std::size_t n = std::min(L::size, across - j), place = 2 * (i * width + j);
      const auto pairs = [&](std::size_t from) -> Best<L> {
        const L a = load_lanes(L(0), x + from, 0, std::min(L::size, 2 * n));
        const L b = 2 * n > L::size ? load_lanes(L(0), x + from + L::size, 0, 2 * n - L::size) : a;
        const L at = twice + static_cast<double>(from);
        return Best<L>{every_other<0>(a, b), at}.or_later({every_other<1>(a, b), at + 1});
      };
      const auto best = pairs(place).or_later(pairs(place + width));
      if (n == L::size) {
        best.value.store(y + j), best.place.store(places + j);
      } else {
        best.value.store_part(y + j, n), best.place.store_part(places + j, n);
      }
    }
}

}  // namespace

template <class T>
void max_pool(T* y, T* places, const T* x, const Pool& p) {
  const std::size_t n = product(p.input), m = product(p.output);
  const bool two = by_two(p);
  each_plane(p.planes, m * product(p.window), [&](std::size_t i) {
    const T* const from = x + i * n;
    T *const to = y + i * m, *const at = places + i * m;
    if (two) return max_by_two(to, at, from, p);
    T best = 0;
    std::size_t where = 0;
    bool none = true;
    each_window(
        p, [&](std::size_t) { none = true; },
        [&](std::size_t, std::size_t k) {
          if (none || (best == best && !(from[k] <= best))) best = from[k], where = k;
          none = false;
        },
        [&](std::size_t place) { to[place] = best, at[place] = static_cast<T>(where); });
  });
}

template <class T>
void sum_pool(T* y, const T* x, const Pool& p) {
  const std::size_t n = product(p.input), m = product(p.output);
  each_plane(p.planes, std::max(n, m), [&](std::size_t i) {
    const T* const from = x + i * n;
    T* const to = y + i * m;
    T sum = 0;
    each_window(
        p, [&](std::size_t) { sum = 0; }, [&](std::size_t, std::size_t k) { sum += from[k]; },
        [&](std::size_t place) { to[place] = sum; });
  });
}

template <class T>
void spread_pool(T* x, const T* y, const Pool& p) {
  const std::size_t n = product(p.input), m = product(p.output);
  each_plane(p.planes, std::max(n, m), [&](std::size_t i) {
    const T* const from = y + i * m;
    T* const to = x + i * n;
    std::fill_n(to, n, T(0));
    each_window(
        p, [](std::size_t) {}, [&](std::size_t place, std::size_t k) { to[k] += from[place]; }, [](std::size_t) {});
  });
}

template <class T>
void take_places(T* y, const T* x, const T* places, std::size_t rows, std::size_t n, std::size_t m) {
  each_plane(rows, m, [&](std::size_t i) {
    for (std::size_t j = i * m; j < (i + 1) * m; ++j) y[j] = x[i * n + static_cast<std::size_t>(places[j])];
  });
}

template <class T>
void put_places(T* x, const T* y, const T* places, std::size_t rows, std::size_t n, std::size_t m) {
  each_plane(rows, std::max(n, m), [&](std::size_t i) {
    std::fill_n(x + i * n, n, T(0));
    for (std::size_t j = i * m; j < (i + 1) * m; ++j) x[i * n + static_cast<std::size_t>(places[j])] += y[j];
  });
}

#define INSTANTIATE(T)                                                                      \
  template void max_pool(T*, T*, const T*, const Pool&);                                    \
  template void sum_pool(T*, const T*, const Pool&);                                        \
  template void spread_pool(T*, const T*, const Pool&);                                     \
  template void take_places(T*, const T*, const T*, std::size_t, std::size_t, std::size_t); \
  template void put_places(T*, const T*, const T*, std::size_t, std::size_t, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
