#include "elementary.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ELEMENTARY(AUTODIFF_COMPILE)

}  // namespace autodiff
