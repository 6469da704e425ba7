#include "attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gemm.hpp"
#include "random.hpp"
#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

// Scores of a block, and of its gradient, stay in the second cache.
constexpr std::size_t query_block = 64, key_block = 512;

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();

/// Memory that a thread keeps, so that runs of programs take none.
template <class T>
T* scratch(std::size_t size) {
  static thread_local std::vector<T> kept;
  if (kept.size() < size) kept.resize(size);
  return kept.data();
}

/// Queries [i, i + rows) and keys [j, j + columns).
struct KeyBlock {
  std::size_t i, rows, j, columns;
};

/// The keys that any of the queries before `end` sees are before this one.
template <class T>
std::size_t visible(const Attention<T>& a, std::size_t end) {
  if (!a.causal) return a.n;
  return end + a.n <= a.m ? 0 : std::min(a.n, end + a.n - a.m);
}

/// scale q k^T of a block, and minus infinity where a query does not see a key.
template <class T>
void scores(const Attention<T>& a, const KeyBlock& b, T* s) {
  gemm<T>(false, true, b.rows, b.columns, a.width, a.scale, a.q.row(b.i), a.q.distance, a.k.row(b.j), a.k.distance, 0,
          s, b.columns);
  if (a.mask)
    for (std::size_t r = 0; r < b.rows; ++r) {
      const T* mask = a.mask + std::ptrdiff_t(b.i + r) * a.mask_row + std::ptrdiff_t(b.j) * a.mask_column;
      for (std::size_t c = 0; c < b.columns; ++c)
        if (mask[std::ptrdiff_t(c) * a.mask_column] == 0) s[r * b.columns + c] = -infinity<T>;
    }
  if (a.causal)
    for (std::size_t r = 0; r < b.rows; ++r) {
      const std::size_t seen = std::clamp(visible(a, b.i + r + 1), b.j, b.j + b.columns) - b.j;
      std::fill(s + r * b.columns + seen, s + (r + 1) * b.columns, -infinity<T>);
    }
}

/// What the weights of a block are multiplied by: 0 for those that are dropped.
template <class T>
void draw_kept(const Attention<T>& a, const KeyBlock& b, T* kept) {
  const bool whole_rows = b.columns == a.n;  // which follow each other
  const std::size_t drawn = whole_rows ? b.rows * b.columns : b.columns;
  for (std::size_t r = 0; r < (whole_rows ? 1 : b.rows); ++r)
    random_uniform(kept + r * b.columns, drawn, a.key, a.step, a.place + (b.i + r) * a.n + b.j);
  const T rate = a.rate, scale = 1 / (1 - rate);  // here, so that the loop below is one of registers
  for (std::size_t i = 0, n = b.rows * b.columns; i < n; ++i) kept[i] = kept[i] < rate ? T(0) : scale;
}

/// f of all registers of a row; the lanes beyond its end hold `fill`, and are left out where it gives a register.
template <class T, class F>
void each_register(std::size_t n, F f) {
  using L = NativeLanes<T>;
  std::size_t i = 0;
  for (; i + L::size <= n; i += L::size)
    f([i](const T* x, L) { return L::load(x + i); }, [i](T* y, L v) { v.store(y + i); });
  if (i < n)
    f([i, n](const T* x, L fill) { return keep_first(L::load_part(x + i, n - i), n - i, fill); },
      [i, n](T* y, L v) { v.store_part(y + i, n - i); });
}

constexpr auto larger = [](auto a, auto b) { return maximum(a, b); };
constexpr auto plus = [](auto a, auto b) { return a + b; };

template <class T>
T largest(const T* x, std::size_t n) {
  using L = NativeLanes<T>;
  L found(-infinity<double>);
  each_register<T>(n, [&](auto load, auto) { found = maximum(load(x, L(-infinity<double>)), found); });
  return first_lane(fold_first_lanes(found, L::size, larger));
}

/// Puts exp(x - shift) in the place of x, and gives their sum.
template <class T>
T exponentials(T* x, std::size_t n, T shift) {
  using L = NativeLanes<T>;
  L total(0);
  const L by(static_cast<double>(shift));
  each_register<T>(n, [&](auto load, auto store) {
    const L e = exp(load(x, L(-infinity<double>)) - by);
    store(x, e);
    total = total + e;
  });
  return first_lane(fold_first_lanes(total, L::size, plus));
}

