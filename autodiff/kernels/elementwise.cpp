#include "elementwise.hpp"

#include <array>
#include <vector>

namespace autodiff::kernels {

namespace {

/// One loop of the walk: its length, and how far each operand moves a turn. y's step is the product of the inner ones.
struct Loop {
  std::size_t length;
  std::vector<std::size_t> steps;
};

template <class T>
std::size_t step(const Operand<const T>& x, Dims shape, std::size_t axis) {
  const std::size_t missing = shape.size() - x.shape.size();
  if (axis < missing || x.shape[axis - missing] == 1) return 0;
  return static_cast<std::size_t>(x.strides[axis - missing]);
}

/// The axes of `shape`, innermost first, without those of length one, neighbours joined where every operand allows.
template <class T>
std::vector<Loop> loops(Dims shape, std::span<const Operand<const T>> x) {
  std::vector<Loop> result;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    Loop loop{shape[axis], {}};
    for (const auto& operand : x) loop.steps.push_back(step(operand, shape, axis));
    bool joins = !result.empty();
    for (std::size_t i = 0; joins && i < x.size(); ++i)
      joins = loop.steps[i] == result.back().steps[i] * result.back().length;
    if (joins)
      result.back().length *= loop.length;
    else
      result.push_back(std::move(loop));
  }
  return result;
}

}  // namespace

template <class T>
void elementwise(Block<T> block, const void* self, Operand<T> y, std::span<const Operand<const T>> x) {
  constexpr std::size_t most = 16;  // a rule with its cotangent and output has at most half of this
  const T* from[most];
  const std::size_t size = count(y.shape);
  if (size == 0) return;
  unsigned single = 0;
  bool flat = true;
  for (std::size_t i = 0; i < x.size(); ++i) {
    from[i] = x[i].data;
    const std::size_t elements = count(x[i].shape);
    if (elements == 1)
      single |= 1u << i;
    else
      flat = flat && elements == size;
  }
  if (flat) return block(self, y.data, from, single, size);

  const auto nest = loops(y.shape, x);
  const Loop& inner = nest.front();
  for (std::size_t i = 0; i < x.size(); ++i) single |= unsigned(inner.steps[i] == 0) << i;
  std::vector<std::size_t> at(nest.size(), 0);
  for (std::size_t done = 0;;) {
    block(self, y.data + done, from, single, inner.length);
    done += inner.length;
    if (done == size) return;
    for (std::size_t l = 1; l < nest.size(); ++l) {
      for (std::size_t i = 0; i < x.size(); ++i) from[i] += nest[l].steps[i];
      if (++at[l] < nest[l].length) break;
      for (std::size_t i = 0; i < x.size(); ++i) from[i] -= nest[l].steps[i] * nest[l].length;
      at[l] = 0;
    }
  }
}

template void elementwise(Block<float>, const void*, Operand<float>, std::span<const Operand<const float>>);
template void elementwise(Block<double>, const void*, Operand<double>, std::span<const Operand<const double>>);

}  // namespace autodiff::kernels
