#include "random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <xsimd/xsimd.hpp>

#include "threads.hpp"

namespace autodiff::kernels {

namespace {

constexpr std::uint32_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57, step0 = 0x9E3779B9, step1 = 0xBB67AE85;

/// Words in the lower halves of lanes; whatever is in the upper ones.
using Words = xsimd::batch<std::uint64_t>;

/// The whole product of two words, which compilers do not make one instruction of by themselves.
inline Words product(Words a, Words b) {
#if defined __AVX512F__
  return _mm512_mul_epu32(a, b);
#elif defined __AVX2__
  return _mm256_mul_epu32(a, b);
#elif defined __SSE2__
  return _mm_mul_epu32(a, b);
#else
  const Words low(0xFFFFFFFFu);
  return (a & low) * (b & low);
#endif
}

}  // namespace

void philox(std::uint64_t* pairs, std::uint64_t key, std::uint64_t step, std::uint64_t first) {
  constexpr std::size_t counters = philox_counters, registers = counters / Words::size;
  alignas(64) static constexpr std::uint64_t offset[counters] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Words word[4][registers];
  for (std::size_t r = 0; r < registers; ++r) {
    word[0][r] = Words(first) + Words::load_aligned(offset + r * Words::size);
    word[1][r] = word[0][r] >> 32;
    word[2][r] = Words(step);
    word[3][r] = Words(step >> 32);
  }
  std::uint32_t key0 = std::uint32_t(key), key1 = std::uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round, key0 += step0, key1 += step1)
    for (std::size_t r = 0; r < registers; ++r) {
      const Words a = product(word[0][r], Words(multiplier0)), b = product(word[2][r], Words(multiplier1));
      word[0][r] = (b >> 32) ^ (word[1][r] ^ Words(key0));
      word[2][r] = (a >> 32) ^ (word[3][r] ^ Words(key1));
      word[1][r] = b;
      word[3][r] = a;
    }
  const Words low(0xFFFFFFFFu);
  for (std::size_t r = 0; r < registers; ++r) {
    ((word[0][r] & low) | (word[1][r] << 32)).store_unaligned(pairs + r * Words::size);
    ((word[2][r] & low) | (word[3][r] << 32)).store_unaligned(pairs + counters + r * Words::size);
  }
}

namespace {

constexpr std::size_t elements = 4 * philox_counters;  // of a block: a word each, and another one for double
using Block = std::array<std::uint32_t, elements>;

Block words(std::uint64_t key, std::uint64_t step, std::uint64_t block) {
  static_assert(std::endian::native == std::endian::little);  // the lower half of a pair comes first
  std::array<std::uint64_t, elements / 2> pairs;
  philox(pairs.data(), key, step, block * philox_counters);
  return std::bit_cast<Block>(pairs);
}

// Conversions are of signed numbers, which are quicker.
void uniform_block(float* y, std::uint64_t key, std::uint64_t step, std::uint64_t block) {
  const Block word = words(key, step, block);
  for (std::size_t i = 0; i < elements; ++i) y[i] = static_cast<float>(std::int32_t(word[i] >> 8)) * 0x1p-24f;
}
void uniform_block(double* y, std::uint64_t key, std::uint64_t step, std::uint64_t block) {
  constexpr auto other = std::uint64_t{1} << 63;  // steps stay below it
  const Block high = words(key, step, block), low = words(key, step ^ other, block);
  for (std::size_t i = 0; i < elements; ++i)
    y[i] = static_cast<double>(std::int64_t((std::uint64_t{high[i]} << 32 | low[i]) >> 11)) * 0x1p-53;
}

template <class T>
void uniform(T* y, std::size_t n, std::uint64_t key, std::uint64_t step, std::uint64_t first) {
  std::size_t skipped = first % elements;
  for (std::uint64_t block = first / elements; n > 0; ++block, skipped = 0) {
    const std::size_t taken = std::min(n, elements - skipped);
    if (taken == elements) {
      uniform_block(y, key, step, block);
    } else {
      T part[elements];
      uniform_block(part, key, step, block);
      std::copy_n(part + skipped, taken, y);
    }
    y += taken, n -= taken;
  }
}

}  // namespace

template <class T>
void random_uniform(T* y, std::size_t n, std::uint64_t key, std::uint64_t step, std::uint64_t first) {
  const auto part = [=](std::size_t begin, std::size_t end) {
    uniform(y + begin, end - begin, key, step, first + begin);
  };
  share_out(n, 1, 1 << 14, part, elements);
}

template void random_uniform(float*, std::size_t, std::uint64_t, std::uint64_t, std::uint64_t);
template void random_uniform(double*, std::size_t, std::uint64_t, std::uint64_t, std::uint64_t);

}  // namespace autodiff::kernels
