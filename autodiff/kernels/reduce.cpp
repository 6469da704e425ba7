#include "reduce.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <vector>

#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

template <class T>
struct Sum {
  static constexpr T neutral = 0;
  template <class S>
  S operator()(S a, S b) const {
    return a + b;
  }
};

template <class T>
struct Max {
  static constexpr T neutral = -std::numeric_limits<T>::infinity();
  T operator()(T a, T b) const { return a > b || a != a ? a : b; }
  template <class B>
  Lanes<B> operator()(Lanes<B> a, Lanes<B> b) const {
    return maximum(a, b);
  }
};

template <class T>
struct Min {
  static constexpr T neutral = std::numeric_limits<T>::infinity();
  T operator()(T a, T b) const { return a < b || a != a ? a : b; }
  template <class B>
  Lanes<B> operator()(Lanes<B> a, Lanes<B> b) const {
    return minimum(a, b);
  }
};

// Eight registers hide the latency of an addition.
template <class T>
constexpr std::size_t tile_size = 8 * NativeLanes<T>::size;
constexpr std::size_t rows_per_block = 32;
constexpr std::size_t part = 1 << 15;  // of what threads share out, in elements

// Combines `n` rows of `width` columns, `stride` apart: a block of rows one after another, then the blocks
// pairwise, as a binary counter carries. The last of the V registers overlaps the one before it.
template <class T, class Op, std::size_t V, std::size_t rows_per_block = kernels::rows_per_block>
void combine_block_rows(T* y, const T* x, std::size_t n, std::size_t stride, std::size_t width) {
  using L = NativeLanes<T>;
  constexpr Op op;
  std::size_t column[V];
  for (std::size_t v = 0; v < V; ++v) column[v] = v * L::size;
  column[V - 1] = width - L::size;
  L level[48][V];
  std::size_t depth = 0;
  for (std::size_t block = 0, row = 0; row < n; ++block) {
    L total[V];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) total[v] = L::load(x + row * stride + column[v]);
    const std::size_t stop = std::min(row + rows_per_block, n);
    for (++row; row < stop; ++row) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) total[v] = op(total[v], L::load(x + row * stride + column[v]));
    }
    const auto carry = [&] {
      --depth;
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) total[v] = op(level[depth][v], total[v]);
    };
    for (std::size_t bits = block; bits & 1; bits >>= 1) carry();
    if (row == n) {
      while (depth > 0) carry();
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) total[v].store(y + column[v]);
    } else {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) level[depth][v] = total[v];
      ++depth;
    }
  }
}

// The same. Of many rows, threads share out groups of 2^k blocks, of which each leaves one row: these are what the
// counter holds at some time, so that the sum is the same.
template <class T, class Op, std::size_t V>
void combine_rows(T* y, const T* x, std::size_t n, std::size_t stride, std::size_t width) {
  constexpr std::size_t most_groups = 64, room = V * NativeLanes<T>::size;
  if (n * width <= part) return combine_block_rows<T, Op, V>(y, x, n, stride, width);
  std::size_t rows = rows_per_block;
  while (rows * width < part || (n + rows - 1) / rows > most_groups) rows *= 2;
  T group[most_groups][room];
  parallel_for((n + rows - 1) / rows, [&](std::size_t i) {
    combine_block_rows<T, Op, V>(group[i], x + i * rows * stride, std::min(rows, n - i * rows), stride, width);
  });
  combine_block_rows<T, Op, V, 1>(y, group[0], (n + rows - 1) / rows, room, width);
}

// As above, for size <= width <= tile_size.
template <class T, class Op>
void combine_rows(T* y, const T* x, std::size_t n, std::size_t stride, std::size_t width) {
  switch ((width - 1) / NativeLanes<T>::size) {
    case 0:
      return combine_rows<T, Op, 1>(y, x, n, stride, width);
    case 1:
      return combine_rows<T, Op, 2>(y, x, n, stride, width);
    case 2:
      return combine_rows<T, Op, 3>(y, x, n, stride, width);
    case 3:
      return combine_rows<T, Op, 4>(y, x, n, stride, width);
    case 4:
      return combine_rows<T, Op, 5>(y, x, n, stride, width);
    case 5:
      return combine_rows<T, Op, 6>(y, x, n, stride, width);
    case 6:
      return combine_rows<T, Op, 7>(y, x, n, stride, width);
    default:
      return combine_rows<T, Op, 8>(y, x, n, stride, width);
  }
}

