#include "fourier.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <numbers>
#include <vector>

#include "threads.hpp"

namespace autodiff::kernels {
namespace {

template <class T>
struct Complex {
  T re, im;
  friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
  friend Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
  friend Complex operator*(T a, Complex b) { return {a * b.re, a * b.im}; }
  Complex turned() const { return {im, -re}; }  // times -i
};

/// An array of complex numbers, as the two that it is made of.
template <class T>
struct Pairs {
  explicit Pairs(std::size_t n) : re(n), im(n) {}
  std::size_t size() const { return re.size(); }
  Complex<T> operator[](std::size_t i) const { return {re[i], im[i]}; }
  void set(std::size_t i, Complex<T> z) { re[i] = z.re, im[i] = z.im; }
  std::vector<T> re, im;
};

/// exp(-2 pi i k / n) within rounding: the angle is reduced to an eighth of a turn first.
template <class T>
Complex<T> root_of_unity(std::size_t k, std::size_t n) {
  k %= n;
  const std::size_t quarter = 4 * k / n, past = 4 * k - quarter * n;  // in parts of 4 n
  const bool near_next = 2 * past > n;
  const double angle = std::numbers::pi / 2 * double(near_next ? n - past : past) / double(n);
  const T a = static_cast<T>(std::cos(angle)), b = static_cast<T>(std::sin(angle));
  Complex<T> z = near_next ? Complex<T>{b, -a} : Complex<T>{a, -b};
  for (std::size_t i = 0; i < quarter; ++i) z = z.turned();
  return z;
}

// ---- small factors: T. Stockham's scheme, which leaves results in order ----

template <class T, std::size_t P>
void butterfly(Complex<T> (&x)[P]) {
  if constexpr (P == 2) {
    const auto a = x[0], b = x[1];
    x[0] = a + b, x[1] = a - b;
  } else if constexpr (P == 4) {
    const auto a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = (x[1] - x[3]).turned();
    x[0] = a + c, x[1] = b + d, x[2] = a - c, x[3] = b - d;
  } else if constexpr (P == 3) {
    constexpr T half_root = T(0.86602540378443864676);
    const auto sum = x[1] + x[2], across = (half_root * (x[1] - x[2])).turned();
    const auto mean = x[0] - T(0.5) * sum;
    x[0] = x[0] + sum, x[1] = mean + across, x[2] = mean - across;
  } else {
    static_assert(P == 5);
    constexpr T c1 = T(0.30901699437494742410), c2 = T(-0.80901699437494742410), s1 = T(0.95105651629515357212),
                s2 = T(0.58778525229247312917);
    const auto p = x[1] + x[4], q = x[2] + x[3], d = x[1] - x[4], e = x[2] - x[3];
    const auto a = x[0] + c1 * p + c2 * q, b = x[0] + c2 * p + c1 * q;
    const auto u = (s1 * d + s2 * e).turned(), v = (s2 * d - s1 * e).turned();
    x[0] = x[0] + p + q, x[1] = a + u, x[2] = b + v, x[3] = b - v, x[4] = a - u;
  }
}

/// Transforms of length P of what is m * s apart, for all m blocks of s that follow each other.
template <class T, std::size_t P>
void pass(std::size_t m, std::size_t s, const Complex<T>* twiddle, const T* __restrict x_re, const T* __restrict x_im,
          T* __restrict y_re, T* __restrict y_im) {
  for (std::size_t j = 0; j < m; ++j, twiddle += P) {
    Complex<T> w[P];
    std::copy_n(twiddle, P, w);
    const std::size_t from = s * j, to = s * P * j;
    for (std::size_t q = 0; q < s; ++q) {
      Complex<T> z[P];
      for (std::size_t k = 0; k < P; ++k) z[k] = {x_re[from + k * m * s + q], x_im[from + k * m * s + q]};
      butterfly<T, P>(z);
      for (std::size_t k = 0; k < P; ++k) {
        if (k > 0) z[k] = w[k] * z[k];
        y_re[to + k * s + q] = z[k].re, y_im[to + k * s + q] = z[k].im;
      }
    }
  }
}

/// The same for any p, by p sums of p terms.
template <class T>
void any_pass(std::size_t p, std::size_t m, std::size_t s, const Complex<T>* twiddle, const T* x_re, const T* x_im,
              T* y_re, T* y_im) {
  std::vector<Complex<T>> roots;
  for (std::size_t k = 0; k < p; ++k) roots.push_back(root_of_unity<T>(k, p));
  for (std::size_t j = 0; j < m; ++j, twiddle += p)
    for (std::size_t k = 0; k < p; ++k)
      for (std::size_t q = 0; q < s; ++q) {
        Complex<T> sum{0, 0};
        for (std::size_t r = 0, at = 0; r < p; ++r, at = (at + k) % p)
          sum = sum + roots[at] * Complex<T>{x_re[s * (j + m * r) + q], x_im[s * (j + m * r) + q]};
        sum = twiddle[k] * sum;
        y_re[s * (p * j + k) + q] = sum.re, y_im[s * (p * j + k) + q] = sum.im;
      }
}

/// 4 as long as it divides n, then primes in ascending order.
std::vector<std::size_t> factors(std::size_t n) {
  std::vector<std::size_t> all;
  for (; n % 4 == 0; n /= 4) all.push_back(4);
  for (std::size_t p = 2; n > 1; ++p) {
    if (p * p > n) p = n;
    for (; n % p == 0; n /= p) all.push_back(p);
  }
  return all;
}

/// At least n, of factors 2, 3 and 5.
std::size_t smooth_length(std::size_t n) {
  for (;; ++n) {
    std::size_t rest = n;
    for (std::size_t p : {2, 3, 5})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
  }
}

constexpr std::size_t largest_factor = 31;  // of which sums are quicker than a convolution

/// The plan of this kind for this length, made once while it is in use: a few hundred are kept.
template <class Kind>
std::shared_ptr<const Kind> plan(std::size_t n) {
  static std::mutex mutex;
  static std::map<std::size_t, std::shared_ptr<const Kind>> kept;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = kept.find(n); found != kept.end()) return found->second;
  }
  auto made = std::make_shared<const Kind>(n);
  const std::lock_guard lock(mutex);
  if (kept.size() >= 256) kept.clear();
  return kept[n] = made;
}

