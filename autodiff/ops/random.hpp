// Random numbers that are computed, not drawn: each is a function of a key, a step and its place, the same on any
// machine and for any number of threads. A program is given another step at each run, and so other numbers; a second
// place that shall be independent of the first takes another key. Keys and steps are whole numbers from 0, held in the
// array's own element type: below 2^24 for float, 2^53 for double. They have no gradient.
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

}  // namespace autodiff
