#include "structs/slice.hpp"

#include <algorithm>

#include "compile.hpp"

namespace autodiff {

std::optional<View> Slice::view(const View& x) const {
  if (ranges.size() > x.shape.size())
    fail<AxisError>(name, ranges.size(), " ranges for ", x.shape.size(), " axes: ", Dims(x.shape));
  std::optional<View> y(x);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    std::size_t elements = x.shape[i];
    std::ptrdiff_t stride = x.strides[i];
    if (i < ranges.size()) {
      const auto [start, stop, step] = ranges[i];
      if (step == 0) fail<ValueError>(name, "the step of axis ", i, " is zero: ", Dims(x.shape));
      const auto length = static_cast<std::ptrdiff_t>(x.shape[i]);
      const std::ptrdiff_t low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1;  // as PySlice_AdjustIndices
      const auto bound = [&](std::ptrdiff_t b) { return std::clamp(b < 0 ? b + length : b, low, high); };
      const std::ptrdiff_t first = start ? bound(*start) : (step > 0 ? low : high);
      const std::ptrdiff_t end = stop ? bound(*stop) : (step > 0 ? high : low);
      const std::ptrdiff_t reach = step > 0 ? end - first : first - end, size = step > 0 ? step : -step;
      elements = reach > 0 ? static_cast<std::size_t>(1 + (reach - 1) / size) : 0;
      if (elements) y->offset += first * stride;
      stride *= step;
    }
    if (!(dropped >> i & 1)) y->shape[kept] = elements, y->strides[kept] = stride, ++kept;
  }
  y->shape.resize(kept), y->strides.resize(kept);
  return y;
}
template <int I, class V>
CotangentLike<V> Slice::vjp(const V& ct, const V&, const V& x) const {
  return placed(Embed{*this, x.shape()}, ct);
}

Slice Slice::behind() const {
  Slice all{ranges, dropped << 1};
  all.ranges.insert(all.ranges.begin(), Range{});
  return all;
}
template <class V>
V Slice::batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
  return listed(behind(), x[0]);
}

Shape Embed::shape(Dims x) const {
  if (!std::ranges::equal(place.shape, x))
    fail<ShapeError>(name, "the part must have the shape of its place: ", x, " and ", Dims(place.shape));
  return whole;
}
template <class T>
void Embed::accumulate(Operand<T> y, Operand<const T> x, T alpha, T beta) const {
  kernels::scale(y.data, count(y.shape), beta);
  if (count(x.shape) == 0) return;
  const Operand<T> to{y.data + place.offset, Dims(place.shape), Steps(place.strides)};
  if (beta == 0 && alpha == 1)
    kernels::copy<T>(to, x);
  else
    kernels::add<T>(to, x, alpha);
}
template <int I, class V>
V Embed::vjp(const V& ct, const V&, const V&) const {
  return listed(slice, ct);
}

template <class V>
V Embed::batched(std::size_t n, const std::vector<bool>&, std::span<const V> x) const {
  Shape all = whole;
  all.insert(all.begin(), n);
  return listed(Embed(slice.behind(), all), x[0]);
}

template <class V>
V Concatenate::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return concatenate(all_stacked(n, stacked, x), axis_behind(axis));
}
Shape Concatenate::shape(std::span<const Dims> x) const {
  if (x.empty()) fail<ShapeError>(name, "needs at least one array");
  Shape result = to_shape(x[0]);
  const std::size_t at = resolve_axis(name, axis, result.size(), x[0]);
  for (Dims each : x.subspan(1)) {
    bool same = each.size() == x[0].size();
    for (std::size_t i = 0; same && i < each.size(); ++i) same = i == at || each[i] == x[0][i];
    if (!same) fail<ShapeError>(name, "lengths must agree but along axis ", at, ": ", x[0], " and ", each);
    if (__builtin_add_overflow(result[at], each[at], &result[at]))  // without elements, any length is there
      fail<ShapeError>(name, "too long along axis ", at, ": ", x[0], " and ", each);
  }
  return result;
}
template <class T>
void Concatenate::forward(Operand<T> y, std::span<const Operand<const T>> x) const {
  const std::size_t at = resolve_axis(name, axis, y.shape.size(), y.shape);
  if (count(y.shape) == 0) return;
  Operand<T> part = y;
  for (const auto& each : x) {
    part.shape = each.shape;
    kernels::copy<T>(part, each);
    part.data += static_cast<std::ptrdiff_t>(each.shape[at]) * y.strides[at];
  }
}
template <class V>
std::vector<V> Concatenate::vjp(const V& ct, const V&, std::span<const V> x, const std::vector<bool>& wanted) const {
  const std::size_t at = resolve_axis(name, axis, ct.dimension(), ct.shape());
  std::vector<V> parts(x.size());
  std::ptrdiff_t start = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::ptrdiff_t stop = start + static_cast<std::ptrdiff_t>(x[i].shape(at));
    if (wanted[i]) parts[i] = take_range(ct, axis, start, stop);
    start = stop;
  }
  return parts;
}

