// Images: convolutions of one to three axes, their transposes, and what a kernel sees as columns of a matrix.
//
// An image is (samples, channels, space...), with one to three axes of space; or, where the layout says so, (samples,
// space..., channels).
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <vector>

#include "shape.hpp"

namespace autodiff {

/// Where the channels of an image are.
enum class ImageLayout { channels_first, channels_last };

/// A number for each axis of space, {2, 1}, or one for all of them.
class PerAxis {
 public:
  PerAxis(std::size_t all) : numbers_{all} {}
  PerAxis(std::initializer_list<std::size_t> numbers) : numbers_(numbers) {}
  PerAxis(std::vector<std::size_t> numbers) : numbers_(std::move(numbers)) {}
  /// One for each of so many axes. Throws ShapeError, which names them, for another count of numbers.
  Shape resolve(std::string_view operation, std::string_view what, std::size_t axes) const;
  std::size_t count() const { return numbers_.size(); }

 private:
  std::vector<std::size_t> numbers_;
};

/// Zeros on both sides of each axis; or "valid", none, or "same", so many that the result is as long as the image
/// divided by the stride, rounded up: the odd one behind.
class Padding {
 public:
  template <std::integral Count>
  Padding(Count all) : numbers_(static_cast<std::size_t>(all)) {}
  Padding(std::initializer_list<std::size_t> numbers) : numbers_(numbers) {}
  Padding(std::vector<std::size_t> numbers) : numbers_(std::move(numbers)) {}
  /// Throws ValueError for another word than "same" and "valid".
  Padding(const char* word);
  bool same() const { return same_; }
  const PerAxis& numbers() const { return numbers_; }

 private:
  PerAxis numbers_{0};
  bool same_ = false;
};

struct ConvolveOptions {
  PerAxis stride = 1;      // between neighbouring places of the kernel
  Padding padding = 0;     // zeros on both sides of the image
  PerAxis dilation = 1;    // between neighbours that an element of the kernel sees
  std::size_t groups = 1;  // channels and filters in so many groups, each of which sees its own alone
  ImageLayout layout = ImageLayout::channels_first;  // where the channels are
};

struct ConvolveTransposedOptions {
  PerAxis stride = 1;          // between the places to which neighbours of the image add the kernel
  PerAxis padding = 0;         // by how much the result is cut off at both ends
  PerAxis output_padding = 0;  // how much longer the result is, behind
  PerAxis dilation = 1;        // as of ConvolveOptions
  std::size_t groups = 1;      // as of ConvolveOptions
  ImageLayout layout = ImageLayout::channels_first;  // where the channels are
};

struct UnfoldOptions {
  PerAxis stride = 1;    // between neighbouring windows
  PerAxis padding = 0;   // zeros on both sides of the image
  PerAxis dilation = 1;  // between neighbours that a window sees
};

namespace detail {
template <Real T>
Variable<T> convolve(const Variable<T>& x, const Variable<T>& kernel, const ConvolveOptions& options);
template <Real T>
Variable<T> convolve(const Variable<T>& x, const Variable<T>& kernel, const Variable<T>& bias,
                     const ConvolveOptions& options);
template <Real T>
Variable<T> convolve_transposed(const Variable<T>& x, const Variable<T>& kernel,
                                const ConvolveTransposedOptions& options);
}  // namespace detail

/// What each filter of the kernel finds at each place of an image, as PyTorch's conv1d to conv3d: x (samples, channels,
/// space...) and kernel (filters, channels / groups, space...) give (samples, filters, places...), y[n, f, o] = sum
/// over c and k of x[n, c, o stride + k dilation - padding] kernel[f, c, k], zeros outside. V. Dumoulin and F. Visin,
/// "A guide to convolution arithmetic for deep learning", 2016. Throws ShapeError where channels, groups or axes do not
/// fit, or the kernel is longer than the image with its borders.
template <class X, class K>
requires Operands<X, K>
auto convolve(X&& x, K&& kernel, const ConvolveOptions& options) {
  using T = ElementOf<X, K>;
  return detail::convolve<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<K>(kernel)), options);
}

/// The same plus a bias for each filter, (filters).
template <class X, class K, class B>
requires Operands<X, K, B>
auto convolve(X&& x, K&& kernel, B&& bias, const ConvolveOptions& options) {
  using T = ElementOf<X, K, B>;
  return detail::convolve<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<K>(kernel)),
                             to_variable<T>(std::forward<B>(bias)), options);
}

/// The transpose of convolve(), as PyTorch's conv_transpose1d to 3d: each element of x (samples, channels, space...)
/// adds the kernel (channels, filters / groups, space...), times itself, to (samples, filters, places...), of which
/// there are (n - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1 along an axis. Throws ShapeError as
/// convolve() does, and ValueError where output_padding is not below stride or dilation.
template <class X, class K>
requires Operands<X, K>
auto convolve_transposed(X&& x, K&& kernel, const ConvolveTransposedOptions& options = {}) {
  using T = ElementOf<X, K>;
  return detail::convolve_transposed<T>(to_variable<T>(std::forward<X>(x)), to_variable<T>(std::forward<K>(kernel)),
                                        options);
}

/// What a window of these lengths sees at each place, as PyTorch's unfold (im2col): x (samples, channels, space...)
/// gives (samples, channels * window, places). Throws ShapeError where it does not fit.
template <Real T>
Variable<T> unfold(const Variable<T>& x, const PerAxis& window, const UnfoldOptions& options = {});
/// Its transpose, as PyTorch's fold (col2im): columns (samples, channels * window, places) added up where unfold()
/// takes them from an image of these lengths. Throws ShapeError where there are others.
template <Real T>
Variable<T> fold(const Variable<T>& columns, const Shape& lengths, const PerAxis& window,
                 const UnfoldOptions& options = {});

}  // namespace autodiff
