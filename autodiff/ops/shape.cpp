#include "structs/shape.hpp"

#include "compile.hpp"
#include "reduce.hpp"

namespace autodiff {

std::optional<View> Reshape::view(const View& x) const {
  std::optional<View> y;
  if (is_dense(x)) y = dense(lengths.resolve(name, x.shape)), y->offset = x.offset;
  return y;
}
template <int I, class V>
V Reshape::vjp(const V& ct, const V&, const V& x) const {
  return reshape(ct, x.shape());
}

template <class V>
V Reshape::batched(std::size_t n, const std::vector<bool>&, std::span<const V> x) const {
  Shape shape = lengths.resolve(name, Dims(x[0].shape()).subspan(1));
  shape.insert(shape.begin(), n);
  return reshape(x[0], shape);
}

std::optional<View> Permute::view(const View& x) const {
  const auto axes = order.resolve(name, x.shape);
  if (axes.size() != x.shape.size())
    fail<AxisError>(name, "each axis must be named once: ", axes.size(), " named for shape ", Dims(x.shape));
  std::optional<View> y(x);
  for (std::size_t i = 0; i < axes.size(); ++i) y->shape[i] = x.shape[axes[i]], y->strides[i] = x.strides[axes[i]];
  return y;
}
template <int I, class V>
V Permute::vjp(const V& ct, const V&, const V& x) const {
  const auto axes = order.resolve(name, x.shape());
  std::vector<int> inverse(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) inverse[axes[i]] = static_cast<int>(i);
  return permute(ct, inverse);
}

template <class V>
V Permute::batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
  std::vector<int> all{0};
  for (auto axis : order.resolve(name, Dims(x[0].shape()).subspan(1))) all.push_back(static_cast<int>(axis) + 1);
  return permute(x[0], all);
}

std::optional<View> BroadcastTo::view(const View& x) const {
  const std::size_t rank = x.shape.size();
  bool fits = rank <= to.size();
  std::optional<View> y;
  y.emplace();
  y->shape = to, y->offset = x.offset;
  y->strides.resize(to.size());
  for (auto& stride : y->strides) stride = 0;
  for (std::size_t i = 0; fits && i < rank; ++i) {
    const std::size_t j = to.size() - rank + i;
    fits = x.shape[i] == to[j] || x.shape[i] == 1;
    y->strides[j] = x.shape[i] == 1 ? 0 : x.strides[i];
  }
  if (!fits) fail<ShapeError>(name, "shape does not broadcast: ", Dims(x.shape), " to ", Dims(to));
  return y;
}
template <int I, class V>
V BroadcastTo::vjp(const V& ct, const V&, const V& x) const {
  return sum_to(ct, x.shape());
}
template <class V>
V BroadcastTo::batched(std::size_t n, const std::vector<bool>&, std::span<const V> x) const {
  Shape shape = to;
  shape.insert(shape.begin(), n);
  return broadcast_to(with_rank(x[0], true, to.size()), shape);
}

AUTODIFF_SHAPE(AUTODIFF_COMPILE)

template <Real T>
Variable<T> reshape(const Variable<T>& x, const Lengths& lengths) {
  return listed(Reshape{lengths}, x);
}

template <Real T>
Variable<T> permute(const Variable<T>& x, const Axes& order) {
  return listed(Permute{order}, x);
}

template <Real T>
Variable<T> broadcast_to(const Variable<T>& x, const Shape& shape) {
  return listed(BroadcastTo{shape}, x);
}

template <Real T>
Variable<T> flatten(const Variable<T>& x, int first) {
  const Dims shape(x.shape());
  const std::size_t axis = shape.empty() ? 0 : resolve_axis("flatten", first, shape.size(), shape);
  Shape to = to_shape(shape.first(axis));
  to.push_back(count(shape.subspan(axis)));
  return reshape(x, to);
}

template <Real T>
Variable<T> transpose(const Variable<T>& x) {
  std::vector<int> order(x.dimension());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(order.size() - 1 - i);
  return permute(x, order);
}

template <Real T>
Variable<T> transpose(const Variable<T>& x, const Axes& order) {
  return permute(x, order);
}

