// How callers name axes and lengths: by NumPy's rules, negative ones counted from the end.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "array.hpp"

namespace autodiff {

/// Reads better than `true` where a reduction is to leave its axes at length one: sum(x, 1, keepdims).
inline constexpr bool keepdims = true;

/// Axes of an array; none given means all of them.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : axes_(std::initializer_list<int>{axis}) {}
  template <std::floating_point F>
  Axes(F) {  // max(x, 0.5) would else be over axis 0
    static_assert(sizeof(F) == 0, "an axis is a whole number; the larger of two values is maximum(a, b)");
  }
  Axes(std::initializer_list<int> axes) : axes_(axes) {}
  Axes(const std::vector<int>& axes) : axes_(axes) {}

  /// In the order given, from 0. Throws AxisError for one out of range or named twice.
  std::vector<std::size_t> resolve(std::string_view operation, Dims shape) const;
  /// The same as a set: bit i stands for axis i. Throws AxisError for more than 32 axes, too.
  std::uint32_t mask(std::string_view operation, Dims shape) const;

  friend bool operator==(const Axes&, const Axes&) = default;

 private:
  std::optional<xt::svector<int, 4>> axes_;
};

/// One axis from 0. Throws AxisError when it is out of range.
std::size_t resolve_axis(std::string_view operation, int axis, std::size_t rank, Dims shape);

/// The number of an axis where one more stands in front.
inline int axis_behind(int axis) { return axis < 0 ? axis : axis + 1; }

/// Lengths of axes. One of them may be -1, which stands for what is left over. From braces, a Shape or a vector.
class Lengths {
 public:
  Lengths(std::initializer_list<std::ptrdiff_t> lengths) : lengths_(lengths) {}
  template <class Range>
  requires requires(const Range& r) { r.begin() == r.end(); }
  Lengths(const Range& lengths) {
    for (auto length : lengths) lengths_.push_back(static_cast<std::ptrdiff_t>(length));
  }
  /// The lengths, -1 where that was given, where `from` has as many elements. Throws ShapeError when they do not
  /// multiply to these.
  Shape resolve(std::string_view operation, Dims from) const;

  friend bool operator==(const Lengths&, const Lengths&) = default;

 private:
  std::string text() const;  // as they were given
  xt::svector<std::ptrdiff_t, 4> lengths_;
};

/// The array around one axis, as three lengths: before, along and after it.
struct Around {
  std::size_t outer, length, inner;
};
/// The lengths before, along and after an axis of this shape.
Around around(Dims shape, std::size_t axis);

}  // namespace autodiff
