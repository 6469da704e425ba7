// Whole numbers and remainders.
#pragma once

#include "arithmetic.hpp"

namespace autodiff {

/// The largest whole number that is not above x; like the next three, it has no gradient.
template <Real T>
Variable<T> floor(const Variable<T>& x);

/// The smallest whole number that is not below x.
template <Real T>
Variable<T> ceil(const Variable<T>& x);

/// The nearest whole number, of two the even one, as in NumPy.
template <Real T>
Variable<T> round(const Variable<T>& x);

/// x without its digits behind the point.
template <Real T>
Variable<T> trunc(const Variable<T>& x);

namespace detail {
template <Real T>
Variable<T> fmod(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> remainder(const Variable<T>& a, const Variable<T>& b);
}  // namespace detail

// Operands as for the arithmetic operators, whose shapes broadcast.

/// What trunc(a / b) times b leaves of a, exactly: of the sign of a, as C's. NaN for b = 0.
template <class A, class B>
requires Operands<A, B>
auto fmod(A&& a, B&& b) { return detail::mixed(detail::fmod<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b)); }

/// What floor(a / b) times b leaves of a: of the sign of b, as Python's a % b.
template <class A, class B>
requires Operands<A, B>
auto remainder(A&& a, B&& b) {
  return detail::mixed(detail::remainder<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}

}  // namespace autodiff
