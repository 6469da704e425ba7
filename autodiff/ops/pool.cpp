#include "structs/pool.hpp"

#include <algorithm>

#include "../kernels/pool.hpp"
#include "checked_index.hpp"
#include "compile.hpp"
#include "layout.hpp"
#include "reduce.hpp"

namespace autodiff {

namespace {

Dims last(Dims x, std::size_t axes) { return x.last(axes); }
Shape with_last(Dims x, Dims lengths) {
  Shape shape = to_shape(x.first(x.size() - lengths.size()));
  shape.insert(shape.end(), lengths.begin(), lengths.end());
  return shape;
}

/// The windows as kernels see them: axes of length one in front.
kernels::Pool padded_to_three(const Windows& w, Dims x) {
  const std::size_t axes = w.places.size();
  kernels::Pool p{count(x.first(x.size() - axes)), {}, {}, {}, {}, {}, {}, w.adaptive};
  p.input = p.window = p.output = p.stride = p.dilation = {1, 1, 1};
  for (std::size_t i = 0; i < axes; ++i) {
    const std::size_t to = 3 - axes + i;
    p.input[to] = x[x.size() - axes + i], p.output[to] = w.places[i];
    if (w.adaptive) continue;
    p.window[to] = w.window[i], p.stride[to] = w.stride[i], p.dilation[to] = w.dilation[i], p.front[to] = w.front[i];
  }
  return p;
}

void check_axes(std::string_view operation, Dims x, std::size_t axes) {
  if (x.size() < axes) fail<ShapeError>(operation, "needs ", axes, " axes of space: ", x);
}

}  // namespace

std::array<Shape, 2> MaxPool::shape(Dims x) const {
  check_axes(name, x, places.size());
  const Shape y = with_last(x, places);
  return {y, y};
}
template <class T>
void MaxPool::forward(std::array<Operand<T>, 2> y, Operand<const T> x) const {
  check_exact_indices<T>(name, count(last(x.shape, places.size())));
  kernels::max_pool(y[0].data, y[1].data, x.data, padded_to_three(*this, x.shape));
}
template <class V>
std::array<V, 1> MaxPool::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const {
  return {listed(PutPlaces{to_shape(last(x.shape(), places.size()))}, or_zeros(ct[0], y[0]), y[1])};
}

Shape TakePlaces::shape(Dims x, Dims places) const {
  check_axes(name, x, axes);
  if (x.size() != places.size() || !std::ranges::equal(x.first(x.size() - axes), places.first(x.size() - axes)))
    fail<ShapeError>(name, "needs as many images: ", x, " and ", places);
  return to_shape(places);
}
template <class T>
void TakePlaces::forward(Operand<T> y, Operand<const T> x, Operand<const T> places) const {
  check_indices(name, places, count(last(x.shape, axes)));
  kernels::take_places(y.data, x.data, places.data, count(x.shape.first(x.shape.size() - axes)),
                       count(last(x.shape, axes)), count(last(places.shape, axes)));
}
template <int I, class V>
requires(I == 0) V TakePlaces::vjp(const V& ct, const V&, const V& x, const V& places)
const { return listed(PutPlaces{to_shape(last(x.shape(), axes))}, ct, places); }
template <class V>
V TakePlaces::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  const auto all = all_stacked(n, stacked, x);
  return listed(*this, all[0], all[1]);
}

Shape PutPlaces::shape(Dims y, Dims places) const {
  check_axes(name, y, image.size());
  if (!std::ranges::equal(y, places)) fail<ShapeError>(name, "needs a place for each element: ", y, " and ", places);
  return with_last(y, image);
}
template <class T>
void PutPlaces::forward(Operand<T> x, Operand<const T> y, Operand<const T> places) const {
  const std::size_t axes = image.size();
  check_indices(name, places, count(image));
  kernels::put_places(x.data, y.data, places.data, count(y.shape.first(y.shape.size() - axes)), count(image),
                      count(last(y.shape, axes)));
}
template <int I, class V>
requires(I == 0) V PutPlaces::vjp(const V& ct, const V&, const V&, const V& places)
const { return listed(TakePlaces{image.size()}, ct, places); }
template <class V>
V PutPlaces::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  const auto all = all_stacked(n, stacked, x);
  return listed(*this, all[0], all[1]);
}

