#include "tiles.hpp"

#include <array>
#include <utility>

namespace autodiff::kernels {
namespace {

// Small and narrow products: tiles of C in registers. A library spends more on being called, and on columns that are
// not there.

// Rows of B that are fetched before they are read, unless they follow each other: another processor may have written
// them just now, and steps from row to row are longer than those that processors follow by themselves.
constexpr std::size_t rows_ahead = 12, many_terms = 64;

// Rows [first, first + R) of a product of V registers a row, the last of which may be ragged.
template <class T, bool transpose_a, bool ragged, std::size_t V, std::size_t R>
void multiply_tile(const Product<T>& p, std::size_t first, FirstLanes<NativeLanes<T>> last) {
  using L = NativeLanes<T>;
  using B = decltype(L::v);
  constexpr std::size_t sums = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;  // side by side: one would wait for itself
  const std::size_t row_step = transpose_a ? 1 : p.lda, step = transpose_a ? p.lda : 1;
  const T* a = p.a + first * row_step;
  const T* b = p.b;
  T* c = p.c + first * p.ldc;
  const auto load = [&](const T* from, std::size_t v) {
    return (ragged && v + 1 == V ? last.load(from + v * L::size) : L::load(from + v * L::size)).v;
  };
  const auto each = [](auto f) {
#pragma GCC unroll 16
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (std::size_t v = 0; v < V; ++v) f(r, v);
    }
  };
  const bool fetches = sums == 1 && p.k >= many_terms && p.ldb > tile_columns<T>;
  const auto add = [&](B(&total)[R][V], const T* x, const T* y) {
    B row[V];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < V; ++v) {
      if (fetches) __builtin_prefetch(y + rows_ahead * p.ldb + v * L::size);
      row[v] = load(y, v);
    }
#pragma GCC unroll 16
    for (std::size_t r = 0; r < R; ++r) {
      const B element(x[r * row_step]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < V; ++v) total[r][v] = fused_multiply_add(element, row[v], total[r][v]);
    }
  };
  if (p.k >= many_terms)
    each([&](std::size_t r, std::size_t v) { __builtin_prefetch(c + r * p.ldc + v * L::size, 1); });
  B total[sums][R][V];
  each([&](std::size_t r, std::size_t v) { total[0][r][v] = B(T(0)); });
  std::size_t i = 0;
  if constexpr (sums > 1) {
    if (p.k >= 2 * sums) {
#pragma GCC unroll 4
      for (std::size_t s = 1; s < sums; ++s) each([&](std::size_t r, std::size_t v) { total[s][r][v] = B(T(0)); });
      for (; i + sums <= p.k; i += sums, a += sums * step, b += sums * p.ldb) {
#pragma GCC unroll 4
        for (std::size_t s = 0; s < sums; ++s) add(total[s], a + s * step, b + s * p.ldb);
      }
#pragma GCC unroll 4
      for (std::size_t s = 1; s < sums; ++s)
        each([&](std::size_t r, std::size_t v) { total[0][r][v] += total[s][r][v]; });
    }
  }
  for (; i < p.k; ++i, a += step, b += p.ldb) add(total[0], a, b);
  each([&](std::size_t r, std::size_t v) { total[0][r][v] *= B(p.alpha); });
  // All rows are read before one is written: a ragged row that is read waits for a write next to it.
  if (p.beta != 0)
    each([&](std::size_t r, std::size_t v) {
      total[0][r][v] = fused_multiply_add(B(p.beta), load(c + r * p.ldc, v), total[0][r][v]);
    });
  each([&](std::size_t r, std::size_t v) {
    T* to = c + r * p.ldc + v * L::size;
    ragged&& v + 1 == V ? last.store(total[0][r][v], to) : L(total[0][r][v]).store(to);
  });
}

template <class T, RowsOfA rows_of_a, bool ragged, std::size_t V>
void multiply_panel(const Product<T>& p, std::size_t most) {
  using L = NativeLanes<T>;
  static constexpr auto tile = []<std::size_t... i>(std::index_sequence<i...>) {
    return std::array{multiply_tile<T, rows_of_a != RowsOfA::stored, ragged, V, i + 1>...};
  }
  (std::make_index_sequence<tile_rows<L, V>>());
  const FirstLanes<L> last(ragged ? p.n - (V - 1) * L::size : 0);
  if (p.m <= most && rows_of_a != RowsOfA::packed) return tile[p.m - 1](p, 0, last);
  std::size_t i = 0;
  Product<T> rest = p;
  for (std::size_t tiles = (p.m + most - 1) / most; tiles > 0; --tiles) {
    const std::size_t rows = (p.m - i + tiles - 1) / tiles;  // even tiles rather than a last one of few rows
    if constexpr (rows_of_a == RowsOfA::packed) {
      rest.a = p.a + i * p.k, rest.lda = rows, rest.c = p.c + i * p.ldc;
      tile[rows - 1](rest, 0, last);
    } else {
      tile[rows - 1](rest, i, last);
    }
    i += rows;
  }
}

