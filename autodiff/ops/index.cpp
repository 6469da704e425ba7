#include "structs/index.hpp"

#include <algorithm>
#include <limits>

#include "../kernels/copy.hpp"
#include "../kernels/index.hpp"
#include "checked_index.hpp"
#include "compile.hpp"

namespace autodiff {

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

Shape CheckedLengths::shape(Dims lengths) const { return to_shape(lengths); }
template <class T>
void CheckedLengths::forward(Operand<T> y, Operand<const T> lengths) const {
  check_exact_indices<T>(operation, longest);
  const std::size_t n = count(lengths.shape);
  for (std::size_t i = 0; i < n; ++i)
    if (const T each = lengths.data[i]; !(each >= 0 && each <= static_cast<T>(longest)) || each != std::floor(each))
      fail<ValueError>(operation, "the length of ", what, " ", i, " must be a whole number from 0 to ", longest, ": ",
                       each);
  std::copy_n(lengths.data, n, y.data);
}

template <Real T>
Variable<T> checked_lengths(const std::string& operation, const std::string& what, const Variable<T>& lengths,
                            std::size_t longest) {
  return listed(CheckedLengths{operation, what, longest}, lengths);
}
AUTODIFF_COMPILE(CheckedLengths)
template Variable<float> checked_lengths(const std::string&, const std::string&, const Variable<float>&, std::size_t);
template Variable<double> checked_lengths(const std::string&, const std::string&, const Variable<double>&, std::size_t);

template <class V>
V OneHot::batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
  return listed(*this, x[0]);
}

/// The same places for all samples, or places that are stacked, as others are, in the first axis of what all share.
template <class V>
V Gather::batched(std::size_t, const std::vector<bool>& stacked, std::span<const V> x) const {
  const std::size_t rank = x[0].dimension() - stacked[0];
  const std::size_t at = resolve_axis(name, axis, rank, Dims(x[0].shape()).last(rank));
  if (!stacked[1]) return listed(Gather{static_cast<int>(at) + 1}, x[0], x[1]);
  return stacked[0] || at != 0 ? V() : listed(*this, x[0], x[1]);
}
template <class V>
V ScatterAdd::batched(std::size_t, const std::vector<bool>& stacked, std::span<const V> x) const {
  return stacked[1] ? V() : listed(ScatterAdd{axis + 1, length}, x[0], x[1]);
}

namespace {

/// Throws unless the indices have the shape of x but for their axis, which it gives from 0.
std::size_t check_along(std::string_view operation, int axis, Dims x, Dims index) {
  const std::size_t at = resolve_axis(operation, axis, x.size(), x);
  bool fits = x.size() == index.size();
  for (std::size_t i = 0; fits && i < x.size(); ++i) fits = i == at || x[i] == index[i];
  if (!fits) fail<ShapeError>(operation, "lengths must agree but along axis ", at, ": ", x, " and ", index);
  return at;
}

void check_updates(std::string_view operation, Dims updates, Dims index) {
  if (!std::ranges::equal(updates, index))
    fail<ShapeError>(operation, "each index needs one element: ", updates, " and ", index);
}

/// Calls f(element of the whole array, element of the indices) for all indices, in order.
template <class T, class F>
void each_place(Operand<const T> index, Dims whole, std::size_t axis, F f) {
  const auto [outer, n, inner] = around(whole, axis);
  const std::size_t m = index.shape[axis];
  for (std::size_t o = 0, i = 0; o < outer; ++o)
    for (std::size_t k = 0; k < m; ++k)
      for (std::size_t j = 0; j < inner; ++j, ++i) f((o * n + static_cast<std::size_t>(index.data[i])) * inner + j, i);
}

}  // namespace

Shape TakeAlong::shape(Dims x, Dims index) const { return check_along(name, axis, x, index), to_shape(index); }
template <class T>
void TakeAlong::forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const {
  const std::size_t at = resolve_axis(name, axis, x.shape.size(), x.shape);
  check_indices(name, index, x.shape[at]);
  each_place(index, x.shape, at, [&](std::size_t place, std::size_t i) { y.data[i] = x.data[place]; });
}
template <int I, class V>
requires(I == 0) CotangentLike<V> TakeAlong::vjp(const V& ct, const V&, const V& x, const V& index)
const {
  const std::size_t at = resolve_axis(name, axis, x.dimension(), x.shape());
  return placed(AddAlong{static_cast<int>(at), x.shape(at)}, ct, index);
}

