#include "convolution.hpp"

#include <algorithm>
#include <span>

#include "copy.hpp"
#include "gemm.hpp"
#include "library_convolution.hpp"
#include "scratch.hpp"
#include "tails.hpp"
#include "threads.hpp"

// A convolution is a product of the kernel with a matrix whose columns are what the kernel sees at each place. It is
// made block by block, so that it stays in the cache: K. Chellapilla, S. Puri and P. Simard, "High performance
// convolutional neural networks for document processing", 2006. Blocks depend on shapes alone, and so do the bits.

namespace autodiff::kernels {
namespace {

using Lengths = Convolution::Lengths;

std::size_t product(const Lengths& a) { return a[0] * a[1] * a[2]; }

/// Sizes of one group of one sample.
struct Sizes {
  explicit Sizes(const Convolution& c)
      : groups(c.groups),
        channels(c.channels / c.groups),
        filters(c.filters / c.groups),
        pixels(product(c.input)),
        taps(product(c.kernel)),
        rows(channels * taps),
        places(product(c.output)) {}
  std::size_t work() const { return rows * filters * places; }  // in multiplications
  std::size_t groups, channels, filters, pixels, taps, rows, places;
};

/// What the kernel reaches along each axis, from the first zero in front.
Lengths reach(const Convolution& c) {
  Lengths all;
  for (std::size_t a = 0; a < 3; ++a)
    all[a] = c.output[a] == 0 ? 0 : (c.output[a] - 1) * c.stride[a] + c.dilation[a] * (c.kernel[a] - 1) + 1;
  return all;
}

constexpr std::size_t outside = std::size_t(-1);

/// Calls f(image, padded) for each row of some channels: where it starts in the image, or `outside` for a row of zeros,
/// and in the padded image, which has the lengths `to`.
template <class F>
void each_padded_row(const Convolution& c, const Lengths& to, std::size_t channels, const F& f) {
  for (std::size_t i = 0; i < channels; ++i)
    for (std::size_t d = 0; d < to[0]; ++d)
      for (std::size_t h = 0; h < to[1]; ++h) {
        const std::size_t from_d = d - c.front[0], from_h = h - c.front[1];  // those in front wrap round
        const bool zeros = from_d >= c.input[0] || from_h >= c.input[1];
        f(zeros ? outside : ((i * c.input[0] + from_d) * c.input[1] + from_h) * c.input[2],
          ((i * to[0] + d) * to[1] + h) * to[2]);
      }
}

/// Where the kernel looks in an image of these lengths: what each of its taps sees first, and the places, block by
/// block, as parts of rows, none of which goes beyond a register. Made once for all samples.
template <class T>
class Plan {
 public:
  struct Run {
    std::size_t from, at, length;  // in the image, in the block
  };
  /// Blocks of so many places. Kept until this thread makes the next one.
  Plan(const Convolution& c, const Sizes& s, const Lengths& image, std::size_t width)
      : places(s.places), rows(s.rows), step(c.stride[2]), width_(width) {
    const Lengths by{image[1] * image[2], image[2], 1};
    thread_local Scratch<std::size_t> taps, first;
    thread_local Scratch<Run> runs;
    std::size_t* tap = taps.get(rows);
    taps_ = tap;
    for (std::size_t i = 0; i < s.channels; ++i)
      for (std::size_t d = 0; d < c.kernel[0]; ++d)
        for (std::size_t h = 0; h < c.kernel[1]; ++h)
          for (std::size_t w = 0; w < c.kernel[2]; ++w)
            *tap++ = i * product(image) + d * c.dilation[0] * by[0] + h * c.dilation[1] * by[1] + w * c.dilation[2];
    std::size_t* const begin = first.get(blocks() + 1);
    Run* const all = runs.get(blocks() + c.output[0] * c.output[1] + places / lanes + 1);
    std::size_t n = 0;
    for (std::size_t p = 0; p < places;) {
      const std::size_t row = p / c.output[2], column = p % c.output[2];
      const std::size_t at = p % width, length = std::min({c.output[2] - column, width - at, lanes - at % lanes});
      if (at == 0) begin[p / width] = n;
      all[n++] = {row / c.output[1] * c.stride[0] * by[0] + row % c.output[1] * c.stride[1] * by[1] + column * step, at,
                  length};
      p += length;
    }
    begin[blocks()] = n;
    first_ = begin, runs_ = all;
  }
  std::size_t blocks() const { return (places + width_ - 1) / width_; }
  std::size_t begin(std::size_t block) const { return block * width_; }
  std::size_t length(std::size_t block) const { return std::min(width_, places - begin(block)); }
  std::size_t tap(std::size_t row) const { return taps_[row]; }
  std::span<const Run> runs(std::size_t block) const {
    return {runs_ + first_[block], first_[block + 1] - first_[block]};
  }