std::vector<View> Concatenate::cotangent_views(const View& ct, std::span<const Dims> x) const {
  const std::size_t at = resolve_axis(name, axis, ct.shape.size(), ct.shape);
  std::vector<View> views(x.size(), ct);
  std::ptrdiff_t offset = ct.offset;
  for (std::size_t i = 0; i < x.size(); ++i) {
    views[i].shape[at] = x[i][at], views[i].offset = offset;
    offset += static_cast<std::ptrdiff_t>(x[i][at]) * ct.strides[at];
  }
  return views;
}

AUTODIFF_SLICE(AUTODIFF_COMPILE)

template <Real T>
Variable<T> slice(const Variable<T>& x, const std::vector<Range>& ranges) {
  return listed(Slice{ranges}, x);
}

template <Real T>
Variable<T> concatenate(const std::vector<Variable<T>>& xs, int axis) {
  return listed<Concatenate, T>(Concatenate{axis}, xs);
}

template <Real T>
Variable<T> take_range(const Variable<T>& x, int axis, std::ptrdiff_t start, std::ptrdiff_t stop) {
  std::vector<Range> ranges(resolve_axis("take_range", axis, x.dimension(), x.shape()) + 1);
  ranges.back() = {start, stop};
  return slice(x, ranges);
}

template <Real T>
Variable<T> at(const Variable<T>& x, const std::vector<std::ptrdiff_t>& indices) {
  const Dims shape(x.shape());
  if (indices.size() > shape.size())
    fail<AxisError>("at", indices.size(), " indices for ", shape.size(), " axes: ", shape);
  Slice part;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto length = static_cast<std::ptrdiff_t>(shape[i]);
    const std::ptrdiff_t index = indices[i] < 0 ? indices[i] + length : indices[i];
    if (index < 0 || index >= length)
      fail<ValueError>("at", "index ", indices[i], " of axis ", i, " is out of range: ", shape);
    part.ranges.push_back({index, index + 1});
    part.dropped |= 1u << i;
  }
  return listed(part, x);
}

template <Real T>
std::vector<Variable<T>> unstack(const Variable<T>& x, int axis) {
  const std::size_t at = resolve_axis("unstack", axis, x.dimension(), x.shape());
  Slice part{std::vector<Range>(at + 1), 1u << at};
  std::vector<Variable<T>> parts;
  for (std::size_t i = 0; i < x.shape(at); ++i) {
    part.ranges[at] = {static_cast<std::ptrdiff_t>(i), static_cast<std::ptrdiff_t>(i + 1)};
    parts.push_back(listed(part, x));
  }
  return parts;
}

template <Real T>
Variable<T> flip(const Variable<T>& x, const Axes& axes) {
  const auto mask = axes.mask("flip", x.shape());
  std::vector<Range> ranges(x.dimension());
  for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i].step = mask >> i & 1 ? -1 : 1;
  return slice(x, ranges);
}

