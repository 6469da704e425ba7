#include "structs/index.hpp"

#include <algorithm>

#include "../kernels/copy.hpp"
#include "../kernels/index.hpp"
#include "checked_index.hpp"
#include "compile.hpp"

namespace autodiff {

namespace {

/// Throws ValueError unless all are whole numbers below `length`. Asked at every run: what chose by these indices
/// before may have been left out of a program.
template <class T>
void check_indices(std::string_view operation, Operand<const T> index, std::size_t length) {
  const std::size_t n = count(index.shape), bad = kernels::find_bad_index(index.data, n, length);
  if (n > 0) checked_index(operation, index.data[bad < n ? bad : 0], length, bad);
}

}  // namespace

Shape Gather::shape(Dims x, Dims index) const {
  const std::size_t at = resolve_axis(name, axis, x.size(), x);
  Shape result = to_shape(x.first(at));
  result.insert(result.end(), index.begin(), index.end());
  result.insert(result.end(), x.begin() + static_cast<std::ptrdiff_t>(at) + 1, x.end());
  return result;
}
template <class T>
void Gather::forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  check_indices(name, index, n);
  kernels::gather(y.data, x.data, index.data, outer, n, count(index.shape), inner);
}
template <int I, class V>
requires(I == 0) CotangentLike<V> Gather::vjp(const V& ct, const V&, const V& x, const V& index)
const {
  const std::size_t at = resolve_axis(name, axis, x.dimension(), x.shape());
  return placed(ScatterAdd{static_cast<int>(at), x.shape(at)}, ct, index);
}

Shape ScatterAdd::shape(Dims updates, Dims index) const {
  const auto at = static_cast<std::size_t>(axis);
  const bool fits = at + index.size() <= updates.size() && std::ranges::equal(updates.subspan(at, index.size()), index);
  if (!fits)
    fail<ShapeError>(name, "updates must have the shape of the indices at axis ", axis, ": ", updates, " and ", index);
  Shape result = to_shape(updates.first(at));
  result.push_back(length);
  result.insert(result.end(), updates.begin() + static_cast<std::ptrdiff_t>(at + index.size()), updates.end());
  return result;
}
template <class T>
void ScatterAdd::accumulate(Operand<T> y, Operand<const T> updates, Operand<const T> index, T alpha, T beta) const {
  const auto [outer, n, inner] = around(y.shape, static_cast<std::size_t>(axis));
  check_indices(name, index, n);
  kernels::scale(y.data, outer * n * inner, beta);
  kernels::scatter_add(y.data, updates.data, index.data, outer, n, count(index.shape), inner, alpha);
}
template <int I, class V>
requires(I == 0) V ScatterAdd::vjp(const V& ct, const V&, const V&, const V& index)
const { return gather(ct, index, axis); }

Shape OneHot::shape(Dims index) const {
  Shape result = to_shape(index);
  result.push_back(classes);
  return result;
}
template <class T>
void OneHot::forward(Operand<T> y, Operand<const T> index) const {
  check_indices(caller, index, classes);
  std::fill_n(y.data, count(y.shape), T(0));
  for (std::size_t i = 0, n = count(index.shape); i < n; ++i)
    y.data[i * classes + static_cast<std::size_t>(index.data[i])] = 1;
}

template <class V>
V OneHot::batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
  return listed(*this, x[0]);
}

/// Places that are stacked are places as others; what they are places of must be the same for all, and its first axis.
template <class V>
V Gather::batched(std::size_t, const std::vector<bool>& stacked, std::span<const V> x) const {
  return stacked[0] || resolve_axis(name, axis, x[0].dimension(), x[0].shape()) != 0 ? V() : listed(*this, x[0], x[1]);
}

AUTODIFF_INDEX(AUTODIFF_COMPILE)

template <Real T>
Variable<T> one_hot(const Variable<T>& index, std::size_t classes, const std::string& caller) {
  return listed(OneHot{classes, caller}, index);
}

template Variable<float> one_hot(const Variable<float>&, std::size_t, const std::string&);
template Variable<double> one_hot(const Variable<double>&, std::size_t, const std::string&);

namespace detail {

template <Real T>
Variable<T> gather(const Variable<T>& x, const Variable<T>& index, int axis) {
  return listed(Gather{axis}, x, index);
}

template <Real T>
Variable<T> scatter_add(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis) {
  Tape<T>::check_operands("scatter_add", std::array{x, index, updates});
  const std::size_t at = resolve_axis("scatter_add", axis, x.dimension(), x.shape());
  const Shape expected = Gather{axis}.shape(x.shape(), index.shape());
  if (!std::ranges::equal(expected, updates.shape()))
    fail<ShapeError>("scatter_add", "updates must have the shape of the gathered slices: ", Dims(updates.shape()),
                     " and ", Dims(expected));
  return x + listed(ScatterAdd{static_cast<int>(at), x.shape(at)}, updates, index);
}

template Variable<float> gather(const Variable<float>&, const Variable<float>&, int);
template Variable<double> gather(const Variable<double>&, const Variable<double>&, int);
template Variable<float> scatter_add(const Variable<float>&, const Variable<float>&, const Variable<float>&, int);
template Variable<double> scatter_add(const Variable<double>&, const Variable<double>&, const Variable<double>&, int);

}  // namespace detail

}  // namespace autodiff
