// Softmax and the losses: fused where the parts alone would overflow or lose digits.
#pragma once

#include "reduce.hpp"

namespace autodiff {

// Along an axis, these throw AxisError for an axis that the array does not have.

/// e^x divided by its sum along the axis: positive numbers that sum to one, whatever the size of x. NaN along an axis
/// with an infinity, or with nothing but minus infinities.
template <Real T>
Variable<T> softmax(const Variable<T>& x, int axis = -1);
/// The logarithm of softmax(x), without taking the logarithm of an underflown number.
template <Real T>
Variable<T> log_softmax(const Variable<T>& x, int axis = -1);
/// log(sum(exp(x))) over any axes, whatever the size of x; minus infinity over empty ones.
template <Real T>
Variable<T> logsumexp(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

namespace detail {
template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, const Variable<T>& target);
template <Real T>
Variable<T> softmax_cross_entropy_of_rows(const Variable<T>& logits, const Variable<T>& target);
template <Real T>
Variable<T> squared_error(const Variable<T>& prediction, const Variable<T>& target);
}  // namespace detail

/// The cross-entropy between target and softmax(logits) for each row, in nats: logits (..., classes); target of the
/// same shape (rows of probabilities, or of any weights), or without the last axis (a class a row, from 0). Throws
/// ShapeError for other shapes or no rows, ValueError for a class that is not a whole number in range, and for logits
/// that are the recorded result of a softmax, of which it would take the softmax again.
template <class A, class B>
requires Operands<A, B>
auto softmax_cross_entropy_of_rows(A&& logits, B&& target) {
  using T = ElementOf<A, B>;
  return detail::softmax_cross_entropy_of_rows<T>(to_variable<T>(std::forward<A>(logits)),
                                                  to_variable<T>(std::forward<B>(target)));
}
/// The mean of that over all rows.
template <class A, class B>
requires Operands<A, B>
auto softmax_cross_entropy(A&& logits, B&& target) {
  using T = ElementOf<A, B>;
  return detail::softmax_cross_entropy<T>(to_variable<T>(std::forward<A>(logits)),
                                          to_variable<T>(std::forward<B>(target)));
}

/// The squared differences summed over a sample's outputs, and their mean over the samples, which are the first axis.
/// Throws ShapeError when the shapes differ or there are no samples.
template <class A, class B>
requires Operands<A, B>
auto squared_error(A&& prediction, B&& target) {
  using T = ElementOf<A, B>;
  return detail::squared_error<T>(to_variable<T>(std::forward<A>(prediction)), to_variable<T>(std::forward<B>(target)));
}

}  // namespace autodiff