Shape SumPool::shape(Dims x) const {
  check_axes(name, x, places.size());
  return with_last(x, places);
}
template <class T>
void SumPool::forward(Operand<T> y, Operand<const T> x) const {
  kernels::sum_pool(y.data, x.data, padded_to_three(*this, x.shape));
}
template <int I, class V>
V SumPool::vjp(const V& ct, const V&, const V& x) const {
  return listed(SpreadPool{*this, to_shape(last(x.shape(), places.size()))}, ct);
}

Shape SpreadPool::shape(Dims y) const {
  check_axes(name, y, places.size());
  if (!std::ranges::equal(last(y, places.size()), places))
    fail<ShapeError>(name, "needs a number for each window: ", y, " and ", Dims(places));
  return with_last(y, image);
}
template <class T>
void SpreadPool::forward(Operand<T> x, Operand<const T> y) const {
  kernels::spread_pool(x.data, y.data, padded_to_three(*this, x.shape));
}
template <int I, class V>
V SpreadPool::vjp(const V& ct, const V&, const V&) const {
  return listed(SumPool{*this}, ct);
}

AUTODIFF_POOL(AUTODIFF_COMPILE)

namespace {

/// The axes of space of an image.
Dims space(std::string_view operation, Dims x) {
  if (x.size() < 3 || x.size() > 5)
    fail<ShapeError>(operation, "needs images (samples, channels, space...), of one to three axes of space: ", x);
  return x.subspan(2);
}

/// Whether the window of each place has an element inside: with gaps, some may step over a short image.
bool see_something(std::size_t places, std::size_t stride, std::size_t window, std::size_t dilation, std::size_t front,
                   std::size_t n) {
  for (std::size_t i = 0; i < places; ++i) {
    const std::size_t begin = i * stride, skipped = begin < front ? (front - begin + dilation - 1) / dilation : 0;
    if (skipped >= window || begin + skipped * dilation >= front + n) return false;
  }
  return true;
}

/// What max_pool and average_pool have in common.
Windows windows(std::string_view operation, Dims image, const PerAxis& window, const PerAxis& stride,
                const PerAxis& padding, const PerAxis& dilation, bool ceil_mode) {
  const std::size_t axes = image.size();
  Windows w{window.resolve(operation, "the window", axes),
            {},
            dilation.resolve(operation, "the dilation", axes),
            padding.resolve(operation, "the padding", axes),
            {}};
  w.stride = stride.count() == 0 ? w.window : stride.resolve(operation, "the stride", axes);
  for (std::size_t i = 0; i < axes; ++i) {
    if (w.window[i] == 0 || w.stride[i] == 0 || w.dilation[i] == 0)
      fail<ShapeError>(operation, "windows, strides and dilations must be at least 1: ", Dims(w.window), ", ",
                       Dims(w.stride), " and ", Dims(w.dilation));
    if (2 * w.front[i] > w.window[i])
      fail<ValueError>(operation, "the padding must not be more than half the window: ", Dims(w.front), " and ",
                       Dims(w.window));
    const std::size_t whole = image[i] + 2 * w.front[i], seen = w.dilation[i] * (w.window[i] - 1) + 1;
    if (image[i] == 0 || seen > whole)
      fail<ShapeError>(operation, "the window must not be longer than the image with its borders: ", Dims(w.window),
                       " and ", image);
    std::size_t places = (whole - seen + (ceil_mode ? w.stride[i] - 1 : 0)) / w.stride[i] + 1;
    if ((places - 1) * w.stride[i] >= image[i] + w.front[i]) --places;  // it would begin behind the image
    if (!see_something(places, w.stride[i], w.window[i], w.dilation[i], w.front[i], image[i]))
      fail<ShapeError>(operation, "a window sees nothing of the image: ", Dims(w.window), " by ", Dims(w.dilation),
                       " and ", image);
    w.places.push_back(places);
  }
  return w;
}

Windows shares(std::string_view operation, Dims image, const PerAxis& results) {
  Windows w;
  w.places = results.resolve(operation, "the result", image.size());
  if (count(w.places) == 0 || count(image) == 0)
    fail<ShapeError>(operation, "there is nothing to share out: ", image, " in ", Dims(w.places));
  w.adaptive = true;
  return w;
}

/// One over the number of elements of each window. `of_axis(axis, place)` says how many it has along an axis.
template <Real T, class F>
Variable<T> one_over_counts(const Shape& places, F of_axis) {
  Array<T> scale(places);
  for (std::size_t i = 0; i < scale.size(); ++i) {
    std::size_t rest = i, n = 1;
    for (std::size_t a = places.size(); a-- > 0; rest /= places[a]) n *= of_axis(a, rest % places[a]);
    scale.data()[i] = T(1) / static_cast<T>(n);
  }
  return Variable<T>(std::move(scale));
}

}  // namespace

