// Arithmetic, comparison and choice: elementwise operations of two or three arguments, and the operators.
#pragma once

#include <optional>

#include "../variable.hpp"

namespace autodiff {

namespace detail {

// The functions of variables alone, compiled in the library.
template <Real T>
Variable<T> add(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> sub(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> mul(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> div(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> pow(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> maximum(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> minimum(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> atan2(const Variable<T>& y, const Variable<T>& x);
template <Real T>
Variable<T> equal(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> not_equal(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> less(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> less_equal(const Variable<T>& a, const Variable<T>& b);
template <Real T>
Variable<T> where(const Variable<T>& condition, const Variable<T>& a, const Variable<T>& b);

/// f of operands of any kind, as variables.
template <class F, class... As>
auto mixed(F f, As&&... as) {
  return f(to_variable<ElementOf<As...>>(std::forward<As>(as))...);
}

}  // namespace detail

// Arguments of the functions below are variables, arrays, lazy expressions and numbers, at least one a variable; shapes
// broadcast. They throw ShapeError when the shapes do not broadcast, TapeError when variables of two tapes are mixed.

/// The sum a + b.
template <class A, class B>
requires Operands<A, B>
auto operator+(A&& a, B&& b) {
  return detail::mixed(detail::add<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The difference a - b.
template <class A, class B>
requires Operands<A, B>
auto operator-(A&& a, B&& b) {
  return detail::mixed(detail::sub<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The product a * b, element by element.
template <class A, class B>
requires Operands<A, B>
auto operator*(A&& a, B&& b) {
  return detail::mixed(detail::mul<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The quotient a / b.
template <class A, class B>
requires Operands<A, B>
auto operator/(A&& a, B&& b) {
  return detail::mixed(detail::div<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The number of opposite sign, -a.
template <Real T>
Variable<T> neg(const Variable<T>& a);
template <class A>
requires AnyVariable<A>
auto operator-(A&& a) { return neg(to_variable<ElementOf<A>>(a)); }

/// The sum a + b, and so on: the operators by name.
template <class A, class B>
requires Operands<A, B>
auto add(A&& a, B&& b) { return std::forward<A>(a) + std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto sub(A&& a, B&& b) { return std::forward<A>(a) - std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto mul(A&& a, B&& b) { return std::forward<A>(a) * std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto div(A&& a, B&& b) { return std::forward<A>(a) / std::forward<B>(b); }

/// a to the power of b. The gradient with respect to b needs a >= 0; at a = 0 it is 0 for b >= 0.
template <class A, class B>
requires Operands<A, B>
auto pow(A&& a, B&& b) { return detail::mixed(detail::pow<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b)); }
/// The larger of a and b; where they are equal, each gets half of the gradient. NaN wins.
template <class A, class B>
requires Operands<A, B>
auto maximum(A&& a, B&& b) {
  return detail::mixed(detail::maximum<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The smaller of a and b; where they are equal, each gets half of the gradient. NaN wins.
template <class A, class B>
requires Operands<A, B>
auto minimum(A&& a, B&& b) {
  return detail::mixed(detail::minimum<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
/// The angle of the point (x, y), in radians from -pi to pi.
template <class A, class B>
requires Operands<A, B>
auto atan2(A&& y, B&& x) {
  return detail::mixed(detail::atan2<ElementOf<A, B>>, std::forward<A>(y), std::forward<B>(x));
}
/// a where the condition is not zero, else b. No gradient flows to the condition.
template <class C, class A, class B>
requires Operands<C, A, B>
auto where(C&& condition, A&& a, B&& b) {
  return detail::mixed(detail::where<ElementOf<C, A, B>>, std::forward<C>(condition), std::forward<A>(a),
                       std::forward<B>(b));
}

/// x itself, through which no gradient flows. It is recorded: a program computes it anew at each run. What shall stay
/// as it is now is entered as a value: tape.constant(x.value()).
template <Real T>
Variable<T> stop_gradient(const Variable<T>& x);
/// PyTorch's name for it; a plain value is itself.
template <Real T>
Variable<T> detach(const Variable<T>& x) {
  return x.recorded() ? stop_gradient(x) : x;
}

/// Comparisons, element by element: 1 where true, 0 where false. They have no gradient.
template <class A, class B>
requires Operands<A, B>
auto operator==(A&& a, B&& b) {
  return detail::mixed(detail::equal<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
requires Operands<A, B>
auto operator!=(A&& a, B&& b) {
  return detail::mixed(detail::not_equal<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
requires Operands<A, B>
auto operator<(A&& a, B&& b) {
  return detail::mixed(detail::less<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
requires Operands<A, B>
auto operator<=(A&& a, B&& b) {
  return detail::mixed(detail::less_equal<ElementOf<A, B>>, std::forward<A>(a), std::forward<B>(b));
}
template <class A, class B>
requires Operands<A, B>
auto operator>(A&& a, B&& b) { return std::forward<B>(b) < std::forward<A>(a); }
template <class A, class B>
requires Operands<A, B>
auto operator>=(A&& a, B&& b) { return std::forward<B>(b) <= std::forward<A>(a); }

/// The comparisons by name.
template <class A, class B>
requires Operands<A, B>
auto equal(A&& a, B&& b) { return std::forward<A>(a) == std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto not_equal(A&& a, B&& b) { return std::forward<A>(a) != std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto less(A&& a, B&& b) { return std::forward<A>(a) < std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto less_equal(A&& a, B&& b) { return std::forward<A>(a) <= std::forward<B>(b); }

/// Conditions put together, as in where(x > 0 && x < 1, a, b): 1 for true and 0 for false. What is not zero counts as
/// true, NaN too. Both sides are computed, and have no gradient.
template <class A, class B>
requires Operands<A, B>
auto operator&&(A&& a, B&& b) { return (std::forward<A>(a) != 0) * (std::forward<B>(b) != 0); }
template <class A, class B>
requires Operands<A, B>
auto operator||(A&& a, B&& b) { return ((std::forward<A>(a) != 0) + (std::forward<B>(b) != 0)) != 0; }
template <class A>
requires AnyVariable<A>
auto operator!(A&& a) { return std::forward<A>(a) == 0; }

/// 1 where x is not a number, is one of the infinities, or is neither; else 0.
template <Real T>
Variable<T> isnan(const Variable<T>& x);
template <Real T>
Variable<T> isinf(const Variable<T>& x);
template <Real T>
Variable<T> isfinite(const Variable<T>& x);

/// x with other numbers for NaN and the infinities, by default the largest and smallest of T. Where x is replaced, no
/// gradient flows.
template <Real T>
Variable<T> nan_to_num(const Variable<T>& x, double nan = 0, std::optional<double> positive = {},
                       std::optional<double> negative = {});

/// x with `value`, a number or an array, where the mask is not zero: where(mask, value, x).
template <class X, class M, class A>
requires Operands<X, M, A>
auto masked_fill(X&& x, M&& mask, A&& value) {
  return where(std::forward<M>(mask), std::forward<A>(value), std::forward<X>(x));
}

/// a += b: in place when the array is a plain value that nobody else shares, else a = a + b.
template <Real T>
Variable<T>& accumulate(Variable<T>& a, const Variable<T>& b);

template <Real T>
template <class A>
Variable<T>& Variable<T>::operator+=(A&& a) {
  return accumulate(*this, to_variable<T>(std::forward<A>(a)));
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator-=(A&& a) {
  return *this = *this - std::forward<A>(a);
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator*=(A&& a) {
  return *this = *this * std::forward<A>(a);
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator/=(A&& a) {
  return *this = *this / std::forward<A>(a);
}

}  // namespace autodiff
