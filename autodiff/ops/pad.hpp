// Borders, neighbours and other resolutions, put together from slices.
#pragma once

#include <utility>
#include <vector>

#include "slice.hpp"

namespace autodiff {

/// What a border is made of: the elements next to it mirrored, without the outermost one (dcb|abcd is not among these:
/// dcb|a is); the outermost one; those from the other end.
enum class PadMode { reflect, edge, wrap };

/// x with a border: one pair of widths, in front and behind, an axis. Throws ShapeError for another number of pairs,
/// for a reflection as wide as the axis, a wrapped border wider than it, and for a border of nothing.
template <Real T>
Variable<T> pad(const Variable<T>& x, const std::vector<std::pair<std::size_t, std::size_t>>& widths, PadMode mode);

/// The elements shifted along an axis, those that leave it at the other end.
template <Real T>
Variable<T> roll(const Variable<T>& x, std::ptrdiff_t shift, int axis = 0);

/// The difference of each element from the one before along an axis, `order` times over. Throws ValueError for order <
/// 0.
template <Real T>
Variable<T> diff(const Variable<T>& x, int order = 1, int axis = -1);

/// How to interpolate: the element whose place is next below, or between neighbours in proportion.
enum class Interpolation { nearest, linear };

/// The last axes of x in other lengths, one number each, as PyTorch's interpolate has them: the pixel i of n stands
/// for (i + 1/2) / n of the axis, or with `align_corners`, for linear ones alone, for i / (n - 1). Throws ShapeError
/// for more lengths than axes and for axes or lengths of nothing.
template <Real T>
Variable<T> interpolate(const Variable<T>& x, const std::vector<std::size_t>& lengths,
                        Interpolation how = Interpolation::nearest, bool align_corners = false);

}  // namespace autodiff
