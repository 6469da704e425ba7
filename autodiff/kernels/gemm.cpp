#include "gemm.hpp"

#include <dnnl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "one_thread.hpp"
#include "tails.hpp"
#include "threads.hpp"

// Eigen's templates are compiled for this machine here: another name keeps the linker from mixing them with those of a
// user who compiles Eigen otherwise.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace autodiff::kernels {
namespace {

template <class T>
struct Product {
  bool transpose_a, transpose_b;
  std::size_t m, n, k;
  T alpha;
  const T* a;
  std::size_t lda;
  const T* b;
  std::size_t ldb;
  T beta;
  T* c;
  std::size_t ldc;

  /// In multiplications; a side past two million counts as work without end, so that nothing overflows.
  std::size_t work() const { return (m | n | k) >> 21 ? ~std::size_t{0} : m * n * k; }

  Product rows(std::size_t from, std::size_t length) const {
    Product part = *this;
    part.m = std::min(length, m - from);
    part.a += from * (transpose_a ? 1 : lda), part.c += from * ldc;
    return part;
  }
  Product columns(std::size_t from, std::size_t length) const {
    Product part = *this;
    part.n = std::min(length, n - from);
    part.b += from * (transpose_b ? ldb : 1), part.c += from;
    return part;
  }
};

// What small products do not need is not inlined: they would pay for its registers and its stack.

template <class T>
[[gnu::noinline]] void scale(const Product<T>& p) {
  if (p.beta == 1) return;
  for (std::size_t i = 0; i < p.m; ++i) {
    T* row = p.c + i * p.ldc;
    for (std::size_t j = 0; j < p.n; ++j) row[j] = p.beta == 0 ? 0 : p.beta * row[j];
  }
}

// Small and narrow products: tiles of C in registers. A library spends more on being called, and on columns that are
// not there.

template <class T>
constexpr std::size_t tile_columns = 2 * NativeLanes<T>::size;

// What 32 or 16 registers hold beside V of B. Sanitizers take minutes to compile large tiles.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
template <class L, std::size_t V>
constexpr std::size_t tile_rows = 2;
#else
template <class L, std::size_t V>
constexpr std::size_t tile_rows = sizeof(L) == 64 ? (V == 1 ? 16 : 14) : (V == 1 ? 12 : 6);
#endif

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
  const auto add = [&](B(&total)[R][V], const T* x, const T* y) {
    B row[V];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < V; ++v) row[v] = load(y, v);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < R; ++r) {
      const B element(x[r * row_step]);
#pragma GCC unroll 16
      for (std::size_t v = 0; v < V; ++v) total[r][v] = xsimd::fma(element, row[v], total[r][v]);
    }
  };
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
      total[0][r][v] = xsimd::fma(B(p.beta), load(c + r * p.ldc, v), total[0][r][v]);
    });
  each([&](std::size_t r, std::size_t v) {
    T* to = c + r * p.ldc + v * L::size;
    ragged&& v + 1 == V ? last.store(total[0][r][v], to) : L(total[0][r][v]).store(to);
  });
}

