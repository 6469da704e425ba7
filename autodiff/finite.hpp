// The hunt for the first value that is not finite.
#pragma once

#include <span>
#include <string_view>

#include "array.hpp"

namespace autodiff {

/// Throws ValueError that names the operation, `what` with its shape and its first element that is infinite or NaN, and
/// the shapes of the inputs, if any; does nothing if all elements are finite. `y` is dense.
template <Real T>
void require_finite(std::string_view operation, std::string_view what, Operand<const T> y,
                    std::span<const Dims> inputs = {});

}  // namespace autodiff
