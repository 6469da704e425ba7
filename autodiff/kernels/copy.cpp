#include "copy.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

constexpr std::size_t most_axes = 33;
constexpr std::size_t part = 1 << 15;  // of what threads share out

struct Axis {
  std::size_t length;
  std::ptrdiff_t y, x;
};

// For short lines a call of memcpy costs more than the copy; the last register overlaps the one before it.
template <class T>
inline __attribute__((always_inline)) void copy_line(T* y, const T* x, Axis axis) {
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

/// Calls f(y, x, axes) for parts of what these axes walk, which threads share out along the first one.
template <class T, class F>
void in_parts(T* y, const T* x, const Axis* axis, std::size_t axes, const F& f) {
  constexpr std::size_t line = 64 / sizeof(T);
  std::size_t others = 1;
  for (std::size_t i = 1; i < axes; ++i) others *= axis[i].length;
  if (axis->length * others <= part) return f(y, x, axis);
  share_out(
      axis->length, others, part,
      [&](std::size_t begin, std::size_t end) {
        Axis own[most_axes];
        std::copy_n(axis, axes, own);
        own->length = end - begin;
        f(y + static_cast<std::ptrdiff_t>(begin) * axis->y, x + static_cast<std::ptrdiff_t>(begin) * axis->x, own);
      },
      line);
}

/// The axes in an order that walks y forwards through memory, neighbours that both sides walk as one joined: how many
/// they are. Moves the pointers to where that begins.
template <class T>
std::size_t order_axes(const Operand<T>& y, const Operand<const T>& x, Axis* sorted, T*& to, const T*& from) {
  assert(y.shape.size() <= 32 && std::equal(y.shape.begin(), y.shape.end(), x.shape.begin(), x.shape.end()));
  std::size_t axes = 0;
  to = y.data, from = x.data;
  for (std::size_t i = 0; i < y.shape.size(); ++i) {
    Axis axis{y.shape[i], y.strides[i], x.strides[i]};
    if (axis.length == 1) continue;
    if (axis.y < 0) {
      const auto last = static_cast<std::ptrdiff_t>(axis.length - 1);
      to += last * axis.y, from += last * axis.x;
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
void copy(const Operand<T>& y, const Operand<const T>& x) {
  if (y.shape.size() == 1 && y.shape[0] <= part)
    return copy_line(y.data, x.data, {y.shape[0], y.strides[0], x.strides[0]});
  if (count(y.shape) == 0) return;
  Axis axes[most_axes];
  T* to;
  const T* from;
  const std::size_t n = order_axes(y, x, axes, to, from);
  in_parts(to, from, axes, n, [n](T* at, const T* part, const Axis* axis) { copy_axes(at, part, axis, n); });
}

template <class T>
void copy_part(T* y, Operand<const T> x, std::size_t first, std::size_t n) {
  const std::size_t axes = x.shape.size(), length = x.shape[axes - 1], rows = axes > 1 ? x.shape[axes - 2] : 1;
  const Axis line{length, 1, x.strides[axes - 1]};
  const std::ptrdiff_t step = axes > 1 ? x.strides[axes - 2] : 0;
  // The start of a plane of the two last axes, and where in it.
  const auto plane = [&](std::size_t number) {
    const T* at = x.data;
    for (std::size_t axis = axes - std::min<std::size_t>(axes, 2); axis-- > 0; number /= x.shape[axis])
      at += static_cast<std::ptrdiff_t>(number % x.shape[axis]) * x.strides[axis];
    return at;
  };
  for (std::size_t number = first / (length * rows), row = first / length % rows, column = first % length; n > 0;
       ++number, row = 0) {
    const T* at = plane(number) + static_cast<std::ptrdiff_t>(row) * step;
    for (; row < rows && n > 0; ++row, at += step) {
      if (const std::size_t all = std::min(n, (rows - row) * length); step == 0 && column == 0 && all > length) {
        copy_line(y, at, line);
        for (std::size_t done = length; done < all;) {
          const std::size_t more = std::min(done, all - done);
          std::memcpy(y + done, y, more * sizeof(T));
          done += more;
        }
        y += all, n -= all;
        break;  // to the next plane, unless that was all
      }
      const std::size_t m = std::min(n, length - column);
      if (m == length)
        copy_line(y, at, line);
      else
        copy_line(y, at + static_cast<std::ptrdiff_t>(column) * line.x, {m, 1, line.x});
      y += m, n -= m, column = 0;
    }
  }
}

template <class T>
void scale(T* y, std::size_t n, T beta) {
  if (beta == 0) return static_cast<void>(std::fill_n(y, n, T(0)));
  if (beta == 1) return;
  for (std::size_t i = 0; i < n; ++i) y[i] *= beta;
}

template <class T>
void add(const Operand<T>& y, const Operand<const T>& x, T alpha) {
  if (count(y.shape) == 0) return;
  Axis axes[most_axes];
  if (y.shape.size() == 1 && y.shape[0] <= part) {
    axes[0] = {y.shape[0], y.strides[0], x.strides[0]};
    return add_axes(y.data, x.data, axes, 1, alpha);
  }
  T* to;
  const T* from;
  const std::size_t n = order_axes(y, x, axes, to, from);
  in_parts(to, from, axes, n, [&](T* at, const T* part, const Axis* axis) { add_axes(at, part, axis, n, alpha); });
}

template void copy(const Operand<float>&, const Operand<const float>&);
template void copy(const Operand<double>&, const Operand<const double>&);
template void copy_part(float*, Operand<const float>, std::size_t, std::size_t);
template void copy_part(double*, Operand<const double>, std::size_t, std::size_t);
template void scale(float*, std::size_t, float);
template void scale(double*, std::size_t, double);
template void add(const Operand<float>&, const Operand<const float>&, float);
template void add(const Operand<double>&, const Operand<const double>&, double);

}  // namespace autodiff::kernels
