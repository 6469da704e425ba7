#include "gemm.hpp"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include "copy.hpp"
#include "tails.hpp"
#include "threads.hpp"

// Eigen's templates are compiled for this machine here: another name keeps the linker from mixing them with those of a
// user who compiles Eigen otherwise.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace autodiff::kernels {
namespace {

// oneDNN asks OpenMP how many threads to use, and its bits depend on the answer.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

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

template <class T>
void scale(const Product<T>& p) {
  if (p.beta == 1) return;
  for (std::size_t i = 0; i < p.m; ++i) {
    T* row = p.c + i * p.ldc;
    for (std::size_t j = 0; j < p.n; ++j) row[j] = p.beta == 0 ? 0 : p.beta * row[j];
  }
}

// Tiny products, where calling a library costs more than the product: a tile of C in registers.

template <class L>
constexpr std::size_t tile_rows = sizeof(L) == 64 ? 8 : 6;  // what 32 or 16 registers hold, two vectors wide
constexpr std::size_t tiny_work = 32768;

// R rows of V registers, the last of which holds `last` columns; b has whole registers in all its rows.
template <class T, std::size_t R, std::size_t V>
void multiply_tile(const Product<T>& p, std::size_t last) {
  using L = NativeLanes<T>;
  const std::size_t row_step = p.transpose_a ? 1 : p.lda, step = p.transpose_a ? p.lda : 1;
  L total[R][V];
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) total[r][v] = L(0);
  }
  for (std::size_t i = 0; i < p.k; ++i) {
    L b[V];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) b[v] = L::load(p.b + i * p.ldb + v * L::size);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r) {
      const decltype(L::v) a(p.a[r * row_step + i * step]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) total[r][v] = xsimd::fma(a, b[v].v, total[r][v].v);
    }
  }
  const decltype(L::v) alpha(p.alpha), beta(p.beta);
#pragma GCC unroll 8
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) {
      T* to = p.c + r * p.ldc + v * L::size;
      const bool full = v + 1 < V || last == L::size;
      L result = total[r][v] * L(alpha);
      if (p.beta != 0) result = xsimd::fma(beta, (full ? L::load(to) : L::load_part(to, last)).v, result.v);
      full ? result.store(to) : result.store_part(to, last);
    }
  }
}

template <class T, std::size_t V, std::size_t R = tile_rows<NativeLanes<T>>>
void multiply_columns(const Product<T>& p, std::size_t last) {
  std::size_t i = 0;
  for (; i + R <= p.m; i += R) multiply_tile<T, R, V>(p.rows(i, R), last);
  if constexpr (R > 1) {
    if (i < p.m) multiply_columns<T, V, R - 1>(p.rows(i, p.m - i), last);
  }
}

template <class T>
bool is_tiny(const Product<T>& p) {
  return p.m <= tiny_work && p.n <= tiny_work && p.k <= tiny_work && p.m * p.n <= tiny_work &&
         p.m * p.n * p.k <= tiny_work;
}

// Copies op(matrix), of shape (rows, columns), to one with `distance` between its rows.
template <class T>
void pack(T* to, std::size_t distance, std::size_t rows, std::size_t columns, const T* from, std::size_t ld,
          bool transposed) {
  const std::size_t row_step = transposed ? 1 : ld, step = transposed ? ld : 1;
  if (rows * columns <= 64) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) to[i * distance + j] = from[i * row_step + j * step];
    }
    return;
  }
  using L = NativeLanes<T>;
  if (!transposed && columns == 2 * L::size) {  // most panels of B
    for (std::size_t i = 0; i < rows; ++i, to += distance, from += ld) {
      L::load(from).store(to), L::load(from + L::size).store(to + L::size);
    }
    return;
  }
  const std::size_t shape[] = {rows, columns};
  const std::ptrdiff_t y[] = {static_cast<std::ptrdiff_t>(distance), 1};
  const std::ptrdiff_t x[] = {static_cast<std::ptrdiff_t>(row_step), static_cast<std::ptrdiff_t>(step)};
  copy<T>({to, shape, y}, {from, shape, x});
}

// By panels of B, which are packed where they are transposed or ragged.
template <class T>
void multiply_tiny(const Product<T>& p) {
  constexpr std::size_t depth = 256, size = NativeLanes<T>::size, width = 2 * size;
  alignas(64) T packed[depth * width];
  for (std::size_t k = 0; k < p.k; k += depth) {
    Product<T> slab = p;
    slab.k = std::min(depth, p.k - k);
    slab.a += k * (p.transpose_a ? p.lda : 1), slab.b += k * (p.transpose_b ? 1 : p.ldb);
    if (k > 0) slab.beta = 1;
    for (std::size_t j = 0; j < p.n; j += width) {
      Product<T> panel = slab.columns(j, width);
      const std::size_t ragged = panel.n % size, padded = ragged > 0 ? panel.n - ragged + size : panel.n;
      if (ragged > 0 || p.transpose_b) {
        pack(packed, padded, panel.k, panel.n, panel.b, p.ldb, p.transpose_b);
        for (std::size_t row = 0; row < panel.k; ++row)
          std::fill(packed + row * padded + panel.n, packed + (row + 1) * padded, T(0));
        panel.b = packed, panel.ldb = padded, panel.transpose_b = false;
      }
      padded > size ? multiply_columns<T, 2>(panel, panel.n - size) : multiply_columns<T, 1>(panel, panel.n);
    }
  }
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

// The parts of C depend on the shape alone: in what order a library adds up depends on the shape that it is given, and
// so the bits would depend on who computes what. oneDNN is slow below 384 where it is fast above, and packs the other
// operand once a part: hence few parts.
template <class T>
void multiply_parts(const Product<T>& p) {
  constexpr std::size_t least_work = std::size_t{1} << 21, granule = 8;
  const bool by_column = p.n >= p.m;
  const std::size_t length = by_column ? p.n : p.m;
  const std::size_t most = length >= 768 ? length / 384 : std::clamp<std::size_t>(length / 32, 1, 4);
  const std::size_t wanted = std::clamp<std::size_t>(p.m * p.n * p.k / least_work, 1, most);
  const std::size_t step = ((length + granule - 1) / granule + wanted - 1) / wanted * granule;
  const std::size_t parts = (length + step - 1) / step;
  const auto run = [&](std::size_t i) { multiply(by_column ? p.columns(i * step, step) : p.rows(i * step, step)); };
  const std::size_t team = std::min(parts, std::size_t(threads()));
  if (team == 1) {
    for (std::size_t i = 0; i < parts; ++i) run(i);
  } else {
#pragma omp parallel for num_threads(static_cast <int>(team)) schedule(static)
    for (std::size_t i = 0; i < parts; ++i) run(i);
  }
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, T alpha, const T* a,
          std::size_t lda, const T* b, std::size_t ldb, T beta, T* c, std::size_t ldc) {
  if (m == 0 || n == 0) return;
  const Product<T> p{transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
  if (k == 0 || alpha == 0) return scale(p);
  is_tiny(p) ? multiply_tiny(p) : multiply_parts(p);
}

#define INSTANTIATE(T)                                                                                      \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, T, const T*, std::size_t, const T*, \
                     std::size_t, T, T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