Shape AddAlong::shape(Dims updates, Dims index) const {
  check_updates(name, updates, index);
  Shape result = to_shape(index);
  result[static_cast<std::size_t>(axis)] = length;
  return result;
}
template <class T>
void AddAlong::accumulate(Operand<T> y, Operand<const T> updates, Operand<const T> index, T alpha, T beta) const {
  const auto at = static_cast<std::size_t>(axis);
  check_indices(name, index, length);
  kernels::scale(y.data, count(y.shape), beta);
  each_place(index, y.shape, at, [&](std::size_t place, std::size_t i) { y.data[place] += alpha * updates.data[i]; });
}
template <int I, class V>
requires(I == 0) V AddAlong::vjp(const V& ct, const V&, const V&, const V& index)
const { return take_along_axis(ct, index, axis); }

Shape PutAlong::shape(Dims x, Dims index, Dims updates) const {
  check_along(name, axis, x, index);
  return check_updates(name, updates, index), to_shape(x);
}
template <class T>
void PutAlong::forward(Operand<T> y, Operand<const T> x, Operand<const T> index, Operand<const T> updates) const {
  const std::size_t at = resolve_axis(name, axis, x.shape.size(), x.shape);
  check_indices(name, index, x.shape[at]);
  std::copy_n(x.data, count(x.shape), y.data);
  each_place(index, x.shape, at, [&](std::size_t place, std::size_t i) { y.data[place] = updates.data[i]; });
}
template <int I, class V>
requires(I != 1) V PutAlong::vjp(const V& ct, const V&, const V&, const V& index, const V&)
const {
  using T = typename V::value_type;
  if constexpr (I == 0) {
    return put_along_axis(ct, index, Array<T>(index.shape(), T(0)), axis);
  } else {  // of equal indices, that which stays: each writes its number, and asks whose is there
    Array<T> numbers(index.shape());
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers.data()[i] = static_cast<T>(i);
    const V mine(std::move(numbers));
    const V last = take_along_axis(put_along_axis(Array<T>(ct.shape(), T(0)), index, mine, axis), index, axis);
    return where(last == mine, take_along_axis(ct, index, axis), 0);
  }
}

Shape RavelIndex::shape(Dims before, Dims coordinate) const {
  if (!std::ranges::equal(before, coordinate))
    fail<ShapeError>(caller, "coordinates must have one shape: ", before, " and ", coordinate);
  return to_shape(coordinate);
}
template <class T>
void RavelIndex::forward(Operand<T> y, Operand<const T> before, Operand<const T> coordinate) const {
  check_indices(caller, coordinate, length);
  for (std::size_t i = 0, n = count(y.shape); i < n; ++i)
    y.data[i] = before.data[i] * static_cast<T>(length) + coordinate.data[i];
}

Shape SegmentMax::shape(Dims x, Dims index) const { return ScatterAdd{0, segments}.shape(x, index); }
template <class T>
void SegmentMax::forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const {
  check_indices(name, index, segments);
  std::fill_n(y.data, count(y.shape), -std::numeric_limits<T>::infinity());
  const std::size_t rows = count(index.shape), inner = rows == 0 ? 0 : count(x.shape) / rows;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < inner; ++j) {
      const T each = x.data[i * inner + j];
      T& most = y.data[static_cast<std::size_t>(index.data[i]) * inner + j];
      if (each > most || each != each) most = each;
    }
}
template <int I, class V>
requires(I == 0) V SegmentMax::vjp(const V& ct, const V& y, const V& x, const V& index)
const {
  const V tied = x == gather(y, index);
  const V ties = listed(ScatterAdd{0, segments}, tied, index);
  return tied * gather(ct / maximum(ties, 1), index);
}

AUTODIFF_INDEX(AUTODIFF_COMPILE)

template <Real T>
Cotangent<T> added_along(const Variable<T>& ct, const Variable<T>& places, std::size_t axis, std::size_t length) {
  return placed(AddAlong{static_cast<int>(axis), length}, ct, places);
}
template Cotangent<float> added_along(const Variable<float>&, const Variable<float>&, std::size_t, std::size_t);
template Cotangent<double> added_along(const Variable<double>&, const Variable<double>&, std::size_t, std::size_t);

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

template <Real T>
Variable<T> take_along_axis(const Variable<T>& x, const Variable<T>& index, int axis) {
  return listed(TakeAlong{axis}, x, index);
}

template <Real T>
Variable<T> add_along_axis(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis) {
  Tape<T>::check_operands("add_along_axis", std::array{x, index, updates});
  const std::size_t at = check_along("add_along_axis", axis, x.shape(), index.shape());
  const typename Tape<T>::Attempt attempt({&x, &index, &updates});
  return x + listed(AddAlong{static_cast<int>(at), x.shape(at)}, updates, index);
}

