// Discrete Fourier transforms, by the one that Eigen ships (KISS FFT), and convolutions of rows; complex numbers are
// pairs of arrays. Of any length, slowly where that has a large prime factor. Rows are spread over threads, with the
// same bits for any number of them.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// y_k = sum_j x_j exp(-2 pi i j k / n) of each row, with +2 pi i if inverse; nothing is divided by n. y is not x.
template <class T>
void fourier(T* y_real, T* y_imaginary, const T* x_real, const T* x_imaginary, std::size_t rows, std::size_t n,
             bool inverse);

/// The first n / 2 + 1 of these for rows that are real.
template <class T>
void real_fourier(T* y_real, T* y_imaginary, const T* x, std::size_t rows, std::size_t n);

/// The reverse, times n: rows of n real numbers, from the n / 2 + 1 that determine them. Imaginary parts that must be
/// zero are taken as zero.
template <class T>
void inverse_real_fourier(T* y, const T* x_real, const T* x_imaginary, std::size_t rows, std::size_t n);

/// y_i = sum_j a_(first + i - j) b_j for i in [0, length), beyond whose ends a and b are zero: by the sum itself where
/// that is little work, else by transforms.
template <class T>
void convolve(T* y, const T* a, std::size_t a_length, const T* b, std::size_t b_length, std::ptrdiff_t first,
              std::size_t length);

}  // namespace autodiff::kernels