// (n, inner) to (inner), with many columns.
template <class T, class Op>
void reduce_wide(T* y, const T* x, std::size_t n, std::size_t inner) {
  constexpr std::size_t size = NativeLanes<T>::size;
  const std::size_t tiles = std::max<std::size_t>(1, inner / tile_size<T>);
  const auto columns = [&](std::size_t tile, std::size_t last) {
    const std::size_t end = last == tiles ? inner : last * tile_size<T>;  // what is left belongs to the last whole tile
    for (std::size_t c = tile * tile_size<T>; c < end; c += tile_size<T>) {
      c = std::min(c, inner - size);
      combine_rows<T, Op>(y + c, x + c, n, inner, std::min(inner - c, tile_size<T>));
    }
  };
  share_out(tiles, n * tile_size<T>, part, columns);
}

// (n, inner) to (inner), with few columns: as many rows as fit in a tile make one row.
template <class T, class Op>
void reduce_narrow(T* y, const T* x, std::size_t n, std::size_t inner) {
  constexpr Op op;
  T tile[tile_size<T>];
  std::size_t rows = std::min(n, tile_size<T> / inner);
  const std::size_t width = rows * inner, times = n / rows, rest = (n - times * rows) * inner;
  if (times == 1) {
    std::memcpy(tile, x, width * sizeof(T));
  } else {
    combine_rows<T, Op>(tile, x, times, width, width);
  }
  for (std::size_t i = 0; i < rest; ++i) tile[i] = op(tile[i], x[times * width + i]);
  for (std::size_t half; rows > 1; rows -= half) {
    half = rows / 2;
    for (std::size_t i = 0; i < half * inner; ++i) tile[i] = op(tile[i], tile[(rows - half) * inner + i]);
  }
  std::memcpy(y, tile, inner * sizeof(T));
}

// One contiguous row to one register, still to be folded; memory up to `end` may be read.
template <class T, class Op>
NativeLanes<T> row_total(const T* x, std::size_t n, const T* end) {
  using L = NativeLanes<T>;
  constexpr Op op;
  L total(Op::neutral);
  if (n >= tile_size<T>) {
    T tile[tile_size<T>];
    combine_rows<T, Op, 8>(tile, x, n / tile_size<T>, tile_size<T>, tile_size<T>);
    const auto pair = [&](std::size_t i) { return op(L::load(tile + i * L::size), L::load(tile + (i + 4) * L::size)); };
    total = op(op(pair(0), pair(2)), op(pair(1), pair(3)));
    x += n / tile_size<T> * tile_size<T>;
    n %= tile_size<T>;
  }
  for (; n >= L::size; x += L::size, n -= L::size) total = op(total, L::load(x));
  if (n > 0) total = op(total, keep_first(load_within<L>(x, n, end), n, L(Op::neutral)));
  return total;
}

// (outer, n) to (outer).
template <class T, class Op>
void reduce_rows(T* y, const T* x, std::size_t outer, std::size_t n) {
  using L = NativeLanes<T>;
  const T* last = x + outer * n;
  const auto rows = [=](std::size_t row, std::size_t end) {
    for (; row + L::size <= end; row += L::size) {
      L total[L::size];
      for (std::size_t i = 0; i < L::size; ++i) total[i] = row_total<T, Op>(x + (row + i) * n, n, last);
      fold_rows(total, Op()).store(y + row);
    }
    for (; row < end; ++row) y[row] = first_lane(fold_lanes(row_total<T, Op>(x + row * n, n, last), Op()));
  };
  share_out(outer, n, part, rows, L::size);
}

// (outer, n, inner) to (outer, inner).
template <class T, class Op>
void reduce_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  if (n == 0) return static_cast<void>(std::fill_n(y, outer * inner, Op::neutral));
  if (inner == 0) return;
  if (inner == 1) return reduce_rows<T, Op>(y, x, outer, n);
  share_out(outer, n * inner, part, [=](std::size_t o, std::size_t end) {
    for (; o < end; ++o) {
      const T* from = x + o * n * inner;
      T* to = y + o * inner;
      2 * inner <= tile_size<T> ? reduce_narrow<T, Op>(to, from, n, inner) : reduce_wide<T, Op>(to, from, n, inner);
    }
  });
}

