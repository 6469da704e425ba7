#include "layouts.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace autodiff::detail {

std::ptrdiff_t place(const View& view, std::size_t n) {
  std::ptrdiff_t at = view.offset;
  for (std::size_t axis = view.shape.size(); axis-- > 0; n /= view.shape[axis])
    at += static_cast<std::ptrdiff_t>(n % view.shape[axis]) * view.strides[axis];
  return at;
}

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all{
      {"dense", Order::rows, {}},
      {"transposed", Order::reversed, {}},
      {"swapped", Order::swapped, {}},
      {"shifted", Order::rows, {{0, 1, 1, 0}}},
      {"cut along columns", Order::rows, {{-1, 1, 1, 1}}},
      {"cut along rows", Order::rows, {{-2, 1, 1, 1}}},
      {"columns reversed", Order::rows, {{-1, -1}}},
      {"rows reversed", Order::rows, {{-2, -1}}},
      {"every second column", Order::rows, {{-1, 2}}},
      {"every second row", Order::rows, {{-2, 2}}},
      {"repeated along columns", Order::rows, {{-1, 0}}},
      {"repeated along the first axis", Order::rows, {{0, 0}}},
      {"transposed and cut", Order::reversed, {{-1, 1, 1, 1}}},
      {"swapped and reversed", Order::swapped, {{-2, -1}}},
      {"swapped and cut", Order::swapped, {{-1, 1, 1, 1}, {-2, 1, 1, 0}}},
  };
  return all;
}

Laid::Laid(const Array<double>& a, const Layout& layout) : name(layout.name), view(dense(a.shape())) {
  const std::size_t axes = a.dimension();
  std::vector<Along> along;
  for (std::size_t axis = 0; axis < axes; ++axis) along.push_back({static_cast<int>(axis), 1});
  for (Along each : layout.along) {
    if (each.axis < 0) each.axis += static_cast<int>(axes);
    if (each.axis >= 0 && each.axis < static_cast<int>(axes)) along[static_cast<std::size_t>(each.axis)] = each;
  }
  if (layout.order == Order::reversed) std::ranges::reverse(along);
  if (layout.order == Order::swapped && axes >= 2) std::swap(along[axes - 1], along[axes - 2]);
  std::size_t size = 1;
  for (auto each = along.rbegin(); each != along.rend(); ++each) {
    const auto axis = static_cast<std::size_t>(each->axis);
    const auto wide = static_cast<std::size_t>(std::abs(each->step));
    const std::size_t last = a.shape(axis) == 0 ? 0 : (a.shape(axis) - 1) * wide;
    view.strides[axis] = each->step * static_cast<std::ptrdiff_t>(size);
    view.offset += static_cast<std::ptrdiff_t>((each->before + (each->step < 0 ? last : 0)) * size);
    size *= each->before + last + 1 + each->behind;
  }
  // Around it there is room for a whole array, so that what reads as if it were dense finds NaN, not foreign memory.
  view.offset += static_cast<std::ptrdiff_t>(a.size());
  memory.assign(size + 2 * a.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t n = 0; n < a.size(); ++n) at(n) = a.data()[n];
  values = a;
  for (std::size_t n = 0; n < a.size(); ++n) values.data()[n] = at(n);
}
std::vector<std::vector<std::size_t>> layout_choices(std::size_t operands) {
  const std::size_t n = layouts().size();
  std::vector<std::vector<std::size_t>> all;
  const auto turn = [&](std::size_t shift) {
    for (std::size_t first = 0; first < n; ++first) {
      auto& row = all.emplace_back();
      for (std::size_t i = 0; i < operands; ++i) row.push_back((first + i * shift) % n);
    }
  };
  for (std::size_t shift = 0; shift < (operands == 2 ? n : operands == 1 ? 1 : 4); ++shift) turn(shift);
  for (std::size_t i = 0; operands > 2 && i < std::min<std::size_t>(operands, 4); ++i)
    for (std::size_t each = 1; each < n; ++each) all.emplace_back(operands)[i] = each;
  return all;
}

}  // namespace autodiff::detail
