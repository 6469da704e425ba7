// Parts of arrays and their reverse, as operations.
#pragma once

#include "../slice.hpp"
#include "listed.hpp"

namespace autodiff {

struct Slice {
  static constexpr auto name = "slice";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool transposes = true;
  std::vector<Range> ranges;
  std::uint32_t dropped = 0;  // axes that the result is without, as a set; of each, the range leaves one element
  friend bool operator==(const Slice&, const Slice&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Slice behind() const;  // the same of each sample of a stack
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  CotangentLike<V> vjp(const V& ct, const V&, const V& x) const;
};

/// The reverse of a slice: zeros of shape `whole`, but for x in the place of the slice.
struct Embed {
  static constexpr auto name = "embed";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  Embed(const Slice& of, const Shape& in) : slice(of), whole(in), place(*slice.view(dense(whole))) {}
  Slice slice;
  Shape whole;
  View place;
  friend bool operator==(const Embed& a, const Embed& b) { return a.slice == b.slice && a.whole == b.whole; }
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const {
    accumulate<T>(y, x, 1, 0);
  }
  bool takes(const View&) const { return true; }
  bool accumulates(Dims) const { return true; }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> x, T alpha, T beta) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

struct Concatenate {
  static constexpr auto name = "concatenate";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  int axis;
  friend bool operator==(const Concatenate&, const Concatenate&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(std::span<const Dims> x) const;
  bool takes(std::span<const View>) const { return true; }
  template <class T>
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const;
  template <class V>
  std::vector<V> vjp(const V& ct, const V&, std::span<const V> x, const std::vector<bool>& wanted) const;
  std::vector<View> cotangent_views(const View& ct, std::span<const Dims> x) const;
};

#define AUTODIFF_SLICE(X) X(Slice) X(Embed) X(Concatenate)
AUTODIFF_SLICE(AUTODIFF_EXTERN)

}  // namespace autodiff