// Groups of adjacent axes of one kind are one axis. The groups to reduce go one at a time, the innermost
// first, so that all but the first pass are over few elements.
template <class T, class Op>
void reduce(T* y, const T* x, Dims shape, std::uint32_t reduced) {
  assert(shape.size() <= 32);
  std::size_t length[32], axes = 0;
  bool drop[32];
  std::size_t groups = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const bool dropped = reduced >> i & 1;
    if (axes > 0 && drop[axes - 1] == dropped) {
      length[axes - 1] *= shape[i];
    } else {
      length[axes] = shape[i], drop[axes++] = dropped, groups += dropped;
    }
  }
  if (groups == 0) {
    if (const std::size_t n = count(shape)) std::memcpy(y, x, n * sizeof(T));
    return;
  }
  thread_local std::vector<T> partial, previous;  // kept: programs take no memory after their first run
  std::size_t inner = 1;
  while (axes-- > 0) {
    if (!drop[axes]) {
      inner *= length[axes];
      continue;
    }
    const std::size_t outer = count(Dims(length, axes));
    if (--groups == 0) return reduce_middle<T, Op>(y, x, outer, length[axes], inner);
    partial.resize(outer * inner);
    reduce_middle<T, Op>(partial.data(), x, outer, length[axes], inner);
    previous.swap(partial);
    x = previous.data();
  }
}

}  // namespace

template <class T>
void sum(T* y, const T* x, Dims shape, std::uint32_t reduced) {
  reduce<T, Sum<T>>(y, x, shape, reduced);
}

template <class T>
void sum_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  reduce_middle<T, Sum<T>>(y, x, outer, n, inner);
}
template <class T>
void max_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  reduce_middle<T, Max<T>>(y, x, outer, n, inner);
}
template <class T>
void min_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  reduce_middle<T, Min<T>>(y, x, outer, n, inner);
}

template <class T>
void max(T* y, const T* x, Dims shape, std::uint32_t reduced) {
  reduce<T, Max<T>>(y, x, shape, reduced);
}

template <class T>
void min(T* y, const T* x, Dims shape, std::uint32_t reduced) {
  reduce<T, Min<T>>(y, x, shape, reduced);
}

/// Best is Max or Min.
template <class T, class Best>
void place_of(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  using L = NativeLanes<T>;
  const T* end = x + outer * n * inner;
  for (std::size_t o = 0; o < outer; ++o, x += n * inner, y += inner) {
    if (inner == 1) {
      // The smallest index of an element that equals the best, without a branch to mispredict.
      const L best = fold_lanes(row_total<T, Best>(x, n, end), Best()), none(static_cast<double>(n));
      L first = none, index = lane_indices<L>();
      for (std::size_t i = 0; i < n; i += L::size, index = index + L(L::size)) {
        const L v = n - i >= L::size ? L::load(x + i) : load_within<L>(x + i, n - i, end);
        first = minimum(first, where(v == best || v != v, index, none));
      }
      *y = first_lane(fold_lanes(first, Min<T>()));
      continue;
    }
    for (std::size_t c = 0; c < inner; c += L::size) {
      const std::size_t width = std::min(inner - c, L::size);
      L best = load_within<L>(x + c, width, end), index(0);
      for (std::size_t i = 1; i < n; ++i) {
        const L v = load_within<L>(x + i * inner + c, width, end);
        const auto better = (std::is_same_v<Best, Max<T>> ? v > best : v < best) || (v != v && best == best);
        best = where(better, v, best);
        index = where(better, L(static_cast<double>(i)), index);
      }
      width == L::size ? index.store(y + c) : index.store_part(y + c, width);
    }
  }
}

template <class T>
void argmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  place_of<T, Max<T>>(y, x, outer, n, inner);
}
template <class T>
void argmin(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  place_of<T, Min<T>>(y, x, outer, n, inner);
}

#define INSTANTIATE(T)                                                           \
  template void sum(T*, const T*, Dims, std::uint32_t);                          \
  template void max(T*, const T*, Dims, std::uint32_t);                          \
  template void min(T*, const T*, Dims, std::uint32_t);                          \
  template void sum_middle(T*, const T*, std::size_t, std::size_t, std::size_t); \
  template void max_middle(T*, const T*, std::size_t, std::size_t, std::size_t); \
  template void min_middle(T*, const T*, std::size_t, std::size_t, std::size_t); \
  template void argmax(T*, const T*, std::size_t, std::size_t, std::size_t);     \
  template void argmin(T*, const T*, std::size_t, std::size_t, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
