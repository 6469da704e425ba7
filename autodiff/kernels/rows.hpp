// What is computed along one axis and keeps it: softmax and its kin, running sums. Arrays are dense
// (outer, n, inner), and the axis is the middle one. y may be x.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// exp(x) / sum(exp(x)), for inputs of any size. NaN along an axis with infinity, or with nothing but -infinity.
template <class T>
void softmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

/// log(softmax(x)), as (x - max) - log(sum(exp(x - max))), so that a large common offset costs no digits.
template <class T>
void log_softmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

/// log(sum(exp(x))), shape (outer, inner); -infinity where all are -infinity, or where there are none.
template <class T>
void logsumexp(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

/// y_i = x_0 + ... + x_i, or x_i + ... + x_(n-1) in reverse, added up in double.
template <class T>
void cumulative_sum(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner, bool reverse);

/// y_row = -sum_j target_j z_j of (rows, n) arrays; where target_j is 0, so is its term.
template <class T>
void cross_entropy(T* y, const T* z, const T* target, std::size_t rows, std::size_t n);

}  // namespace autodiff::kernels
