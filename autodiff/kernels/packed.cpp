#include "packed.hpp"

#include <cmath>
#include <cstdlib>

#include "scratch.hpp"
#include "threads.hpp"
#include "tiles.hpp"

namespace autodiff::kernels {
namespace {

long tune(const char* name, long otherwise) { const char* t = std::getenv(name); return t ? atol(t) : otherwise; }
const std::size_t deepest = tune("DEEP", 320);      // terms of a block: a panel of b stays in the first cache
const std::size_t block_rows = tune("ROWS", 256);   // of a, which stay in the second one
const std::size_t pack_a_panels = tune("PA", 4), pack_b_tiles = tune("PB", 3);

// Where whole rows lie pages apart they meet in the same few places of the first cache.
template <class T>
bool far_apart(std::size_t distance) {
  return distance * sizeof(T) % 1024 == 0;
}

template <class T>
void multiply_part(const Product<T>& p, std::size_t most) {
  constexpr std::size_t width = tile_columns<T>;
  static thread_local Scratch<T> memory;
  const Pieces depths(p.k, deepest);
  const std::size_t depth = (p.k + depths.count - 1) / depths.count, tiles = (p.m + most - 1) / most;
  const std::size_t rows = (block_rows + most - 1) / most;
  const std::size_t panels = (p.n + width - 1) / width;
  const bool packs_a = panels >= pack_a_panels || (far_apart<T>(p.lda) && (panels > 1 || !p.transpose_a)), packs_b = p.transpose_b || tiles >= pack_b_tiles;
  T* const to_b = memory.get(depth * width + (packs_a ? rows * most * depth : 0) + width);
  T* const to_a = to_b + depth * width;
  const Pieces all(p.m, most);
  for (std::size_t d = 0; d < depths.count; ++d) {
    const Product<T> slab = p.terms(depths.begin(d), depths.begin(d + 1) - depths.begin(d));
    for (std::size_t t = 0; t < tiles; t += rows) {
      const std::size_t begin = all.begin(t), end = all.begin(std::min(t + rows, tiles));
      Product<T> block = slab.rows(begin, end - begin);
      RowsOfA stored = p.transpose_a ? RowsOfA::transposed : RowsOfA::stored;
      if (packs_a) {
        pack_a(block, most, to_a);
        block.a = to_a, stored = RowsOfA::packed;
      }
      for (std::size_t j = 0; j < p.n; j += width) {
        Product<T> panel = block.columns(j, width);
        if (packs_b) {
          pack_b(panel, to_b);
          panel.b = to_b, panel.ldb = width;
        }
        multiply_panel(panel, stored, most);
      }
    }
  }
}

struct Grid {
  std::size_t rows, columns;
};

// Each part packs its rows and columns: what makes the longest path of copies and tiles shortest.
template <class T>
Grid grid(const Product<T>& p, std::size_t tiles, std::size_t panels) {
  constexpr std::size_t least_work = 1 << 18;
  const std::size_t threads = std::min<std::size_t>(kernels::threads(), p.work() / least_work);
  if (threads <= 1) return {1, 1};
  Grid best{1, 1};
  double least = INFINITY;
  for (std::size_t r = 1; r <= std::min(threads, tiles); ++r)
    for (std::size_t c = 1; c <= std::min((threads + r - 1) / r, panels); ++c) {
      const double turns = double((r * c + threads - 1) / threads);
      const double m = double((tiles + r - 1) / r) * double(most_rows<T>(p.n)), n = double((panels + c - 1) / c) * tile_columns<T>;
      const double cost = turns * (m * n / 16 + 0.5 * m + (p.transpose_b ? 0.5 : 0.15) * n);
      if (cost < least) least = cost, best = {r, c};
    }
  return best;
}

}  // namespace

template <class T>
void multiply_packed(const Product<T>& p) {
  constexpr std::size_t width = tile_columns<T>;
  const std::size_t most = most_rows<T>(p.n);
  const Pieces tiles(p.m, most);
  const std::size_t panels = (p.n + width - 1) / width;
  const Grid split = grid(p, tiles.count, panels);
  parallel_for(split.rows * split.columns, [&](std::size_t i) {
    const std::size_t r = i / split.columns, c = i % split.columns;
    const std::size_t top = tiles.begin(r * tiles.count / split.rows), end = tiles.begin((r + 1) * tiles.count / split.rows);
    const std::size_t left = c * panels / split.columns * width, right = (c + 1) * panels / split.columns * width;
    multiply_part(p.rows(top, end - top).columns(left, right - left), most);
  });
}

template void multiply_packed(const Product<float>&);
template void multiply_packed(const Product<double>&);

}  // namespace autodiff::kernels
