// Random numbers that are the same on every machine, which those of <random>'s distributions are not.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace nn {

/// A stream of random numbers, chosen by a seed and a name: streams of other names are independent of it, so that what
/// one part of a program draws never depends on how much another one does.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::string_view stream = {});

  /// From 0 (included) to 1 (not included), in steps of 2^-53.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  /// Of mean 0 and variance 1. Ratio of uniforms: J. Leva, "A fast normal random number generator", ACM Transactions on
  /// Mathematical Software 18(4), 1992.
  double normal();
  /// A whole number below n, each as likely as any other. Throws ValueError for n = 0.
  std::uint64_t below(std::uint64_t n);
  /// The numbers from 0 to n - 1 in random order: Fisher and Yates' shuffle (Knuth, TAOCP volume 2, algorithm 3.4.2P).
  std::vector<std::size_t> permutation(std::size_t n);

 private:
  std::mt19937_64 engine_;
};

}  // namespace nn
