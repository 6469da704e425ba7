#include "convolution.hpp"

#include <algorithm>

#include "copy.hpp"
#include "gemm.hpp"
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

/// Whether the kernel never leaves the image.
bool inside(const Convolution& c) {
  const Lengths to = reach(c);
  bool result = true;
  for (std::size_t a = 0; a < 3; ++a) result = result && c.front[a] == 0 && to[a] <= c.input[a];
  return result;
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

/// An image whose kernel stays inside: elements, and the steps of channels and axes.
template <class T>
struct Image {
  T* data;
  std::size_t channel;
  Lengths step;
};
template <class T>
Image<T> image(T* data, const Lengths& lengths) {
  return {data, product(lengths), {lengths[1] * lengths[2], lengths[2], 1}};
}

/// The channels of one group with zeros around them, or as they are where none are needed.
template <class T>
Image<const T> padded(const T* x, const Convolution& c, std::size_t channels) {
  if (inside(c)) return image(x, c.input);
  thread_local Scratch<T> scratch;
  const Lengths to = reach(c);
  T* const data = scratch.get(channels * product(to));
  const std::size_t front = std::min(c.front[2], to[2]), length = std::min(c.input[2], to[2] - front);
  each_padded_row(c, to, channels, [&](std::size_t from, std::size_t at) {
    T* row = data + at;
    if (from == outside) return static_cast<void>(std::fill_n(row, to[2], T(0)));
    std::fill_n(row, front, T(0));
    std::copy_n(x + from, length, row + front);
    std::fill(row + front + length, row + to[2], T(0));
  });
  return image<const T>(data, to);
}

/// Places [first, last) of the result, as parts of its rows.
struct Block {
  std::size_t first, last;
  std::size_t size() const { return last - first; }
  /// Calls f(offset in the image, offset in the block, length).
  template <class I, class F>
  void each_row(const Convolution& c, const I& x, const F& f) const {
    const std::size_t width = c.output[2];
    for (std::size_t p = first; p < last;) {
      const std::size_t row = p / width, column = p % width, length = std::min(width - column, last - p);
      f(row / c.output[1] * c.stride[0] * x.step[0] + row % c.output[1] * c.stride[1] * x.step[1] +
            column * c.stride[2],
        p - first, length);
      p += length;
    }
  }
};

/// Calls f(row of the matrix, its first element in the image).
template <class T, class F>
void each_tap(const Convolution& c, const Image<T>& x, std::size_t channels, const F& f) {
  std::size_t r = 0;
  for (std::size_t i = 0; i < channels; ++i)
    for (std::size_t d = 0; d < c.kernel[0]; ++d)
      for (std::size_t h = 0; h < c.kernel[1]; ++h)
        for (std::size_t w = 0; w < c.kernel[2]; ++w)
          f(r++,
            x.data + i * x.channel + d * c.dilation[0] * x.step[0] + h * c.dilation[1] * x.step[1] + w * c.dilation[2]);
}

template <class T>
void copy_short(T* to, const T* from, std::size_t n, const FirstLanes<NativeLanes<T>>& tail) {
  using L = NativeLanes<T>;
  std::size_t i = 0;
  for (; i + L::size <= n; i += L::size) L::load(from + i).store(to + i);
  if (i < n) tail.store(tail.load(from + i), to + i);
}

/// The columns of a block: (channels, kernel) by its places, rows `distance` apart.
template <class T>
void make_columns(T* to, std::size_t distance, const Image<const T>& x, const Convolution& c, std::size_t channels,
                  Block block) {
  const std::size_t width = c.output[2], step = c.stride[2];
  const FirstLanes<NativeLanes<T>> tail(width % NativeLanes<T>::size);
  each_tap(c, x, channels, [&](std::size_t r, const T* tap) {
    T* row = to + r * distance;
    block.each_row(c, x, [&](std::size_t from, std::size_t at, std::size_t length) {
      if (step == 1 && length == width) return copy_short(row + at, tap + from, length, tail);
      for (std::size_t i = 0; i < length; ++i) row[at + i] = tap[from + i * step];
    });
  });
}

/// Adds such columns where they were taken.
template <class T>
void add_columns(const Image<T>& x, const T* columns, std::size_t distance, const Convolution& c, std::size_t channels,
                 Block block) {
  const std::size_t step = c.stride[2];
  each_tap(c, x, channels, [&](std::size_t r, T* tap) {
    const T* row = columns + r * distance;
    block.each_row(c, x, [&](std::size_t from, std::size_t at, std::size_t length) {
      for (std::size_t i = 0; i < length; ++i) tap[from + i * step] += row[at + i];
    });
  });
}

/// How many places at once, so that their columns stay in the cache.
template <class T>
std::size_t block_size(const Sizes& s) {
  constexpr std::size_t bytes = 1 << 19, granule = 64;
  return std::max(granule, bytes / sizeof(T) / std::max<std::size_t>(1, s.rows) / granule * granule);
}

/// Calls f(block) for the blocks of one sample.
template <class T, class F>
void each_block(const Sizes& s, const F& f) {
  const std::size_t size = block_size<T>(s);
  for (std::size_t first = 0; first < s.places; first += size) f(Block{first, std::min(s.places, first + size)});
}

/// A matrix of columns: in scratch memory, or the image itself where a kernel of one tap goes over all pixels.
template <class T>
struct Columns {
  const T* data;
  std::size_t distance;
};
template <class T>
Columns<T> columns(const Image<const T>& x, const Convolution& c, const Sizes& s, Block block) {
  if (s.taps == 1 && inside(c) && c.output == c.input && c.stride == Lengths{1, 1, 1})
    return {x.data + block.first, x.channel};
  thread_local Scratch<T> scratch;
  T* const data = scratch.get(s.rows * block.size());
  make_columns(data, block.size(), x, c, s.channels, block);
  return {data, block.size()};
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

template <class T>
void convolve_groups(T* y, const T* x, const T* kernel, const T* bias, const Convolution& c) {
  const Sizes s(c);
  Parts(c.samples * s.groups, s.work(), most_parts).run([&](std::size_t, std::size_t i) {
    const auto from = padded(x + i * s.channels * s.pixels, c, s.channels);
    const T* const weights = kernel + i % s.groups * s.filters * s.rows;
    T* const to = y + i * s.filters * s.places;
    for (std::size_t f = 0; bias && f < s.filters; ++f)
      std::fill_n(to + f * s.places, s.places, bias[i % s.groups * s.filters + f]);
    each_block<T>(s, [&](Block block) {
      const auto all = columns(from, c, s, block);
      gemm<T>(false, false, s.filters, block.size(), s.rows, 1, weights, s.rows, all.data, all.distance, bias ? 1 : 0,
              to + block.first, s.places);
    });
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
void unpad(T* x, const T* whole, const Convolution& c, std::size_t channels) {
  const Lengths to = reach(c);
  const std::size_t front = std::min(c.front[2], to[2]), length = std::min(c.input[2], to[2] - front);
  std::fill_n(x, channels * product(c.input), T(0));
  each_padded_row(c, to, channels, [&](std::size_t from, std::size_t at) {
    if (from != outside) std::copy_n(whole + at + front, length, x + from);
  });
}

/// Adds up columns of one group of one sample, which add_to(image) adds, where they were taken.
template <class T, class F>
void add_up(T* x, const Convolution& c, std::size_t channels, const F& add_to) {
  thread_local Scratch<T> scratch;
  const bool direct = inside(c);
  const Lengths to = direct ? c.input : reach(c);
  const Image<T> whole = image(direct ? x : scratch.get(channels * product(to)), to);
  std::fill_n(whole.data, channels * whole.channel, T(0));
  add_to(whole);
  if (!direct) unpad(x, whole.data, c, channels);
}

template <class T>
void convolve_back(T* x, const T* y, const T* kernel, const Convolution& c) {
  const Sizes s(c);
  Parts(c.samples * s.groups, s.work(), most_parts).run([&](std::size_t, std::size_t i) {
    const T* const from = y + i * s.filters * s.places;
    const T* const weights = kernel + i % s.groups * s.filters * s.rows;
    add_up(x + i * s.channels * s.pixels, c, s.channels, [&](const Image<T>& whole) {
      thread_local Scratch<T> scratch;
      each_block<T>(s, [&](Block block) {
        T* const all = scratch.get(s.rows * block.size());
        gemm<T>(true, false, s.rows, block.size(), s.filters, 1, weights, s.rows, from + block.first, s.places, 0, all,
                block.size());
        add_columns(whole, all, block.size(), c, s.channels, block);
      });
    });
  });
}

template <class T>
void transpose(T* to, const T* from, std::size_t rows, std::size_t columns, std::size_t distance) {
  const std::size_t shape[] = {columns, rows};
  const std::ptrdiff_t there[] = {std::ptrdiff_t(rows), 1}, here[] = {1, std::ptrdiff_t(distance)};
  copy<T>({to, shape, there}, {from, shape, here});
}

}  // namespace

template <class T>
void convolve_images(T* y, const T* x, const T* kernel, const T* bias, const Convolution& c) {
  convolve_groups(y, x, kernel, bias, c);
}

template <class T>
void convolve_transposed(T* x, const T* y, const T* kernel, const Convolution& c) {
  turns_round(c) ? convolve_turned(x, y, kernel, c) : convolve_back(x, y, kernel, c);
}

template <class T>
void convolve_kernel(T* kernel, const T* x, const T* y, const Convolution& c) {
  const Sizes s(c);
  // Each part adds up samples in sums of its own, (rows, filters) a group, and these are added in order.
  const std::size_t size = s.rows * s.filters, all = s.groups * size;
  const Parts parts(c.samples, s.groups * s.work(), 16);
  thread_local Scratch<T> scratch;
  T* const sums = scratch.get(std::max<std::size_t>(1, parts.count) * all);
  std::fill_n(sums, std::max<std::size_t>(1, parts.count) * all, T(0));
  parts.run([&](std::size_t part, std::size_t sample) {
    thread_local Scratch<T> turned;
    for (std::size_t g = 0, i = sample * s.groups; g < s.groups; ++g, ++i) {
      const auto from = padded(x + i * s.channels * s.pixels, c, s.channels);
      each_block<T>(s, [&](Block block) {
        const auto seen = columns(from, c, s, block);
        T* const slopes = turned.get(block.size() * s.filters);
        transpose(slopes, y + i * s.filters * s.places + block.first, s.filters, block.size(), s.places);
        gemm<T>(false, false, s.rows, s.filters, block.size(), 1, seen.data, seen.distance, slopes, s.filters, 1,
                sums + part * all + g * size, s.filters);
      });
    }
  });
  for (std::size_t part = 1; part < parts.count; ++part)
    for (std::size_t i = 0; i < all; ++i) sums[i] += sums[part * all + i];
  for (std::size_t g = 0; g < s.groups; ++g)
    transpose(kernel + g * size, sums + g * size, s.rows, s.filters, s.filters);
}

template <class T>
void unfold(T* columns, const T* x, const Convolution& c) {
  const Sizes s(c);
  Parts(c.samples, s.rows * s.places, most_parts).run([&](std::size_t, std::size_t i) {
    const auto from = padded(x + i * s.channels * s.pixels, c, s.channels);
    make_columns(columns + i * s.rows * s.places, s.places, from, c, s.channels, {0, s.places});
  });
}

template <class T>
void fold(T* x, const T* columns, const Convolution& c) {
  const Sizes s(c);
  Parts(c.samples, s.rows * s.places, most_parts).run([&](std::size_t, std::size_t i) {
    add_up(x + i * s.channels * s.pixels, c, s.channels, [&](const Image<T>& whole) {
      add_columns(whole, columns + i * s.rows * s.places, s.places, c, s.channels, {0, s.places});
    });
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
