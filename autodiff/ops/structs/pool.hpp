// Pooling over the last axes, as operations: extrema with their places, by which gradients find their way back, and
// sums, which are linear.
#pragma once

#include "../pool.hpp"
#include "listed.hpp"

namespace autodiff {

/// Windows over the last axes: one number for each of them.
struct Windows {
  Shape window, stride, dilation, front, places;
  bool adaptive = false;  // share the image out
  friend bool operator==(const Windows&, const Windows&) = default;
};

/// The largest element of each window, and its place in the image.
struct MaxPool : Windows {
  static constexpr auto name = "max_pool";
  static constexpr std::size_t results = 2;
  static constexpr bool result_differentiable[] = {true, false};
  static constexpr auto reads = Reads::output;
  static constexpr bool fails = false;
  friend bool operator==(const MaxPool&, const MaxPool&) = default;
  std::array<Shape, 2> shape(Dims x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> x) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const;
  template <class V>
  std::vector<V> batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    const auto results = listed(*this, x[0]);
    return {results.begin(), results.end()};
  }
};

/// Elements from their places among the last `axes` axes, which become these.
struct TakePlaces {
  static constexpr auto name = "take_places";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  std::size_t axes;
  friend bool operator==(const TakePlaces&, const TakePlaces&) = default;
  Shape shape(Dims x, Dims places) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> places) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V&, const V& x, const V& places)
  const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// Its transpose: elements added at their places in zeros, whose last axes have these lengths.
struct PutPlaces {
  static constexpr auto name = "put_places";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  Shape image;
  friend bool operator==(const PutPlaces&, const PutPlaces&) = default;
  Shape shape(Dims y, Dims places) const;
  template <class T>
  void forward(Operand<T> x, Operand<const T> y, Operand<const T> places) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V&, const V& y, const V& places)
  const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// The sum of each window.
struct SumPool : Windows {
  static constexpr auto name = "sum_pool";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  friend bool operator==(const SumPool&, const SumPool&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return listed(*this, x[0]);
  }
};

/// Its transpose, for images of these lengths.
struct SpreadPool : Windows {
  static constexpr auto name = "spread_pool";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  Shape image;
  friend bool operator==(const SpreadPool&, const SpreadPool&) = default;
  Shape shape(Dims y) const;
  template <class T>
  void forward(Operand<T> x, Operand<const T> y) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& y) const;
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return listed(*this, x[0]);
  }
};

#define AUTODIFF_POOL(X) X(MaxPool) X(TakePlaces) X(PutPlaces) X(SumPool) X(SpreadPool)
AUTODIFF_POOL(AUTODIFF_EXTERN)

}  // namespace autodiff