template <Real T>
Variable<T> swap_axes(const Variable<T>& x, int a, int b) {
  std::vector<int> order(x.dimension());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::swap(order[resolve_axis("swap_axes", a, order.size(), x.shape())],
            order[resolve_axis("swap_axes", b, order.size(), x.shape())]);
  return permute(x, order);
}

template <Real T>
Variable<T> squeeze(const Variable<T>& x, const Axes& axes) {
  const Dims shape(x.shape());
  const auto mask = axes.mask("squeeze", shape);
  Shape to;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool named = mask >> i & 1;
    if (named && shape[i] != 1 && axes != Axes())
      fail<ShapeError>("squeeze", "axis ", i, " is not of length one: ", shape);
    if (!named || shape[i] != 1) to.push_back(shape[i]);
  }
  return reshape(x, to);
}

template <Real T>
Variable<T> expand_dims(const Variable<T>& x, int axis) {
  const std::size_t at = resolve_axis("expand_dims", axis, x.dimension() + 1, x.shape());
  Shape to;
  for (std::size_t i = 0; i <= x.dimension(); ++i) to.push_back(i == at ? 1 : x.shape(i < at ? i : i - 1));
  return reshape(x, to);
}

template <Real T>
Variable<T> repeat(const Variable<T>& x, std::size_t times, int axis) {
  const std::size_t at = resolve_axis("repeat", axis, x.dimension(), x.shape());
  const typename Tape<T>::Attempt attempt({&x});
  Shape each = x.shape(), joined = x.shape();
  each.insert(each.begin() + static_cast<std::ptrdiff_t>(at) + 1, times);
  if (__builtin_mul_overflow(joined[at], times, &joined[at]))
    fail<ShapeError>("repeat", "too long along axis ", at, ": ", Dims(x.shape()), " ", times, " times");
  return reshape(broadcast_to(expand_dims(x, static_cast<int>(at) + 1), each), joined);
}

template <Real T>
Variable<T> tile(const Variable<T>& x, const std::vector<std::size_t>& times) {
  const typename Tape<T>::Attempt attempt({&x});
  const std::size_t rank = std::max(times.size(), x.dimension());
  Shape apart, copies, joined;  // each axis with one of its copies in front
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t many = i + times.size() < rank ? 1 : times[i + times.size() - rank];
    const std::size_t length = i + x.dimension() < rank ? 1 : x.shape(i + x.dimension() - rank);
    apart.push_back(1), apart.push_back(length);
    copies.push_back(many), copies.push_back(length);
    joined.push_back(many * length);
  }
  return reshape(broadcast_to(reshape(x, apart), copies), joined);
}

template <Real T>
std::vector<Variable<T>> meshgrid(const std::vector<Variable<T>>& vectors) {
  Tape<T>::check_operands("meshgrid", vectors);
  Shape grid;
  for (const auto& v : vectors) {
    if (v.dimension() != 1) fail<ShapeError>("meshgrid", "takes vectors: ", Dims(v.shape()));
    grid.push_back(v.size());
  }
  std::vector<Variable<T>> result;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    Shape line(grid.size(), 1);
    line[i] = grid[i];
    result.push_back(broadcast_to(reshape(vectors[i], line), grid));
  }
  return result;
}

#define AUTODIFF_DERIVED(T)                                                       \
  template Variable<T> repeat(const Variable<T>&, std::size_t, int);              \
  template Variable<T> tile(const Variable<T>&, const std::vector<std::size_t>&); \
  template std::vector<Variable<T>> meshgrid(const std::vector<Variable<T>>&);    \
  template Variable<T> reshape(const Variable<T>&, const Lengths&);               \
  template Variable<T> permute(const Variable<T>&, const Axes&);                  \
  template Variable<T> transpose(const Variable<T>&, const Axes&);                \
  template Variable<T> broadcast_to(const Variable<T>&, const Shape&);            \
  template Variable<T> flatten(const Variable<T>&, int);                          \
  template Variable<T> transpose(const Variable<T>&);                             \
  template Variable<T> swap_axes(const Variable<T>&, int, int);                   \
  template Variable<T> squeeze(const Variable<T>&, const Axes&);                  \
  template Variable<T> expand_dims(const Variable<T>&, int);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