template <Real T>
Variable<T> put_along_axis(const Variable<T>& x, const Variable<T>& index, const Variable<T>& updates, int axis) {
  return listed(PutAlong{axis}, x, index, updates);
}

/// Where the elements at these coordinates stand among all of x.
template <Real T>
Variable<T> places_of(const std::string& caller, const Variable<T>& x, const std::vector<Variable<T>>& coordinates) {
  const Dims shape(x.shape());
  if (coordinates.empty() || coordinates.size() != shape.size())
    fail<ShapeError>(caller, "needs one array of coordinates an axis: ", coordinates.size(), " for ", shape);
  Tape<T>::check_operands(caller, coordinates);
  check_exact_indices<T>(caller, count(shape));
  Variable<T> places(Array<T>(coordinates[0].shape(), T(0)));
  for (std::size_t i = 0; i < shape.size(); ++i) places = listed(RavelIndex{shape[i], caller}, places, coordinates[i]);
  return places;
}

template <Real T>
Variable<T> at_coordinates(const Variable<T>& x, const std::vector<Variable<T>>& coordinates) {
  const typename Tape<T>::Attempt attempt({&x});
  return gather(reshape(x, {-1}), places_of("at_coordinates", x, coordinates), 0);
}

template <Real T>
Variable<T> index_put(const Variable<T>& x, const std::vector<Variable<T>>& coordinates, const Variable<T>& updates,
                      bool accumulate) {
  const typename Tape<T>::Attempt attempt({&x, &updates});
  const auto index = places_of("index_put", x, coordinates);
  const auto flat = reshape(x, {-1}), places = reshape(index, {-1});
  const auto elements = reshape(broadcast_to(updates, index.shape()), {-1});
  if (accumulate) return reshape(scatter_add(flat, places, elements, 0), x.shape());
  return reshape(put_along_axis(flat, places, elements, 0), x.shape());
}

template <Real T>
Variable<T> bincount(const Variable<T>& index, std::size_t length, const Variable<T>& weights) {
  const typename Tape<T>::Attempt attempt({&index, &weights});
  const auto each = broadcast_to(weights, index.shape());
  return listed(ScatterAdd{0, length}, reshape(each, {-1}), reshape(index, {-1}));
}

template <Real T>
Variable<T> segment_sum(const Variable<T>& x, const Variable<T>& index, std::size_t segments) {
  return listed(ScatterAdd{0, segments}, x, index);
}

template <Real T>
Variable<T> segment_mean(const Variable<T>& x, const Variable<T>& index, std::size_t segments) {
  const typename Tape<T>::Attempt attempt({&x, &index});
  const auto sums = segment_sum(x, index, segments);
  Shape counts(sums.dimension(), 1);
  counts[0] = segments;
  return sums / reshape(maximum(bincount(index, segments, Variable<T>(to_array<T>(1))), 1), counts);
}

template <Real T>
Variable<T> segment_max(const Variable<T>& x, const Variable<T>& index, std::size_t segments) {
  return listed(SegmentMax{segments}, x, index);
}

#define AUTODIFF_DERIVED(T)                                                                                      \
  template Variable<T> gather(const Variable<T>&, const Variable<T>&, int);                                      \
  template Variable<T> scatter_add(const Variable<T>&, const Variable<T>&, const Variable<T>&, int);             \
  template Variable<T> take_along_axis(const Variable<T>&, const Variable<T>&, int);                             \
  template Variable<T> add_along_axis(const Variable<T>&, const Variable<T>&, const Variable<T>&, int);          \
  template Variable<T> put_along_axis(const Variable<T>&, const Variable<T>&, const Variable<T>&, int);          \
  template Variable<T> at_coordinates(const Variable<T>&, const std::vector<Variable<T>>&);                      \
  template Variable<T> index_put(const Variable<T>&, const std::vector<Variable<T>>&, const Variable<T>&, bool); \
  template Variable<T> bincount(const Variable<T>&, std::size_t, const Variable<T>&);                            \
  template Variable<T> segment_sum(const Variable<T>&, const Variable<T>&, std::size_t);                         \
  template Variable<T> segment_mean(const Variable<T>&, const Variable<T>&, std::size_t);                        \
  template Variable<T> segment_max(const Variable<T>&, const Variable<T>&, std::size_t);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace detail

}  // namespace autodiff
