#include "elementwise.hpp"

#include <algorithm>
#include <cassert>

#include "lanes.hpp"
#include "threads.hpp"

namespace autodiff::kernels {

namespace {

constexpr std::size_t most_axes = 32, most_operands = 16;  // a rule with its cotangent and output has half of these

/// One loop of the walk: its length, and how far each operand moves a turn.
struct Loop {
  std::size_t length;
  std::size_t steps[most_operands];
};

template <class T>
std::size_t step(const Operand<const T>& x, Dims shape, std::size_t axis) {
  const std::size_t missing = shape.size() - x.shape.size();
  if (axis < missing || x.shape[axis - missing] == 1) return 0;
  return static_cast<std::size_t>(x.strides[axis - missing]);
}

/// The axes of `shape`, innermost first, without those of length one, neighbours joined where every operand allows.
/// Returns how many loops are left.
template <class T>
std::size_t nest(Loop* loops, Dims shape, std::span<const Operand<const T>> x) {
  std::size_t count = 0;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    Loop loop{shape[axis], {}};
    for (std::size_t i = 0; i < x.size(); ++i) loop.steps[i] = step(x[i], shape, axis);
    bool joins = count > 0;
    for (std::size_t i = 0; joins && i < x.size(); ++i)
      joins = loop.steps[i] == loops[count - 1].steps[i] * loops[count - 1].length;
    if (joins)
      loops[count - 1].length *= loop.length;
    else
      loops[count++] = loop;
  }
  return count;
}

}  // namespace

template <class T>
void share_out_elements(Block<T> block, const void* self, T* y, std::span<const T* const> x, unsigned single,
                        std::size_t n) {
  share_out(n, 1, part_of_elements, [&](std::size_t begin, std::size_t end) {
    const T* from[most_operands];
    for (std::size_t i = 0; i < x.size(); ++i) from[i] = single >> i & 1 ? x[i] : x[i] + begin;
    block(self, y + begin, from, single, end - begin);
  });
}

template <class T>
void elementwise(Block<T> block, const void* self, const Operand<T>& y, std::span<const Operand<const T>> x) {
  assert(y.shape.size() <= most_axes && x.size() <= most_operands);
  const T* start[most_operands];
  const std::size_t size = count(y.shape);
  if (size == 0) return;
  unsigned single = 0;
  bool flat = true;
  for (std::size_t i = 0; i < x.size(); ++i) {
    start[i] = x[i].data;
    const std::size_t elements = count(x[i].shape);
    if (elements == 1)
      single |= 1u << i;
    else
      flat = flat && elements == size;
  }
  if (flat) return elementwise<T>(block, self, y.data, {start, x.size()}, single, size);

  Loop loops[most_axes];
  const std::size_t depth = nest(loops, y.shape, x), row = loops[0].length;
  for (std::size_t i = 0; i < x.size(); ++i) single |= unsigned(loops[0].steps[i] == 0) << i;
  const auto rows = [&](std::size_t begin, std::size_t to) {
    const T* from[most_operands];
    for (std::size_t i = 0; i < x.size(); ++i) from[i] = start[i];
    std::size_t at[most_axes] = {};
    for (std::size_t l = 1, left = begin; left > 0; left /= loops[l++].length) {
      at[l] = left % loops[l].length;
      for (std::size_t i = 0; i < x.size(); ++i) from[i] += loops[l].steps[i] * at[l];
    }
    for (std::size_t done = begin * row, end = std::min(size, to * row);;) {
      elementwise<T>(block, self, y.data + done, {from, x.size()}, single, row);
      done += row;
      if (done == end) return;
      for (std::size_t l = 1; l < depth; ++l) {
        for (std::size_t i = 0; i < x.size(); ++i) from[i] += loops[l].steps[i];
        if (++at[l] < loops[l].length) break;
        for (std::size_t i = 0; i < x.size(); ++i) from[i] -= loops[l].steps[i] * loops[l].length;
        at[l] = 0;
      }
    }
  };
  size <= part_of_elements ? rows(0, size) : share_out(size / row, row, part_of_elements, rows);
}

template <class T>
Block<T> multiply_add(bool negate_product, bool negate_addend) {
  using L = NativeLanes<T>;
  if (negate_product)
    return [](const void*, T* y, const T* const* x, unsigned single, std::size_t n) {
      block_loop<L, 3>([](L a, L b, L c) { return negated_multiply_add(a, b, c); }, y, x, single, n);
    };
  if (negate_addend)
    return [](const void*, T* y, const T* const* x, unsigned single, std::size_t n) {
      block_loop<L, 3>([](L a, L b, L c) { return multiply_subtract(a, b, c); }, y, x, single, n);
    };
  return [](const void*, T* y, const T* const* x, unsigned single, std::size_t n) {
    block_loop<L, 3>([](L a, L b, L c) { return multiply_add(a, b, c); }, y, x, single, n);
  };
}

template Block<float> multiply_add(bool, bool);
template Block<double> multiply_add(bool, bool);
template void elementwise(Block<float>, const void*, const Operand<float>&, std::span<const Operand<const float>>);
template void elementwise(Block<double>, const void*, const Operand<double>&, std::span<const Operand<const double>>);
template void share_out_elements(Block<float>, const void*, float*, std::span<const float* const>, unsigned,
                                 std::size_t);
template void share_out_elements(Block<double>, const void*, double*, std::span<const double* const>, unsigned,
                                 std::size_t);

}  // namespace autodiff::kernels
