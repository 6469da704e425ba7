// Convolutions by oneDNN, whose code is made for a shape and a processor.
#pragma once

#include "convolution.hpp"

namespace autodiff::kernels {

// What the functions of the same names in convolution.hpp do, with the same bits for any number of threads. Each
// returns whether it did it: the library has no fast code for all shapes.

bool library_convolve(float* y, const float* x, const float* kernel, const float* bias, const Convolution& c);
bool library_transposed(float* x, const float* y, const float* kernel, const Convolution& c);
bool library_kernel(float* kernel, const float* x, const float* y, const Convolution& c);

}  // namespace autodiff::kernels
