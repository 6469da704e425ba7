// Elementary functions of one argument.
#pragma once

#include "arithmetic.hpp"

namespace autodiff {

/// |x|; its gradient at zero is zero.
template <Real T>
Variable<T> abs(const Variable<T>& x);

/// 1, 0 or -1; has no gradient.
template <Real T>
Variable<T> sign(const Variable<T>& x);

/// e to the power of x.
template <Real T>
Variable<T> exp(const Variable<T>& x);

/// e^x - 1, exact for small x.
template <Real T>
Variable<T> expm1(const Variable<T>& x);

/// The natural logarithm.
template <Real T>
Variable<T> log(const Variable<T>& x);

/// The logarithms to the bases 2 and 10, exact for their whole powers.
template <Real T>
Variable<T> log2(const Variable<T>& x);
template <Real T>
Variable<T> log10(const Variable<T>& x);

/// 2 to the power of x, exact for whole numbers.
template <Real T>
Variable<T> exp2(const Variable<T>& x);

/// log(1 + x), exact for small x.
template <Real T>
Variable<T> log1p(const Variable<T>& x);

/// The square root; its gradient at zero is infinite.
template <Real T>
Variable<T> sqrt(const Variable<T>& x);

/// 1 / sqrt(x).
template <Real T>
Variable<T> rsqrt(const Variable<T>& x);

/// x times x.
template <Real T>
Variable<T> square(const Variable<T>& x);

/// 1 / x.
template <Real T>
Variable<T> reciprocal(const Variable<T>& x);

/// The sine of an angle in radians.
template <Real T>
Variable<T> sin(const Variable<T>& x);

/// The cosine of an angle in radians.
template <Real T>
Variable<T> cos(const Variable<T>& x);

/// The tangent of an angle in radians.
template <Real T>
Variable<T> tan(const Variable<T>& x);

/// The angle in radians whose sine is x.
template <Real T>
Variable<T> asin(const Variable<T>& x);

/// The angle in radians whose cosine is x.
template <Real T>
Variable<T> acos(const Variable<T>& x);

/// The angle in radians whose tangent is x.
template <Real T>
Variable<T> atan(const Variable<T>& x);

/// The hyperbolic sine.
template <Real T>
Variable<T> sinh(const Variable<T>& x);

/// The hyperbolic cosine.
template <Real T>
Variable<T> cosh(const Variable<T>& x);

/// The hyperbolic tangent.
template <Real T>
Variable<T> tanh(const Variable<T>& x);

/// The number whose hyperbolic sine is x.
template <Real T>
Variable<T> asinh(const Variable<T>& x);

/// The number, at least 0, whose hyperbolic cosine is x; its gradient at 1 is infinite. NaN below 1.
template <Real T>
Variable<T> acosh(const Variable<T>& x);

/// The number whose hyperbolic tangent is x; its gradient at 1 and -1 is infinite. NaN beyond.
template <Real T>
Variable<T> atanh(const Variable<T>& x);

/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
template <Real T>
Variable<T> erf(const Variable<T>& x);

}  // namespace autodiff
