// Losses beyond the two of softmax.hpp, and what they are made of. All are put together from other operations, so that
// programs fuse them, and every derivative follows.
#pragma once

#include <optional>

#include "softmax.hpp"

namespace autodiff {

/// softmax(-x).
template <Real T>
Variable<T> softmin(const Variable<T>& x, int axis = -1);

/// The point of the simplex that is next to x along an axis: positive numbers and zeros that sum to one. A. Martins and
/// R. Astudillo, "From softmax to sparsemax", ICML 2016.
template <Real T>
Variable<T> sparsemax(const Variable<T>& x, int axis = -1);

/// Half of an axis times the logistic function of its other half. Throws ShapeError for an odd length. Y. Dauphin et
/// al., 2017.
template <Real T>
Variable<T> glu(const Variable<T>& x, int axis = -1);

struct CrossEntropyOptions {
  /// Rows of this class count for nothing: -100, say.
  std::optional<double> ignore_index = {};
};

namespace detail {
template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, const Variable<T>& classes, const CrossEntropyOptions&);
template <Real T>
Variable<T> binary_cross_entropy(const Variable<T>& logits, const Variable<T>& target, const Variable<T>& pos_weight);
template <Real T>
Variable<T> gaussian_nll(const Variable<T>& mean, const Variable<T>& target, const Variable<T>& variance, double least);
template <Real T>
Variable<T> poisson_nll(const Variable<T>& log_rate, const Variable<T>& target);
template <Real T>
Variable<T> cosine_similarity(const Variable<T>& a, const Variable<T>& b, int axis, double least);
template <Real T>
Variable<T> triplet_loss(const Variable<T>& anchor, const Variable<T>& positive, const Variable<T>& negative,
                         double margin);
template <Real T>
Variable<T> ctc_loss(const Variable<T>& log_probabilities, const Variable<T>& targets, const Variable<T>& lengths,
                     const Variable<T>& target_lengths, std::size_t blank);
}  // namespace detail

// Arguments are variables, arrays, lazy expressions and numbers, at least one a variable.

/// The mean cross-entropy of those rows whose class is not to be ignored, NaN if there are none, as in PyTorch: logits
/// (..., classes), a class a row.
template <class A, class B>
requires Operands<A, B>
auto softmax_cross_entropy(A&& logits, B&& classes, const CrossEntropyOptions& options) {
  using T = ElementOf<A, B>;
  return detail::softmax_cross_entropy<T>(to_variable<T>(std::forward<A>(logits)),
                                          to_variable<T>(std::forward<B>(classes)), options);
}

/// The mean cross-entropy between targets from 0 to 1 and logistic(logits); what is 1 counts `pos_weight` times, which
/// broadcasts.
template <class A, class B, class W = double>
requires(Operands<A, B>&& AnyOperand<W>) auto binary_cross_entropy_with_logits(A&& logits, B&& target,
                                                                               W&& pos_weight = 1) {
  using T = ElementOf<A, B>;
  return detail::binary_cross_entropy<T>(to_variable<T>(std::forward<A>(logits)),
                                         to_variable<T>(std::forward<B>(target)),
                                         to_variable<T>(std::forward<W>(pos_weight)));
}

/// The mean of (log(v) + (target - mean)^2 / v) / 2, where v is the variance or `least`, whichever is larger; the
/// gradient flows past that bound, as in PyTorch. D. Nix and A. Weigend, 1994.
template <class A, class B, class C>
requires Operands<A, B, C>
auto gaussian_nll(A&& mean, B&& target, C&& variance, double least = 1e-6) {
  using T = ElementOf<A, B, C>;
  return detail::gaussian_nll<T>(to_variable<T>(std::forward<A>(mean)), to_variable<T>(std::forward<B>(target)),
                                 to_variable<T>(std::forward<C>(variance)), least);
}

/// The mean of exp(log_rate) - target * log_rate: the negative log-likelihood of counts but for a constant.
template <class A, class B>
requires Operands<A, B>
auto poisson_nll(A&& log_rate, B&& target) {
  return detail::mixed(detail::poisson_nll<ElementOf<A, B>>, std::forward<A>(log_rate), std::forward<B>(target));
}

/// The cosine of the angle between a and b along an axis; lengths count as `least` at least.
template <class A, class B>
requires Operands<A, B>
auto cosine_similarity(A&& a, B&& b, int axis = -1, double least = 1e-8) {
  using T = ElementOf<A, B>;
  return detail::cosine_similarity<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), axis,
                                      least);
}

/// The mean of what the distance (along the last axis) to the positive example exceeds that to the negative one by,
/// less the margin, where that is positive. V. Balntas et al., 2016.
template <class A, class B, class C>
requires Operands<A, B, C>
auto triplet_loss(A&& anchor, B&& positive, C&& negative, double margin = 1) {
  using T = ElementOf<A, B, C>;
  return detail::triplet_loss<T>(to_variable<T>(std::forward<A>(anchor)), to_variable<T>(std::forward<B>(positive)),
                                 to_variable<T>(std::forward<C>(negative)), margin);
}

/// Minus the logarithm of the probability of each target sequence, any of its labels repeated and with blanks between
/// them: log_probabilities (time, batch, classes), targets (batch, most labels), lengths (batch) of each, whole
/// numbers; gives (batch), infinite where a target does not fit. Throws ShapeError for shapes that do not fit, and
/// ValueError, at every run, for a label or length out of range. A. Graves et al., ICML 2006.
template <class A, class B, class C, class D>
requires Operands<A, B, C, D>
auto ctc_loss(A&& log_probabilities, B&& targets, C&& lengths, D&& target_lengths, std::size_t blank = 0) {
  using T = ElementOf<A, B, C, D>;
  return detail::ctc_loss<T>(to_variable<T>(std::forward<A>(log_probabilities)),
                             to_variable<T>(std::forward<B>(targets)), to_variable<T>(std::forward<C>(lengths)),
                             to_variable<T>(std::forward<D>(target_lengths)), blank);
}

}  // namespace autodiff
