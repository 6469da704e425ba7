#include "copy.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

#include "tails.hpp"

namespace autodiff::kernels {
namespace {

struct Axis {
  std::size_t length;
  std::ptrdiff_t y, x;
};

// For short lines a call of memcpy costs more than the copy; the last register overlaps the one before it.
template <class T>
void copy_line(T* y, const T* x, Axis axis) {
  using L = NativeLanes<T>;
  const std::size_t n = axis.length;
  if (axis.y == 1 && (axis.x == 1 || axis.x == 0) && n >= L::size) {
    if (n > 16 * L::size) {
      axis.x == 1 ? static_cast<void>(std::memcpy(y, x, n * sizeof(T))) : static_cast<void>(std::fill_n(y, n, *x));
      return;
    }
    const L first = axis.x == 1 ? L::load(x) : L(*x);
    first.store(y);
    for (std::size_t i = L::size; i < n; i += L::size) {
      i = std::min(i, n - L::size);
      (axis.x == 1 ? L::load(x + i) : first).store(y + i);
    }
  } else {
    for (std::size_t i = 0; i < n; ++i, y += axis.y, x += axis.x) *y = *x;
  }
}

// A transposition goes by squares of a cache line, so that every line of x is used up while it is at hand.
template <class T>
void copy_tiles(T* y, const T* x, Axis row, Axis column) {
  using L = NativeLanes<T>;
  constexpr std::size_t tile = 64 / sizeof(T);
  const auto at = [](std::size_t i, std::ptrdiff_t stride) { return static_cast<std::ptrdiff_t>(i) * stride; };
  for (std::size_t r = 0; r < row.length; r += tile) {
    const std::size_t rows = std::min(tile, row.length - r);
    for (std::size_t c = 0; c < column.length; c += tile) {
      const std::size_t columns = std::min(tile, column.length - c);
      T* to = y + at(r, row.y) + at(c, column.y);
      const T* from = x + at(r, row.x) + at(c, column.x);
      std::size_t i = 0;
      if (column.y == 1 && row.x == 1) {
        for (; i + L::size <= rows; i += L::size) {
          std::size_t j = 0;
          for (; j + L::size <= columns; j += L::size) {
            L square[L::size];
            for (std::size_t k = 0; k < L::size; ++k) square[k] = L::load(from + i + at(j + k, column.x));
            transpose<L::size>(square);
            for (std::size_t k = 0; k < L::size; ++k) square[k].store(to + at(i + k, row.y) + j);
          }
          for (; j < columns; ++j) {
            for (std::size_t k = 0; k < L::size; ++k) (to + at(i + k, row.y))[j] = (from + at(j, column.x))[i + k];
          }
        }
      }
      for (; i < rows; ++i) copy_line(to + at(i, row.y), from + at(i, row.x), {columns, column.y, column.x});
    }
  }
}

template <class T>
void copy_axes(T* y, const T* x, const Axis* axis, std::size_t axes) {
  if (axes == 1) return copy_line(y, x, *axis);
  if (axes == 2 && std::abs(axis[0].x) < std::abs(axis[1].x) && axis[0].x != 0)
    return copy_tiles(y, x, axis[0], axis[1]);
  for (std::size_t i = 0; i < axis->length; ++i, y += axis->y, x += axis->x) copy_axes(y, x, axis + 1, axes - 1);
}

template <class T>
void add_axes(T* y, const T* x, const Axis* axis, std::size_t axes, T alpha) {
  const std::size_t n = axis->length;
  if (axes > 1) {
    for (std::size_t i = 0; i < n; ++i, y += axis->y, x += axis->x) add_axes(y, x, axis + 1, axes - 1, alpha);
  } else if (axis->y == 1 && axis->x == 1) {
    for (std::size_t i = 0; i < n; ++i) y[i] += alpha * x[i];
  } else {
    for (std::size_t i = 0; i < n; ++i, y += axis->y, x += axis->x) *y += alpha * *x;
  }
}

/// The axes in an order that walks y forwards through memory, neighbours that both sides walk as one joined: how many
/// they are. Moves both to where that begins.
template <class T>
std::size_t order_axes(Operand<T>& y, Operand<const T>& x, Axis* sorted) {
  assert(y.shape.size() <= 32 && std::equal(y.shape.begin(), y.shape.end(), x.shape.begin(), x.shape.end()));
  std::size_t axes = 0;
  for (std::size_t i = 0; i < y.shape.size(); ++i) {
    Axis axis{y.shape[i], y.strides[i], x.strides[i]};
    if (axis.length == 1) continue;
    if (axis.y < 0) {
      const auto last = static_cast<std::ptrdiff_t>(axis.length - 1);
      y.data += last * axis.y, x.data += last * axis.x;
      axis.y = -axis.y, axis.x = -axis.x;
    }
    std::size_t at = axes++;
    for (; at > 0 && sorted[at - 1].y < axis.y; --at) sorted[at] = sorted[at - 1];
    sorted[at] = axis;
  }
  // Neighbours that both sides walk as one become one.
  std::size_t merged = 0;
  for (std::size_t i = 1; i < axes; ++i) {
    const Axis next = sorted[i];
    const auto length = static_cast<std::ptrdiff_t>(next.length);
    Axis& axis = sorted[merged];
    if (axis.y == next.y * length && axis.x == next.x * length) {
      axis = {axis.length * next.length, next.y, next.x};
    } else {
      sorted[++merged] = next;
    }
  }
  if (axes == 0) sorted[0] = {1, 1, 1};
  return merged + 1;
}

}  // namespace

template <class T>
void copy(Operand<T> y, Operand<const T> x) {
  if (count(y.shape) == 0) return;
  Axis axes[33];
  const std::size_t n = order_axes(y, x, axes);
  copy_axes(y.data, x.data, axes, n);
}

template <class T>
void add(Operand<T> y, Operand<const T> x, T alpha) {
  if (count(y.shape) == 0) return;
  Axis axes[33];
  const std::size_t n = order_axes(y, x, axes);
  add_axes(y.data, x.data, axes, n, alpha);
}

template void copy(Operand<float>, Operand<const float>);
template void copy(Operand<double>, Operand<const double>);
template void add(Operand<float>, Operand<const float>, float);
template void add(Operand<double>, Operand<const double>, double);

}  // namespace autodiff::kernels
