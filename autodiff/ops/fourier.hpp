// Signals: discrete Fourier transforms along an axis, where complex numbers are pairs of arrays, real and imaginary,
// and convolutions. Any length will do; those without large prime factors are quickest.
#pragma once

#include <array>

#include "shape.hpp"

namespace autodiff {

/// What of a convolution is given: all of it, as much as the longer signal is long, from the middle, or only where one
/// signal covers the other.
enum class ConvolveMode { full, same, valid };

namespace detail {
template <Real T>
std::array<Variable<T>, 2> fft(const Variable<T>& real, const Variable<T>& imaginary, int axis, bool inverse);
template <Real T>
Variable<T> irfft(const Variable<T>& real, const Variable<T>& imaginary, std::size_t n, int axis);
template <Real T>
Variable<T> convolve(const Variable<T>& a, const Variable<T>& b, ConvolveMode mode);
}  // namespace detail

/// Real and imaginary part of y_k = sum_j x_j exp(-2 pi i j k / n) along the axis, for x given as two arrays of one
/// shape. Throws ShapeError where they have not, or where the axis is empty.
template <class R, class I>
requires Operands<R, I>
auto fft(R&& real, I&& imaginary, int axis = -1) {
  using T = ElementOf<R, I>;
  return detail::fft<T>(to_variable<T>(std::forward<R>(real)), to_variable<T>(std::forward<I>(imaginary)), axis, false);
}
/// The inverse of fft(): with +2 pi i, divided by n.
template <class R, class I>
requires Operands<R, I>
auto ifft(R&& real, I&& imaginary, int axis = -1) {
  using T = ElementOf<R, I>;
  return detail::fft<T>(to_variable<T>(std::forward<R>(real)), to_variable<T>(std::forward<I>(imaginary)), axis, true);
}

/// The same of real numbers, of which the first n / 2 + 1 determine the others. Throws ShapeError for an empty axis.
template <Real T>
std::array<Variable<T>, 2> rfft(const Variable<T>& x, int axis = -1);
/// The inverse of rfft(): n real numbers along the axis, by default 2 (m - 1) of m. Imaginary parts of the first, and
/// of the last where n is even, are taken as zero. Throws ShapeError where the two differ in shape, or m is not n / 2
/// + 1.
template <class R, class I>
requires Operands<R, I>
auto irfft(R&& real, I&& imaginary, std::size_t n = 0, int axis = -1) {
  using T = ElementOf<R, I>;
  return detail::irfft<T>(to_variable<T>(std::forward<R>(real)), to_variable<T>(std::forward<I>(imaginary)), n, axis);
}

/// The sums y_i = sum_j a_(i - j) b_j of signals along the last axis: (..., m) and (..., n) give (..., m + n - 1) in
/// full, max(m, n) as `same`, max(m, n) - min(m, n) + 1 as `valid`, as NumPy has it; other axes broadcast. Short
/// signals by the sums, long ones by Fourier transforms, whose error is that of rounding of the largest element of the
/// result. Throws ShapeError for an empty signal.
template <class A, class B, std::same_as<ConvolveMode> Mode>
requires Operands<A, B>
auto convolve(A&& a, B&& b, Mode mode) {  // not for {}, which are options of images: see convolution.hpp
  using T = ElementOf<A, B>;
  return detail::convolve<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), mode);
}
/// The same in full.
template <class A, class B>
requires Operands<A, B>
auto convolve(A&& a, B&& b) { return convolve(std::forward<A>(a), std::forward<B>(b), ConvolveMode::full); }

}  // namespace autodiff
