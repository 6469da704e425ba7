// Convolutions of images with kernels, and their derivatives; images as columns of a matrix.
#pragma once

#include <array>
#include <cstddef>

namespace autodiff::kernels {

/// Images (samples, channels, input...), kernels (filters, channels / groups, kernel...) and results (samples, filters,
/// output...), all dense, of three axes of space: those that are not there have length one. `front` zeros stand before
/// the first element of an axis, as many as are needed behind the last one.
struct Convolution {
  using Lengths = std::array<std::size_t, 3>;
  std::size_t samples, channels, filters, groups;
  Lengths input, kernel, output, stride, dilation, front;
};

// Each gives the same bits for any number of threads.

/// y[n, f, o] = bias[f] + sum over channels c of f's group and k of x[n, c, o stride + k dilation - front] kernel[f, c,
/// k]; no bias for a null pointer.
template <class T>
void convolve_images(T* y, const T* x, const T* kernel, const T* bias, const Convolution& c);
/// The same sums by x in place of y: what flows back to the images.
template <class T>
void convolve_transposed(T* x, const T* y, const T* kernel, const Convolution& c);
/// The same sums by the kernel.
template <class T>
void convolve_kernel(T* kernel, const T* x, const T* y, const Convolution& c);

/// What each element of a result is computed from: columns (samples, channels, kernel, output).
template <class T>
void unfold(T* columns, const T* x, const Convolution& c);
/// Its transpose: adds all columns up where they were taken.
template <class T>
void fold(T* x, const T* columns, const Convolution& c);

}  // namespace autodiff::kernels
