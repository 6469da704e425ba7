#include "structs/fourier.hpp"

#include <limits>

#include "../kernels/fourier.hpp"
#include "../kernels/threads.hpp"
#include "compile.hpp"
#include "slice.hpp"

namespace autodiff {

namespace {

void check_pair(std::string_view operation, Dims real, Dims imaginary) {
  if (real.empty() || real.back() == 0 || !std::ranges::equal(real, imaginary))
    fail<ShapeError>(operation, "needs real and imaginary parts of one shape, not empty: ", real, " and ", imaginary);
}
Shape with_length(Dims x, std::size_t last) {
  Shape shape = to_shape(x);
  shape.back() = last;
  return shape;
}
std::size_t rows(Dims x) { return count(x.first(x.size() - 1)); }

/// Of n / 2 + 1 numbers of a transform, `twins` for those that stand for two of all n, else 1.
template <Real T>
Variable<T> weights(std::size_t n, double twins) {
  Array<T> w(Shape{n / 2 + 1}, static_cast<T>(twins));
  w(0) = 1;
  if (n % 2 == 0) w(n / 2) = 1;
  return Variable<T>(std::move(w));
}

}  // namespace

namespace {

/// The transforms behind these count in int.
void check_length(std::string_view operation, std::size_t n) {
  if (n > std::size_t(std::numeric_limits<int>::max()))
    fail<ShapeError>(operation, "transforms have at most 2^31 - 1 elements: ", n);
}

}  // namespace

std::array<Shape, 2> Fourier::shape(Dims real, Dims imaginary) const {
  check_pair(name, real, imaginary);
  if (!real.empty()) check_length(name, real.back());
  return {to_shape(real), to_shape(real)};
}
template <class T>
void Fourier::forward(std::array<Operand<T>, 2> y, Operand<const T> real, Operand<const T> imaginary) const {
  kernels::fourier(y[0].data, y[1].data, real.data, imaginary.data, rows(real.shape), real.shape.back(), inverse);
}
template <class V>
std::array<V, 2> Fourier::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V&, const V&) const {
  // The matrix is symmetric, and so the reverse is that of the conjugate.
  return listed(Fourier{!inverse}, or_zeros(ct[0], y[0]), or_zeros(ct[1], y[1]));
}

std::array<Shape, 2> RealFourier::shape(Dims x) const {
  if (x.empty() || x.back() == 0) fail<ShapeError>(name, "needs an axis that is not empty: ", x);
  check_length(name, x.back());
  const Shape y = with_length(x, x.back() / 2 + 1);
  return {y, y};
}
template <class T>
void RealFourier::forward(std::array<Operand<T>, 2> y, Operand<const T> x) const {
  kernels::real_fourier(y[0].data, y[1].data, x.data, rows(x.shape), x.shape.back());
}
template <class V>
std::array<V, 1> RealFourier::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& x) const {
  const std::size_t n = x.shape().back();
  const auto w = weights<typename V::value_type>(n, 0.5);
  return listed(InverseRealFourier{n}, or_zeros(ct[0], y[0]) * w, or_zeros(ct[1], y[1]) * w);
}

std::array<Shape, 1> InverseRealFourier::shape(Dims real, Dims imaginary) const {
  check_pair(name, real, imaginary);
  check_length(name, n);
  if (n / 2 + 1 != real.back())
    fail<ShapeError>(name, n, " real numbers come from ", n / 2 + 1, " of their transform: ", real);
  return {with_length(real, n)};
}
template <class T>
void InverseRealFourier::forward(std::array<Operand<T>, 1> y, Operand<const T> real, Operand<const T> imaginary) const {
  kernels::inverse_real_fourier(y[0].data, real.data, imaginary.data, rows(real.shape), n);
}
template <class V>
std::array<V, 2> InverseRealFourier::vjp(const std::array<V, 1>& ct, const std::array<V, 1>&, const V&,
                                         const V&) const {
  const auto w = weights<typename V::value_type>(n, 2);
  const auto [real, imaginary] = listed(RealFourier{}, ct[0]);
  return {real * w, imaginary * w};
}

Shape Convolve::shape(Dims a, Dims b) const {
  if (a.empty() || b.empty() || !std::ranges::equal(a.first(a.size() - 1), b.first(b.size() - 1)))
    fail<ShapeError>(name, "needs as many signals: ", a, " and ", b);
  return with_length(a, length);
}
template <class T>
void Convolve::forward(Operand<T> y, Operand<const T> a, Operand<const T> b) const {
  const std::size_t m = a.shape.back(), n = b.shape.back();
  kernels::parallel_for(rows(a.shape), [&](std::size_t i) {
    kernels::convolve(y.data + i * length, a.data + i * m, m, b.data + i * n, n, first, length);
  });
}
template <int I, class V>
V Convolve::vjp(const V& ct, const V&, const V& a, const V& b) const {
  // a'_k = sum_i y'_i b_(first + i - k): a convolution with the other one turned round, from where they first meet.
  const V& other = I == 0 ? b : a;
  const std::size_t own = (I == 0 ? a : b).shape().back();
  return listed(Convolve{static_cast<std::ptrdiff_t>(other.shape().back()) - 1 - first, own}, ct, flip(other, -1));
}

