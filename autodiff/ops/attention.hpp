// Attention: weighted means of values, whose weights say how well queries and keys agree.
#pragma once

#include "linalg.hpp"

namespace autodiff {

struct AttentionOptions {
  /// Of the products of queries and keys; by default 1 / sqrt(width).
  std::optional<double> scale = {};
  /// The last query sees all keys, the one before all but the last key, and so on.
  bool causal = false;
};

namespace detail {
/// The mask may be empty, and key and step where nothing is dropped.
template <Real T>
Variable<T> scaled_dot_product_attention(const Variable<T>& q, const Variable<T>& k, const Variable<T>& v,
                                         const Variable<T>& mask, const AttentionOptions& options, double rate = 0,
                                         const Variable<T>& key = {}, const Variable<T>& step = {});
template <Real T>
Variable<T> attention_weights(const Variable<T>& q, const Variable<T>& k, const Variable<T>& mask,
                              const AttentionOptions& options);
}  // namespace detail

/// softmax(scale q k^T) v: queries (..., m, width), keys (..., n, width) and values (..., n, e) give (..., m, e); axes
/// in front broadcast. Computed by blocks, here and in its gradient, so that memory does not grow with m n; a second
/// derivative needs all weights at once. Throws ShapeError for shapes that do not fit. A. Vaswani et al., "Attention is
/// all you need", 2017; T. Dao, D. Fu, S. Ermon, A. Rudra and C. Ré, "FlashAttention", 2022.
template <class Q, class K, class V>
requires Operands<Q, K, V>
auto scaled_dot_product_attention(Q&& q, K&& k, V&& v, const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K, V>;
  return detail::scaled_dot_product_attention<T>(to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)),
                                                 to_variable<T>(std::forward<V>(v)), Variable<T>(), options);
}
/// The same where queries see those keys alone for which the mask, which broadcasts to (..., m, n), is not zero; a
/// query that sees none gives zeros. No gradient flows to the mask.
template <class Q, class K, class V, class M>
requires Operands<Q, K, V, M>
auto scaled_dot_product_attention(Q&& q, K&& k, V&& v, M&& mask, const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K, V, M>;
  return detail::scaled_dot_product_attention<T>(to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)),
                                                 to_variable<T>(std::forward<V>(v)),
                                                 to_variable<T>(std::forward<M>(mask)), options);
}

/// The same where weights are dropped, each as by dropout(weights, rate, key, step) of all of them, which is drawn by
/// blocks, too: 0 with probability `rate`, else divided by 1 - rate. The gradient drops the same ones. Throws
/// ValueError unless 0 <= rate < 1, and what dropout throws of key and step.
template <class Q, class K, class V, class Key, class Step>
requires Operands<Q, K, V, Key, Step>
auto scaled_dot_product_attention(Q&& q, K&& k, V&& v, double rate, Key&& key, Step&& step,
                                  const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K, V, Key, Step>;
  return detail::scaled_dot_product_attention<T>(
      to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)), to_variable<T>(std::forward<V>(v)),
      Variable<T>(), options, rate, to_variable<T>(std::forward<Key>(key)), to_variable<T>(std::forward<Step>(step)));
}
/// The same with a mask.
template <class Q, class K, class V, class M, class Key, class Step>
requires Operands<Q, K, V, M, Key, Step>
auto scaled_dot_product_attention(Q&& q, K&& k, V&& v, M&& mask, double rate, Key&& key, Step&& step,
                                  const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K, V, M, Key, Step>;
  return detail::scaled_dot_product_attention<T>(
      to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)), to_variable<T>(std::forward<V>(v)),
      to_variable<T>(std::forward<M>(mask)), options, rate, to_variable<T>(std::forward<Key>(key)),
      to_variable<T>(std::forward<Step>(step)));
}

/// The weights alone, softmax(scale q k^T), (..., m, n): to be looked at.
template <class Q, class K>
requires Operands<Q, K>
auto attention_weights(Q&& q, K&& k, const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K>;
  return detail::attention_weights<T>(to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)),
                                      Variable<T>(), options);
}
/// The same with a mask.
template <class Q, class K, class M>
requires Operands<Q, K, M>
auto attention_weights(Q&& q, K&& k, M&& mask, const AttentionOptions& options = {}) {
  using T = ElementOf<Q, K, M>;
  return detail::attention_weights<T>(to_variable<T>(std::forward<Q>(q)), to_variable<T>(std::forward<K>(k)),
                                      to_variable<T>(std::forward<M>(mask)), options);
}

}  // namespace autodiff
