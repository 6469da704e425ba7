// Elements chosen by index, as operations.
#pragma once

#include <string>

#include "../index.hpp"
#include "listed.hpp"

namespace autodiff {

/// Whole slices of x along an axis: y[.., i.., ..] = x[.., index[i..], ..].
struct Gather {
  static constexpr auto name = "gather";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;
  friend bool operator==(const Gather&, const Gather&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(Dims x, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const;
  template <int I, class V>
  requires(I == 0) CotangentLike<V> vjp(const V& ct, const V&, const V& x, const V& index)
  const;
};

/// The reverse of a gather: zeros of length `length` along the axis, to which each slice is added at its index.
struct ScatterAdd {
  static constexpr auto name = "scatter_add";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;  // of the result, from 0
  std::size_t length;
  friend bool operator==(const ScatterAdd&, const ScatterAdd&) = default;
  Shape shape(Dims updates, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> updates, Operand<const T> index) const {
    accumulate<T>(y, updates, index, 1, 0);
  }
  bool accumulates(Dims, Dims) const { return true; }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> updates, Operand<const T> index, T alpha, T beta) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V&, const V&, const V& index)
  const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// One element for each index: y[.., i, ..] = x[.., index[.., i, ..], ..], where all but this axis are walked together.
struct TakeAlong {
  static constexpr auto name = "take_along_axis";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;
  friend bool operator==(const TakeAlong&, const TakeAlong&) = default;
  Shape shape(Dims x, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const;
  template <int I, class V>
  requires(I == 0) CotangentLike<V> vjp(const V& ct, const V&, const V& x, const V& index)
  const;
};

/// Its reverse: zeros of length `length` along the axis, to which each element is added at its index.
struct AddAlong {
  static constexpr auto name = "add_along_axis";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false};
  int axis;  // from 0
  std::size_t length;
  friend bool operator==(const AddAlong&, const AddAlong&) = default;
  Shape shape(Dims updates, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> updates, Operand<const T> index) const {
    accumulate<T>(y, updates, index, 1, 0);
  }
  bool accumulates(Dims, Dims) const { return true; }
  template <class T>
  void accumulate(Operand<T> y, Operand<const T> updates, Operand<const T> index, T alpha, T beta) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V&, const V&, const V& index)
  const;
};

/// x, with each element in the place of its index; where indices repeat, the last one stays.
struct PutAlong {
  static constexpr auto name = "put_along_axis";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {true, false, true};
  int axis;
  friend bool operator==(const PutAlong&, const PutAlong&) = default;
  Shape shape(Dims x, Dims index, Dims updates) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> index, Operand<const T> updates) const;
  template <int I, class V>
  requires(I != 1) V vjp(const V& ct, const V&, const V&, const V& index, const V&)
  const;
};

/// before * length + coordinate: the place among all elements, taken one axis further. Places so far are in range.
struct RavelIndex {
  static constexpr auto name = "ravel_index";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool differentiable[] = {false, false};
  std::size_t length;
  std::string caller = name;  // who is named in errors
  friend bool operator==(const RavelIndex&, const RavelIndex&) = default;
  Shape shape(Dims before, Dims coordinate) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> before, Operand<const T> coordinate) const;
};

/// The largest slice, element by element, of those of each segment; of none, minus infinity. Ties share the gradient.
struct SegmentMax {
  static constexpr auto name = "segment_max";
  static constexpr auto reads = Reads::both;
  static constexpr bool differentiable[] = {true, false};
  std::size_t segments;
  friend bool operator==(const SegmentMax&, const SegmentMax&) = default;
  Shape shape(Dims x, Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> index) const;
  template <int I, class V>
  requires(I == 0) V vjp(const V& ct, const V& y, const V& x, const V& index)
  const;
};

/// A row for each index: one at the index, else zero.
struct OneHot {
  static constexpr auto name = "one_hot";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  std::size_t classes;
  std::string caller = name;  // who is named in errors
  friend bool operator==(const OneHot&, const OneHot&) = default;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
  Shape shape(Dims index) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> index) const;
};

/// Lengths of samples, as they are, where none is longer than `longest`. Not on the list, whose tests ask for more.
struct CheckedLengths {
  static constexpr auto name = "checked_lengths";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  std::string operation, what;
  std::size_t longest;
  friend bool operator==(const CheckedLengths&, const CheckedLengths&) = default;
  Shape shape(Dims lengths) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> lengths) const;
};

// clang-format off
#define AUTODIFF_INDEX(X) \
  X(Gather) X(ScatterAdd) X(OneHot) X(TakeAlong) X(AddAlong) X(PutAlong) X(RavelIndex) X(SegmentMax)
// clang-format on
AUTODIFF_INDEX(AUTODIFF_EXTERN)

/// The cotangent of what was taken at these places along an axis of this length, for the rules of other families.
template <Real T>
Cotangent<T> added_along(const Variable<T>& ct, const Variable<T>& places, std::size_t axis, std::size_t length);

}  // namespace autodiff
