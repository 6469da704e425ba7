#include "vectors.hpp"

#include <bit>
#include <type_traits>

#include "scratch.hpp"
#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

constexpr std::size_t few = 8;
constexpr std::size_t least_work = 1 << 17;  // a part, in multiplications

// f(begin, end) of [0, n) in pieces, which are multiples of `granule`, on the threads that the work is worth.
template <class F>
void in_pieces(std::size_t n, std::size_t granule, std::size_t work, F f) {
  const std::size_t granules = (n + granule - 1) / granule;
  const std::size_t pieces = std::clamp<std::size_t>(work / least_work, 1, std::min<std::size_t>(granules, threads()));
  parallel_for(pieces, [&](std::size_t i) {
    f(i * granules / pieces * granule, std::min(n, (i + 1) * granules / pieces * granule));
  });
}

// Dot products of `rows` long rows with each of `others` <= few: y[i * row_step + j * step] = alpha x_i . z_j + beta y.
// Registers of the others lie side by side in z.
template <class T>
struct Dots {
  std::size_t rows, others, k;
  T alpha;
  const T* x;
  std::size_t x_distance;
  const T* z;
  T beta;
  T* y;
  std::size_t row_step, step;
};

// What registers hold, and whole registers of sums.
template <class L>
constexpr std::size_t sums = sizeof(L) == 64 ? 16 : 8;

// A power of two; what is not there is zero.
std::size_t places(std::size_t others) { return std::bit_ceil(others); }

// Element i of the other of this number is at from[other * distance + i * step].
template <class T>
const T* pack_others(std::size_t others, std::size_t k, const T* from, std::size_t distance, std::size_t step) {
  static thread_local Scratch<T> memory;
  constexpr std::size_t size = NativeLanes<T>::size;
  const std::size_t room = places(others), registers = (k + size - 1) / size;
  T* const to = memory.get(room * registers * size);
  if (others < room || k % size > 0) std::fill_n(to, room * registers * size, T(0));
  for (std::size_t f = 0; f < others; ++f)
    for (std::size_t i = 0; i < k; i += size) {
      const T* x = from + f * distance + i * step;
      T* y = to + (i / size * room + f) * size;
      for (std::size_t l = 0, n = std::min(size, k - i); l < n; ++l) y[l] = x[l * step];
    }
  return to;
}

// Rows [first, end) with F others; where there are fewer of either, the last one stands for those that are not there.
template <class T, std::size_t F>
void dot_rows(const Dots<T>& d, std::size_t first, std::size_t end) {
  using L = NativeLanes<T>;
  using B = decltype(L::v);
  constexpr std::size_t R = F == 1 ? 8 : sums<L> / F;  // of one, more rows would meet in the same places of a cache
  const std::size_t whole = d.k / L::size * L::size;
  const FirstLanes<L> rest(d.k - whole);
  for (std::size_t i = first; i < end; i += R) {
    const T *x[R], *z = d.z;
    for (std::size_t r = 0; r < R; ++r) x[r] = d.x + std::min(i + r, end - 1) * d.x_distance;
    L total[sums<L>];
#pragma GCC unroll 16
    for (std::size_t s = 0; s < sums<L>; ++s) total[s] = L(0);
    const auto add = [&](auto load) {
      B other[F];
#pragma GCC unroll 16
      for (std::size_t f = 0; f < F; ++f) other[f] = B::load_aligned(z + f * L::size);
      z += F * L::size;
#pragma GCC unroll 16
      for (std::size_t r = 0; r < R; ++r) {
        const B row = load(x[r]).v;
#pragma GCC unroll 16
        for (std::size_t f = 0; f < F; ++f) total[r * F + f] = L(fused_multiply_add(row, other[f], total[r * F + f].v));
      }
    };
    for (std::size_t k = 0; k < whole; k += L::size) add([k](const T* from) { return L::load(from + k); });
    if (whole < d.k) add([&](const T* from) { return keep_first(rest.load(from + whole), d.k - whole, L(0)); });
    alignas(64) T dot[sums<L>];
    for (std::size_t s = 0; s < sums<L>; s += L::size)
      fold_rows<L::size / 2>(static_cast<const L*>(total + s), [](L a, L b) { return a + b; }).store(dot + s);
    for (std::size_t r = 0; r < std::min(R, end - i); ++r)
      for (std::size_t f = 0; f < std::min(F, d.others); ++f) {
        T& y = d.y[(i + r) * d.row_step + f * d.step];
        y = d.beta == 0 ? d.alpha * dot[r * F + f] : d.alpha * dot[r * F + f] + d.beta * y;
      }
  }
}