template <class T, bool transpose_a, bool ragged, std::size_t V>
void multiply_panel(const Product<T>& p) {
  using L = NativeLanes<T>;
  constexpr std::size_t most = tile_rows<L, V>;
  static constexpr auto tile = []<std::size_t... i>(std::index_sequence<i...>) {
    return std::array{multiply_tile<T, transpose_a, ragged, V, i + 1>...};
  }
  (std::make_index_sequence<most>());
  const FirstLanes<L> last(ragged ? p.n - (V - 1) * L::size : 0);
  if (p.m <= most) return tile[p.m - 1](p, 0, last);
  std::size_t i = 0;
  for (std::size_t tiles = (p.m + most - 1) / most; tiles > 0; --tiles) {
    const std::size_t rows = (p.m - i + tiles - 1) / tiles;  // even tiles rather than a last one of few rows
    tile[rows - 1](p, i, last);
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

template <class T, bool transpose_a>
void multiply_one_panel(const Product<T>& p) {
  constexpr std::size_t size = NativeLanes<T>::size;
  const bool ragged = p.n % size > 0;
  if (p.n > size) {
    ragged ? multiply_panel<T, transpose_a, true, 2>(p) : multiply_panel<T, transpose_a, false, 2>(p);
  } else {
    ragged ? multiply_panel<T, transpose_a, true, 1>(p) : multiply_panel<T, transpose_a, false, 1>(p);
  }
}

constexpr std::size_t depth = 256;  // a panel of B stays in the cache

template <class T, bool transpose_a>
[[gnu::noinline]] void multiply_panels(const Product<T>& p) {
  constexpr std::size_t width = tile_columns<T>;
  alignas(64) T packed[depth * width];
  for (std::size_t k = 0; k < p.k; k += depth) {
    Product<T> slab = p;
    slab.k = std::min(depth, p.k - k);
    slab.a += k * (transpose_a ? p.lda : 1), slab.b += k * (p.transpose_b ? 1 : p.ldb);
    if (k > 0) slab.beta = 1;
    for (std::size_t j = 0; j < p.n; j += width) {
      Product<T> panel = slab.columns(j, width);
      if (p.transpose_b) {
        transpose_panel(panel, packed);
        panel.b = packed, panel.ldb = width;
      }
      multiply_one_panel<T, transpose_a>(panel);
    }
  }
}

// A column times a row, where nearly all is writing C: row by row, which tiles are not.
template <class T>
bool is_outer(const Product<T>& p) {
  return p.k == 1 && p.n > tile_columns<T> && !p.transpose_b;
}
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
      return L(adds ? xsimd::fma(beta, c.v, product) : product);
    };
#pragma GCC unroll 8
    for (std::size_t j = 0; j < whole; j += L::size)
      value(L::load(p.b + j), adds ? L::load(row + j) : L(0)).store(row + j);
    if (rest > 0) last.store(value(last.load(p.b + whole), adds ? last.load(row + whole) : L(0)), row + whole);
  }
}

template <class T, bool transpose_a>
void multiply_tiles(const Product<T>& p) {
  if (is_outer(p)) return p.beta == 0 ? multiply_outer<T, false>(p) : multiply_outer<T, true>(p);
  if (p.k <= depth && p.n <= tile_columns<T> && !p.transpose_b)
    multiply_one_panel<T, transpose_a>(p);
  else
    multiply_panels<T, transpose_a>(p);
}
template <class T>
void multiply_tiles(const Product<T>& p) {
  p.transpose_a ? multiply_tiles<T, true>(p) : multiply_tiles<T, false>(p);
}

// Where the tiles win. One column wastes their lanes, one row reads B in large steps, and a transposed B has to be
// worth its copy.
template <class T>
bool fits_tiles(const Product<T>& p) {
  constexpr std::size_t column_work = 1 << 9, tiny_work = 1 << 15, small_work = 1 << 17;
  const std::size_t work = p.work();
  if (is_outer(p)) return true;
  if (p.n == 1) return work <= column_work;
  if (work <= small_work) return work <= tiny_work || p.m >= (p.transpose_b ? 16 : 2);
  return p.m > 1 && p.n <= tile_columns<T> && !p.transpose_b;
}

// Larger ones, each on one thread.

void multiply(const Product<float>& p) {
  const OneThread guard;
  const auto size = [](std::size_t n) { return static_cast<dnnl_dim_t>(n); };
  const auto status = dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', size(p.m), size(p.n), size(p.k),
                                 p.alpha, p.a, size(p.lda), p.b, size(p.ldb), p.beta, p.c, size(p.ldc));
  if (status != dnnl_success) std::abort();  // it refuses no sizes that get here
}

