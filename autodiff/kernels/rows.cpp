#include "rows.hpp"

#include <algorithm>
#include <limits>

#include "tails.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

// A register's worth of elements at an offset from the start of a line.
template <class T>
struct Full {
  using L = NativeLanes<T>;
  std::size_t offset;
  L load(const T* x, L) const { return L::load(x + offset); }
  void store(T* y, L v) const { v.store(y + offset); }
};

// The same at the end of a row: only `n` elements, and `fill` for the others.
template <class T>
struct Part {
  using L = NativeLanes<T>;
  std::size_t offset, n, readable;
  L load(const T* x, L fill) const {
    return keep_first(load_within<L>(x + offset, n, x + std::max(offset, readable)), n, fill);
  }
  void store(T* y, L v) const { v.store_part(y + offset, n); }
};

// Both ways to walk the axis: along it when its elements are neighbours, and across it, a register of
// columns at a time. The algorithms below are written once for both. `readable` elements follow the start.
template <class T>
struct Along {
  using L = NativeLanes<T>;
  std::size_t n, readable;
  template <class F>
  void each(F f) const {
    std::size_t i = 0;
    for (; i + L::size <= n; i += L::size) f(Full<T>{i});
    if (i < n) f(Part<T>{i, n - i, readable});
  }
  template <class Op>
  L fold(L v, Op op) const {
    return fold_first_lanes(v, n, op);
  }
  void result(T* y, L v) const { *y = first_lane(v); }
};

template <class T>
struct Across {
  using L = NativeLanes<T>;
  std::size_t n, inner, columns, readable;
  template <class F>
  void each(F f) const {
    if (columns == L::size) {
      for (std::size_t i = 0; i < n; ++i) f(Full<T>{i * inner});
    } else {
      for (std::size_t i = 0; i < n; ++i) f(Part<T>{i * inner, columns, readable});
    }
  }
  template <class Op>
  L fold(L v, Op) const {
    return v;
  }
  void result(T* y, L v) const { columns == L::size ? v.store(y) : v.store_part(y, columns); }
};

// f(start, place among the results, walk) for each line, or register of lines side by side; threads share them out, and
// then do not read what others write, not even to drop it.
template <class T, class F>
void each_line(std::size_t outer, std::size_t n, std::size_t inner, const F& f) {
  constexpr std::size_t size = NativeLanes<T>::size, part = 1 << 13;  // exponentials
  const std::size_t total = outer * n * inner;
  if (inner == 1)
    return share_out(outer, n, part, [&](std::size_t o, std::size_t end) {
      for (; o < end; ++o) f(o * n, o, Along<T>{n, (end - o) * n});
    });
  const std::size_t registers = (inner + size - 1) / size;
  share_out(outer * registers, n * size, part, [&](std::size_t i, std::size_t end) {
    for (; i < end; ++i) {
      const std::size_t o = i / registers, c = i % registers * size, start = o * n * inner + c;
      f(start, o * inner + c, Across<T>{n, inner, std::min(inner - c, size), total > part ? 0 : total - start});
    }
  });
}

template <class T>
const NativeLanes<T> lowest = -std::numeric_limits<double>::infinity();

template <class L>
L finite_or_zero(L v) {
  return where(abs(v) < -lowest<typename L::value_type>, v, L(0));
}

constexpr auto larger = [](auto a, auto b) { return maximum(a, b); };
constexpr auto plus = [](auto a, auto b) { return a + b; };

// A long sum by blocks of blocks, which keeps its rounding error that of a short one.
template <class L>
class Total {
 public:
  void add(L v) {
    block_ = block_ + v;
    if (++terms_ % 64 == 0) carry();
  }
  L value() const { return total_ + (blocks_ + block_); }

 private:
  void carry() {
    blocks_ = blocks_ + block_, block_ = L(0);
    if (terms_ % (64 * 64) == 0) total_ = total_ + blocks_, blocks_ = L(0);
  }
  L total_ = 0, blocks_ = 0, block_ = 0;
  std::size_t terms_ = 0;
};

// What exponentials are shifted by to stay in range. Where it is infinite, the shifted numbers are NaN.
template <class T, class Line>
NativeLanes<T> largest(const T* x, const Line& line) {
  using L = NativeLanes<T>;
  L result = lowest<T>;
  line.each([&](auto at) { result = maximum(at.load(x, lowest<T>), result); });
  return line.fold(result, larger);
}

// Lanes beyond the end hold -infinity, whose exponential adds nothing.
template <class T, class Line, class F>
NativeLanes<T> sum_of_exp(const T* x, NativeLanes<T> shift, const Line& line, F visit) {
  Total<NativeLanes<T>> total;
  line.each([&](auto at) {
    const auto e = exp(at.load(x, lowest<T>) - shift);
    visit(at, e);
    total.add(e);
  });
  return line.fold(total.value(), plus);
}

constexpr auto nothing = [](auto, auto) {};

}  // namespace