  const std::size_t places, rows, step;  // `step` from one place of a row to the next

 private:
  static constexpr std::size_t lanes = NativeLanes<T>::size;
  std::size_t width_;
  const std::size_t *taps_, *first_;
  const Run* runs_;
};

/// In front of an image, so that a register that holds a part of it can begin there.
template <class T>
constexpr std::size_t slack = NativeLanes<T>::size;

/// Channels with zeros around them, as far as the kernel reaches.
template <class T>
const T* padded(const T* x, const Convolution& c, const Lengths& to, std::size_t channels) {
  thread_local Scratch<T> scratch;
  T* const data = scratch.get(channels * product(to) + slack<T>) + slack<T>;
  const std::size_t front = std::min(c.front[2], to[2]), length = std::min(c.input[2], to[2] - front);
  each_padded_row(c, to, channels, [&](std::size_t from, std::size_t at) {
    T* row = data + at;
    if (from == outside) return static_cast<void>(std::fill_n(row, to[2], T(0)));
    std::fill_n(row, front, T(0));
    std::copy_n(x + from, length, row + front);
    std::fill(row + front + length, row + to[2], T(0));
  });
  return data;
}

/// Rows [first, last) of the columns of a block, `distance` apart, in whole registers.
template <class T>
void make_columns(T* to, std::size_t distance, const T* image, const Plan<T>& plan, std::size_t block,
                  std::size_t first, std::size_t last) {
  using L = NativeLanes<T>;
  const auto runs = plan.runs(block);
  const std::size_t length = plan.length(block);
  for (std::size_t r = first; r < last; ++r, to += distance) {
    const T* const tap = image + plan.tap(r);
    if (plan.step == 1) {
      L v(T(0));
      for (const auto& run : runs) {
        const std::size_t lane = run.at % L::size, end = lane + run.length;
        v = load_lanes(v, tap + run.from - lane, lane, end);
        if (end == L::size || run.at + run.length == length) v.store(to + (run.at - lane));
      }
    } else {
      for (const auto& run : runs)
        for (std::size_t i = 0; i < run.length; ++i) to[run.at + i] = tap[run.from + i * plan.step];
    }
  }
}
template <class T>
std::size_t in_registers(std::size_t n) {
  constexpr std::size_t size = NativeLanes<T>::size;
  return (n + size - 1) / size * size;
}

/// Adds columns of a block where they were taken.
template <class T>
void add_columns(T* image, const T* columns, std::size_t distance, const Plan<T>& plan, std::size_t block) {
  for (std::size_t r = 0; r < plan.rows; ++r, columns += distance) {
    T* const tap = image + plan.tap(r);
    for (const auto [from, at, length] : plan.runs(block))
      for (std::size_t i = 0; i < length; ++i) tap[from + i * plan.step] += columns[at + i];
  }
}

/// How many there are in each of the fewest equal parts of at most so many, in whole registers.
template <class T>
std::size_t even(std::size_t all, std::size_t most) {
  const std::size_t parts = std::max<std::size_t>(1, (all + most - 1) / most);
  return std::max<std::size_t>(NativeLanes<T>::size, in_registers<T>((all + parts - 1) / parts));
}

/// Samples in parts, at most `most`, which depend on the shapes alone.
struct Parts {
  Parts(std::size_t samples, std::size_t work, std::size_t most) : all(samples) {
    constexpr std::size_t least_work = 1 << 17;  // a part, in multiplications
    const std::size_t each = std::min<std::size_t>(work, least_work);
    count = std::clamp<std::size_t>(all * each / least_work, 1, std::max<std::size_t>(1, std::min(all, most)));
    step = (all + count - 1) / count;
    count = step == 0 ? 0 : (all + step - 1) / step;
  }
  /// Calls f(part, sample) for all of them, those of a part in order.
  template <class F>
  void run(const F& f) const {
    parallel_for(count, [&](std::size_t part) {
      for (std::size_t i = part * step, end = std::min(all, i + step); i < end; ++i) f(part, i);
    });
  }
  std::size_t all, count, step;
};
constexpr std::size_t most_parts = 128;
constexpr std::size_t panel_bytes = 24 << 10;  // of what is read again and again, for the nearest cache

template <class T>
void convolve_groups(T* y, const T* x, const T* kernel, const T* bias, const Convolution& c) {
  constexpr std::size_t width = 2 * NativeLanes<T>::size;  // of a panel of columns, for tiles of registers
  const Sizes s(c);
  const std::size_t depth = even<T>(s.rows, panel_bytes / sizeof(T) / width);
  const Lengths to = reach(c);
  const Plan<T> plan(c, s, to, width);
  Parts(c.samples * s.groups, s.work(), most_parts).run([&](std::size_t, std::size_t i) {
    thread_local Scratch<T> scratch;
    T* const panel = scratch.get(depth * width);
    const T* const image = padded(x + i * s.channels * s.pixels, c, to, s.channels);
    const std::size_t first = i % s.groups * s.filters;
    T* const own = y + i * s.filters * s.places;
    for (std::size_t f = 0; bias && f < s.filters; ++f) std::fill_n(own + f * s.places, s.places, bias[first + f]);
    for (std::size_t block = 0; block < plan.blocks(); ++block)
      for (std::size_t r = 0; r < s.rows; r += depth) {
        const std::size_t last = std::min(s.rows, r + depth);
        make_columns(panel, width, image, plan, block, r, last);
        gemm_in_cache<T>(s.filters, plan.length(block), last - r, kernel + first * s.rows + r, s.rows, panel, width,
                         bias || r > 0 ? 1 : 0, own + plan.begin(block), s.places);
      }
  });
}

/// Whether what flows back to the images is itself a convolution, with the kernel turned round.
bool turns_round(const Convolution& c) {
  bool result = c.stride == Lengths{1, 1, 1};
  for (std::size_t a = 0; a < 3; ++a) result = result && c.front[a] <= c.dilation[a] * (c.kernel[a] - 1);
  return result;
}

template <class T>
void convolve_turned(T* x, const T* y, const T* kernel, const Convolution& c) {
  const Sizes s(c);
  Convolution back = c;
  std::swap(back.channels, back.filters);
  std::swap(back.input, back.output);
  for (std::size_t a = 0; a < 3; ++a) back.front[a] = c.dilation[a] * (c.kernel[a] - 1) - c.front[a];
  thread_local Scratch<T> scratch;
  T* const turned = scratch.get(s.groups * s.filters * s.rows);
  for (std::size_t g = 0; g < s.groups; ++g)
    for (std::size_t f = 0; f < s.filters; ++f)
      for (std::size_t i = 0; i < s.channels; ++i) {
        const T* from = kernel + ((g * s.filters + f) * s.channels + i) * s.taps;
        std::reverse_copy(from, from + s.taps, turned + ((g * s.channels + i) * s.filters + f) * s.taps);
      }
  convolve_groups<T>(x, y, turned, nullptr, back);
}

/// Copies what is no border, and zeros where nothing reached.
template <class T>
void unpad(T* x, const T* whole, const Convolution& c, const Lengths& to, std::size_t channels) {
  const std::size_t front = std::min(c.front[2], to[2]), length = std::min(c.input[2], to[2] - front);
  std::fill_n(x, channels * product(c.input), T(0));
  each_padded_row(c, to, channels, [&](std::size_t from, std::size_t at) {
    if (from != outside) std::copy_n(whole + at + front, length, x + from);
  });
}

/// The sum of what add_to(image) adds to one group of one sample.
template <class T, class F>
void add_up(T* x, const Convolution& c, const Lengths& to, std::size_t channels, const F& add_to) {
  thread_local Scratch<T> scratch;
  T* const whole = scratch.get(channels * product(to));
  std::fill_n(whole, channels * product(to), T(0));
  add_to(whole);
  unpad(x, whole, c, to, channels);
}

template <class T>
void convolve_back(T* x, const T* y, const T* kernel, const Convolution& c) {
  const Sizes s(c);
  const Lengths to = reach(c);
  const Plan<T> plan(c, s, to, even<T>(s.places, 512));
  Parts(c.samples * s.groups, s.work(), most_parts).run([&](std::size_t, std::size_t i) {
    const T* const from = y + i * s.filters * s.places;
    const T* const weights = kernel + i % s.groups * s.filters * s.rows;
    add_up(x + i * s.channels * s.pixels, c, to, s.channels, [&](T* image) {
      thread_local Scratch<T> scratch;
      for (std::size_t block = 0; block < plan.blocks(); ++block) {
        const std::size_t length = plan.length(block);
        T* const all = scratch.get(s.rows * length);
        gemm<T>(true, false, s.rows, length, s.filters, 1, weights, s.rows, from + plan.begin(block), s.places, 0, all,
                length);
        add_columns(image, all, length, plan, block);
      }
    });
  });
}

template <class T>
void transpose(T* to, std::size_t apart, const T* from, std::size_t rows, std::size_t columns, std::size_t distance) {
  const std::size_t shape[] = {columns, rows};
  const std::ptrdiff_t there[] = {std::ptrdiff_t(apart), 1}, here[] = {1, std::ptrdiff_t(distance)};
  copy<T>({to, shape, there}, {from, shape, here});
}

}  // namespace

template <class T>
void convolve_images(T* y, const T* x, const T* kernel, const T* bias, const Convolution& c) {
  if constexpr (std::is_same_v<T, float>)
    if (library_convolve(y, x, kernel, bias, c)) return;
  convolve_groups(y, x, kernel, bias, c);
}

template <class T>
void convolve_transposed(T* x, const T* y, const T* kernel, const Convolution& c) {
  if constexpr (std::is_same_v<T, float>)
    if (library_transposed(x, y, kernel, c)) return;
  turns_round(c) ? convolve_turned(x, y, kernel, c) : convolve_back(x, y, kernel, c);
}

template <class T>
void convolve_kernel(T* kernel, const T* x, const T* y, const Convolution& c) {
  if constexpr (std::is_same_v<T, float>)
    if (library_kernel(kernel, x, y, c)) return;
  const Sizes s(c);
  // Each part adds up samples in sums of its own, (rows, filters) a group, and these are added in order.
  const std::size_t size = s.rows * s.filters, all = s.groups * size;
  const Parts parts(c.samples, s.groups * s.work(), 16);
  thread_local Scratch<T> scratch;
  T* const sums = scratch.get(std::max<std::size_t>(1, parts.count) * all);
  std::fill_n(sums, std::max<std::size_t>(1, parts.count) * all, T(0));
  const Lengths to = reach(c);
  constexpr std::size_t width = 2 * NativeLanes<T>::size;
  const std::size_t block = even<T>(s.places, panel_bytes / 2 / sizeof(T) / width);
  const Plan<T> plan(c, s, to, block);
  parts.run([&](std::size_t part, std::size_t sample) {
    thread_local Scratch<T> seen, turned;
    T *const columns = seen.get(s.rows * block), *const panel = turned.get(block * width);
    for (std::size_t g = 0, i = sample * s.groups; g < s.groups; ++g, ++i) {
      const T* const image = padded(x + i * s.channels * s.pixels, c, to, s.channels);
      T* const own = sums + part * all + g * size;
      for (std::size_t b = 0; b < plan.blocks(); ++b) {
        make_columns(columns, block, image, plan, b, 0, s.rows);
        for (std::size_t f = 0; f < s.filters; f += width) {
          const std::size_t filters = std::min(width, s.filters - f), length = plan.length(b);
          transpose(panel, width, y + (i * s.filters + f) * s.places + plan.begin(b), filters, length, s.places);
          gemm_in_cache<T>(s.rows, filters, length, columns, block, panel, width, 1, own + f, s.filters);
        }
      }
    }
  });
  for (std::size_t part = 1; part < parts.count; ++part)
    for (std::size_t i = 0; i < all; ++i) sums[i] += sums[part * all + i];
  for (std::size_t g = 0; g < s.groups; ++g)
    transpose(kernel + g * size, s.rows, sums + g * size, s.rows, s.filters, s.filters);
}

template <class T>
void unfold(T* columns, const T* x, const Convolution& c) {
  const Sizes s(c);
  const Lengths to = reach(c);
  const Plan<T> plan(c, s, to, std::max<std::size_t>(1, s.places));
  Parts(c.samples, s.rows * s.places, most_parts).run([&](std::size_t, std::size_t n) {
    const T* const image = padded(x + n * s.channels * s.pixels, c, to, s.channels);
    T* row = columns + n * s.rows * s.places;
    for (std::size_t r = 0; r < s.rows; ++r, row += s.places)
      for (const auto [from, at, length] : plan.runs(0))
        for (std::size_t i = 0; i < length; ++i) row[at + i] = image[plan.tap(r) + from + i * plan.step];
  });
}

template <class T>
void fold(T* x, const T* columns, const Convolution& c) {
  const Sizes s(c);
  const Lengths to = reach(c);
  const Plan<T> plan(c, s, to, std::max<std::size_t>(1, s.places));
  Parts(c.samples, s.rows * s.places, most_parts).run([&](std::size_t, std::size_t n) {
    add_up(x + n * s.channels * s.pixels, c, to, s.channels,
           [&](T* image) { add_columns(image, columns + n * s.rows * s.places, s.places, plan, 0); });
  });
}

#define INSTANTIATE(T)                                                                 \
  template void convolve_images(T*, const T*, const T*, const T*, const Convolution&); \
  template void convolve_transposed(T*, const T*, const T*, const Convolution&);       \
  template void convolve_kernel(T*, const T*, const T*, const Convolution&);           \
  template void unfold(T*, const T*, const Convolution&);                              \
  template void fold(T*, const T*, const Convolution&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
