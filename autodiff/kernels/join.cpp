#include "join.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "gemm.hpp"

namespace autodiff::kernels {

std::vector<std::size_t> Join::order() const {
  std::vector<std::size_t> order(kept.size());
  std::size_t at = 0;
  for (const Rows which : {top, all, bottom})
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (rows[kept[k]] == which) order[k] = at++;
  return order;
}

std::vector<std::size_t> Join::sort(double* d, const Secular& found) const {
  std::vector<double> values;
  for (std::size_t k = 0; k < kept.size(); ++k) values.push_back(found.root(k));
  for (const std::size_t i : settled) values.push_back(d[i]);
  std::vector<std::size_t> places(values.size());
  std::iota(places.begin(), places.end(), 0);
  std::ranges::stable_sort(places, {}, [&](std::size_t i) { return values[i]; });
  for (std::size_t i = 0; i < places.size(); ++i) d[i] = values[places[i]];
  return places;
}

void Join::turn(double* q, std::size_t n, std::size_t split, std::size_t distance, const double* vectors,
                const std::vector<std::size_t>& places) const {
  const std::size_t count = kept.size(), columns = places.size(), wide = Secular::padded(count);
  std::array<std::size_t, 3> counts{};
  for (const std::size_t k : kept) ++counts[rows[k]];
  const auto row_of = order();
  // In order of rows, so that what is zero takes no part in the products.
  std::vector<std::size_t> column(columns);
  for (std::size_t k = 0; k < count; ++k) column[row_of[k]] = kept[k];
  std::ranges::copy(settled, column.begin() + std::ptrdiff_t(count));
  std::vector<double> before(n * columns), after(n * wide);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < columns; ++j) before[i * columns + j] = q[i * distance + column[j]];
  gemm<double>(false, false, split, count, counts[top] + counts[all], 1, before.data(), columns, vectors, wide, 0,
               after.data(), wide);
  gemm<double>(false, false, n - split, count, counts[all] + counts[bottom], 1,
               before.data() + split * columns + counts[top], columns, vectors + counts[top] * wide, wide, 0,
               after.data() + split * wide, wide);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      q[i * distance + j] = places[j] < count ? after[i * wide + places[j]] : before[i * columns + places[j]];
}

void rotate(double* a, double* b, std::size_t n, std::size_t distance, double c, double s) {
  for (std::size_t i = 0; i < n * distance; i += distance) {
    const double x = a[i], y = b[i];
    a[i] = c * x - s * y, b[i] = s * x + c * y;
  }
}

}  // namespace autodiff::kernels
