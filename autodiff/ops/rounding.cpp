#include "structs/rounding.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ROUNDING(AUTODIFF_COMPILE)

AUTODIFF_FUNCTION(floor, Floor)
AUTODIFF_FUNCTION(ceil, Ceil)
AUTODIFF_FUNCTION(round, Round)
AUTODIFF_FUNCTION(trunc, Trunc)

namespace detail {

AUTODIFF_FUNCTION_OF_TWO(fmod, Fmod)
AUTODIFF_FUNCTION_OF_TWO(remainder, Remainder)

}  // namespace detail

}  // namespace autodiff
