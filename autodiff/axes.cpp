#include "axes.hpp"

#include "error.hpp"

namespace autodiff {

std::size_t resolve_axis(std::string_view operation, int axis, std::size_t rank, Dims shape) {
  const auto r = static_cast<std::ptrdiff_t>(rank);
  if (axis < -r || axis >= r) fail<AxisError>(operation, "axis ", axis, " is out of range for shape ", shape);
  return static_cast<std::size_t>(axis < 0 ? axis + r : axis);
}

std::vector<std::size_t> Axes::resolve(std::string_view operation, Dims shape) const {
  mask(operation, shape);  // throws what there is to throw
  std::vector<std::size_t> result;
  if (axes_)
    for (int axis : *axes_) result.push_back(resolve_axis(operation, axis, shape.size(), shape));
  else
    for (std::size_t i = 0; i < shape.size(); ++i) result.push_back(i);
  return result;
}

std::uint32_t Axes::mask(std::string_view operation, Dims shape) const {
  if (shape.size() > 32) fail<AxisError>(operation, "at most 32 axes: ", shape);
  if (!axes_) return static_cast<std::uint32_t>((std::uint64_t(1) << shape.size()) - 1);
  std::uint32_t bits = 0;
  for (int axis : *axes_) {
    const std::uint32_t bit = std::uint32_t(1) << resolve_axis(operation, axis, shape.size(), shape);
    if (bits & bit) fail<AxisError>(operation, "axis ", axis, " is named twice for shape ", shape);
    bits |= bit;
  }
  return bits;
}

std::string Lengths::text() const {
  std::string all;
  for (auto length : lengths_) all += (all.empty() ? "" : ", ") + std::to_string(length);
  return "(" + all + ")";
}

Shape Lengths::resolve(std::string_view operation, Dims from) const {
  Shape result;
  std::optional<std::size_t> open;
  std::size_t product = 1;
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    if (lengths_[i] == -1 && !open) {
      open = i;
      result.push_back(1);
    } else if (lengths_[i] < 0) {
      fail<ShapeError>(operation, "lengths must not be negative, but for one -1: ", text());
    } else {
      result.push_back(static_cast<std::size_t>(lengths_[i]));
      product *= result.back();
    }
  }
  check_shape(operation, result);  // before their product is relied on
  const std::size_t size = count(from);
  if (!open && product != size)
    fail<ShapeError>(operation, "the number of elements must stay the same: ", size, " of ", from, ", and ", product,
                     " of ", text());
  if (open && (product == 0 || size % product != 0))
    fail<ShapeError>(operation, "no length for -1 keeps the number of elements: ", size, " of ", from, ", and ",
                     product, " times that length of ", text());
  if (open) result[*open] = size / product;
  return result;
}

Around around(Dims shape, std::size_t axis) {
  return {count(shape.first(axis)), shape[axis], count(shape.subspan(axis + 1))};
}

}  // namespace autodiff
