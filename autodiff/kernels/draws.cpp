#include "draws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "random.hpp"
#include "special.hpp"
#include "threads.hpp"

namespace autodiff::kernels {

namespace {

/// The random numbers of one element, block after block.
class Stream {
 public:
  Stream(std::uint64_t key, std::uint64_t step, std::uint64_t element)
      : key_(key), step_(step ^ apart), counter_(element << 20) {}

  std::uint64_t bits() {
    if (next_ == pairs) philox(pairs_, key_, step_, counter_), counter_ += philox_counters, next_ = 0;
    return pairs_[next_++];
  }
  /// In (0, 1): multiples of 2^-53, and a half of one.
  double uniform() { return (static_cast<double>(std::int64_t(bits() >> 11)) + 0.5) * 0x1p-53; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static constexpr std::uint64_t apart = std::uint64_t{1} << 62;  // from those of random_uniform
  static constexpr std::size_t pairs = 2 * philox_counters;
  std::uint64_t pairs_[pairs];
  std::size_t next_ = pairs;
  std::uint64_t key_, step_, counter_;
};

double gamma(double a, Stream& random) {
  double power = 1;
  if (a < 1) power = std::pow(random.uniform(), 1 / a), a += 1;
  const double d = a - 1. / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal(), root = 1 + c * x, v = root * root * root;
    if (v > 0 && std::log(random.uniform()) < 0.5 * x * x + d * (1 - v + std::log(v))) return d * v * power;
  }
}

double poisson(double rate, Stream& random) {
  if (rate < 10) {
    const double end = std::exp(-rate);
    double product = random.uniform(), k = 0;
    for (; product > end; ++k) product *= random.uniform();
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double alpha = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = random.uniform() - 0.5, v = random.uniform(), s = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / s + b) * u + rate + 0.43);
    if (s >= 0.07 && v <= quick) return k;
    if (k < 0 || (s < 0.013 && v > s)) continue;
    if (std::log(v * alpha / (a / (s * s) + b)) <= k * std::log(rate) - rate - special::lgamma(k + 1)) return k;
  }
}

/// f(i, its random numbers) for each element; threads share them out.
template <class F>
void each_element(std::size_t n, std::uint64_t key, std::uint64_t step, const F& f) {
  share_out(n, 1, 1 << 10, [&](std::size_t i, std::size_t end) {
    for (; i < end; ++i) {
      Stream random(key, step, i);
      f(i, random);
    }
  });
}

}  // namespace

template <class T>
void random_gamma(T* y, const T* a, std::size_t n, std::uint64_t key, std::uint64_t step) {
  each_element(n, key, step, [=](std::size_t i, Stream& random) {
    y[i] = std::max(static_cast<T>(gamma(a[i], random)), std::numeric_limits<T>::min());
  });
}

template <class T>
void random_poisson(T* y, const T* rate, std::size_t n, std::uint64_t key, std::uint64_t step) {
  each_element(n, key, step, [=](std::size_t i, Stream& random) { y[i] = static_cast<T>(poisson(rate[i], random)); });
}

template <class T>
void random_permutation(T* y, std::size_t n, std::uint64_t key, std::uint64_t step) {
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<T>(i);
  Stream random(key, step, 0);
  for (std::size_t i = n; i > 1; --i)  // R. Fisher and F. Yates; 53 bits leave no bias that could be seen
    std::swap(y[i - 1], y[static_cast<std::size_t>(random.uniform() * static_cast<double>(i))]);
}

#define INSTANTIATE(T)                                                                   \
  template void random_gamma(T*, const T*, std::size_t, std::uint64_t, std::uint64_t);   \
  template void random_poisson(T*, const T*, std::size_t, std::uint64_t, std::uint64_t); \
  template void random_permutation(T*, std::size_t, std::uint64_t, std::uint64_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