template <class T>
void multiply(const Dots<T>& d) {
  in_pieces(d.rows, sums<NativeLanes<T>>, d.rows * d.others * d.k, [&](std::size_t first, std::size_t end) {
    d.others == 1   ? dot_rows<T, 1>(d, first, end)
    : d.others == 2 ? dot_rows<T, 2>(d, first, end)
    : d.others <= 4 ? dot_rows<T, 4>(d, first, end)
                    : dot_rows<T, 8>(d, first, end);
  });
}

// y = alpha x b + beta y for the rows of b: eight of them at a time, so that y is seldom read and written.
template <class T>
struct Combination {
  std::size_t n, k;
  T alpha;
  const T* x;
  std::size_t x_step;
  const T* b;
  std::size_t ldb;
  T beta;
  T* y;
};

// Rows [i, i + count) into the columns [begin, end).
template <class T, class Count>
void add_rows(const Combination<T>& c, std::size_t i, Count count, std::size_t begin, std::size_t end) {
  using L = NativeLanes<T>;
  using B = decltype(L::v);
  const std::size_t whole = begin + (end - begin) / L::size * L::size;
  const FirstLanes<L> rest(end - whole);
  const std::size_t rows = count;
  B element[8];
  for (std::size_t r = 0; r < rows; ++r) element[r] = B(c.alpha * c.x[(i + r) * c.x_step]);
  const T* row = c.b + i * c.ldb;
  const auto add = [&](auto load, std::size_t j) {
    const B now = load(c.y + j).v;
    B total = i > 0 ? now : c.beta == 0 ? B(T(0)) : B(c.beta) * now;
#pragma GCC unroll 8
    for (std::size_t r = 0; r < rows; ++r) total = fused_multiply_add(element[r], load(row + r * c.ldb + j).v, total);
    return L(total);
  };
  for (std::size_t j = begin; j < whole; j += L::size) add([](const T* p) { return L::load(p); }, j).store(c.y + j);
  if (whole < end) rest.store(add([&](const T* p) { return rest.load(p); }, whole), c.y + whole);
}

template <class T>
void multiply(const Combination<T>& c) {
  constexpr std::size_t rows = 8, block = 8192 / sizeof(T);  // of y in the first cache
  in_pieces(c.n, 2 * NativeLanes<T>::size, c.n * c.k, [&](std::size_t begin, std::size_t end) {
    for (std::size_t from = begin; from < end; from += block) {
      const std::size_t to = std::min(end, from + block), whole = c.k / rows * rows;
      for (std::size_t i = 0; i < whole; i += rows)
        add_rows(c, i, std::integral_constant<std::size_t, rows>(), from, to);
      if (whole < c.k) add_rows(c, whole, c.k - whole, from, to);
    }
  });
}

}  // namespace

template <class T>
bool multiply_vectors(const Product<T>& p) {
  if (!p.transpose_a && p.n <= few && p.n <= p.m) {
    const T* columns = pack_others(p.n, p.k, p.b, p.transpose_b ? p.ldb : 1, p.transpose_b ? 1 : p.ldb);
    multiply(Dots<T>{p.m, p.n, p.k, p.alpha, p.a, p.lda, columns, p.beta, p.c, p.ldc, 1});
    return true;
  }
  if (p.transpose_b && p.m <= few) {
    const T* rows = pack_others(p.m, p.k, p.a, p.transpose_a ? 1 : p.lda, p.transpose_a ? p.lda : 1);
    multiply(Dots<T>{p.n, p.m, p.k, p.alpha, p.b, p.ldb, rows, p.beta, p.c, 1, p.ldc});
    return true;
  }
  if (p.m == 1 && !p.transpose_b) {
    multiply(Combination<T>{p.n, p.k, p.alpha, p.a, p.transpose_a ? p.lda : 1, p.b, p.ldb, p.beta, p.c});
    return true;
  }
  if (p.n == 1 && p.transpose_a && p.ldc == 1) {
    multiply(Combination<T>{p.m, p.k, p.alpha, p.b, p.transpose_b ? 1 : p.ldb, p.a, p.lda, p.beta, p.c});
    return true;
  }
  return false;
}

template bool multiply_vectors(const Product<float>&);
template bool multiply_vectors(const Product<double>&);

}  // namespace autodiff::kernels
