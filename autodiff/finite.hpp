// The hunt for the first value that is not finite.
#pragma once

#include <span>
#include <string_view>

#include "array.hpp"

namespace autodiff {

/// Throws ValueError that names the operation, the shapes of its result and inputs, and the first element of the result,
/// which is dense, that is infinite or NaN; does nothing if there is none.
template <Real T>
void require_finite(std::string_view operation, Operand<const T> y, std::span<const Dims> inputs);

}  // namespace autodiff
