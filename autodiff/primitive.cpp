#include "primitive.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

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

// Axis by axis from the smallest step on: one step goes past all that axes of smaller steps reach.
bool is_apart(const View& view) {
  if (count(view.shape) == 0) return true;
  std::ptrdiff_t reach = 0, done = -1;
  for (std::size_t axes = 0; axes < view.shape.size(); ++axes) {
    std::ptrdiff_t step = -1;
    for (std::size_t i = 0; i < view.shape.size(); ++i) {
      const std::ptrdiff_t size = std::abs(view.strides[i]);
      if (view.shape[i] > 1 && size > done && (step < 0 || size < step)) step = size;
    }
    if (step < 0) return true;
    std::ptrdiff_t longest = 0;
    for (std::size_t i = 0; i < view.shape.size(); ++i)
      if (view.shape[i] > 1 && std::abs(view.strides[i]) == step) {
        if (longest > 0) return false;
        longest = static_cast<std::ptrdiff_t>(view.shape[i]) - 1;
      }
    if (step <= reach) return false;
    reach += longest * step, done = step;
  }
  return true;
}

template <Real T>
double Primitive<T>::arithmetic(std::span<const Dims> inputs) const {
  std::size_t largest = 0;
  for (const auto& input : inputs) largest = std::max(largest, count(input));
  for (const auto& result : shapes(inputs)) largest = std::max(largest, count(Dims(result)));
  return static_cast<double>(largest);
}

template <Real T>
void check_reduction(std::string_view operation, kernels::Reduce<T> kernel) {
  const T x[] = {T(0.5), T(1.25), T(2), T(0.75), T(3)};
  const auto near = [](T a, T b) { return std::abs(a - b) <= T(1e-3) * std::abs(b); };
  T one, parts[2], of_parts, all;
  kernel(&one, x, 1, 1, 1);
  kernel(&parts[0], x, 1, 3, 1), kernel(&parts[1], x + 3, 1, 2, 1), kernel(&of_parts, parts, 1, 2, 1);
  kernel(&all, x, 1, 5, 1);
  if (!near(one, x[0]))
    fail<ValueError>(operation, "a reduction of one element must be that element: ", one, " of ", x[0]);
  if (!near(of_parts, all))
    fail<ValueError>(operation, "a reduction must be associative: of (0.5, 1.25, 2, 0.75, 3) by two parts it is ",
                     of_parts, ", of all at once ", all);
}

template double Primitive<float>::arithmetic(std::span<const Dims>) const;
template double Primitive<double>::arithmetic(std::span<const Dims>) const;
template void check_reduction(std::string_view, kernels::Reduce<float>);
template void check_reduction(std::string_view, kernels::Reduce<double>);

}  // namespace autodiff
