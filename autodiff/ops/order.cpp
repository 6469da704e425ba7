#include "structs/order.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../kernels/reduce.hpp"
#include "checked_index.hpp"
#include "compile.hpp"
#include "slice.hpp"

namespace autodiff {

namespace {

template <class T>
bool less_than(T a, T b) {  // NaN is the largest
  return a < b || (b != b && a == a);
}

}  // namespace

template <class V>
std::array<CotangentLike<V>, 1> Chosen::back(const V& ct, const V& places, Dims x) const {
  const std::size_t at = resolve_axis("order", axis, x.size(), x);
  return {added_along(ct, places, at, x[at])};
}

std::array<Shape, 2> Sort::shape(Dims x) const {
  const std::size_t at = resolve_axis(name, axis, x.size(), x);
  Shape y = to_shape(x);
  y[at] = std::min(y[at], k);
  return {y, y};
}
template <class T>
void Sort::forward(std::array<Operand<T>, 2> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_exact_indices<T>(name, n);
  const std::size_t first = std::min(n, k);
  struct Entry {
    T value;
    std::uint32_t place;
  };
  static thread_local std::vector<Entry> line;  // kept, so that programs allocate nothing
  line.resize(n);
  const auto before = [down = descending](const Entry& a, const Entry& b) {
    if (down ? less_than(b.value, a.value) : less_than(a.value, b.value)) return true;
    if (down ? less_than(a.value, b.value) : less_than(b.value, a.value)) return false;
    return a.place < b.place;
  };
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t j = 0; j < inner; ++j) {
      for (std::size_t i = 0; i < n; ++i) line[i] = {x.data[(o * n + i) * inner + j], static_cast<std::uint32_t>(i)};
      if (first < n)
        std::partial_sort(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(first), line.end(), before);
      else
        std::sort(line.begin(), line.end(), before);
      for (std::size_t i = 0; i < first; ++i) {
        const std::size_t to = (o * first + i) * inner + j;
        y[0].data[to] = line[i].value, y[1].data[to] = static_cast<T>(line[i].place);
      }
    }
}

template <bool largest>
std::array<Shape, 2> CumulativeExtremum<largest>::shape(Dims x) const {
  resolve_axis(name, axis, x.size(), x);
  return {to_shape(x), to_shape(x)};
}
template <bool largest>
template <class T>
void CumulativeExtremum<largest>::forward(std::array<Operand<T>, 2> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_exact_indices<T>(name, n);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0, to = (o * n + i) * inner; j < inner; ++j, ++to) {
        const T each = x.data[to], best = i == 0 ? each : y[0].data[to - inner];
        const bool better = each != each || (largest ? each >= best : each <= best);
        y[0].data[to] = better ? each : best;
        y[1].data[to] = better || i == 0 ? static_cast<T>(i) : y[1].data[to - inner];
      }
}

template <bool largest>
std::array<Shape, 2> ExtremumWithPlace<largest>::shape(Dims x) const {
  const std::size_t at = resolve_axis(name, axis, x.size(), x);
  if (x[at] == 0) fail<ShapeError>(name, "nothing to choose from along axis ", at, ": ", x);
  const Shape y = reduced_shape(x, std::uint32_t(1) << at, keep);
  return {y, y};
}
template <bool largest>
template <class T>
void ExtremumWithPlace<largest>::forward(std::array<Operand<T>, 2> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_exact_indices<T>(name, n);
  (largest ? kernels::argmax<T> : kernels::argmin<T>)(y[1].data, x.data, outer, n, inner);
  for (std::size_t o = 0, to = 0; o < outer; ++o)
    for (std::size_t j = 0; j < inner; ++j, ++to)
      y[0].data[to] = x.data[(o * n + static_cast<std::size_t>(y[1].data[to])) * inner + j];
}
template <bool largest>
template <class V>
std::array<CotangentLike<V>, 1> ExtremumWithPlace<largest>::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y,
                                                                const V& x) const {
  const std::size_t at = resolve_axis(name, axis, x.dimension(), x.shape());
  const Shape kept = reduced_shape(x.shape(), std::uint32_t(1) << at, true);
  return back(reshape(or_zeros(ct[0], y[0]), kept), reshape(y[1], kept), x.shape());
}

