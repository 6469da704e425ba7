// Products in tiles of registers: small and narrow ones whole, and the panels of which packed.hpp makes large ones.
#pragma once

#include "product.hpp"
#include "tails.hpp"

namespace autodiff::kernels {

/// The columns of a panel: two registers.
template <class T>
constexpr std::size_t tile_columns = 2 * NativeLanes<T>::size;

// What 32 or 16 registers hold beside V of B. Sanitizers take minutes to compile large tiles.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
template <class L, std::size_t V>
constexpr std::size_t tile_rows = 2;
#else
template <class L, std::size_t V>
constexpr std::size_t tile_rows = sizeof(L) == 64 ? (V == 1 ? 16 : 14) : (V == 1 ? 12 : 6);
#endif

/// The most rows of a tile in a product of n columns.
template <class T>
constexpr std::size_t most_rows(std::size_t n) {
  using L = NativeLanes<T>;
  return n <= L::size ? tile_rows<L, 1> : tile_rows<L, 2>;
}

/// `length` in `count` pieces, of which the first ones may have one more. Any run of such pieces, cut into as many
/// again, is cut in the same places.
struct Pieces {
  std::size_t length, count;
  Pieces(std::size_t all, std::size_t longest) : length(all), count((all + longest - 1) / longest) {}
  std::size_t begin(std::size_t i) const { return i * (length / count) + std::min(i, length % count); }
};

/// The product by this thread, without a library: the fastest way for small and narrow ones.
template <class T>
void multiply_tiles(const Product<T>& p);

/// The same without transposes, alpha 1, for operands that are in the cache.
template <class T>
void multiply_in_cache(const Product<T>& p);

/// How multiply_panel finds op(a): row by row, column by column, or as pack_a leaves it.
enum class RowsOfA { stored, transposed, packed };

/// A panel of at most tile_columns with an untransposed b, in tiles of at most `most` rows. Packed rows of a lie tile
/// by tile as pack_a puts them.
template <class T>
void multiply_panel(const Product<T>& p, RowsOfA rows, std::size_t most);

/// Copies op(b) panel by panel, each in rows of tile_columns.
template <class T>
void pack_b(const Product<T>& p, T* to);

/// Copies op(a) in tiles of at most `most` rows, each column by column. It may write up to a register past the end.
template <class T>
void pack_a(const Product<T>& p, std::size_t most, T* to);

}  // namespace autodiff::kernels
