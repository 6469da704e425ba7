#include "fourier.hpp"

#include <algorithm>
#include <complex>
#include <unsupported/Eigen/FFT>
#include <vector>

#include "threads.hpp"

namespace autodiff::kernels {
namespace {

using Complex = std::complex<double>;

/// That of this thread, which keeps the plans of the lengths that it met. In double for float, too: its roots of unity
/// are rounded as its numbers are.
Eigen::FFT<double>& transform() {
  thread_local Eigen::FFT<double> kept(
      Eigen::default_fft_impl<double>(),
      Eigen::FFT<double>::Flag(int(Eigen::FFT<double>::Unscaled) | int(Eigen::FFT<double>::HalfSpectrum)));
  return kept;
}

/// Calls f(row) for all rows, in parts of some work.
template <class F>
void each_row(std::size_t rows, std::size_t length, const F& f) {
  share_out(rows, length, 1 << 14, [&](std::size_t row, std::size_t end) {
    for (; row < end; ++row) f(row);
  });
}

template <class T>
std::vector<Complex> pairs(const T* real, const T* imaginary, std::size_t n) {
  std::vector<Complex> z(n);
  for (std::size_t k = 0; k < n; ++k) z[k] = {double(real[k]), double(imaginary[k])};
  return z;
}

template <class T>
void put(T* real, T* imaginary, const std::vector<Complex>& z) {
  for (std::size_t k = 0; k < z.size(); ++k)
    real[k] = static_cast<T>(z[k].real()), imaginary[k] = static_cast<T>(z[k].imag());
}

/// The half of the transform of n real numbers that determines it.
std::vector<Complex> half_of(const std::vector<double>& x) {
  std::vector<Complex> z(x.size() / 2 + 1);
  if (x.size() == 1)
    z[0] = x[0];
  else
    transform().fwd(z.data(), x.data(), int(x.size()));
  return z;
}

std::vector<double> real_of(std::vector<Complex> z, std::size_t n) {
  z[0] = z[0].real();
  if (n % 2 == 0) z[n / 2] = z[n / 2].real();
  std::vector<double> x(n);
  if (n == 1)
    x[0] = z[0].real();
  else
    transform().inv(x.data(), z.data(), int(n));
  return x;
}

/// At least n, of factors 2, 3 and 5.
std::size_t smooth_length(std::size_t n) {
  const auto is_smooth = [](std::size_t m) {
    for (std::size_t p : {2, 3, 5})
      while (m % p == 0) m /= p;
    return m == 1;
  };
  while (!is_smooth(n)) ++n;
  return n;
}

// y_i = sum_j a_(first + i - j) b_j by its definition, row by row of the terms.
template <class T>
void convolve_directly(T* y, const T* a, std::ptrdiff_t a_length, const T* b, std::ptrdiff_t b_length,
                       std::ptrdiff_t first, std::ptrdiff_t length) {
  std::fill(y, y + length, T(0));
  for (std::ptrdiff_t j = 0; j < b_length; ++j) {
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(0, j - first), to = std::min(length, a_length + j - first);
    for (std::ptrdiff_t i = from; i < to; ++i) y[i] += a[first + i - j] * b[j];
  }
}

}  // namespace

template <class T>
void fourier(T* y_real, T* y_imaginary, const T* x_real, const T* x_imaginary, std::size_t rows, std::size_t n,
             bool inverse) {
  if (n == 0) return;
  each_row(rows, n, [&](std::size_t row) {
    const auto x = pairs(x_real + row * n, x_imaginary + row * n, n);
    auto y = x;
    if (n > 1) inverse ? transform().inv(y.data(), x.data(), int(n)) : transform().fwd(y.data(), x.data(), int(n));
    put(y_real + row * n, y_imaginary + row * n, y);
  });
}

template <class T>
void real_fourier(T* y_real, T* y_imaginary, const T* x, std::size_t rows, std::size_t n) {
  const std::size_t half = n / 2 + 1;
  each_row(rows, n, [&](std::size_t row) {
    put(y_real + row * half, y_imaginary + row * half, half_of(std::vector<double>(x + row * n, x + (row + 1) * n)));
  });
}

template <class T>
void inverse_real_fourier(T* y, const T* x_real, const T* x_imaginary, std::size_t rows, std::size_t n) {
  const std::size_t half = n / 2 + 1;
  each_row(rows, n, [&](std::size_t row) {
    const auto x = real_of(pairs(x_real + row * half, x_imaginary + row * half, half), n);
    std::ranges::transform(x, y + row * n, [](double v) { return static_cast<T>(v); });
  });
}

template <class T>
void convolve(T* y, const T* a, std::size_t a_length, const T* b, std::size_t b_length, std::ptrdiff_t first,
              std::size_t length) {
  constexpr std::size_t few = 64, longest = std::size_t(1) << 29;  // transforms count in int
  if (a_length < b_length) std::swap(a, b), std::swap(a_length, b_length);
  if (b_length <= few || length <= few || a_length > longest)
    return convolve_directly(y, a, std::ptrdiff_t(a_length), b, std::ptrdiff_t(b_length), first,
                             std::ptrdiff_t(length));
  const std::size_t all = a_length + b_length - 1, n = smooth_length(all + all % 2);
  std::vector<double> left(a, a + a_length), right(b, b + b_length);
  left.resize(n), right.resize(n);
  auto z = half_of(left);
  const auto w = half_of(right);
  for (std::size_t k = 0; k < z.size(); ++k) z[k] *= w[k] / double(n);
  const auto x = real_of(std::move(z), n);
  for (std::size_t i = 0; i < length; ++i) {
    const std::ptrdiff_t at = first + static_cast<std::ptrdiff_t>(i);
    y[i] = at >= 0 && at < static_cast<std::ptrdiff_t>(all) ? static_cast<T>(x[static_cast<std::size_t>(at)]) : T(0);
  }
}

#define INSTANTIATE(T)                                                                  \
  template void fourier(T*, T*, const T*, const T*, std::size_t, std::size_t, bool);    \
  template void real_fourier(T*, T*, const T*, std::size_t, std::size_t);               \
  template void inverse_real_fourier(T*, const T*, const T*, std::size_t, std::size_t); \
  template void convolve(T*, const T*, std::size_t, const T*, std::size_t, std::ptrdiff_t, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
