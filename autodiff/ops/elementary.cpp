#include "structs/elementary.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ELEMENTARY(AUTODIFF_COMPILE)

AUTODIFF_FUNCTION(abs, Abs)
AUTODIFF_FUNCTION(sign, Sign)
AUTODIFF_FUNCTION(exp, Exp)
AUTODIFF_FUNCTION(expm1, Expm1)
AUTODIFF_FUNCTION(log, Log)
AUTODIFF_FUNCTION(log1p, Log1p)
AUTODIFF_FUNCTION(sqrt, Sqrt)
AUTODIFF_FUNCTION(rsqrt, Rsqrt)
AUTODIFF_FUNCTION(square, Square)
AUTODIFF_FUNCTION(reciprocal, Reciprocal)
AUTODIFF_FUNCTION(sin, Sin)
AUTODIFF_FUNCTION(cos, Cos)
AUTODIFF_FUNCTION(tan, Tan)
AUTODIFF_FUNCTION(asin, Asin)
AUTODIFF_FUNCTION(acos, Acos)
AUTODIFF_FUNCTION(atan, Atan)
AUTODIFF_FUNCTION(sinh, Sinh)
AUTODIFF_FUNCTION(cosh, Cosh)
AUTODIFF_FUNCTION(tanh, Tanh)
AUTODIFF_FUNCTION(erf, Erf)

}  // namespace autodiff
