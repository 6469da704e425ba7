#include "structs/reduce.hpp"

#include <bit>

#include "../kernels/reduce.hpp"
#include "../kernels/rows.hpp"
#include "activations.hpp"
#include "checked_index.hpp"
#include "compile.hpp"
#include "elementary.hpp"
#include "slice.hpp"

namespace autodiff {

Axes OverAxes::behind(std::string_view operation, Dims stacked) const {
  std::vector<int> all;
  for (auto axis : axes.resolve(operation, stacked.subspan(1))) all.push_back(static_cast<int>(axis) + 1);
  return all;
}

Shape reduced_shape(Dims shape, std::uint32_t axes, bool keep) {
  Shape result;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!(axes >> i & 1))
      result.push_back(shape[i]);
    else if (keep)
      result.push_back(1);
  }
  return result;
}

template <class T>
void Sum::forward(Operand<T> y, Operand<const T> x) const {
  kernels::sum(y.data, x.data, x.shape, axes.mask(name, x.shape));
}

template <bool largest>
template <class T>
void Extremum<largest>::forward(Operand<T> y, Operand<const T> x) const {
  (largest ? kernels::max<T> : kernels::min<T>)(y.data, x.data, x.shape, axes.mask(name, x.shape));
}

Shape ArgMax::shape(Dims x) const {
  const std::size_t at = resolve_axis(name, axis, x.size(), x);
  if (x[at] == 0) fail<ShapeError>(name, "nothing to choose from along axis ", at, ": ", x);
  return reduced_shape(x, std::uint32_t(1) << at, false);
}
template <class T>
void ArgMax::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_exact_indices<T>(name, n);
  kernels::argmax(y.data, x.data, outer, n, inner);
}

Shape CumulativeSum::shape(Dims x) const { return resolve_axis(name, axis, x.size(), x), to_shape(x); }
template <class T>
void CumulativeSum::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  kernels::cumulative_sum(y.data, x.data, outer, n, inner, reverse);
}

template <int I, class V>
V CumulativeSum::vjp(const V& ct, const V&, const V&) const {
  return cumsum(ct, axis, !reverse);
}

AUTODIFF_REDUCE(AUTODIFF_COMPILE)

template <Real T>
Variable<T> sum(const Variable<T>& x, const Axes& axes, bool keep) {
  return listed(Sum{{axes, keep}}, x);
}

template <Real T>
Variable<T> max(const Variable<T>& x, const Axes& axes, bool keep) {
  return listed(Max{{axes, keep}}, x);
}

template <Real T>
Variable<T> min(const Variable<T>& x, const Axes& axes, bool keep) {
  return listed(Min{{axes, keep}}, x);
}

template <Real T>
Variable<T> argmax(const Variable<T>& x, int axis) {
  return listed(ArgMax{axis}, x);
}

template <Real T>
Variable<T> cumsum(const Variable<T>& x, int axis, bool reverse) {
  return listed(CumulativeSum{axis, reverse}, x);
}

namespace {

/// How many elements are reduced into one.
std::size_t reduced_count(Dims shape, std::uint32_t mask) {
  std::size_t n = 1;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (mask >> i & 1) n *= shape[i];
  return n;
}

}  // namespace

template <Real T>
Variable<T> sum_to(const Variable<T>& x, const Shape& shape) {
  const Shape& from = x.shape();
  if (std::ranges::equal(from, shape)) return x;
  const std::size_t extra = from.size() - shape.size();
  std::vector<int> repeated;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (i < extra || (shape[i - extra] == 1 && from[i] != 1)) repeated.push_back(static_cast<int>(i));
  const auto summed = sum(x, repeated);
  return std::ranges::equal(summed.shape(), shape) ? summed : reshape(summed, shape);
}

