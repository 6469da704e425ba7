// Images whose channels are the last axis, for operations that want them behind the samples.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "convolution.hpp"

namespace autodiff {

/// An image of this layout with its channels first.
template <Real T>
Variable<T> channels_first(const Variable<T>& x, ImageLayout layout) {
  if (layout == ImageLayout::channels_first || x.dimension() < 3) return x;
  std::vector<int> order(x.dimension());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return permute(x, order);
}
/// And back.
template <Real T>
Variable<T> channels_back(const Variable<T>& x, ImageLayout layout) {
  if (layout == ImageLayout::channels_first || x.dimension() < 3) return x;
  std::vector<int> order(x.dimension());
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return permute(x, order);
}

}  // namespace autodiff
