#include "pad.hpp"

#include <algorithm>
#include <cmath>

#include "../tape.hpp"
#include "index.hpp"

namespace autodiff {

namespace {

/// The border of one side along an axis.
template <Real T>
Variable<T> border(const Variable<T>& x, std::size_t at, std::size_t width, bool behind, PadMode mode) {
  const int axis = static_cast<int>(at);
  const auto n = static_cast<std::ptrdiff_t>(x.shape(at)), w = static_cast<std::ptrdiff_t>(width);
  if (mode == PadMode::wrap) return behind ? take_range(x, axis, 0, w) : take_range(x, axis, n - w, n);
  if (mode == PadMode::reflect)
    return flip(behind ? take_range(x, axis, n - 1 - w, n - 1) : take_range(x, axis, 1, w + 1), axis);
  Shape repeated = x.shape();
  repeated[at] = width;
  return broadcast_to(behind ? take_range(x, axis, n - 1, n) : take_range(x, axis, 0, 1), repeated);
}

}  // namespace

template <Real T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths, PadMode mode) {
  const Dims shape(x.shape());
  if (widths.size() != shape.size())
    fail<ShapeError>("pad", "needs one pair of widths an axis: ", widths.size(), " pairs for ", shape);
  const typename Tape<T>::Attempt attempt({&x});
  Variable<T> y = x;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto [front, back] = widths[i];
    const std::size_t n = shape[i], most = std::max(front, back);
    if (most == 0) continue;
    if (n == 0 || (mode != PadMode::edge && most > n - std::size_t(mode == PadMode::reflect)))
      fail<ShapeError>("pad", "the border of axis ", i, " is wider than what it is made of: ", most, " for ", shape);
    std::vector<Variable<T>> parts{y};
    if (front) parts.insert(parts.begin(), border(y, i, front, false, mode));
    if (back) parts.push_back(border(y, i, back, true, mode));
    y = concatenate(parts, static_cast<int>(i));
  }
  return y;
}

template <Real T>
Variable<T> roll(const Variable<T>& x, std::ptrdiff_t shift, int axis) {
  const auto n = static_cast<std::ptrdiff_t>(x.shape(resolve_axis("roll", axis, x.dimension(), x.shape())));
  const std::ptrdiff_t first = n == 0 ? 0 : ((shift % n) + n) % n;
  if (first == 0) return x;
  const typename Tape<T>::Attempt attempt({&x});
  return concatenate({take_range(x, axis, n - first, n), take_range(x, axis, 0, n - first)}, axis);
}

template <Real T>
Variable<T> diff(const Variable<T>& x, int order, int axis) {
  if (order < 0) fail<ValueError>("diff", "the order must not be negative: ", order);
  const std::size_t at = resolve_axis("diff", axis, x.dimension(), x.shape());
  const typename Tape<T>::Attempt attempt({&x});
  Variable<T> y = x;
  for (int i = 0; i < order; ++i) {
    const auto n = static_cast<std::ptrdiff_t>(y.shape(at));
    y = take_range(y, axis, std::min<std::ptrdiff_t>(1, n), n) -
        take_range(y, axis, 0, std::max<std::ptrdiff_t>(n - 1, 0));
  }
  return y;
}

template <Real T>
Variable<T> interpolate(const Variable<T>& x, const std::vector<std::size_t>& lengths, Interpolation how,
                        bool align_corners) {
  const Dims shape(x.shape());
  if (lengths.size() > shape.size())
    fail<ShapeError>("interpolate", lengths.size(), " lengths for ", shape.size(), " axes: ", shape);
  const typename Tape<T>::Attempt attempt({&x});
  const bool linear = how == Interpolation::linear;
  Variable<T> y = x;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const std::size_t at = shape.size() - lengths.size() + i, n = shape[at], m = lengths[i];
    if (n == 0 || m == 0) fail<ShapeError>("interpolate", "axis ", at, " has nothing to give: ", shape, " to ", m);
    Shape along(shape.size(), 1);
    along[at] = m;
    Array<T> low(Shape{m}), high(Shape{m}), share(along);
    for (std::size_t k = 0; k < m; ++k) {
      const double scale = double(n) / double(m), from = double(k);
      double place = from * scale;
      if (linear)
        place = align_corners ? (m > 1 ? from * double(n - 1) / double(m - 1) : 0) : (from + 0.5) * scale - 0.5;
      place = std::clamp(place, 0.0, double(n - 1));
      low(k) = static_cast<T>(std::floor(place));
      high(k) = std::min(low(k) + 1, static_cast<T>(n - 1));
      share.data()[k] = static_cast<T>(place - std::floor(place));
    }
    const auto below = gather(y, low, static_cast<int>(at));
    y = linear ? below + (gather(y, high, static_cast<int>(at)) - below) * share : below;
  }
  return y;
}

#define AUTODIFF_DERIVED(T)                                                                                       \
  template Variable<T> pad(const Variable<T>&, const std::vector<std::pair<std::size_t, std::size_t>>&, PadMode); \
  template Variable<T> roll(const Variable<T>&, std::ptrdiff_t, int);                                             \
  template Variable<T> diff(const Variable<T>&, int, int);                                                        \
  template Variable<T> interpolate(const Variable<T>&, const std::vector<std::size_t>&, Interpolation, bool);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
