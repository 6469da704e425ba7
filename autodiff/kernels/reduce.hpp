// Reductions of dense arrays over any set of axes. Results depend on the shape alone, never on alignment.
#pragma once

#include <cstddef>
#include <cstdint>

#include "operand.hpp"

namespace autodiff::kernels {

// x is dense with `shape`, at most 32 axes; bit i of `reduced` set: axis i is reduced; y is dense with the
// axes that are kept. Only reductions over two or more separated groups of axes allocate.

/// The sum, with an error that grows like the logarithm of the number of terms; 0 of no terms.
template <class T>
void sum(T* y, const T* x, Dims shape, std::uint32_t reduced);
/// The maximum, a NaN if there is one; -infinity of no elements.
template <class T>
void max(T* y, const T* x, Dims shape, std::uint32_t reduced);
/// The minimum, a NaN if there is one; infinity of no elements.
template <class T>
void min(T* y, const T* x, Dims shape, std::uint32_t reduced);

/// Reduces the middle axis of x, dense (outer, n, inner), into y (outer, inner), on its own bounded memory.
template <class T>
using Reduce = void (*)(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

template <class T>
void sum_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);
template <class T>
void max_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);
template <class T>
void min_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

/// Where along the middle axis of (outer, n, inner) the first of the largest elements is; a NaN counts as
/// the largest. y is (outer, inner).
template <class T>
void argmax(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);
/// The same of the smallest; a NaN counts as the smallest.
template <class T>
void argmin(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner);

}  // namespace autodiff::kernels
