#include "factor.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gemm.hpp"

namespace autodiff::kernels {
namespace {

// Up to so many rows the loops below are used, which keep to the cache.
constexpr std::size_t small = 32, chunk = 128;

// Half of n, in whole blocks.
std::size_t half(std::size_t n) { return (n / 2 + small - 1) / small * small; }

// to -= factor[0] row_0 + factor[step] row_1 + ..., rows of `width` elements.
template <class T>
void subtract_rows(T* to, const T* factor, std::size_t step, const T* rows, std::size_t distance, std::size_t count,
                   std::size_t width) {
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4, rows += 4 * distance, factor += 4 * step) {
    const T f[] = {factor[0], factor[step], factor[2 * step], factor[3 * step]};
    const T *r0 = rows, *r1 = r0 + distance, *r2 = r1 + distance, *r3 = r2 + distance;
    for (std::size_t j = 0; j < width; ++j) to[j] -= f[0] * r0[j] + f[1] * r1[j] + f[2] * r2[j] + f[3] * r3[j];
  }
  for (; i < count; ++i, rows += distance, factor += step)
    for (std::size_t j = 0; j < width; ++j) to[j] -= *factor * rows[j];
}

// A triangle in memory, and how far its rows are apart.
template <class T>
struct Stored {
  const T* data;
  std::size_t distance;
  bool lower, transposed, unit;

  // Whether the first unknown is found first.
  bool forward() const { return lower != transposed; }
  Stored at(std::size_t i) const { return {data + i * (distance + 1), distance, lower, transposed, unit}; }
  // The coefficient of unknown j in equation i, and how far the next unknown's is.
  const T* element(std::size_t i, std::size_t j) const {
    return data + (transposed ? j * distance + i : i * distance + j);
  }
  std::size_t step() const { return transposed ? distance : 1; }
};

template <class T>
void solve_small(const Stored<T>& a, std::size_t n, T* b, std::size_t columns, std::size_t distance) {
  for (std::size_t from = 0; from < columns; from += chunk) {
    const std::size_t width = std::min(chunk, columns - from);
    T* x = b + from;
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t i = a.forward() ? k : n - 1 - k, first = a.forward() ? 0 : i + 1;
      T* row = x + i * distance;
      subtract_rows(row, a.element(i, first), a.step(), x + first * distance, distance, k, width);
      if (a.unit) continue;
      const T diagonal = *a.element(i, i);
      for (std::size_t j = 0; j < width; ++j) row[j] /= diagonal;
    }
  }
}

template <class T>
void solve_left(const Stored<T>& a, std::size_t n, T* b, std::size_t columns, std::size_t distance) {
  if (n <= small) return solve_small(a, n, b, columns, distance);
  const std::size_t top = half(n), rest = n - top;
  T *b_top = b, *b_rest = b + top * distance;
  // The block beside the triangles, in the rows of the half that is solved last.
  const T* beside = a.lower ? a.data + top * a.distance : a.data + top;
  if (a.forward()) {
    solve_left(a, top, b_top, columns, distance);
    gemm<T>(a.transposed, false, rest, columns, top, -1, beside, a.distance, b_top, distance, 1, b_rest, distance);
    solve_left(a.at(top), rest, b_rest, columns, distance);
  } else {
    solve_left(a.at(top), rest, b_rest, columns, distance);
    gemm<T>(a.transposed, false, top, columns, rest, -1, beside, a.distance, b_rest, distance, 1, b_top, distance);
    solve_left(a, top, b_top, columns, distance);
  }
}

// b := b l^-T for the lower triangle l, by strips of rows that are turned round.
template <class T>
void solve_right(const T* l, std::size_t n, std::size_t l_distance, T* b, std::size_t rows, std::size_t distance) {
  if (n > small) {
    const std::size_t left = half(n);
    solve_right(l, left, l_distance, b, rows, distance);
    gemm<T>(false, true, rows, n - left, left, -1, b, distance, l + left * l_distance, l_distance, 1, b + left,
            distance);
    return solve_right(l + left * (l_distance + 1), n - left, l_distance, b + left, rows, distance);
  }
  T strip[small * small];
  for (std::size_t from = 0; from < rows; from += small) {
    const std::size_t width = std::min(small, rows - from);
    T* part = b + from * distance;
    for (std::size_t i = 0; i < width; ++i)
      for (std::size_t j = 0; j < n; ++j) strip[j * small + i] = part[i * distance + j];
    solve_small(Stored<T>{l, l_distance, true, false, false}, n, strip, width, small);
    for (std::size_t i = 0; i < width; ++i)
      for (std::size_t j = 0; j < n; ++j) part[i * distance + j] = strip[j * small + i];
  }
}

// Row by row of the upper triangle in a buffer, so that whole rows are subtracted.
template <class T>
std::size_t cholesky_small(T* a, std::size_t n, std::size_t distance) {
  T upper[small * small];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) upper[i * small + j] = a[j * distance + i];
  for (std::size_t i = 0; i < n; ++i) {
    T* row = upper + i * small;
    subtract_rows(row + i, upper + i, small, upper + i, small, i, n - i);
    if (!(row[i] > 0)) return i + 1;
    const T root = std::sqrt(row[i]);
    for (std::size_t j = i; j < n; ++j) row[j] /= root;
    row[i] = root;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) a[j * distance + i] = upper[i * small + j];
  return 0;
}