/// What the transform of a length n needs. Where that has a large prime factor, it is the convolution with a chirp: L.
/// Bluestein, IEEE Transactions on Audio and Electroacoustics 18, 1970.
template <class T>
class Plan {
 public:
  explicit Plan(std::size_t n) : n_(n), factors_(factors(n)), chirp_(0), filter_(0) {
    if (!factors_.empty() && factors_.back() > largest_factor) {
      make_chirp();
      return;
    }
    for (std::size_t p : factors_) {
      for (std::size_t j = 0; j < n / p; ++j)
        for (std::size_t k = 0; k < p; ++k) twiddles_.push_back(root_of_unity<T>(j * k, n));
      n /= p;
    }
  }

  /// Of z, in place.
  void run(Pairs<T>& z, Pairs<T>& scratch) const {
    if (longer_) return run_chirp(z);
    std::size_t m = n_, s = 1;
    const Complex<T>* twiddle = twiddles_.data();
    for (std::size_t p : factors_) {
      m /= p;
      const auto by = [&](auto f) { f(m, s, twiddle, z.re.data(), z.im.data(), scratch.re.data(), scratch.im.data()); };
      switch (p) {
        case 2:
          by(pass<T, 2>);
          break;
        case 3:
          by(pass<T, 3>);
          break;
        case 4:
          by(pass<T, 4>);
          break;
        case 5:
          by(pass<T, 5>);
          break;
        default:
          by([p](auto... each) { any_pass<T>(p, each...); });
      }
      std::swap(z, scratch);
      twiddle += m * p, s *= p;
    }
  }

