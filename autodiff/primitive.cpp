#include "primitive.hpp"

namespace autodiff {

View dense(Dims shape) {
  View view{to_shape(shape), Strides(shape.size()), 0};
  std::size_t step = 1;  // unsigned: the shape may not have been checked yet
  for (std::size_t i = shape.size(); i-- > 0;) {
    view.strides[i] = static_cast<std::ptrdiff_t>(step);
    step *= shape[i];
  }
  return view;
}

bool is_dense(const View& view) {
  std::ptrdiff_t step = 1;
  for (std::size_t i = view.shape.size(); i-- > 0;) {
    if (view.shape[i] != 1 && view.strides[i] != step) return false;
    step *= static_cast<std::ptrdiff_t>(view.shape[i]);
  }
  return true;
}

}  // namespace autodiff