template <Real T>
Variable<T> axes_last(const Variable<T>& x, std::uint32_t axes) {
  std::vector<int> order;
  for (bool last : {false, true})
    for (std::size_t i = 0; i < x.dimension(); ++i)
      if (bool(axes >> i & 1) == last) order.push_back(static_cast<int>(i));
  Shape rows = reduced_shape(x.shape(), axes, false);
  rows.push_back(reduced_count(x.shape(), axes));
  return reshape(permute(x, order), rows);
}

template <Real T>
Variable<T> mean(const Variable<T>& x, const Axes& axes, bool keep) {
  const std::size_t n = reduced_count(x.shape(), axes.mask("mean", x.shape()));
  if (n == 0) fail<ShapeError>("mean", "needs at least one element: ", Dims(x.shape()));
  return sum(x, axes, keep) / static_cast<T>(n);
}

template <Real T>
Variable<T> prod(const Variable<T>& x, const Axes& axes, bool keep) {
  const Dims shape(x.shape());
  const auto mask = axes.mask("prod", shape);
  // Padded with ones to a power of two, then halved again and again: products only, so that every derivative is right
  // at zeros, too.
  Variable<T> y = axes_last(x, mask);
  const std::size_t n = y.shape().back(), power = std::bit_ceil(std::max<std::size_t>(n, 1));
  if (power != n) {
    Shape rows = y.shape();
    rows.back() = power - n;
    y = concatenate(std::vector{y, Variable<T>(Array<T>(xt::ones<T>(rows)))}, -1);
  }
  for (std::size_t half = power / 2; half > 0; half /= 2)
    y = take_range(y, -1, 0, half) * take_range(y, -1, half, 2 * half);
  return reshape(y, reduced_shape(shape, mask, keep));
}

template <Real T>
Variable<T> variance(const Variable<T>& x, const Axes& axes, bool keep, std::size_t ddof) {
  const std::size_t n = reduced_count(x.shape(), axes.mask("variance", x.shape()));
  if (n <= ddof) fail<ShapeError>("variance", "needs more than ", ddof, " elements: ", Dims(x.shape()));
  const auto difference = x - mean(x, axes, keepdims);
  return sum(difference * difference, axes, keep) / static_cast<T>(n - ddof);
}

template <Real T>
Variable<T> norm(const Variable<T>& x, const Axes& axes, bool keep) {
  const auto mask = axes.mask("norm", x.shape());
  if (reduced_count(x.shape(), mask) == 0) return sum(x, axes, keep);
  // The largest element is taken out as if it were a constant, which the result does not depend on: no square
  // overflows.
  const auto largest = stop_gradient(max(abs(x), axes, keepdims));
  // Held off the ends of the range, so that neither the scale nor what is divided by it loses digits.
  constexpr double end = std::is_same_v<T, float> ? 0x1p100 : 0x1p970;
  const auto scale = clip(largest, 1 / end, end);
  const auto scaled = x / scale;
  const auto squares = sum(scaled * scaled, axes, keepdims);
  // Where all is zero the root is taken of a constant instead: its slope there would be infinite.
  const auto root = where(largest == 0, 0, sqrt(where(largest == 0, 1, squares))) * scale;
  return reshape(root, reduced_shape(x.shape(), mask, keep));
}

#define AUTODIFF_DERIVED(T)                                                          \
  template Variable<T> sum(const Variable<T>&, const Axes&, bool);                   \
  template Variable<T> max(const Variable<T>&, const Axes&, bool);                   \
  template Variable<T> min(const Variable<T>&, const Axes&, bool);                   \
  template Variable<T> argmax(const Variable<T>&, int);                              \
  template Variable<T> cumsum(const Variable<T>&, int, bool);                        \
  template Variable<T> sum_to(const Variable<T>&, const Shape&);                     \
  template Variable<T> axes_last(const Variable<T>&, std::uint32_t);                 \
  template Variable<T> mean(const Variable<T>&, const Axes&, bool);                  \
  template Variable<T> prod(const Variable<T>&, const Axes&, bool);                  \
  template Variable<T> variance(const Variable<T>&, const Axes&, bool, std::size_t); \
  template Variable<T> norm(const Variable<T>&, const Axes&, bool);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