// c -= a a^T in the lower triangle of c, of which blocks above the diagonal are left alone.
template <class T>
void subtract_square(const T* a, std::size_t n, std::size_t k, T* c, std::size_t distance) {
  constexpr std::size_t block = 128;
  for (std::size_t i = 0; i < n; i += block) {
    const std::size_t rows = std::min(block, n - i);
    gemm<T>(false, true, rows, i + rows, k, -1, a + i * distance, distance, a, distance, 1, c + i * distance, distance);
  }
}

template <class T>
std::size_t cholesky_part(T* a, std::size_t n, std::size_t distance) {
  if (n <= small) return cholesky_small(a, n, distance);
  const std::size_t top = half(n), rest = n - top;
  T *below = a + top * distance, *corner = below + top;
  if (const std::size_t minor = cholesky_part(a, top, distance)) return minor;
  solve_right(a, top, distance, below, rest, distance);
  subtract_square(below, rest, top, corner, distance);
  const std::size_t minor = cholesky_part(corner, rest, distance);
  return minor ? top + minor : 0;
}

template <class T>
void swap_rows(T* a, std::size_t distance, std::size_t width, const T* pivots, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i)
    if (const auto other = static_cast<std::size_t>(pivots[i]); other != i)
      std::swap_ranges(a + i * distance, a + i * distance + width, a + other * distance);
}

// Columns [first, first + width) of rows `first` on, one after the other.
template <class T>
void factor_columns(T* a, T* pivots, std::size_t n, std::size_t first, std::size_t width) {
  T* block = a + first;
  for (std::size_t j = 0; j < width; ++j) {
    const std::size_t i = first + j;
    std::size_t pivot = i;
    T largest = std::abs(block[i * n + j]);
    for (std::size_t r = i + 1; r < n; ++r)
      if (const T size = std::abs(block[r * n + j]); size > largest) pivot = r, largest = size;
    pivots[i] = static_cast<T>(pivot);
    if (pivot != i) std::swap_ranges(block + i * n, block + i * n + width, block + pivot * n);
    const T* top = block + i * n;
    if (top[j] == 0) continue;  // all below are zero, too
    for (std::size_t r = i + 1; r < n; ++r) {
      T* row = block + r * n;
      const T factor = row[j] /= top[j];
      for (std::size_t c = j + 1; c < width; ++c) row[c] -= factor * top[c];
    }
  }
}

template <class T>
void factor_part(T* a, T* pivots, std::size_t n, std::size_t first, std::size_t width) {
  if (width <= 8) return factor_columns(a, pivots, n, first, width);
  const std::size_t left = width > 2 * small ? half(width) : width / 2, right = width - left, middle = first + left;
  factor_part(a, pivots, n, first, left);
  swap_rows(a + middle, n, right, pivots, first, middle);
  solve_left(Stored<T>{a + first * (n + 1), n, true, false, true}, left, a + first * n + middle, right, n);
  gemm<T>(false, false, n - middle, right, left, -1, a + middle * n + first, n, a + first * n + middle, n, 1,
          a + middle * (n + 1), n);
  factor_part(a, pivots, n, middle, right);
  swap_rows(a + first, n, left, pivots, middle, first + width);
}

}  // namespace

template <class T>
std::size_t cholesky(T* a, std::size_t n) {
  if (const std::size_t minor = cholesky_part(a, n, n)) return minor;
  for (std::size_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T(0));
  return 0;
}

template <class T>
void factor(T* a, T* pivots, std::size_t n) {
  factor_part(a, pivots, n, 0, n);
}

template <class T>
void solve_triangular(Triangle triangle, const T* a, std::size_t n, T* b, std::size_t columns) {
  solve_left(Stored<T>{a, n, triangle.lower, triangle.transposed, triangle.unit_diagonal}, n, b, columns, columns);
}

template <class T>
void solve_factored(bool transposed, const T* factors, const T* pivots, std::size_t n, T* b, std::size_t columns) {
  const auto swap = [&](std::size_t i) {
    const T pivot = pivots[i];
    if (pivot > static_cast<T>(i) && pivot < static_cast<T>(n))
      std::swap_ranges(b + i * columns, b + (i + 1) * columns, b + static_cast<std::size_t>(pivot) * columns);
  };
  const Triangle l{true, transposed, true}, u{false, transposed, false};
  if (!transposed)
    for (std::size_t i = 0; i < n; ++i) swap(i);
  solve_triangular(transposed ? u : l, factors, n, b, columns);
  solve_triangular(transposed ? l : u, factors, n, b, columns);
  if (transposed)
    for (std::size_t i = n; i-- > 0;) swap(i);
}

#define INSTANTIATE(T)                                                              \
  template std::size_t cholesky(T*, std::size_t);                                   \
  template void factor(T*, T*, std::size_t);                                        \
  template void solve_triangular(Triangle, const T*, std::size_t, T*, std::size_t); \
  template void solve_factored(bool, const T*, const T*, std::size_t, T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