template <class T>
void softmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  using L = NativeLanes<T>;
  if (n == 0) return;
  each_line<T>(outer, n, inner, [&](std::size_t start, std::size_t, const auto& line) {
    T* to = y + start;
    const L m = largest(x + start, line);
    const L total = sum_of_exp(x + start, m, line, [&](auto at, L e) { at.store(to, e); });
    line.each([&](auto at) { at.store(to, at.load(to, L(0)) / total); });
  });
}

namespace {

template <class L>
void store_row(L v, typename L::value_type* to, std::size_t n) {
  n == L::size ? v.store(to) : v.store_part(to, n);
}

// A row no longer than a register. `end` is where memory ends. Not inlined: the constants of its loops would be loaded
// for those of the others.
template <class T>
[[gnu::noinline]] void log_softmax_short_row(T* y, const T* x, std::size_t n, const T* end) {
  using L = NativeLanes<T>;
  const L row = keep_first(load_within<L>(x, n, end), n, lowest<T>);
  const L shifted = row - fold_first_lanes(row, n, larger);
  store_row(shifted - log(fold_first_lanes(exp(shifted), n, plus)), y, n);
}

// As many of them as a register has lanes: their steps overlap, and one logarithm serves all. The same bits.
template <class T>
[[gnu::noinline]] void log_softmax_short_rows(T* y, const T* x, std::size_t n, const T* end) {
  using L = NativeLanes<T>;
  L row[L::size], e[L::size];
  alignas(64) T of_row[L::size];
  for (std::size_t i = 0; i < L::size; ++i) row[i] = keep_first(load_within<L>(x + i * n, n, end), n, lowest<T>);
  fold_rows(row, larger).store(of_row);
  for (std::size_t i = 0; i < L::size; ++i) {
    row[i] = row[i] - L(decltype(L::v)(of_row[i]));
    e[i] = exp(row[i]);
  }
  log(fold_rows(e, plus)).store(of_row);
  for (std::size_t i = 0; i < L::size; ++i) store_row(row[i] - L(decltype(L::v)(of_row[i])), y + i * n, n);
}

}  // namespace

template <class T>
void log_softmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  using L = NativeLanes<T>;
  if (n == 0) return;
  if (inner == 1 && n <= L::size) {
    const auto rows = [=](std::size_t o, std::size_t end) {
      const T* last = x + end * n;
      for (; o + L::size <= end; o += L::size) log_softmax_short_rows(y + o * n, x + o * n, n, last);
      for (; o < end; ++o) log_softmax_short_row(y + o * n, x + o * n, n, last);
    };
    return share_out(outer, L::size, 1 << 13, rows, L::size);
  }
  each_line<T>(outer, n, inner, [&](std::size_t start, std::size_t, const auto& line) {
    const T* from = x + start;
    const L m = largest(from, line), total = log(sum_of_exp(from, m, line, nothing));
    line.each([&](auto at) { at.store(y + start, (at.load(from, L(0)) - m) - total); });
  });
}

template <class T>
void logsumexp(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  using L = NativeLanes<T>;
  if (n == 0) return static_cast<void>(std::fill_n(y, outer * inner, -std::numeric_limits<T>::infinity()));
  each_line<T>(outer, n, inner, [&](std::size_t start, std::size_t column, const auto& line) {
    const L m = finite_or_zero(largest(x + start, line));
    line.result(y + column, log(sum_of_exp(x + start, m, line, nothing)) + m);
  });
}

template <class T>
void cross_entropy(T* y, const T* z, const T* target, std::size_t rows, std::size_t n) {
  using L = NativeLanes<T>;
  each_line<T>(rows, n, 1, [&](std::size_t start, std::size_t row, const auto& line) {
    Total<L> loss;
    line.each([&](auto at) {
      const L t = at.load(target + start, L(0));
      loss.add(where(t == L(0), L(0), t * at.load(z + start, L(0))));
    });
    line.result(y + row, -line.fold(loss.value(), plus));
  });
}

template <class T>
void cumulative_sum(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner, bool reverse) {
  // In double, where the small terms of a long sum are not lost; some columns at a time.
  constexpr std::size_t width = 64;
  const auto row = [=](std::size_t i) { return (reverse ? n - 1 - i : i) * inner; };
  for (std::size_t o = 0; o < outer; ++o, x += n * inner, y += n * inner) {
    if (inner == 1) {
      double total = 0;
      for (std::size_t i = 0; i < n; ++i) y[row(i)] = static_cast<T>(total += x[row(i)]);
      continue;
    }
    for (std::size_t c = 0; c < inner; c += width) {
      const std::size_t columns = std::min(inner - c, width);
      double total[width] = {};
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0, at = row(i) + c; j < columns; ++j, ++at) y[at] = static_cast<T>(total[j] += x[at]);
    }
  }
}

#define INSTANTIATE(T)                                                                     \
  template void softmax(T*, const T*, std::size_t, std::size_t, std::size_t);              \
  template void log_softmax(T*, const T*, std::size_t, std::size_t, std::size_t);          \
  template void logsumexp(T*, const T*, std::size_t, std::size_t, std::size_t);            \
  template void cumulative_sum(T*, const T*, std::size_t, std::size_t, std::size_t, bool); \
  template void cross_entropy(T*, const T*, const T*, std::size_t, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
