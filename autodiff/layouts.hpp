// Arrays in memory in all the layouts that views give: for proofs of what an operation reads in place.
#pragma once

#include <vector>

#include "primitive.hpp"

namespace autodiff::detail {

/// Where element number n of a view is.
std::ptrdiff_t place(const View& view, std::size_t n);

/// How an array lies along an axis, which counts from the end if it is negative: the step, 0 where elements repeat, and
/// how much memory is left out before and behind.
struct Along {
  int axis;
  std::ptrdiff_t step;
  std::size_t before = 0, behind = 0;
};
enum class Order { rows, reversed, swapped };  // of the axes in memory; swapped: the last two
struct Layout {
  const char* name;
  Order order;
  std::vector<Along> along;
};

/// All that are tried; the first is dense.
const std::vector<Layout>& layouts();

/// An array in memory of a layout, of which NaN is all that is not in the array, and all around.
struct Laid {
  const char* name;
  View view;
  std::vector<double> memory;
  Array<double> values;  // what the view reads: not the array where elements repeat

  Laid(const Array<double>& a, const Layout& layout);
  double& at(std::size_t n) { return memory[static_cast<std::size_t>(place(view, n))]; }
  Operand<const double> operand() const { return {memory.data() + view.offset, Dims(view.shape), Steps(view.strides)}; }
};

/// Which layouts are tried together, one number an operand: all pairs of two; of more, each alone, and some together.
std::vector<std::vector<std::size_t>> layout_choices(std::size_t operands);

}  // namespace autodiff::detail
