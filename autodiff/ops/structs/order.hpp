// Sorting and its kin, as operations: each gives values and their places, by which gradients find their way back.
#pragma once

#include <array>

#include "../order.hpp"
#include "../reduce.hpp"
#include "index.hpp"
#include "listed.hpp"

namespace autodiff {

/// Of values chosen along an axis, and their places there: the rule, by place.
struct Chosen {
  static constexpr std::size_t results = 2;
  static constexpr bool result_differentiable[] = {true, false};
  static constexpr auto reads = Reads::output;
  static constexpr bool fails = false;
  int axis = -1;
  friend bool operator==(const Chosen&, const Chosen&) = default;

 protected:
  template <class V>
  std::array<CotangentLike<V>, 1> back(const V& ct, const V& places, Dims x) const;
};

/// The first `k` of the elements in order, or all; NaN counts as the largest. Equal ones stay in their order.
struct Sort : Chosen {
  static constexpr auto name = "sort";
  std::size_t k = std::size_t(-1);
  bool descending = false;
  friend bool operator==(const Sort&, const Sort&) = default;
  std::array<Shape, 2> shape(Dims x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> x) const;
  template <class V>
  auto vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const {
    return back(or_zeros(ct[0], y[0]), y[1], x.shape());
  }
};

/// The largest or smallest element so far, and where it is: of equal ones the latest, as in PyTorch.
template <bool largest>
struct CumulativeExtremum : Chosen {
  static constexpr auto name = largest ? "cummax" : "cummin";
  friend bool operator==(const CumulativeExtremum&, const CumulativeExtremum&) = default;
  std::array<Shape, 2> shape(Dims x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> x) const;
  template <class V>
  auto vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const {
    return back(or_zeros(ct[0], y[0]), y[1], x.shape());
  }
};
using CumulativeMax = CumulativeExtremum<true>;
using CumulativeMin = CumulativeExtremum<false>;

/// The largest or smallest element along an axis, the first of several, and where it is.
template <bool largest>
struct ExtremumWithPlace : Chosen {
  static constexpr auto name = largest ? "max_with_place" : "min_with_place";
  bool keep = false;
  friend bool operator==(const ExtremumWithPlace&, const ExtremumWithPlace&) = default;
  std::array<Shape, 2> shape(Dims x) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> x) const;
  template <class V>
  std::array<CotangentLike<V>, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const;
};
using MaxWithPlace = ExtremumWithPlace<true>;
using MinWithPlace = ExtremumWithPlace<false>;

/// Before which element of a sorted row each value belongs; `right`: behind those that are equal.
struct SearchSorted {
  static constexpr auto name = "searchsorted";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  bool right = false;
  friend bool operator==(const SearchSorted&, const SearchSorted&) = default;
  Shape shape(Dims sorted, Dims values) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> sorted, Operand<const T> values) const;
};

// clang-format off
#define AUTODIFF_ORDER(X) \
  X(Sort) X(CumulativeMax) X(CumulativeMin) X(MaxWithPlace) X(MinWithPlace) X(SearchSorted)
// clang-format on
AUTODIFF_ORDER(AUTODIFF_EXTERN)

}  // namespace autodiff
