#include "activations.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ACTIVATIONS(AUTODIFF_COMPILE)

}  // namespace autodiff
