#include "packed.hpp"

#include <unistd.h>

#include <limits>

#include "scratch.hpp"
#include "threads.hpp"
#include "tiles.hpp"

namespace autodiff::kernels {
namespace {

// Copies pay where they are read as often as that, in panels and tiles.
constexpr std::size_t readers_of_a = 7, readers_of_b = 7;
constexpr std::size_t group = 2;  // panels that are copied at once, since they share the pages of stored rows

/// Stored rows that lie pages apart meet in the same few places of the first cache.
template <class T>
bool far_apart(const Product<T>& p) {
  return p.lda * sizeof(T) % 4096 == 0 && !p.transpose_a;
}

/// Every element of c is the sum of these pieces of its terms, in tiles of at most so many rows. Only what depends on
/// the whole product may be said here.
struct Order {
  Pieces depths;
  std::size_t most;
  template <class T>
  explicit Order(const Product<T>& p) : depths(p.k, 512), most(most_rows<T>(p.n)) {
    // A single panel reads a where it lies: no more rows than the cache has ways.
    if (far_apart(p) && p.n <= tile_columns<T>) most = std::min<std::size_t>(most, 8);
  }
};

/// In bytes; no bits depend on it.
std::size_t second_cache() {
  static const long found =
#ifdef _SC_LEVEL2_CACHE_SIZE
      sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
      0;
#endif
  return static_cast<std::size_t>(std::clamp(found, 1l << 18, 1l << 22));
}

template <class T>
void multiply_panels(const Product<T>& columns, RowsOfA rows, std::size_t most, const T* packed) {
  constexpr std::size_t width = tile_columns<T>;
  for (std::size_t j = 0; j < columns.n; j += width) {
    Product<T> panel = columns.columns(j, width);
    if (packed) panel.b = packed + j * panel.k, panel.ldb = width;
    multiply_panel(panel, rows, most);
  }
}

// Blocks of rows of a stay in the second cache, panels of b in the first one as far as they fit.
template <class T>
void multiply_part(const Product<T>& p, const Order& order) {
  constexpr std::size_t width = tile_columns<T>;
  static thread_local Scratch<T> memory;
  const Pieces &depths = order.depths, tiles(p.m, order.most);
  const std::size_t depth = (p.k + depths.count - 1) / depths.count, panels = (p.n + width - 1) / width;
  const std::size_t block =
      std::clamp<std::size_t>(second_cache() / 2 / (depth * sizeof(T)), order.most, 512) / order.most;
  const bool packs_a = panels >= readers_of_a || (far_apart(p) && panels > 1);
  const bool packs_b = p.transpose_b || tiles.count >= readers_of_b;
  const std::size_t room = depth * width * group, slack = NativeLanes<T>::size;
  T* const to_b = memory.get(room + slack + (packs_a ? std::min(block, tiles.count) * order.most * depth : 0));
  T* const to_a = to_b + room;
  for (std::size_t d = 0; d < depths.count; ++d) {
    const Product<T> slab = p.terms(depths.begin(d), depths.begin(d + 1) - depths.begin(d));
    for (std::size_t t = 0; t < tiles.count; t += block) {
      const std::size_t top = tiles.begin(t), end = tiles.begin(std::min(t + block, tiles.count));
      Product<T> rows = slab.rows(top, end - top);
      RowsOfA stored = p.transpose_a ? RowsOfA::transposed : RowsOfA::stored;
      if (packs_a) {
        pack_a(rows, order.most, to_a);
        rows.a = to_a, stored = RowsOfA::packed;
      }
      for (std::size_t j = 0; j < p.n; j += group * width) {
        const Product<T> columns = rows.columns(j, group * width);
        if (packs_b) pack_b(columns, to_b);
        multiply_panels(columns, stored, order.most, packs_b ? to_b : nullptr);
      }
    }
  }
}

struct Grid {
  std::size_t rows, columns;
};

// Each part copies its rows and columns: the grid whose longest path of copies and tiles is the shortest.
template <class T>
Grid grid(const Product<T>& p, std::size_t tiles, std::size_t panels, std::size_t most) {
  constexpr std::size_t least_work = 1 << 18;  // a part, in multiplications
  constexpr std::size_t largest = 128;         // a loop has only so many parts
  const std::size_t team = std::min({static_cast<std::size_t>(threads()), largest, p.work() / least_work});
  Grid best{1, 1};
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t r = 1; r <= std::min(team, tiles); ++r)
    for (std::size_t c = 1; c <= std::min((team + r - 1) / r, panels); ++c) {
      const auto turns = double((r * c + team - 1) / team);
      const auto m = double((tiles + r - 1) / r * most), n = double((panels + c - 1) / c * tile_columns<T>);
      const double copies = 0.5 * m + (p.transpose_b ? 0.5 : 0.25) * n, products = m * n / NativeLanes<T>::size;
      if (turns * (products + copies) < least) least = turns * (products + copies), best = {r, c};
    }
  return best;
}

}  // namespace

template <class T>
void multiply_packed(const Product<T>& p) {
  constexpr std::size_t width = tile_columns<T>;
  const Order order(p);
  const Pieces tiles(p.m, order.most);
  const std::size_t panels = (p.n + width - 1) / width;
  const Grid split = grid(p, tiles.count, panels, order.most);
  parallel_for(split.rows * split.columns, [&](std::size_t i) {
    const auto cut = [](std::size_t n, std::size_t count, std::size_t which) { return which * n / count; };
    const std::size_t r = i / split.columns, c = i % split.columns;
    const std::size_t top = tiles.begin(cut(tiles.count, split.rows, r)), left = cut(panels, split.columns, c) * width,
                      bottom = tiles.begin(cut(tiles.count, split.rows, r + 1)),
                      right = cut(panels, split.columns, c + 1) * width;
    multiply_part(p.rows(top, bottom - top).columns(left, right - left), order);
  });
}

template void multiply_packed(const Product<float>&);
template void multiply_packed(const Product<double>&);

}  // namespace autodiff::kernels
