// Pooling: what a window that slides over an image finds, channel by channel. Images are those of convolution.hpp.
#pragma once

#include "convolution.hpp"

namespace autodiff {

struct MaxPoolOptions {
  PerAxis stride = {};                               // none given: the window, so that windows touch
  PerAxis padding = 0;                               // what lies outside the image is never the largest
  PerAxis dilation = 1;                              // between neighbours that a window sees
  bool ceil_mode = false;                            // windows that begin inside the image and end outside count, too
  ImageLayout layout = ImageLayout::channels_first;  // where the channels of the image are
};

struct AveragePoolOptions {
  PerAxis stride = {};                               // none given: the window
  PerAxis padding = 0;                               // on both sides of the image
  bool ceil_mode = false;                            // as of MaxPoolOptions
  bool count_include_pad = true;                     // borders count as zeros, rather than not at all
  ImageLayout layout = ImageLayout::channels_first;  // where the channels of the image are
};

/// The largest element of each window, as PyTorch's max_pool1d to 3d: x (samples, channels, space...) gives (samples,
/// channels, places...); of equal ones the first has the gradient, and NaN is the largest. Throws ShapeError where the
/// window does not fit, and ValueError for a border of more than half the window.
template <Real T>
Variable<T> max_pool(const Variable<T>& x, const PerAxis& window, const MaxPoolOptions& options = {});
/// The mean of each window, as PyTorch's avg_pool1d to 3d. Throws what max_pool() throws.
template <Real T>
Variable<T> average_pool(const Variable<T>& x, const PerAxis& window, const AveragePoolOptions& options = {});

/// Windows that share the image out among so many results along each axis, as PyTorch's adaptive pooling: result i of m
/// sees elements floor(i n / m) to ceil((i + 1) n / m) of n. Throws ShapeError for results or axes of nothing.
template <Real T>
Variable<T> adaptive_max_pool(const Variable<T>& x, const PerAxis& results,
                              ImageLayout layout = ImageLayout::channels_first);
template <Real T>
Variable<T> adaptive_average_pool(const Variable<T>& x, const PerAxis& results,
                                  ImageLayout layout = ImageLayout::channels_first);

/// The largest element, or the mean, of each channel: (samples, channels, space...) gives (samples, channels).
template <Real T>
Variable<T> global_max_pool(const Variable<T>& x, ImageLayout layout = ImageLayout::channels_first);
template <Real T>
Variable<T> global_average_pool(const Variable<T>& x, ImageLayout layout = ImageLayout::channels_first);

}  // namespace autodiff
