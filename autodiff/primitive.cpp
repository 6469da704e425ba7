#include "primitive.hpp"

namespace autodiff {

View dense(Dims shape) {
  View view{to_shape(shape), Strides(shape.size()), 0};
  std::ptrdiff_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    view.strides[i] = step;
    step *= static_cast<std::ptrdiff_t>(shape[i]);
  }
  return view;
}

}  // namespace autodiff
