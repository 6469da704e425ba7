#include "structs/reduce.hpp"

#include <bit>
#include <cmath>
#include <limits>

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
std::vector<View> Sum::cotangent_views(const View& ct, std::span<const Dims> x) const {
  const auto mask = axes.mask(name, x[0]);
  View view{to_shape(x[0]), Strides(x[0].size()), ct.offset};
  for (std::size_t i = 0, at = 0; i < x[0].size(); ++i) {
    view.strides[i] = mask >> i & 1 ? 0 : ct.strides[at];
    at += keep || !(mask >> i & 1);
  }
  return {std::move(view)};
}

template <bool largest>
template <class T>
void Extremum<largest>::forward(Operand<T> y, Operand<const T> x) const {
  (largest ? kernels::max<T> : kernels::min<T>)(y.data, x.data, x.shape, axes.mask(name, x.shape));
}

template <bool largest>
Shape PlaceOfExtremum<largest>::shape(Dims x) const {
  const std::size_t at = resolve_axis(name, axis, x.size(), x);
  if (x[at] == 0) fail<ShapeError>(name, "nothing to choose from along axis ", at, ": ", x);
  return reduced_shape(x, std::uint32_t(1) << at, false);
}
template <bool largest>
template <class T>
void PlaceOfExtremum<largest>::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_exact_indices<T>(name, n);
  (largest ? kernels::argmax<T> : kernels::argmin<T>)(y.data, x.data, outer, n, inner);
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

namespace {

/// x moved by one place along an axis, to the front or to the back, with a zero in the place that is left.
template <class V>
V moved(const V& x, std::size_t at, bool back) {
  if (x.size() == 0) return x;
  const int axis = static_cast<int>(at);
  const auto n = static_cast<std::ptrdiff_t>(x.shape(at));
  std::vector<std::pair<std::size_t, std::size_t>> widths(x.dimension());
  widths[at] = back ? std::pair<std::size_t, std::size_t>{1, 0} : std::pair<std::size_t, std::size_t>{0, 1};
  return pad(back ? take_range(x, axis, 0, n - 1) : take_range(x, axis, 1, n), widths);
}

}  // namespace

Shape LinearRecurrence::shape(Dims a, Dims b) const {
  if (!std::ranges::equal(a, b)) fail<ShapeError>(name, "factors and terms must have one shape: ", a, " and ", b);
  return resolve_axis(name, axis, b.size(), b), to_shape(b);
}
template <class T>
void LinearRecurrence::forward(Operand<T> y, Operand<const T> a, Operand<const T> b) const {
  const auto [outer, n, inner] = around(b.shape, resolve_axis(name, axis, b.shape.size(), b.shape));
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t at = (o * n + (reverse ? n - 1 - k : k)) * inner;
      T* to = y.data + at;
      const T* before = reverse ? to + inner : to - inner;
      for (std::size_t j = 0; j < inner; ++j)
        to[j] = k == 0 ? b.data[at + j] : a.data[at + j] * before[j] + b.data[at + j];
    }
}
template <int I, class V>
V LinearRecurrence::vjp(const V& ct, const V& y, const V& a, const V&) const {
  const std::size_t at = resolve_axis(name, axis, y.dimension(), y.shape());
  const V terms = linear_recurrence(moved(a, at, reverse), ct, axis, !reverse);
  return I == 1 ? terms : terms * moved(y, at, !reverse);
}

Shape CumulativeLogSumExp::shape(Dims x) const { return resolve_axis(name, axis, x.size(), x), to_shape(x); }
template <class T>
void CumulativeLogSumExp::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t j = 0; j < inner; ++j) {
      double most = -std::numeric_limits<double>::infinity(), total = 0;  // the sum is total * exp(most)
      for (std::size_t k = 0; k < n; ++k) {
        const std::size_t at = (o * n + k) * inner + j;
        const double each = x.data[at];
        if (each > most || each != each)
          total = std::isinf(each) ? 1 : total * std::exp(most - each) + 1, most = each;
        else if (!std::isinf(most))
          total += std::exp(each - most);
        y.data[at] = static_cast<T>(total == 0 ? most : most + std::log(total));
      }
    }
}
// With R_k = ct_k + exp(y_k - y_(k+1)) R_(k+1), the cotangent of x_k is exp(x_k - y_k) R_k: no factor is above one.
// Where both are one infinity, the difference counts as none.
template <int I, class V>
V CumulativeLogSumExp::vjp(const V& ct, const V& y, const V& x) const {
  const std::size_t at = resolve_axis(name, axis, x.dimension(), x.shape());
  const auto share = [](const V& part, const V& whole) {
    const V same = (part == whole) * (abs(part) == std::numeric_limits<double>::infinity());
    return exp(where(same, 0, part) - where(same, 0, whole));
  };
  if (x.size() == 0) return ct;
  const auto n = static_cast<std::ptrdiff_t>(x.shape(at));
  std::vector<std::pair<std::size_t, std::size_t>> widths(x.dimension());
  widths[at] = {0, 1};
  const V after = pad(share(take_range(y, axis, 0, n - 1), take_range(y, axis, 1, n)), widths);
  return share(x, y) * linear_recurrence(after, ct, axis, true);
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
Variable<T> argmin(const Variable<T>& x, int axis) {
  return listed(ArgMin{axis}, x);
}

template <Real T>
Variable<T> cumsum(const Variable<T>& x, int axis, bool reverse) {
  return listed(CumulativeSum{axis, reverse}, x);
}

template <Real T>
Variable<T> linear_recurrence(const Variable<T>& a, const Variable<T>& b, int axis, bool reverse) {
  return listed(LinearRecurrence{axis, reverse}, a, b);
}

template <Real T>
Variable<T> cumprod(const Variable<T>& x, int axis) {
  const std::size_t at = resolve_axis("cumprod", axis, x.dimension(), x.shape());
  if (x.size() == 0) return reshape(x, x.shape());
  const typename Tape<T>::Attempt attempt({&x});
  std::vector<std::pair<std::size_t, std::size_t>> widths(x.dimension());
  widths[at] = {0, x.shape(at) - 1};
  return linear_recurrence(x, pad(take_range(x, axis, 0, 1), widths), axis);
}

template <Real T>
Variable<T> logcumsumexp(const Variable<T>& x, int axis) {
  return listed(CumulativeLogSumExp{axis}, x);
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

template <Real T>
Variable<T> stddev(const Variable<T>& x, const Axes& axes, bool keep, std::size_t ddof) {
  const auto v = variance(x, axes, keep, ddof);
  return where(v == 0, 0, sqrt(where(v == 0, 1, v)));  // where it is zero, its slope counts as zero
}

template <Real T>
Variable<T> vector_norm(const Variable<T>& x, double order, const Axes& axes, bool keep) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!(order > 0)) fail<ValueError>("vector_norm", "the order must be positive: ", order);
  const auto mask = axes.mask("vector_norm", x.shape());
  if (order == 2 || reduced_count(x.shape(), mask) == 0) return norm(x, axes, keep);
  if (order == 1) return sum(abs(x), axes, keep);
  if (order == infinity) return max(abs(x), axes, keep);
  const typename Tape<T>::Attempt attempt({&x});
  // Scaled as in norm; zeros are left out, since slopes of powers may be infinite there.
  const auto size = abs(x), largest = stop_gradient(max(size, axes, keepdims));
  const auto scale = where(largest == 0, 1, largest);
  const auto powers = where(x == 0, 0, pow(where(x == 0, 1, size / scale), order));
  const auto total = sum(powers, axes, keepdims);
  const auto root = where(largest == 0, 0, pow(where(largest == 0, 1, total), 1 / order)) * scale;
  return reshape(root, reduced_shape(x.shape(), mask, keep));
}

