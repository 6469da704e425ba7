// Random numbers that are computed, not drawn: each is a function of a key, a step and its place, the same on any
// machine and for any number of threads. A program is given another step at each run, and so other numbers; a second
// place that shall be independent of the first takes another key. Keys and steps are whole numbers from 0, held in the
// array's own element type: below 2^24 for float, 2^53 for double. They have no gradient. Where a recording draws twice
// by one key and step, a warning says so once (see set_warnings in error.hpp).
#pragma once

#include "arithmetic.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> random_uniform(const Variable<T>& key, const Variable<T>& step, const Shape& shape);
template <Real T>
Variable<T> random_normal(const Variable<T>& key, const Variable<T>& step, const Shape& shape);
template <Real T>
Variable<T> dropout(const Variable<T>& x, double rate, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_categorical(const Variable<T>& logits, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_gamma(const Variable<T>& shapes, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_beta(const Variable<T>& a, const Variable<T>& b, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_dirichlet(const Variable<T>& a, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_poisson(const Variable<T>& rate, const Variable<T>& key, const Variable<T>& step);
template <Real T>
Variable<T> random_permutation(std::size_t n, const Variable<T>& key, const Variable<T>& step);
}  // namespace detail

// These throw ShapeError unless key and step have one element each, ValueError unless those are whole numbers in range.

/// Numbers of the given shape, uniform in [0, 1): multiples of 2^-24 for float, of 2^-53 for double, whose leading
/// digits are those of the float. By Philox4x32-10: J. Salmon, M. Moraes, R. Dror and D. Shaw, SC 2011.
template <class K, class S>
requires Operands<K, S>
auto random_uniform(K&& key, S&& step, const Shape& shape) {
  using T = ElementOf<K, S>;
  return detail::random_uniform<T>(to_variable<T>(std::forward<K>(key)), to_variable<T>(std::forward<S>(step)), shape);
}

/// Numbers of the given shape, normally distributed with mean 0 and variance 1: at most 5.8 from 0 for float, 8.6 for
/// double. G. Box and M. Muller, 1958.
template <class K, class S>
requires Operands<K, S>
auto random_normal(K&& key, S&& step, const Shape& shape) {
  using T = ElementOf<K, S>;
  return detail::random_normal<T>(to_variable<T>(std::forward<K>(key)), to_variable<T>(std::forward<S>(step)), shape);
}

/// x with each element set to zero with probability `rate`, else divided by 1 - rate, so that its mean stays. Throws
/// ValueError unless 0 <= rate < 1. N. Srivastava et al., Journal of Machine Learning Research 15, 2014, in the form
/// that needs no scaling when the network is used.
template <class X, class K, class S>
requires Operands<X, K, S>
auto dropout(X&& x, double rate, K&& key, S&& step) {
  using T = ElementOf<X, K, S>;
  return detail::dropout<T>(to_variable<T>(std::forward<X>(x)), rate, to_variable<T>(std::forward<K>(key)),
                            to_variable<T>(std::forward<S>(step)));
}

// From here on they throw ValueError for parameters out of range, too; one number for each element of the parameters.

/// A class for each row of logits, with the probabilities of their softmax along the last axis, as numbers from 0: the
/// largest after Gumbel noise. No gradient.
template <class L, class K, class S>
requires Operands<L, K, S>
auto random_categorical(L&& logits, K&& key, S&& step) {
  return detail::mixed(detail::random_categorical<ElementOf<L, K, S>>, std::forward<L>(logits), std::forward<K>(key),
                       std::forward<S>(step));
}

/// Numbers of gamma distributions of these shapes and scale 1, at least the smallest normal number. The gradient by the
/// shape holds the quantile: M. Figurnov, S. Mohamed and A. Mnih, 2018. It is known to second order; a third derivative
/// throws ValueError. By G. Marsaglia and W. Tsang, 2000.
template <class A, class K, class S>
requires Operands<A, K, S>
auto random_gamma(A&& shapes, K&& key, S&& step) {
  return detail::mixed(detail::random_gamma<ElementOf<A, K, S>>, std::forward<A>(shapes), std::forward<K>(key),
                       std::forward<S>(step));
}
/// Numbers of beta distributions, whose parameters broadcast; with gradients like random_gamma, of which it is made.
template <class A, class B, class K, class S>
requires Operands<A, B, K, S>
auto random_beta(A&& a, B&& b, K&& key, S&& step) {
  return detail::mixed(detail::random_beta<ElementOf<A, B, K, S>>, std::forward<A>(a), std::forward<B>(b),
                       std::forward<K>(key), std::forward<S>(step));
}
/// Positive numbers that sum to one along the last axis, of Dirichlet distributions; with gradients likewise.
template <class A, class K, class S>
requires Operands<A, K, S>
auto random_dirichlet(A&& a, K&& key, S&& step) {
  return detail::mixed(detail::random_dirichlet<ElementOf<A, K, S>>, std::forward<A>(a), std::forward<K>(key),
                       std::forward<S>(step));
}
/// Counts of Poisson distributions of these rates. No gradient. By W. Hoermann, 1993.
template <class A, class K, class S>
requires Operands<A, K, S>
auto random_poisson(A&& rate, K&& key, S&& step) {
  return detail::mixed(detail::random_poisson<ElementOf<A, K, S>>, std::forward<A>(rate), std::forward<K>(key),
                       std::forward<S>(step));
}
/// The whole numbers below n in an order of which all are equally likely.
template <class K, class S>
requires Operands<K, S>
auto random_permutation(std::size_t n, K&& key, S&& step) {
  using T = ElementOf<K, S>;
  return detail::random_permutation<T>(n, to_variable<T>(std::forward<K>(key)), to_variable<T>(std::forward<S>(step)));
}

}  // namespace autodiff
