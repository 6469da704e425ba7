// Counter-based random numbers: the published answers of Philox4x32-10, where its words go, and how they are
// distributed.
#include <doctest/doctest.h>
#include <autodiff/kernels/random.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

using namespace autodiff;

namespace {

using Words = std::array<std::uint32_t, 4>;

/// The words of one counter.
Words words(std::uint64_t key, std::uint64_t step, std::uint64_t counter) {
  std::uint64_t pairs[2 * kernels::philox_counters];
  kernels::philox(pairs, key, step, counter);
  const std::uint64_t a = pairs[0], b = pairs[kernels::philox_counters];
  return {std::uint32_t(a), std::uint32_t(a >> 32), std::uint32_t(b), std::uint32_t(b >> 32)};
}

template <class T>
std::vector<T> uniform(std::size_t n, std::uint64_t key, std::uint64_t step) {
  std::vector<T> y(n);
  kernels::random_uniform(y.data(), n, key, step);
  return y;
}

/// In units of its standard deviation, were both uniform and independent.
template <class T>
double correlation(const std::vector<T>& a, const std::vector<T>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - 0.5) * (double(b[i]) - 0.5);
  return std::abs(sum * 12 / std::sqrt(double(a.size())));
}

}  // namespace

TEST_CASE("Philox gives the published answers") {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  CHECK(words(0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words(ones, ones, ones) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("every counter has its place") {
  constexpr std::size_t n = kernels::philox_counters;
  std::uint64_t pairs[2 * n];
  kernels::philox(pairs, 5, 7, 0xFFFFFFF8);  // the lower word of the counter carries
  for (std::size_t i = 0; i < n; ++i) {
    const Words w = words(5, 7, 0xFFFFFFF8 + i);
    CHECK(pairs[i] == (std::uint64_t{w[1]} << 32 | w[0]));
    CHECK(pairs[n + i] == (std::uint64_t{w[3]} << 32 | w[2]));
  }
}

TEST_CASE("elements depend on their place alone, and a double begins as the float does") {
  const auto floats = uniform<float>(1000, 3, 4);
  const auto doubles = uniform<double>(1000, 3, 4);
  for (std::size_t n : {0, 1, 2, 31, 63, 64, 65, 128, 999}) {
    const auto f = uniform<float>(n, 3, 4);
    const auto d = uniform<double>(n, 3, 4);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(f[i] == floats[i]);
      CHECK(d[i] == doubles[i]);
    }
  }
  for (std::size_t i = 0; i < floats.size(); ++i) {
    CHECK(std::floor(doubles[i] * 0x1p24) == double(floats[i]) * 0x1p24);
    CHECK(doubles[i] * 0x1p53 == std::floor(doubles[i] * 0x1p53));
  }
  // The first words of the published answer for zeros.
  const auto zeros = uniform<float>(2, 0, 0);
  CHECK(zeros[0] == 0x6627e8 * 0x1p-24f);
  CHECK(zeros[1] == 0xe169c5 * 0x1p-24f);
}

TEST_CASE_TEMPLATE("uniform numbers have the moments, the bins and the independence that they should", T, float,
                   double) {
  constexpr std::size_t n = 1 << 20, bins = 256;
  const double root = std::sqrt(double(n));
  for (std::uint64_t key : {0, 1, 12345}) {
    const auto x = uniform<T>(n, key, 9);
    double sum = 0, squares = 0, fine = 0;
    std::vector<double> count(bins);
    for (T each : x) {
      REQUIRE((each >= 0 && each < 1));
      sum += double(each) - 0.5, squares += (double(each) - 0.5) * (double(each) - 0.5);
      ++count[std::size_t(each * bins)];
      fine += std::fmod(double(each) * 0x1p16, 1.0) - 0.5;  // the digits behind the first sixteen
    }
    CHECK(std::abs(sum) < 4 * std::sqrt(1.0 / 12) * root);
    CHECK(std::abs(fine) < 4 * std::sqrt(1.0 / 12) * root);
    CHECK(std::abs(squares - double(n) / 12) < 4 * std::sqrt(1.0 / 180) * root);
    double chi_squared = 0;
    for (double c : count) chi_squared += (c - double(n) / bins) * (c - double(n) / bins) / (double(n) / bins);
    CHECK(std::abs(chi_squared - (bins - 1)) < 4 * std::sqrt(2.0 * (bins - 1)));
    CHECK(correlation(x, uniform<T>(n, key, 10)) < 4);
    CHECK(correlation(x, uniform<T>(n, key + 1, 9)) < 4);
    CHECK(correlation(x, uniform<T>(n, 9, key)) < 4);  // key and step are no neighbours of each other
    for (std::size_t lag : {1, 2, 3, 32, 64}) {
      const auto moved = static_cast<std::ptrdiff_t>(lag);
      CHECK(correlation(std::vector<T>(x.begin() + moved, x.end()), std::vector<T>(x.begin(), x.end() - moved)) < 4);
    }
  }
}
