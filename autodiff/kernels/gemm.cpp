#include "gemm.hpp"

#include <dnnl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "one_thread.hpp"
#include "packed.hpp"
#include "threads.hpp"
#include "tiles.hpp"

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
  static const bool use = std::getenv("PACKED");
  static const bool all = std::getenv("PACKALL");
  if (all || (use && !in_tiles)) return multiply_packed(p);
  if (p.work() >= 2 * least_work) return multiply_parts(p, in_tiles);
  in_tiles ? multiply_tiles(p) : multiply(p);
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
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, T, const T*, std::size_t, const T*,           \
                     std::size_t, T, T*, std::size_t);                                                                \
  template void gemm_in_cache(std::size_t, std::size_t, std::size_t, const T*, std::size_t, const T*, std::size_t, T, \
                              T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
