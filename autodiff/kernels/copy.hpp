// Copies between any two layouts of the same shape.
#pragma once

#include "operand.hpp"

namespace autodiff::kernels {

/// y = x, of equal shapes of at most 32 axes. Strides may be zero, negative or permuted on both sides; the
/// elements of y must not overlap those of x, nor (unless they get equal values) one another.
template <class T>
void copy(const Operand<T>& y, const Operand<const T>& x);

/// The n elements of x from number `first` on, in row-major order, one after the other. x has at most 32 axes, and at
/// least one.
template <class T>
void copy_part(T* y, Operand<const T> x, std::size_t first, std::size_t n);

/// y = beta y for n elements that follow each other; zeros, whatever y was, for a beta of 0.
template <class T>
void scale(T* y, std::size_t n, T beta);

/// y += alpha x, under the same conditions.
template <class T>
void add(const Operand<T>& y, const Operand<const T>& x, T alpha);

}  // namespace autodiff::kernels
