// Elementwise loops: one block of elements at a time, and the walk over broadcast shapes that calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "operand.hpp"

namespace autodiff::kernels {

/// The compiled loop of an elementwise function over `n` elements: y[j] = f(x[0][j], x[1][j], ...).
/// Bit i of `single`: x[i] is one value for all j. `self` holds the function's parameters. y may be x[i].
template <class T>
using Block = void (*)(const void* self, T* y, const T* const* x, unsigned single, std::size_t n);

/// How many elements are worth a thread: whole registers, so that the last lanes are the same for any number of
/// threads.
inline constexpr std::size_t part_of_elements = 1 << 15;

/// Walks the shape of `y` (dense), with `x` of the same rank or less, broadcast by NumPy's rules, and calls `block`
/// on runs that are contiguous in all of them. Inner strides must be 1, or 0 where an operand is broadcast.
template <class T>
void elementwise(Block<T> block, const void* self, const Operand<T>& y, std::span<const Operand<const T>> x);

/// The same of operands that lie as `y` does, or are one value each, by threads that share out the elements.
template <class T>
void share_out_elements(Block<T> block, const void* self, T* y, std::span<const T* const> x, unsigned single,
                        std::size_t n);

/// On the threads that so many elements are worth.
template <class T>
void elementwise(Block<T> block, const void* self, T* y, std::span<const T* const> x, unsigned single, std::size_t n) {
  n <= part_of_elements ? block(self, y, x.data(), single, n) : share_out_elements(block, self, y, x, single, n);
}

/// a b + c, rounded once, with either term negated.
template <class T>
Block<T> multiply_add(bool negate_product, bool negate_addend);

/// The body of a Block: calls `f` on registers L, several times a round where that `unrolls`. Elements past the last
/// whole register go through the same code.
template <class L, std::size_t N, bool unrolls = true, class F>
void block_loop(F f, typename L::value_type* y, const typename L::value_type* const* x, unsigned single,
                std::size_t n) {
  using T = typename L::value_type;
  alignas(64) T repeated[N][L::size];
  const T* from[N];
  std::size_t step[N];
  if (n == 1) single = 0;  // nothing is repeated
  for (std::size_t i = 0; i < N; ++i) {
    from[i] = x[i], step[i] = 1;
    if (!(single >> i & 1)) continue;
    L(static_cast<double>(*x[i])).store(repeated[i]);
    from[i] = repeated[i], step[i] = 0;
  }
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::size_t j = 0;
    // From copies of the pointers: those in x would be read again after every store, which may write anywhere.
    if (unrolls && single == 0) {
#pragma GCC unroll 4
      for (; j + L::size <= n; j += L::size) f(L::load(from[I] + j)...).store(y + j);
    } else {
      for (; j + L::size <= n; j += L::size) f(L::load(from[I] + step[I] * j)...).store(y + j);
    }
    if (j < n) f(L::load_part(from[I] + step[I] * j, n - j)...).store_part(y + j, n - j);
  }
  (std::make_index_sequence<N>());
}

}  // namespace autodiff::kernels