 private:
  // x_j w^(jk) is (x_j c_j) d_(k-j) c_k, where c_j = w^(j^2/2) and d is its conjugate: jk = (j^2 + k^2 - (k-j)^2) / 2.
  void make_chirp() {
    longer_ = plan<Plan>(smooth_length(2 * n_ - 1));
    chirp_ = Pairs<T>(n_), filter_ = Pairs<T>(longer_->n_);
    Pairs<T> scratch(longer_->n_);
    for (std::size_t j = 0, square = 0; j < n_; square = (square + 2 * j + 1) % (2 * n_), ++j) {
      const auto c = root_of_unity<T>(square, 2 * n_);
      chirp_.set(j, c);
      filter_.set(j, {c.re, -c.im});
      if (j > 0) filter_.set(longer_->n_ - j, {c.re, -c.im});
    }
    longer_->run(filter_, scratch);
  }
  void run_chirp(Pairs<T>& z) const {
    Pairs<T> x(longer_->n_), scratch(longer_->n_);
    for (std::size_t j = 0; j < n_; ++j) x.set(j, chirp_[j] * z[j]);
    longer_->run(x, scratch);
    for (std::size_t j = 0; j < x.size(); ++j) x.set(j, filter_[j] * x[j]);
    std::swap(x.re, x.im), longer_->run(x, scratch), std::swap(x.re, x.im);  // the inverse, times its length
    const T scale = T(1) / static_cast<T>(x.size());
    for (std::size_t k = 0; k < n_; ++k) z.set(k, scale * (chirp_[k] * x[k]));
  }

  std::size_t n_;
  std::vector<std::size_t> factors_;
  std::vector<Complex<T>> twiddles_;
  std::shared_ptr<const Plan> longer_;  // null where factors are small
  Pairs<T> chirp_, filter_;
};

/// Of n real numbers: those at even and at odd places are one transform of half the length, where n is even.
template <class T>
class RealPlan {
 public:
  explicit RealPlan(std::size_t n) : n_(n), length_(n % 2 ? n : n / 2), complex_(plan<Plan<T>>(length_)) {
    for (std::size_t k = 0; n % 2 == 0 && k <= length_; ++k) roots_.push_back(root_of_unity<T>(k, n));
  }
  std::size_t length() const { return length_; }

  void run(T* y_re, T* y_im, const T* x, Pairs<T>& z, Pairs<T>& scratch) const {
    const bool odd = n_ % 2;
    for (std::size_t j = 0; j < length_; ++j) z.set(j, odd ? Complex<T>{x[j], 0} : Complex<T>{x[2 * j], x[2 * j + 1]});
    complex_->run(z, scratch);
    for (std::size_t k = 0; k <= n_ / 2; ++k) {
      Complex<T> y = z[k % length_];
      if (!odd) {
        const auto b = z[(length_ - k) % length_];
        const Complex<T> mirror{b.re, -b.im};
        y = T(0.5) * (y + mirror + (roots_[k] * (y - mirror)).turned());
      }
      y_re[k] = y.re, y_im[k] = y.im;
    }
    y_im[0] = 0;
    if (!odd) y_im[n_ / 2] = 0;
  }

  void invert(T* y, const T* x_re, const T* x_im, Pairs<T>& z, Pairs<T>& scratch) const {
    const bool odd = n_ % 2;
    const auto x = [&](std::size_t k) { return Complex<T>{x_re[k], k == 0 || 2 * k == n_ ? 0 : x_im[k]}; };
    for (std::size_t k = 0; k < length_; ++k) {
      Complex<T> all;
      if (odd) {
        all = 2 * k < n_ ? x(k) : x(n_ - k);
        if (2 * k > n_) all.im = -all.im;
      } else {
        const auto a = x(k), b = x(length_ - k);
        const Complex<T> mirror{b.re, -b.im}, back{roots_[k].re, -roots_[k].im};
        const auto d = back * (a - mirror);
        all = a + mirror + Complex<T>{-d.im, d.re};
      }
      z.set(k, {all.im, all.re});  // the inverse: parts change places, before and after
    }
    complex_->run(z, scratch);
    for (std::size_t j = 0; j < length_; ++j) {
      if (odd)
        y[j] = z.im[j];
      else
        y[2 * j] = z.im[j], y[2 * j + 1] = z.re[j];
    }
  }