template <Real T>
Variable<T> max_pool(const Variable<T>& x, const PerAxis& window, const MaxPoolOptions& options) {
  const typename Tape<T>::Attempt attempt({&x});
  const auto image = channels_first(x, options.layout);
  const MaxPool op{windows(MaxPool::name, space(MaxPool::name, image.shape()), window, options.stride, options.padding,
                           options.dilation, options.ceil_mode)};
  return channels_back(listed(op, image)[0], options.layout);
}

template <Real T>
Variable<T> average_pool(const Variable<T>& x, const PerAxis& window, const AveragePoolOptions& options) {
  constexpr auto name = "average_pool";
  const typename Tape<T>::Attempt attempt({&x});
  const auto image = channels_first(x, options.layout);
  const Shape lengths = to_shape(space(name, image.shape()));
  const SumPool op{windows(name, lengths, window, options.stride, options.padding, 1, options.ceil_mode)};
  const auto scale = one_over_counts<T>(op.places, [&](std::size_t axis, std::size_t i) {
    const std::size_t first = i * op.stride[axis], front = op.front[axis], n = lengths[axis];
    const std::size_t end = first + op.window[axis];
    if (options.count_include_pad) return std::min(end, n + 2 * front) - first;
    return std::min(end, n + front) - std::max(first, front);
  });
  return channels_back(listed(op, image) * scale, options.layout);
}

template <Real T>
Variable<T> adaptive_max_pool(const Variable<T>& x, const PerAxis& results, ImageLayout layout) {
  const typename Tape<T>::Attempt attempt({&x});
  const auto image = channels_first(x, layout);
  constexpr auto name = "adaptive_max_pool";
  return channels_back(listed(MaxPool{shares(name, space(name, image.shape()), results)}, image)[0], layout);
}

template <Real T>
Variable<T> adaptive_average_pool(const Variable<T>& x, const PerAxis& results, ImageLayout layout) {
  constexpr auto name = "adaptive_average_pool";
  const typename Tape<T>::Attempt attempt({&x});
  const auto image = channels_first(x, layout);
  const Shape lengths = to_shape(space(name, image.shape()));
  const SumPool op{shares(name, lengths, results)};
  const auto scale = one_over_counts<T>(op.places, [&](std::size_t axis, std::size_t i) {
    const std::size_t n = lengths[axis], m = op.places[axis];
    return ((i + 1) * n + m - 1) / m - i * n / m;
  });
  return channels_back(listed(op, image) * scale, layout);
}

namespace {

template <Real T>
Axes axes_of_space(std::string_view operation, const Variable<T>& x, ImageLayout layout) {
  const std::size_t axes = space(operation, x.shape()).size();
  std::vector<int> result;
  for (std::size_t i = 0; i < axes; ++i) result.push_back(int(i) + (layout == ImageLayout::channels_first ? 2 : 1));
  return result;
}

}  // namespace

template <Real T>
Variable<T> global_max_pool(const Variable<T>& x, ImageLayout layout) {
  return max(x, axes_of_space("global_max_pool", x, layout));
}
template <Real T>
Variable<T> global_average_pool(const Variable<T>& x, ImageLayout layout) {
  return mean(x, axes_of_space("global_average_pool", x, layout));
}

#define AUTODIFF_DERIVED(T)                                                                         \
  template Variable<T> max_pool(const Variable<T>&, const PerAxis&, const MaxPoolOptions&);         \
  template Variable<T> average_pool(const Variable<T>&, const PerAxis&, const AveragePoolOptions&); \
  template Variable<T> adaptive_max_pool(const Variable<T>&, const PerAxis&, ImageLayout);          \
  template Variable<T> adaptive_average_pool(const Variable<T>&, const PerAxis&, ImageLayout);      \
  template Variable<T> global_max_pool(const Variable<T>&, ImageLayout);                            \
  template Variable<T> global_average_pool(const Variable<T>&, ImageLayout);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
