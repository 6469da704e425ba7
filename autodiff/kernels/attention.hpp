// Attention by blocks of queries and keys, so that no matrix of all scores exists at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace autodiff::kernels {

/// Row-major, rows at a distance.
template <class T>
struct Rows {
  T* data;
  std::size_t distance;
  T* row(std::size_t i) const { return data + i * distance; }
};

/// One attention: queries (m, width), keys (n, width), values (n, values). A query sees the keys where the mask, if it
/// is not null, is not zero; its steps may be zero. Causal: the last query sees all keys, the one before all but one.
/// A weight is dropped where the random number of key and step at `place`, plus the place of the weight in (m, n), is
/// below the rate; others are divided by 1 - rate.
template <class T>
struct Attention {
  std::size_t m, n, width, value_width;
  T scale;
  bool causal;
  Rows<const T> q, k, v;
  const T* mask;
  std::ptrdiff_t mask_row, mask_column;
  T rate = 0;
  std::uint64_t key = 0, step = 0, place = 0;
};

/// y (m, values) = softmax(scale q k^T) v, zeros for a query that sees no key, and the logarithm of the sum of the
/// exponentials of each row, infinity there. T. Dao, D. Fu, S. Ermon, A. Rudra and C. Ré, "FlashAttention", 2022. Same
/// bits for any number of threads.
template <class T>
void attention(const Attention<T>& a, T* y, T* logsumexp);

/// Given y and the cotangent of y, both dense, those of queries, keys and values, dense; weights are computed again.
template <class T>
void attention_gradient(const Attention<T>& a, const T* y, const T* logsumexp, const T* cotangent, T* dq, T* dk, T* dv);

}  // namespace autodiff::kernels
