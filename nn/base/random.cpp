#include "random.hpp"

#include <autodiff/autodiff.hpp>
#include <cmath>
#include <numeric>

namespace nn {

namespace {

/// Spreads every bit over all others: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// The FNV-1a hash (draft-eastlake-fnv).
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view stream) : engine_(mix(mix(seed) ^ hash(stream))) {}

double Random::normal() {
  // The result is one quotient; the logarithm, whose last bit differs between machines, only accepts or rejects it, and
  // only in the thin region that the two quadratic bounds leave open.
  for (;;) {
    const double u = 1 - uniform();
    const double v = 1.7156 * (uniform() - 0.5);
    const double x = u - 0.449871, y = std::abs(v) + 0.386595;
    const double q = x * x + y * (0.19600 * y - 0.25472 * x);
    if (q < 0.27597 || (q <= 0.27846 && v * v <= -4 * std::log(u) * u * u)) return v / u;
  }
}

std::uint64_t Random::below(std::uint64_t n) {
  if (n == 0) autodiff::fail<autodiff::ValueError>("random", "no whole number is below 0");
  const std::uint64_t uneven = (0 - n) % n;  // 2^64 mod n: what would make small numbers likelier
  std::uint64_t bits = engine_();
  while (bits < uneven) bits = engine_();
  return bits % n;
}

std::vector<std::size_t> Random::permutation(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

}  // namespace nn