AUTODIFF_FOURIER(AUTODIFF_COMPILE)

namespace {

template <Real T>
Variable<T> axis_last(std::string_view operation, const Variable<T>& x, int axis) {
  const std::size_t at = resolve_axis(operation, axis, x.dimension(), x.shape());
  return at + 1 == x.dimension() ? x : swap_axes(x, axis, -1);
}
template <Real T>
std::array<Variable<T>, 2> axis_back(std::string_view operation, const std::array<Variable<T>, 2>& y, int axis) {
  return {axis_last(operation, y[0], axis), axis_last(operation, y[1], axis)};
}

}  // namespace

namespace detail {

template <Real T>
std::array<Variable<T>, 2> fft(const Variable<T>& real, const Variable<T>& imaginary, int axis, bool inverse) {
  const auto name = inverse ? "ifft" : "fft";
  Tape<T>::check_operands(name, std::array{real, imaginary});
  check_pair(name, real.shape(), imaginary.shape());
  const typename Tape<T>::Attempt attempt({&real, &imaginary});
  auto y = listed(Fourier{inverse}, axis_last(name, real, axis), axis_last(name, imaginary, axis));
  if (inverse) {
    const T scale = T(1) / static_cast<T>(y[0].shape().back());
    y = {y[0] * scale, y[1] * scale};
  }
  return axis_back(name, y, axis);
}

template <Real T>
Variable<T> irfft(const Variable<T>& real, const Variable<T>& imaginary, std::size_t n, int axis) {
  Tape<T>::check_operands("irfft", std::array{real, imaginary});
  check_pair("irfft", real.shape(), imaginary.shape());
  const typename Tape<T>::Attempt attempt({&real, &imaginary});
  const auto x = axis_last("irfft", real, axis);
  const std::size_t length = n != 0 ? n : std::max<std::size_t>(1, 2 * (x.shape().back() - 1));
  const auto y = listed(InverseRealFourier{length}, x, axis_last("irfft", imaginary, axis))[0];
  return axis_last("irfft", y * (T(1) / static_cast<T>(length)), axis);
}

template <Real T>
Variable<T> convolve(const Variable<T>& a, const Variable<T>& b, ConvolveMode mode) {
  Tape<T>::check_operands("convolve", std::array{a, b});
  if (a.dimension() == 0 || b.dimension() == 0 || a.shape().back() == 0 || b.shape().back() == 0)
    fail<ShapeError>("convolve", "needs signals that are not empty: ", Dims(a.shape()), " and ", Dims(b.shape()));
  const std::size_t m = a.shape().back(), n = b.shape().back(), most = std::max(m, n), least = std::min(m, n);
  const Dims left(a.shape()), right(b.shape()),
      batches[] = {left.first(left.size() - 1), right.first(right.size() - 1)};
  const Shape rows = broadcast_shape("convolve", batches);
  const auto spread = [&](const Variable<T>& x) {
    Shape shape = rows;
    shape.push_back(x.shape().back());
    return std::ranges::equal(shape, x.shape()) ? x : broadcast_to(x, shape);
  };
  const typename Tape<T>::Attempt attempt({&a, &b});
  const auto part = mode == ConvolveMode::full   ? Convolve{0, m + n - 1}
                    : mode == ConvolveMode::same ? Convolve{static_cast<std::ptrdiff_t>((least - 1) / 2), most}
                                                 : Convolve{static_cast<std::ptrdiff_t>(least - 1), most - least + 1};
  return listed(part, spread(a), spread(b));
}

}  // namespace detail

template <Real T>
std::array<Variable<T>, 2> rfft(const Variable<T>& x, int axis) {
  if (x.dimension() == 0) fail<ShapeError>("rfft", "needs an axis that is not empty: ", Dims(x.shape()));
  return axis_back("rfft", listed(RealFourier{}, axis_last("rfft", x, axis)), axis);
}

#define AUTODIFF_DERIVED(T)                                                                           \
  template std::array<Variable<T>, 2> detail::fft(const Variable<T>&, const Variable<T>&, int, bool); \
  template std::array<Variable<T>, 2> rfft(const Variable<T>&, int);                                  \
  template Variable<T> detail::irfft(const Variable<T>&, const Variable<T>&, std::size_t, int);       \
  template Variable<T> detail::convolve(const Variable<T>&, const Variable<T>&, ConvolveMode);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