Shape SearchSorted::shape(Dims sorted, Dims values) const {
  const bool vector = sorted.size() == 1;
  if (!vector && (sorted.empty() || values.empty() ||
                  !std::ranges::equal(sorted.first(sorted.size() - 1), values.first(values.size() - 1))))
    fail<ShapeError>(name, "needs a sorted vector, or a row of values for each sorted row: ", sorted, " and ", values);
  return to_shape(values);
}
template <class T>
void SearchSorted::forward(Operand<T> y, Operand<const T> sorted, Operand<const T> values) const {
  const std::size_t n = sorted.shape.back(), total = count(values.shape);
  const std::size_t m = sorted.shape.size() == 1 ? total : values.shape.back();
  for (std::size_t i = 0; i < total; ++i) {
    const T* row = sorted.data + (m == total ? 0 : i / m * n);
    const T* found = right ? std::upper_bound(row, row + n, values.data[i], less_than<T>)
                           : std::lower_bound(row, row + n, values.data[i], less_than<T>);
    y.data[i] = static_cast<T>(found - row);
  }
}

AUTODIFF_ORDER(AUTODIFF_COMPILE)

template <Real T>
Variable<T> sort(const Variable<T>& x, int axis, bool descending) {
  return listed(Sort{{axis}, std::size_t(-1), descending}, x)[0];
}

template <Real T>
Variable<T> argsort(const Variable<T>& x, int axis, bool descending) {
  return listed(Sort{{axis}, std::size_t(-1), descending}, x)[1];
}

template <Real T>
std::array<Variable<T>, 2> topk(const Variable<T>& x, std::size_t k, int axis, bool largest) {
  const std::size_t at = resolve_axis("topk", axis, x.dimension(), x.shape());
  if (k > x.shape(at)) fail<ValueError>("topk", "there are no ", k, " elements along axis ", at, ": ", Dims(x.shape()));
  return listed(Sort{{axis}, k, largest}, x);
}

template <Real T>
std::array<Variable<T>, 2> max_with_place(const Variable<T>& x, int axis, bool keep) {
  return listed(MaxWithPlace{{axis}, keep}, x);
}
template <Real T>
std::array<Variable<T>, 2> min_with_place(const Variable<T>& x, int axis, bool keep) {
  return listed(MinWithPlace{{axis}, keep}, x);
}
template <Real T>
std::array<Variable<T>, 2> cummax(const Variable<T>& x, int axis) {
  return listed(CumulativeMax{{axis}}, x);
}
template <Real T>
std::array<Variable<T>, 2> cummin(const Variable<T>& x, int axis) {
  return listed(CumulativeMin{{axis}}, x);
}

namespace {

template <Real T>
Variable<T> quantile_of(std::string_view name, const Variable<T>& x, double q, const Axes& axes, bool keep) {
  const auto mask = axes.mask(name, x.shape());
  const typename Tape<T>::Attempt attempt({&x});
  const auto rows = axes_last(x, mask);
  const std::size_t n = rows.shape().back();
  if (n == 0) fail<ShapeError>(name, "needs at least one element: ", Dims(x.shape()));
  const double place = q * static_cast<double>(n - 1), below = std::floor(place), share = place - below;
  const auto low = static_cast<std::ptrdiff_t>(below);
  const auto sorted = sort(rows);
  auto y = take_range(sorted, -1, low, low + 1);
  if (share > 0) y = y + (take_range(sorted, -1, low + 1, low + 2) - y) * share;
  const auto last = take_range(sorted, -1, -1, static_cast<std::ptrdiff_t>(n));
  return reshape(where(last == last, y, last), reduced_shape(x.shape(), mask, keep));
}

}  // namespace

template <Real T>
Variable<T> quantile(const Variable<T>& x, double q, const Axes& axes, bool keep) {
  if (!(q >= 0 && q <= 1)) fail<ValueError>("quantile", "the share must be from 0 to 1: ", q);
  return quantile_of("quantile", x, q, axes, keep);
}

template <Real T>
Variable<T> median(const Variable<T>& x, const Axes& axes, bool keep) {
  return quantile_of("median", x, 0.5, axes, keep);
}

namespace detail {
template <Real T>
Variable<T> searchsorted(const Variable<T>& sorted, const Variable<T>& values, bool right) {
  return listed(SearchSorted{right}, sorted, values);
}
}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                             \
  template Variable<T> sort(const Variable<T>&, int, bool);                             \
  template Variable<T> argsort(const Variable<T>&, int, bool);                          \
  template std::array<Variable<T>, 2> topk(const Variable<T>&, std::size_t, int, bool); \
  template std::array<Variable<T>, 2> max_with_place(const Variable<T>&, int, bool);    \
  template std::array<Variable<T>, 2> min_with_place(const Variable<T>&, int, bool);    \
  template std::array<Variable<T>, 2> cummax(const Variable<T>&, int);                  \
  template std::array<Variable<T>, 2> cummin(const Variable<T>&, int);                  \
  template Variable<T> quantile(const Variable<T>&, double, const Axes&, bool);         \
  template Variable<T> median(const Variable<T>&, const Axes&, bool);                   \
  template Variable<T> detail::searchsorted(const Variable<T>&, const Variable<T>&, bool);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
