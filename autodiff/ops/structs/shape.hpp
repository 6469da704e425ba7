// Operations that move no data, or copy it as it is.
#pragma once

#include "../shape.hpp"
#include "listed.hpp"

namespace autodiff {

struct Reshape {
  static constexpr auto name = "reshape";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool transposes = true;
  Lengths lengths;
  friend bool operator==(const Reshape&, const Reshape&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

struct Permute {  // axis i of the result is axis order[i] of x
  static constexpr auto name = "permute";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool transposes = true;
  Axes order;
  friend bool operator==(const Permute&, const Permute&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

struct BroadcastTo {
  static constexpr auto name = "broadcast_to";
  static constexpr auto reads = Reads::nothing;
  Shape to;
  friend bool operator==(const BroadcastTo&, const BroadcastTo&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

#define AUTODIFF_SHAPE(X) X(Reshape) X(Permute) X(BroadcastTo)
AUTODIFF_SHAPE(AUTODIFF_EXTERN)

}  // namespace autodiff
