// Operands laid out in memory in all the ways that views give, and views of views: what programs read in place must
// give what the tape gives, which copies.
#pragma once

#include "cases.hpp"

namespace test {

/// Which layouts the operands of a case are given at the same time.
enum class Together { some, every_pair };

/// Gives each operand of the case in turn, and then all of them together, as views of other arrays, transposed, cut,
/// shifted, repeated, reversed and strided; of inputs as they are, and of what is computed. Exact programs must give
/// the bits of the tape, and default ones its values but for rounding, recorded gradients included. "" or the first
/// difference: the layouts, the program and the element.
std::string differing_layout(const Case& c, Together together = Together::some);

}  // namespace test