/// Queries [first, last) of one attention, block by block of the keys: largest scores and sums go along.
template <class T>
void attend(const Attention<T>& a, std::size_t first, std::size_t last, T* y, T* logsumexp) {
  const std::size_t rows = last - first, e = a.value_width;
  T* s = scratch<T>(2 * query_block * key_block);
  T* kept = s + query_block * key_block;
  T shift[query_block], total[query_block];
  std::fill_n(shift, rows, -infinity<T>);
  std::fill_n(total, rows, T(0));
  T* out = y + first * e;
  std::fill_n(out, rows * e, T(0));
  for (std::size_t j = 0, end = visible(a, last); j < end; j += key_block) {
    const KeyBlock b{first, rows, j, std::min(key_block, end - j)};
    scores(a, b, s);
    for (std::size_t r = 0; r < rows; ++r) {
      T* row = s + r * b.columns;
      const T now = std::max(shift[r], largest(row, b.columns));
      if (now == -infinity<T>) {
        std::fill_n(row, b.columns, T(0));
        continue;
      }
      const T keeps = std::exp(shift[r] - now);
      total[r] = total[r] * keeps + exponentials(row, b.columns, now);
      shift[r] = now;
      if (keeps != 1 && j > 0)
        for (std::size_t c = 0; c < e; ++c) out[r * e + c] *= keeps;
    }
    if (a.rate > 0) {
      draw_kept(a, b, kept);
      for (std::size_t i = 0; i < rows * b.columns; ++i) s[i] *= kept[i];
    }
    gemm<T>(false, false, rows, e, b.columns, 1, s, b.columns, a.v.row(j), a.v.distance, 1, out, e);
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const bool sees = total[r] != 0;
    logsumexp[first + r] = sees ? shift[r] + std::log(total[r]) : infinity<T>;
    for (std::size_t c = 0; sees && c < e; ++c) out[r * e + c] /= total[r];
  }
}

}  // namespace

template <class T>
void attention(const Attention<T>& a, T* y, T* logsumexp) {
  const std::size_t blocks = (a.m + query_block - 1) / query_block;
  parallel_for(blocks,
               [&](std::size_t i) { attend(a, i * query_block, std::min(a.m, (i + 1) * query_block), y, logsumexp); });
}

template <class T>
void attention_gradient(const Attention<T>& a, const T* y, const T* logsumexp, const T* cotangent, T* dq, T* dk,
                        T* dv) {
  using L = NativeLanes<T>;
  const std::size_t d = a.width, e = a.value_width;
  std::fill_n(dq, a.m * d, T(0));
  std::fill_n(dk, a.n * d, T(0));
  std::fill_n(dv, a.n * e, T(0));
  T* p = scratch<T>(3 * query_block * key_block);
  T *slope = p + query_block * key_block, *kept = slope + query_block * key_block;
  for (std::size_t i = 0; i < a.m; i += query_block) {
    const std::size_t rows = std::min(query_block, a.m - i);
    const T* ct = cotangent + i * e;
    T along[query_block];  // of each row, the sum of weights times their cotangents
    for (std::size_t r = 0; r < rows; ++r) {
      T sum = 0;
      for (std::size_t c = 0; c < e; ++c) sum += ct[r * e + c] * y[(i + r) * e + c];
      along[r] = sum;
    }
    for (std::size_t j = 0, end = visible(a, i + rows); j < end; j += key_block) {
      const KeyBlock b{i, rows, j, std::min(key_block, end - j)};
      scores(a, b, p);
      gemm<T>(false, true, rows, b.columns, e, 1, ct, e, a.v.row(j), a.v.distance, 0, slope, b.columns);
      if (a.rate > 0) draw_kept(a, b, kept);
      for (std::size_t r = 0; r < rows; ++r) {
        const L shift(static_cast<double>(logsumexp[i + r])), less(static_cast<double>(along[r])),
            scale(static_cast<double>(a.scale));
        T *weights = p + r * b.columns, *slopes = slope + r * b.columns;
        const T* factors = kept + r * b.columns;
        const auto go_back = [&](auto keeps) {
          each_register<T>(b.columns, [&](auto load, auto store) {
            const L weight = exp(load(weights, L(0)) - shift), factor = keeps ? L(1) : load(factors, L(0));
            store(slopes, weight * (load(slopes, L(0)) * factor - less) * scale);
            store(weights, weight * factor);
          });
        };
        a.rate > 0 ? go_back(std::false_type()) : go_back(std::true_type());
      }
      gemm<T>(true, false, b.columns, e, rows, 1, p, b.columns, ct, e, 1, dv + j * e, e);
      gemm<T>(true, false, b.columns, d, rows, 1, slope, b.columns, a.q.row(i), a.q.distance, 1, dk + j * d, d);
      gemm<T>(false, false, rows, d, b.columns, 1, slope, b.columns, a.k.row(j), a.k.distance, 1, dq + i * d, d);
    }
  }
}

#define INSTANTIATE(T)                                  \
  template void attention(const Attention<T>&, T*, T*); \
  template void attention_gradient(const Attention<T>&, const T*, const T*, const T*, T*, T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
