#include "array.hpp"

#include "error.hpp"

namespace autodiff {

void check_shape(std::string_view operation, Dims shape) {
  constexpr std::size_t most_axes = 32, most_elements = std::size_t(-1) / 2 / sizeof(double);
  if (shape.size() > most_axes) fail<ShapeError>(operation, "arrays have at most 32 axes: ", shape);
  std::size_t elements = 1;
  bool overflow = false;
  // Lengths of zero are passed over: what is computed of the others, such as strides, must not overflow either.
  for (std::size_t length : shape) overflow |= __builtin_mul_overflow(elements, length ? length : 1, &elements);
  if (overflow || elements > most_elements) fail<ShapeError>(operation, "more elements than memory can hold: ", shape);
}

}  // namespace autodiff