template <Real T>
Variable<T> any_of(const Variable<T>& x, const Axes& axes, bool keep) {
  return sum(x != 0, axes, keep) > 0;
}
template <Real T>
Variable<T> all_of(const Variable<T>& x, const Axes& axes, bool keep) {
  return sum(x == 0, axes, keep) == 0;
}

template <Real T>
Variable<T> nansum(const Variable<T>& x, const Axes& axes, bool keep) {
  return sum(where(x == x, x, 0), axes, keep);
}
template <Real T>
Variable<T> nanmean(const Variable<T>& x, const Axes& axes, bool keep) {
  return nansum(x, axes, keep) / sum(x == x, axes, keep);
}
template <Real T>
Variable<T> nanvariance(const Variable<T>& x, const Axes& axes, bool keep, std::size_t ddof) {
  const auto number = x == x, n = sum(number, axes, keep);
  const auto difference = where(number, x - nanmean(x, axes, keepdims), 0);
  const auto freedom = n - static_cast<T>(ddof);
  return sum(difference * difference, axes, keep) /
         where(freedom > 0, freedom, std::numeric_limits<double>::quiet_NaN());
}
template <Real T>
Variable<T> nanmax(const Variable<T>& x, const Axes& axes, bool keep) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto none = sum(x == x, axes, keep) == 0;
  return where(none, std::numeric_limits<double>::quiet_NaN(), max(where(x == x, x, -infinity), axes, keep));
}
template <Real T>
Variable<T> nanmin(const Variable<T>& x, const Axes& axes, bool keep) {
  return -nanmax(-x, axes, keep);
}

#define AUTODIFF_DERIVED(T)                                                                  \
  template Variable<T> argmin(const Variable<T>&, int);                                      \
  template Variable<T> linear_recurrence(const Variable<T>&, const Variable<T>&, int, bool); \
  template Variable<T> cumprod(const Variable<T>&, int);                                     \
  template Variable<T> logcumsumexp(const Variable<T>&, int);                                \
  template Variable<T> stddev(const Variable<T>&, const Axes&, bool, std::size_t);           \
  template Variable<T> vector_norm(const Variable<T>&, double, const Axes&, bool);           \
  template Variable<T> any_of(const Variable<T>&, const Axes&, bool);                        \
  template Variable<T> all_of(const Variable<T>&, const Axes&, bool);                        \
  template Variable<T> nansum(const Variable<T>&, const Axes&, bool);                        \
  template Variable<T> nanmean(const Variable<T>&, const Axes&, bool);                       \
  template Variable<T> nanvariance(const Variable<T>&, const Axes&, bool, std::size_t);      \
  template Variable<T> nanmax(const Variable<T>&, const Axes&, bool);                        \
  template Variable<T> nanmin(const Variable<T>&, const Axes&, bool);                        \
  template Variable<T> sum(const Variable<T>&, const Axes&, bool);                           \
  template Variable<T> max(const Variable<T>&, const Axes&, bool);                           \
  template Variable<T> min(const Variable<T>&, const Axes&, bool);                           \
  template Variable<T> argmax(const Variable<T>&, int);                                      \
  template Variable<T> cumsum(const Variable<T>&, int, bool);                                \
  template Variable<T> sum_to(const Variable<T>&, const Shape&);                             \
  template Variable<T> axes_last(const Variable<T>&, std::uint32_t);                         \
  template Variable<T> mean(const Variable<T>&, const Axes&, bool);                          \
  template Variable<T> prod(const Variable<T>&, const Axes&, bool);                          \
  template Variable<T> variance(const Variable<T>&, const Axes&, bool, std::size_t);         \
  template Variable<T> norm(const Variable<T>&, const Axes&, bool);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