// Copies the transpose of a panel of B, in squares.
template <class T, std::size_t side>
void transpose_panel(const Product<T>& p, T* to) {
  using L = NativeLanes<T>;
  for (std::size_t j = 0; j < p.n; j += side) {
    const std::size_t columns = std::min(side, p.n - j);
    for (std::size_t i = 0; i < p.k; i += side) {
      const std::size_t rows = std::min(side, p.k - i);
      const FirstLanes<L> first(rows % L::size);
      const T* from = p.b + j * p.ldb + i;
      L square[side];
#pragma GCC unroll 16
      for (std::size_t s = 0; s < side; ++s)
        square[s] = s >= columns ? L(0) : rows == L::size ? L::load(from + s * p.ldb) : first.load(from + s * p.ldb);
      transpose<side>(square);
      for (std::size_t s = 0; s < rows; ++s) square[s].store(to + (i + s) * tile_columns<T> + j);
    }
  }
}
template <class T>
void transpose_panel(const Product<T>& p, T* to) {
  constexpr std::size_t tiny = 4, size = NativeLanes<T>::size;
  if constexpr (tiny < size)
    if (p.n <= tiny && p.k <= tiny) return transpose_panel<T, tiny>(p, to);
  transpose_panel<T, size>(p, to);
}

template <class T, RowsOfA rows>
void multiply_panel(const Product<T>& p, std::size_t most) {
  constexpr std::size_t size = NativeLanes<T>::size;
  const bool ragged = p.n % size > 0;
  if (p.n > size) {
    ragged ? multiply_panel<T, rows, true, 2>(p, most) : multiply_panel<T, rows, false, 2>(p, most);
  } else {
    ragged ? multiply_panel<T, rows, true, 1>(p, most) : multiply_panel<T, rows, false, 1>(p, most);
  }
}

template <class T, RowsOfA rows>
void multiply_panel(const Product<T>& p) {
  multiply_panel<T, rows>(p, most_rows<T>(p.n));
}

constexpr std::size_t depth = 256;  // a panel of B stays in the cache

// What small products do not need is not inlined: they would pay for its stack.

template <class T, RowsOfA rows>
[[gnu::noinline]] void multiply_transposed(Product<T> panel) {
  alignas(64) T packed[depth * tile_columns<T>];
  transpose_panel(panel, packed);
  panel.b = packed, panel.ldb = tile_columns<T>;
  multiply_panel<T, rows>(panel);
}

template <class T, RowsOfA rows>
[[gnu::noinline]] void multiply_panels(const Product<T>& p) {
  for (std::size_t k = 0; k < p.k; k += depth) {
    const Product<T> slab = p.terms(k, depth);
    for (std::size_t j = 0; j < p.n; j += tile_columns<T>) {
      const Product<T> panel = slab.columns(j, tile_columns<T>);
      p.transpose_b ? multiply_transposed<T, rows>(panel) : multiply_panel<T, rows>(panel);
    }
  }
}

// A column times a row, where nearly all is writing C: row by row, which tiles are not written.
template <class T, bool adds>
[[gnu::noinline]] void multiply_outer(const Product<T>& p) {
  using L = NativeLanes<T>;
  using B = decltype(L::v);
  const std::size_t step = p.transpose_a ? 1 : p.lda, rest = p.n % L::size, whole = p.n - rest;
  const FirstLanes<L> last(rest);
  const B alpha(p.alpha), beta(p.beta);
  for (std::size_t i = 0; i < p.m; ++i) {
    const B element(p.a[i * step]);
    T* row = p.c + i * p.ldc;
    const auto value = [&](L b, L c) {
      const B product = element * b.v * alpha;
      return L(adds ? fused_multiply_add(beta, c.v, product) : product);
    };
#pragma GCC unroll 8
    for (std::size_t j = 0; j < whole; j += L::size)
      value(L::load(p.b + j), adds ? L::load(row + j) : L(0)).store(row + j);
    if (rest > 0) last.store(value(last.load(p.b + whole), adds ? last.load(row + whole) : L(0)), row + whole);
  }
}

template <class T, RowsOfA rows>
void multiply_tiles(const Product<T>& p) {
  if (p.k <= depth && p.n <= tile_columns<T>)
    p.transpose_b ? multiply_transposed<T, rows>(p) : multiply_panel<T, rows>(p);
  else if (p.is_outer(tile_columns<T>))
    p.beta == 0 ? multiply_outer<T, false>(p) : multiply_outer<T, true>(p);
  else
    multiply_panels<T, rows>(p);
}

