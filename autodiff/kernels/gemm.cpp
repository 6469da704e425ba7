#include "gemm.hpp"

#include <dnnl.h>

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include "one_thread.hpp"
#include "packed.hpp"
#include "threads.hpp"
#include "tiles.hpp"
#include "vectors.hpp"

// Eigen's templates are compiled for this machine here: another name keeps the linker from mixing them with those of a
// user who compiles Eigen otherwise.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace autodiff::kernels {
namespace {

// What small products do not need is not inlined: they would pay for its registers and its stack.

template <class T>
[[gnu::noinline]] void scale(const Product<T>& p) {
  if (p.beta == 1) return;
  for (std::size_t i = 0; i < p.m; ++i) {
    T* row = p.c + i * p.ldc;
    for (std::size_t j = 0; j < p.n; ++j) row[j] = p.beta == 0 ? 0 : p.beta * row[j];
  }
}

// What libraries compute, on one thread.

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

constexpr std::size_t least_work = 1 << 19;  // a part, in multiplications

// C in parts of so many rows or columns, whole strips of a library. They depend on the shape alone: in what order a
// library adds up depends on the shape that it is given, and so the bits would depend on who computes what.
template <class T, class F>
void in_parts(const Product<T>& p, F multiply) {
  constexpr std::size_t most = 16, strip = 48;
  const bool columns = p.n > p.m;
  const std::size_t strips = ((columns ? p.n : p.m) + strip - 1) / strip;
  const std::size_t wanted = std::clamp<std::size_t>(p.work() / least_work, 1, std::min(strips, most));
  const std::size_t step = (strips + wanted - 1) / wanted * strip;
  parallel_for((strips * strip + step - 1) / step,
               [&](std::size_t i) { multiply(columns ? p.columns(i * step, step) : p.rows(i * step, step)); });
}

// Where tiles are ahead. One column wastes their lanes, one row reads B in large steps, and a transposed B has to be
// worth its copy.
template <class T>
bool fits_tiles(const Product<T>& p) {
  constexpr std::size_t column_work = 1 << 9, tiny_work = 1 << 15, small_work = 1 << 17, few = 8, long_rows = 64;
  const std::size_t work = p.work();
  if (p.n == 1 || (p.m == 1 && p.transpose_b)) return work <= column_work;
  if (work <= tiny_work || p.is_outer(tile_columns<T>)) return true;
  if (p.n <= few && p.k >= long_rows && !p.transpose_a) return false;
  return work <= small_work && p.m >= (p.transpose_b ? 16 : 2);
}

// Where a library is ahead: few terms, so that most of the work is to write C, and few rows, which read B once.
template <class T>
bool fits_library(const Product<T>& p) {
  constexpr std::size_t few_terms = 16, few_rows = 8;
  return p.k <= few_terms || (p.m > 1 && p.m < few_rows && !p.transpose_b);
}

}  // namespace

template <class T>
void gemm(const Product<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (p.k == 0 || p.alpha == 0) return scale(p);
  if (fits_tiles(p)) {
    if (p.work() < least_work) return multiply_tiles(p);
    return in_parts(p, [](const Product<T>& part) { multiply_tiles(part); });
  }
  if (fits_library(p)) return in_parts(p, [](const Product<T>& part) { multiply(part); });
  if (!multiply_vectors(p)) multiply_packed(p);
}

template <class T>
void gemm_in_cache(std::size_t m, std::size_t n, std::size_t k, const T* a, std::size_t lda, const T* b,
                   std::size_t ldb, T beta, T* c, std::size_t ldc) {
  if (m == 0 || n == 0) return;
  const Product<T> p{false, false, m, n, k, 1, a, lda, b, ldb, beta, c, ldc};
  if (k == 0) return scale(p);
  multiply_in_cache(p);
}

#define INSTANTIATE(T)                                                                                                \
  template void gemm(const Product<T>&);                                                                              \
  template void gemm_in_cache(std::size_t, std::size_t, std::size_t, const T*, std::size_t, const T*, std::size_t, T, \
                              T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
