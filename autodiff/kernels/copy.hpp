// Copies between any two layouts of the same shape.
#pragma once

#include "operand.hpp"

namespace autodiff::kernels {

/// y = x, of equal shapes of at most 32 axes. Strides may be zero, negative or permuted on both sides; the
/// elements of y must not overlap those of x, nor (unless they get equal values) one another.
template <class T>
void copy(Operand<T> y, Operand<const T> x);

/// y += alpha x, under the same conditions.
template <class T>
void add(Operand<T> y, Operand<const T> x, T alpha);

}  // namespace autodiff::kernels