// A row of a tile. What a register holds beyond it falls on what is written next, of which there is so much `room`.
template <class T>
void copy_row(const T* from, std::size_t n, T* to, std::size_t room) {
  using L = NativeLanes<T>;
  std::size_t i = n / L::size * L::size;
  if (i < n) {
    const FirstLanes<L> rest(n - i);
    const L end = rest.load(from + i);
    i + L::size <= room ? end.store(to + i) : rest.store(end, to + i);
  }
  while (i > 0) i -= L::size, L::load(from + i).store(to + i);
}

// Columns of op(a), of which a row of registers holds `rows`, go to `to` one after the other.
template <class T>
void pack_tile(const Product<T>& p, T* to) {
  using L = NativeLanes<T>;
  constexpr std::size_t side = L::size;
  const std::size_t rows = p.m;
  // Registers reach into what is written next: the last rows of a square therefore go first.
  for (std::size_t k = 0; k < p.k; k += side) {
    const std::size_t columns = std::min(side, p.k - k);
    const FirstLanes<L> first(columns % side);
    for (std::size_t i = (rows - 1) / side * side;; i -= side) {
      L square[side];
#pragma GCC unroll 16
      for (std::size_t r = 0; r < side; ++r) {
        const T* from = p.a + std::min(i + r, rows - 1) * p.lda + k;
        __builtin_prefetch(from + 64);
        square[r] = columns == side ? L::load(from) : first.load(from);
      }
      transpose<side>(square);
      for (std::size_t s = 0; s < columns; ++s) square[s].store(to + (k + s) * rows + i);
      if (i == 0) break;
    }
  }
}

}  // namespace

template <class T>
void multiply_tiles(const Product<T>& p) {
  p.transpose_a ? multiply_tiles<T, RowsOfA::transposed>(p) : multiply_tiles<T, RowsOfA::stored>(p);
}

template <class T>
void multiply_in_cache(const Product<T>& p) {
  p.n <= tile_columns<T> ? multiply_panel<T, RowsOfA::stored>(p) : multiply_panels<T, RowsOfA::stored>(p);
}

template <class T>
void multiply_panel(const Product<T>& p, RowsOfA rows, std::size_t most) {
  if (rows == RowsOfA::packed) return multiply_panel<T, RowsOfA::packed>(p, most);
  rows == RowsOfA::stored ? multiply_panel<T, RowsOfA::stored>(p, most)
                          : multiply_panel<T, RowsOfA::transposed>(p, most);
}

template <class T>
void pack_b(const Product<T>& p, T* to) {
  using L = NativeLanes<T>;
  constexpr std::size_t width = tile_columns<T>;
  if (p.transpose_b) {
    for (std::size_t j = 0; j < p.n; j += width) transpose_panel(p.columns(j, width), to + j * p.k);
    return;
  }
  const std::size_t whole = p.n / L::size;
  const FirstLanes<L> last(p.n % L::size);
  for (std::size_t k = 0; k < p.k; ++k) {
    const T* from = p.b + k * p.ldb;
    const auto place = [&](std::size_t v) { return to + (v / 2 * p.k + k) * width + v % 2 * L::size; };
    for (std::size_t v = 0; v < whole; ++v) {
      __builtin_prefetch(from + 8 * p.ldb + v * L::size);
      L::load(from + v * L::size).store(place(v));
    }
    if (p.n % L::size > 0) last.load(from + whole * L::size).store(place(whole));
  }
}

template <class T>
void pack_a(const Product<T>& p, std::size_t most, T* to) {
  const Pieces tiles(p.m, most);
  constexpr std::size_t together = 4;  // tiles that share the pages of stored rows
  for (std::size_t i = 0; i < tiles.count; i += together) {
    const std::size_t end = std::min(i + together, tiles.count);
    if (p.transpose_a)
      for (std::size_t k = 0; k < p.k; ++k)
        for (std::size_t t = i; t < end; ++t) {
          const std::size_t first = tiles.begin(t), rows = tiles.begin(t + 1) - first;
          copy_row(p.a + k * p.lda + first, rows, to + first * p.k + k * rows, (p.k - k) * rows);
        }
    else
      for (std::size_t t = i; t < end; ++t) {
        const std::size_t first = tiles.begin(t);
        pack_tile(p.rows(first, tiles.begin(t + 1) - first), to + first * p.k);
      }
  }
}

#define INSTANTIATE(T)                                                   \
  template void multiply_tiles(const Product<T>&);                       \
  template void multiply_in_cache(const Product<T>&);                    \
  template void multiply_panel(const Product<T>&, RowsOfA, std::size_t); \
  template void pack_b(const Product<T>&, T*);                           \
  template void pack_a(const Product<T>&, std::size_t, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