 private:
  std::size_t n_, length_;
  std::shared_ptr<const Plan<T>> complex_;
  std::vector<Complex<T>> roots_;
};

/// Calls f(row, z, scratch) for all rows, with memory for as many complex numbers, in parts of some work.
template <class T, class F>
void each_row(std::size_t rows, std::size_t length, const F& f) {
  constexpr std::size_t part = 1 << 14;
  const std::size_t step = std::max<std::size_t>(1, part / std::max<std::size_t>(1, length));
  parallel_for((rows + step - 1) / step, [&](std::size_t i) {
    Pairs<T> z(length), scratch(length);
    for (std::size_t row = i * step, end = std::min(rows, row + step); row < end; ++row) f(row, z, scratch);
  });
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
  const auto found = plan<Plan<T>>(n);
  if (inverse) std::swap(x_real, x_imaginary), std::swap(y_real, y_imaginary);
  each_row<T>(rows, n, [&](std::size_t row, Pairs<T>& z, Pairs<T>& scratch) {
    std::copy_n(x_real + row * n, n, z.re.data()), std::copy_n(x_imaginary + row * n, n, z.im.data());
    found->run(z, scratch);
    std::copy_n(z.re.data(), n, y_real + row * n), std::copy_n(z.im.data(), n, y_imaginary + row * n);
  });
}

template <class T>
void real_fourier(T* y_real, T* y_imaginary, const T* x, std::size_t rows, std::size_t n) {
  const auto found = plan<RealPlan<T>>(n);
  const std::size_t half = n / 2 + 1;
  each_row<T>(rows, found->length(), [&](std::size_t row, Pairs<T>& z, Pairs<T>& scratch) {
    found->run(y_real + row * half, y_imaginary + row * half, x + row * n, z, scratch);
  });
}

template <class T>
void inverse_real_fourier(T* y, const T* x_real, const T* x_imaginary, std::size_t rows, std::size_t n) {
  const auto found = plan<RealPlan<T>>(n);
  const std::size_t half = n / 2 + 1;
  each_row<T>(rows, found->length(), [&](std::size_t row, Pairs<T>& z, Pairs<T>& scratch) {
    found->invert(y + row * n, x_real + row * half, x_imaginary + row * half, z, scratch);
  });
}

template <class T>
void convolve(T* y, const T* a, std::size_t a_length, const T* b, std::size_t b_length, std::ptrdiff_t first,
              std::size_t length) {
  constexpr std::size_t few = 64;
  if (a_length < b_length) std::swap(a, b), std::swap(a_length, b_length);
  if (b_length <= few || length <= few)
    return convolve_directly(y, a, std::ptrdiff_t(a_length), b, std::ptrdiff_t(b_length), first,
                             std::ptrdiff_t(length));
  const std::size_t all = a_length + b_length - 1, n = smooth_length(all + all % 2), half = n / 2 + 1;
  std::vector<T> x(n);
  Pairs<T> left(half), right(half);
  std::copy_n(a, a_length, x.data());
  real_fourier(left.re.data(), left.im.data(), x.data(), 1, n);
  std::fill(std::copy_n(b, b_length, x.data()), x.data() + n, T(0));
  real_fourier(right.re.data(), right.im.data(), x.data(), 1, n);
  const T scale = T(1) / static_cast<T>(n);
  for (std::size_t k = 0; k < half; ++k) left.set(k, scale * (left[k] * right[k]));
  inverse_real_fourier(x.data(), left.re.data(), left.im.data(), 1, n);
  for (std::size_t i = 0; i < length; ++i) {
    const std::ptrdiff_t at = first + static_cast<std::ptrdiff_t>(i);
    y[i] = at >= 0 && at < static_cast<std::ptrdiff_t>(all) ? x[static_cast<std::size_t>(at)] : T(0);
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
