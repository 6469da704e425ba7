// Steps of recurrent networks in one pass. Arrays are dense: rows of so many units, or of four times as many, where
// gates i, f, g, o stand side by side.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// gates = (logistic, logistic, tanh, logistic) of x + y; next = f c + i g; h = o tanh(next).
template <class T>
void lstm_cell(std::size_t rows, std::size_t units, const T* x, const T* y, const T* c, T* h, T* next, T* gates);

/// From the cotangents of h and next, those of x + y and of c.
template <class T>
void lstm_cell_gradient(std::size_t rows, std::size_t units, const T* gates, const T* c, const T* of_h,
                        const T* of_next, T* of_gates, T* of_c);

}  // namespace autodiff::kernels
