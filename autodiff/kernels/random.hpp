// Counter-based random numbers: each is a function of a key and a counter, so that nothing is stored, and any part of a
// sequence comes out the same on any machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace autodiff::kernels {

/// How many counters are taken at once: enough for several registers.
inline constexpr std::size_t philox_counters = 16;

/// Philox4x32-10 of the counters (first + i, step), i < 16: words 0 and 1 of each are the lower and the upper half of
/// pairs[i], words 2 and 3 those of pairs[16 + i]. J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers:
/// as easy as 1, 2, 3", SC 2011.
void philox(std::uint64_t* pairs, std::uint64_t key, std::uint64_t step, std::uint64_t first);

/// y_i uniform in [0, 1), for i < n, a function of key, step (below 2^63) and first + i alone. A float is a multiple of
/// 2^-24, a double of 2^-53, and its leading digits are those of the float.
template <class T>
void random_uniform(T* y, std::size_t n, std::uint64_t key, std::uint64_t step, std::uint64_t first = 0);

}  // namespace autodiff::kernels
