// Convolutions of images, as operations: a sum of products of image, kernel and result, by which each is linear, and
// whose derivatives by the three are the three operations.
#pragma once

#include <algorithm>

#include "../convolution.hpp"
#include "listed.hpp"

namespace autodiff {

/// Where a kernel looks: one number an axis of space. `front` and `back` are the zeros on both sides.
struct Sliding {
  Shape stride, dilation, front, back;
  std::size_t groups = 1;
  friend bool operator==(const Sliding&, const Sliding&) = default;

  /// How many places there are. Throws ShapeError where the kernel is longer than the image with its borders.
  Shape places(std::string_view operation, Dims image, Dims kernel) const;
  /// Additions and multiplications between results of this shape and a kernel of filters.
  static double products(Dims y, Dims kernel) {
    return 2.0 * static_cast<double>(count(y)) *
           static_cast<double>(count(kernel) / std::max<std::size_t>(1, kernel[0]));
  }
};

/// The result, by image and kernel.
struct ConvolveImages : Sliding {
  static constexpr auto name = "convolve";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  friend bool operator==(const ConvolveImages&, const ConvolveImages&) = default;
  Shape shape(Dims x, Dims kernel) const;
  double arithmetic(Dims x, Dims kernel) const { return products(shape(x, kernel), kernel); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> kernel) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x, const V& kernel) const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// The result with a bias for each filter.
struct ConvolveWithBias : Sliding {
  static constexpr auto name = "convolve_with_bias";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  friend bool operator==(const ConvolveWithBias&, const ConvolveWithBias&) = default;
  Shape shape(Dims x, Dims kernel, Dims bias) const;
  double arithmetic(Dims x, Dims kernel, Dims bias) const { return products(shape(x, kernel, bias), kernel); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> kernel, Operand<const T> bias) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x, const V& kernel, const V& bias) const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// The image, of these lengths, by result and kernel.
struct ConvolveTransposed : Sliding {
  static constexpr auto name = "convolve_transposed";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  Shape image;
  friend bool operator==(const ConvolveTransposed&, const ConvolveTransposed&) = default;
  Shape shape(Dims y, Dims kernel) const;
  double arithmetic(Dims y, Dims kernel) const { return products(y, kernel); }
  template <class T>
  void forward(Operand<T> x, Operand<const T> y, Operand<const T> kernel) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& y, const V& kernel) const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// The kernel, of these lengths, by image and result.
struct ConvolveKernel : Sliding {
  static constexpr auto name = "convolve_kernel";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  Shape kernel;
  friend bool operator==(const ConvolveKernel&, const ConvolveKernel&) = default;
  Shape shape(Dims x, Dims y) const;
  double arithmetic(Dims x, Dims y) const { return products(y, shape(x, y)); }
  template <class T>
  void forward(Operand<T> kernel, Operand<const T> x, Operand<const T> y) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x, const V& y) const;
};

/// What a window of these lengths sees, as columns.
struct Unfold : Sliding {
  static constexpr auto name = "unfold";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  Shape window;
  friend bool operator==(const Unfold&, const Unfold&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

/// Its transpose, for images of these lengths.
struct Fold : Sliding {
  static constexpr auto name = "fold";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  Shape window, image;
  friend bool operator==(const Fold&, const Fold&) = default;
  Shape shape(Dims columns) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> columns) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& columns) const;
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};

// clang-format off
#define AUTODIFF_CONVOLUTION(X) \
  X(ConvolveImages) X(ConvolveWithBias) X(ConvolveTransposed) X(ConvolveKernel) X(Unfold) X(Fold)
// clang-format on
AUTODIFF_CONVOLUTION(AUTODIFF_EXTERN)

}  // namespace autodiff
