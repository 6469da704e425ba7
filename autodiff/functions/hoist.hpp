// What a step of a loop computes from what all steps share: once, before the loop.
#pragma once

#include "../function.hpp"

namespace autodiff::detail {

/// A function as two: what follows from its fixed inputs alone, and the rest, to which that is given as further inputs.
template <Real T>
struct Hoisted {
  std::shared_ptr<const RecordedFunction<T>> before, rest;  // null where there is nothing to compute before
};

/// `first_fixed` and the inputs behind it are those that are the same in many calls. Views and what may throw stay
/// where they are. Operations are given what they read in the form that spares them work: see Primitive::prepared.
template <Real T>
Hoisted<T> hoist(std::string_view caller, const RecordedFunction<T>& function, std::size_t first_fixed);

}  // namespace autodiff::detail
