// Parts of arrays and their reverse, as operations.
#pragma once

#include "../slice.hpp"
#include "listed.hpp"

namespace autodiff {

struct Slice {
  static constexpr auto name = "slice";
  static constexpr auto reads = Reads::nothing;
  std::vector<Range> ranges;
  friend bool operator==(const Slice&, const Slice&) = default;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

/// The reverse of a slice: zeros of shape `whole`, but for x in the place of the slice.
struct Embed {
  static constexpr auto name = "embed";
  static constexpr auto reads = Reads::nothing;
  Slice slice;
  Shape whole;
  friend bool operator==(const Embed&, const Embed&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

struct Concatenate {
  static constexpr auto name = "concatenate";
  static constexpr auto reads = Reads::nothing;
  int axis;
  friend bool operator==(const Concatenate&, const Concatenate&) = default;
  Shape shape(std::span<const Dims> x) const;
  template <class T>
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const;
  template <class V>
  V vjp(std::size_t i, const V& ct, const V&, std::span<const V> x) const;
};

#define AUTODIFF_SLICE(X) X(Slice) X(Embed) X(Concatenate)
AUTODIFF_SLICE(AUTODIFF_EXTERN)

}  // namespace autodiff
