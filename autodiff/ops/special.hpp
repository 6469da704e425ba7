// Special functions: what naive formulas get wrong at the extremes, and those that have no formula. Values are as
// SciPy has them, at zero, the infinities and poles, too; every order of derivative is right.
#pragma once

#include "arithmetic.hpp"

namespace autodiff {

/// The cube root, also of negative numbers; its gradient at zero is infinite.
template <Real T>
Variable<T> cbrt(const Variable<T>& x);

/// log(x / (1 - x)), of which logistic is the reverse; NaN outside of 0 to 1.
template <Real T>
Variable<T> logit(const Variable<T>& x);

/// sin(pi x) / (pi x), 1 at zero, as in NumPy; or this derivative of it.
template <Real T>
Variable<T> sinc(const Variable<T>& x, int derivative = 0);

/// 1 - erf(x), exact where that is small.
template <Real T>
Variable<T> erfc(const Variable<T>& x);

/// exp(x^2) erfc(x), which neither underflows nor overflows for positive x.
template <Real T>
Variable<T> erfcx(const Variable<T>& x);

/// The number whose erf is x; infinite, its gradient too, at 1 and -1, NaN beyond.
template <Real T>
Variable<T> erfinv(const Variable<T>& x);

/// The normal distribution function: the probability of a number below x.
template <Real T>
Variable<T> ndtr(const Variable<T>& x);

/// Its logarithm, exact for very negative x, too.
template <Real T>
Variable<T> log_ndtr(const Variable<T>& x);

/// The logarithm of |gamma(x)|, infinite at its poles 0, -1, ...
template <Real T>
Variable<T> lgamma(const Variable<T>& x);

/// The derivative of lgamma; NaN at its poles but 0, where it is infinite.
template <Real T>
Variable<T> digamma(const Variable<T>& x);

/// The n-th derivative of digamma, infinite at its poles. Throws ValueError for n < 0.
template <Real T>
Variable<T> polygamma(int n, const Variable<T>& x);

/// The modified Bessel function of the first kind, of whole order n. Throws ValueError for n < 0.
template <Real T>
Variable<T> bessel_i(int n, const Variable<T>& x);
/// Those of the orders 0 and 1.
template <Real T>
Variable<T> i0(const Variable<T>& x) {
  return bessel_i(0, x);
}
template <Real T>
Variable<T> i1(const Variable<T>& x) {
  return bessel_i(1, x);
}

namespace detail {
template <Real T>
Variable<T> hypot(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> logaddexp(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> xlogy(const Variable<T>& x, const Variable<T>& y);
template <Real T>
Variable<T> betaln(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> beta(const Variable<T>& a, const Variable<T>& b);
}  // namespace detail

// Operands as for the arithmetic operators, whose shapes broadcast.

/// sqrt(a^2 + b^2) without overflow or underflow on the way; its gradient at the origin is zero.
template <class A, class B>
requires Operands<A, B>
auto hypot(A&& a, B&& b) {
  return detail::mixed(detail::hypot<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// log(exp(a) + exp(b)), whatever the size of both; of equal arguments, infinite ones too, each gets half of the
/// gradient.
template <class A, class B>
requires Operands<A, B>
auto logaddexp(A&& a, B&& b) {
  return detail::mixed(detail::logaddexp<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// x log(y), and 0 where x is 0 and y is a number; at x = y = 0 the gradient is zero.
template <class A, class B>
requires Operands<A, B>
auto xlogy(A&& x, B&& y) {
  return detail::mixed(detail::xlogy<ElementOf<A, B>>, std::forward<A>(x), std::forward<B>(y));
}
/// The logarithm of |beta(a, b)|, where beta(a, b) = gamma(a) gamma(b) / gamma(a + b); exact for large positive
/// arguments, too.
template <class A, class B>
requires Operands<A, B>
auto betaln(A&& a, B&& b) {
  return detail::mixed(detail::betaln<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The beta function of positive arguments.
template <class A, class B>
requires Operands<A, B>
auto beta(A&& a, B&& b) { return detail::mixed(detail::beta<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b)); }

}  // namespace autodiff