// Eigen knows no CPU by name: it is compiled for this one, and so cannot fall to a slow kernel unseen.
void multiply(const Product<double>& p) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto map = [](auto* data, std::size_t rows, std::size_t columns, std::size_t distance) {
    using Stored = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(data)>>, const Matrix, Matrix>;
    return Eigen::Map<Stored, 0, Eigen::OuterStride<>>(data, Eigen::Index(rows), Eigen::Index(columns),
                                                       Eigen::OuterStride<>(Eigen::Index(distance)));
  };
  scale(p);
  const auto a = p.transpose_a ? map(p.a, p.k, p.m, p.lda) : map(p.a, p.m, p.k, p.lda);
  const auto b = p.transpose_b ? map(p.b, p.n, p.k, p.ldb) : map(p.b, p.k, p.n, p.ldb);
  auto c = map(p.c, p.m, p.n, p.ldc);
  if (p.transpose_a && p.transpose_b) {
    c.noalias() += p.alpha * a.transpose() * b.transpose();
  } else if (p.transpose_a) {
    c.noalias() += p.alpha * a.transpose() * b;
  } else if (p.transpose_b) {
    c.noalias() += p.alpha * a * b.transpose();
  } else {
    c.noalias() += p.alpha * a * b;
  }
}

constexpr std::size_t least_work = 1 << 18;  // a part, in multiplications

// C in parts of so many rows or columns.
struct Parts {
  bool columns;
  std::size_t step, count;
};

// They depend on the shape alone: in what order a library adds up depends on the shape that it is given, and so the
// bits would depend on who computes what. Every part copies operands into the library's layout again, hence few parts,
// along the side that spares the larger copy: oneDNN always copies a transposed B, a plain one only where its rows are
// whole pages apart. It works in strips of 8 rows and 48 columns with AVX-512, and a part has whole ones. For tiles all
// parts are alike.
template <class T>
Parts parts(const Product<T>& p, bool in_tiles) {
  struct Side {
    std::size_t granule, shortest, longest;
  };
  const bool far_rows = !p.transpose_a && p.ldb % 1024 == 0;
  const bool columns = !in_tiles && (p.transpose_b ? p.n >= 64 && p.n >= p.m / 4 : p.n > (far_rows ? 2 : 4) * p.m);
  const Side side = in_tiles        ? Side{8, 16, 16}
                    : !columns      ? Side{8, p.transpose_b ? 128u : 16u, 384}
                    : p.transpose_b ? Side{16, 32, 384}
                                    : Side{48, 48, 384};
  const std::size_t length = columns ? p.n : p.m;
  const std::size_t most = std::min(length / side.shortest, std::max<std::size_t>(2, length / side.longest));
  const std::size_t wanted = std::bit_floor(std::clamp<std::size_t>(most, 1, p.work() / least_work));
  const std::size_t granules = (length + side.granule - 1) / side.granule;
  const std::size_t step = (granules + wanted - 1) / wanted * side.granule;
  return {columns, step, (length + step - 1) / step};
}

template <class T>
[[gnu::noinline]] void multiply_parts(const Product<T>& p, bool in_tiles) {
  const Parts split = parts(p, in_tiles);
  parallel_for(split.count, [&](std::size_t i) {
    const auto part = split.columns ? p.columns(i * split.step, split.step) : p.rows(i * split.step, split.step);
    in_tiles ? multiply_tiles(part) : multiply(part);
  });
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, T alpha, const T* a,
          std::size_t lda, const T* b, std::size_t ldb, T beta, T* c, std::size_t ldc) {
  if (m == 0 || n == 0) return;
  const Product<T> p{transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
  if (k == 0 || alpha == 0) return scale(p);
  const bool in_tiles = fits_tiles(p);
  if (p.work() >= 2 * least_work) return multiply_parts(p, in_tiles);
  in_tiles ? multiply_tiles(p) : multiply(p);
}

template <class T>
void gemm_in_cache(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t lda, const T* b,
                   std::size_t ldb, T beta, T* c, std::size_t ldc) {
  if (m == 0 || n == 0) return;
  const Product<T> p{false, false, m, n, k, 1, a, lda, b, ldb, beta, c, ldc};
  if (k == 0) return scale(p);
  n <= tile_columns<T> ? multiply_one_panel<T, false>(p) : multiply_panels<T, false>(p);
}

#define INSTANTIATE(T)                                                                                                \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, T, const T*, std::size_t, const T*,           \
                     std::size_t, T, T*, std::size_t);                                                                \
  template void gemm_in_cache(std::size_t, std::size_t, std::size_t, const T*, std::size_t, const T*, std::size_t, T, \
                              T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