template <Real T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths,
                std::type_identity_t<T> value) {
  if (widths.size() != x.dimension())
    fail<ShapeError>("pad", "needs one pair of widths an axis: ", widths.size(), " pairs for ", Dims(x.shape()));
  Slice part;
  Shape whole = x.shape();
  std::size_t added;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto [front, back] = widths[i];
    part.ranges.push_back({static_cast<std::ptrdiff_t>(front), static_cast<std::ptrdiff_t>(front + x.shape(i))});
    if (__builtin_add_overflow(front, back, &added) || __builtin_add_overflow(whole[i], added, &whole[i]))
      fail<ShapeError>("pad", "the widths of axis ", i, " are too large: ", front, " and ", back);
  }
  check_shape("pad", whole);
  const Embed embed(part, whole);
  const auto embedded = listed(embed, x);
  if (value == 0) return embedded;
  Array<T> border(whole);
  border.fill(value);
  const View& place = embed.place;
  const T zero = 0;
  const std::vector<std::ptrdiff_t> still(x.dimension(), 0);
  kernels::copy<T>({border.data() + place.offset, Dims(place.shape), Steps(place.strides)},
                   {&zero, Dims(place.shape), Steps(still)});
  return embedded + Variable<T>(std::move(border));
}

template <Real T>
Variable<T> stack(const std::vector<Variable<T>>& xs, int axis) {
  if (xs.empty()) fail<ShapeError>("stack", "needs at least one array");
  Tape<T>::check_operands("stack", xs);
  const std::size_t at = resolve_axis("stack", axis, xs[0].dimension() + 1, xs[0].shape());
  for (const auto& x : xs)
    if (!std::ranges::equal(x.shape(), xs[0].shape()))
      fail<ShapeError>("stack", "shapes must be equal: ", Dims(xs[0].shape()), " and ", Dims(x.shape()));
  Shape all = xs[0].shape();
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), xs.size());
  check_shape("stack", all);
  std::vector<Variable<T>> expanded;
  for (const auto& x : xs) expanded.push_back(expand_dims(x, axis));
  return concatenate(expanded, axis);
}

template <Real T>
std::vector<Variable<T>> split_at(const Variable<T>& x, const std::vector<std::size_t>& places, int axis) {
  const std::size_t length = x.shape(resolve_axis("split_at", axis, x.dimension(), x.shape()));
  const typename Tape<T>::Attempt attempt({&x});
  std::vector<Variable<T>> parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= places.size(); ++i) {
    const std::size_t stop = i < places.size() ? places[i] : length;
    if (stop < start || stop > length)
      fail<ValueError>("split_at", "places must ascend within the axis: ", stop, " after ", start, " of ",
                       Dims(x.shape()));
    parts.push_back(take_range(x, axis, static_cast<std::ptrdiff_t>(start), static_cast<std::ptrdiff_t>(stop)));
    start = stop;
  }
  return parts;
}

template <Real T>
std::vector<Variable<T>> split(const Variable<T>& x, std::size_t parts, int axis) {
  const std::size_t length = x.shape(resolve_axis("split", axis, x.dimension(), x.shape()));
  if (parts == 0 || length % parts != 0)
    fail<ShapeError>("split", "axis ", axis, " does not divide into ", parts, " equal parts: ", Dims(x.shape()));
  std::vector<std::size_t> places;
  for (std::size_t i = 1; i < parts; ++i) places.push_back(i * (length / parts));
  return split_at(x, places, axis);
}

#define AUTODIFF_DERIVED(T)                                                                                \
  template Variable<T> slice(const Variable<T>&, const std::vector<Range>&);                               \
  template Variable<T> concatenate(const std::vector<Variable<T>>&, int);                                  \
  template Variable<T> take_range(const Variable<T>&, int, std::ptrdiff_t, std::ptrdiff_t);                \
  template Variable<T> flip(const Variable<T>&, const Axes&);                                              \
  template Variable<T> at(const Variable<T>&, const std::vector<std::ptrdiff_t>&);                         \
  template std::vector<Variable<T>> unstack(const Variable<T>&, int);                                      \
  template Variable<T> pad<T>(const Variable<T>&, const std::vector<std::pair<std::size_t, std::size_t>>&, \
                              std::type_identity_t<T>);                                                    \
  template Variable<T> stack(const std::vector<Variable<T>>&, int);                                        \
  template std::vector<Variable<T>> split(const Variable<T>&, std::size_t, int);                           \
  template std::vector<Variable<T>> split_at(const Variable<T>&, const std::vector<std::size_t>&, int);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
