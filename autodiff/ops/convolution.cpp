#include "structs/convolution.hpp"

#include <algorithm>

#include "../kernels/convolution.hpp"
#include "compile.hpp"
#include "layout.hpp"
#include "reduce.hpp"

namespace autodiff {

Shape PerAxis::resolve(std::string_view operation, std::string_view what, std::size_t axes) const {
  constexpr std::size_t most = std::size_t(1) << 31;  // so that sums of several do not overflow
  for (auto number : numbers_)
    if (number > most) fail<ShapeError>(operation, what, " must be at most ", most, ": ", Dims(numbers_));
  if (numbers_.size() == 1) return Shape(axes, numbers_[0]);
  if (numbers_.size() != axes)
    fail<ShapeError>(operation, what, " needs one number, or one for each of ", axes,
                     " axes of space: ", Dims(numbers_));
  return Shape(numbers_.begin(), numbers_.end());
}

Padding::Padding(const char* word) : same_(std::string_view(word) == "same") {
  if (!same_ && std::string_view(word) != "valid")
    fail<ValueError>("padding", "there are \"same\" and \"valid\", and numbers: \"", word, "\"");
}

namespace {

Dims space(Dims x) { return x.subspan(2); }

Shape joined(std::size_t samples, std::size_t channels, Dims space) {
  Shape shape{samples, channels};
  shape.insert(shape.end(), space.begin(), space.end());
  return shape;
}

void check_image(std::string_view operation, Dims x) {
  if (x.size() < 3 || x.size() > 5)
    fail<ShapeError>(operation, "needs images (samples, channels, space...), of one to three axes of space: ", x);
}

void check_kernel(std::string_view operation, Dims image, Dims kernel, std::size_t groups) {
  check_image(operation, image);
  if (kernel.size() != image.size())
    fail<ShapeError>(operation, "image and kernel must have as many axes: ", image, " and ", kernel);
  if (groups == 0 || kernel[0] % groups != 0 || kernel[0] == 0)
    fail<ShapeError>(operation, "the first axis of the kernel must divide into ", groups, " groups: ", kernel);
}

/// The convolution as kernels see it: axes of length one in front.
kernels::Convolution padded_to_three(const Sliding& by, Dims x, Dims kernel, Dims y) {
  kernels::Convolution c{x[0], x[1], y[1], by.groups, {}, {}, {}, {}, {}, {}};
  c.input = c.kernel = c.output = c.stride = c.dilation = {1, 1, 1};
  const std::size_t axes = x.size() - 2;
  for (std::size_t i = 0; i < axes; ++i) {
    const std::size_t to = 3 - axes + i;
    c.input[to] = x[2 + i], c.kernel[to] = kernel[i], c.output[to] = y[2 + i];
    c.stride[to] = by.stride[i], c.dilation[to] = by.dilation[i], c.front[to] = by.front[i];
  }
  return c;
}

/// Samples of an axis in front, among the others: (n, samples, ...) as (n samples, ...).
template <class V>
V merged(const V& x) {
  Shape shape(x.shape().begin() + 1, x.shape().end());
  shape[0] *= x.shape(0);
  return reshape(x, shape);
}
template <class V>
V parted(const V& y, std::size_t n) {
  Shape shape = y.shape();
  shape[0] /= std::max<std::size_t>(1, n);
  shape.insert(shape.begin(), n);
  return reshape(y, shape);
}
/// An operation of n times as many samples, where the other operands are one for all.
template <class Op, class V>
V batched_by_first(const Op& op, std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) {
  if (n == 0 || std::count(stacked.begin(), stacked.end(), true) != std::ptrdiff_t(stacked[0])) return V();
  std::vector<V> all(x.begin(), x.end());
  all[0] = merged(x[0]);
  return parted(listed<Op, typename V::value_type>(op, std::span<const V>(all)), n);
}

}  // namespace

Shape Sliding::places(std::string_view operation, Dims image, Dims kernel) const {
  Shape result(image.size());
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (stride[i] == 0 || dilation[i] == 0)
      fail<ShapeError>(operation, "strides and dilations must be at least 1: ", Dims(stride), " and ", Dims(dilation));
    if (kernel[i] == 0) fail<ShapeError>(operation, "the kernel must not be empty: ", kernel);
    const std::size_t whole = image[i] + front[i] + back[i], seen = dilation[i] * (kernel[i] - 1) + 1;
    if (seen > whole)
      fail<ShapeError>(operation, "the kernel must not be longer than the image with its borders: ", kernel, " by ",
                       Dims(dilation), " and ", image, " with ", Dims(front), " and ", Dims(back));
    result[i] = (whole - seen) / stride[i] + 1;
  }
  return result;
}

Shape ConvolveImages::shape(Dims x, Dims k) const {
  check_kernel(name, x, k, groups);
  if (k[1] * groups != x[1])
    fail<ShapeError>(name, "the kernel must have the image's channels in ", groups, " groups: ", x, " and ", k);
  return joined(x[0], k[0], places(name, space(x), space(k)));
}
template <class T>
void ConvolveImages::forward(Operand<T> y, Operand<const T> x, Operand<const T> k) const {
  kernels::convolve_images<T>(y.data, x.data, k.data, nullptr,
                              padded_to_three(*this, x.shape, space(k.shape), y.shape));
}
template <int I, class V>
V ConvolveImages::vjp(const V& ct, const V&, const V& x, const V& k) const {
  if constexpr (I == 0)
    return listed(ConvolveTransposed{*this, to_shape(space(x.shape()))}, ct, k);
  else
    return listed(ConvolveKernel{*this, to_shape(space(k.shape()))}, x, ct);
}
template <class V>
V ConvolveImages::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_by_first(*this, n, stacked, x);
}

Shape ConvolveWithBias::shape(Dims x, Dims k, Dims bias) const {
  const Shape y = ConvolveImages{*this}.shape(x, k);
  if (bias.size() != 1 || bias[0] != k[0])
    fail<ShapeError>(ConvolveImages::name, "needs a bias for each filter: ", bias, " and ", k);
  return y;
}
template <class T>
void ConvolveWithBias::forward(Operand<T> y, Operand<const T> x, Operand<const T> k, Operand<const T> bias) const {
  kernels::convolve_images(y.data, x.data, k.data, bias.data, padded_to_three(*this, x.shape, space(k.shape), y.shape));
}
template <int I, class V>
V ConvolveWithBias::vjp(const V& ct, const V& y, const V& x, const V& k, const V&) const {
  if constexpr (I < 2) {
    return ConvolveImages{*this}.vjp<I>(ct, y, x, k);
  } else {  // over rows first: programs do so where they make them
    const auto rows = std::ptrdiff_t(ct.shape(0)), filters = std::ptrdiff_t(ct.shape(1));
    return sum(sum(reshape(ct, {rows, filters, std::ptrdiff_t(count(space(ct.shape())))}), 2), 0);
  }
}

template <class V>
V ConvolveWithBias::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_by_first(*this, n, stacked, x);
}

Shape ConvolveTransposed::shape(Dims y, Dims k) const {
  check_kernel(name, y, k, groups);
  if (k[0] != y[1]) fail<ShapeError>(name, "image and kernel must have as many channels: ", y, " and ", k);
  if (!std::ranges::equal(places(name, image, space(k)), space(y)))
    fail<ShapeError>(name, "the image does not fit: ", y, " and ", Dims(image));
  return joined(y[0], k[1] * groups, image);
}
template <class T>
void ConvolveTransposed::forward(Operand<T> x, Operand<const T> y, Operand<const T> k) const {
  kernels::convolve_transposed(x.data, y.data, k.data, padded_to_three(*this, x.shape, space(k.shape), y.shape));
}
template <int I, class V>
V ConvolveTransposed::vjp(const V& ct, const V&, const V& y, const V& k) const {
  if constexpr (I == 0)
    return listed(ConvolveImages{*this}, ct, k);
  else
    return listed(ConvolveKernel{*this, to_shape(space(k.shape()))}, ct, y);
}
template <class V>
V ConvolveTransposed::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_by_first(*this, n, stacked, x);
}

Shape ConvolveKernel::shape(Dims x, Dims y) const {
  check_image(name, x);
  if (y.size() != x.size() || y[0] != x[0] || groups == 0 || x[1] % groups != 0 || y[1] % groups != 0 ||
      !std::ranges::equal(places(name, space(x), kernel), space(y)))
    fail<ShapeError>(name, "image and result do not fit: ", x, " and ", y);
  return joined(y[1], x[1] / groups, kernel);
}
template <class T>
void ConvolveKernel::forward(Operand<T> k, Operand<const T> x, Operand<const T> y) const {
  kernels::convolve_kernel(k.data, x.data, y.data, padded_to_three(*this, x.shape, kernel, y.shape));
}
template <int I, class V>
V ConvolveKernel::vjp(const V& ct, const V&, const V& x, const V& y) const {
  if constexpr (I == 0)
    return listed(ConvolveTransposed{*this, to_shape(space(x.shape()))}, y, ct);
  else
    return listed(ConvolveImages{*this}, x, ct);
}

Shape Unfold::shape(Dims x) const {
  check_image(name, x);
  return {x[0], x[1] * count(window), count(places(name, space(x), window))};
}
template <class T>
void Unfold::forward(Operand<T> y, Operand<const T> x) const {
  const Shape result = joined(x.shape[0], x.shape[1], places(name, space(x.shape), window));
  kernels::unfold(y.data, x.data, padded_to_three(*this, x.shape, window, result));
}
template <int I, class V>
V Unfold::vjp(const V& ct, const V&, const V& x) const {
  return listed(Fold{*this, window, to_shape(space(x.shape()))}, ct);
}
template <class V>
V Unfold::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_by_first(*this, n, stacked, x);
}

Shape Fold::shape(Dims columns) const {
  const Shape each = places(name, image, window);
  if (columns.size() != 3 || columns[1] % count(window) != 0 || columns[2] != count(each))
    fail<ShapeError>(name, "needs columns (samples, channels * ", count(window), ", ", count(each), "): ", columns);
  return joined(columns[0], columns[1] / count(window), image);
}
template <class T>
void Fold::forward(Operand<T> y, Operand<const T> columns) const {
  const Shape result = joined(y.shape[0], y.shape[1], places(name, image, window));
  kernels::fold(y.data, columns.data, padded_to_three(*this, y.shape, window, result));
}
template <int I, class V>
V Fold::vjp(const V& ct, const V&, const V&) const {
  return listed(Unfold{*this, window}, ct);
}
template <class V>
V Fold::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_by_first(*this, n, stacked, x);
}

AUTODIFF_CONVOLUTION(AUTODIFF_COMPILE)

namespace {

/// Where the kernel looks in an image with channels first.
Sliding sliding(Dims x, Dims kernel, const ConvolveOptions& options) {
  constexpr auto name = ConvolveImages::name;
  check_kernel(name, x, kernel, options.groups);
  const std::size_t axes = x.size() - 2;
  Sliding op;
  op.stride = options.stride.resolve(name, "the stride", axes);
  op.dilation = options.dilation.resolve(name, "the dilation", axes);
  op.front = op.back = options.padding.numbers().resolve(name, "the padding", axes);
  op.groups = options.groups;
  for (std::size_t i = 0; options.padding.same() && i < axes; ++i) {
    const std::size_t n = x[2 + i], s = std::max<std::size_t>(1, op.stride[i]);
    const std::size_t seen = op.dilation[i] * (std::max<std::size_t>(1, kernel[2 + i]) - 1) + 1;
    const std::size_t whole = n == 0 ? 0 : ((n + s - 1) / s - 1) * s + seen, zeros = whole > n ? whole - n : 0;
    op.front[i] = zeros / 2, op.back[i] = zeros - zeros / 2;
  }
  return op;
}

}  // namespace

namespace detail {

template <Real T>
Variable<T> convolve(const Variable<T>& image, const Variable<T>& kernel, const ConvolveOptions& options) {
  Tape<T>::check_operands(ConvolveImages::name, std::array{image, kernel});
  const typename Tape<T>::Attempt attempt({&image, &kernel});
  const Variable<T> x = channels_first(image, options.layout);
  const ConvolveImages op{sliding(x.shape(), kernel.shape(), options)};
  return channels_back(listed(op, x, kernel), options.layout);
}
template <Real T>
Variable<T> convolve(const Variable<T>& image, const Variable<T>& kernel, const Variable<T>& bias,
                     const ConvolveOptions& options) {
  Tape<T>::check_operands(ConvolveImages::name, std::array{image, kernel, bias});
  const typename Tape<T>::Attempt attempt({&image, &kernel, &bias});
  const Variable<T> x = channels_first(image, options.layout);
  const ConvolveWithBias op{sliding(x.shape(), kernel.shape(), options)};
  return channels_back(listed(op, x, kernel, bias), options.layout);
}

template <Real T>
Variable<T> convolve_transposed(const Variable<T>& image, const Variable<T>& kernel,
                                const ConvolveTransposedOptions& options) {
  constexpr auto name = ConvolveTransposed::name;
  Tape<T>::check_operands(name, std::array{image, kernel});
  const typename Tape<T>::Attempt attempt({&image, &kernel});
  const Variable<T> x = channels_first(image, options.layout);
  check_kernel(name, x.shape(), kernel.shape(), options.groups);
  const std::size_t axes = x.dimension() - 2;
  ConvolveTransposed op;
  op.stride = options.stride.resolve(name, "the stride", axes);
  op.dilation = options.dilation.resolve(name, "the dilation", axes);
  op.front = op.back = options.padding.resolve(name, "the padding", axes);
  op.groups = options.groups;
  const Shape more = options.output_padding.resolve(name, "the output padding", axes);
  for (std::size_t i = 0; i < axes; ++i) {
    if (more[i] > 0 && more[i] >= std::max(op.stride[i], op.dilation[i]))
      fail<ValueError>(name, "the output padding must be below the stride or the dilation: ", more[i]);
    const std::size_t n = x.shape(2 + i), k = kernel.shape(2 + i), borders = 2 * op.front[i];
    const std::size_t whole = n == 0 || k == 0 ? 0 : (n - 1) * op.stride[i] + op.dilation[i] * (k - 1) + 1 + more[i];
    if (whole <= borders)
      fail<ShapeError>(name, "nothing is left between the borders: ", Dims(x.shape()), " and ", Dims(kernel.shape()));
    op.image.push_back(whole - borders);
  }
  return channels_back(listed(op, x, kernel), options.layout);
}

}  // namespace detail

namespace {

Sliding sliding(std::string_view name, std::size_t axes, const UnfoldOptions& options) {
  const Shape zeros = options.padding.resolve(name, "the padding", axes);
  return {options.stride.resolve(name, "the stride", axes), options.dilation.resolve(name, "the dilation", axes), zeros,
          zeros};
}

}  // namespace

template <Real T>
Variable<T> unfold(const Variable<T>& x, const PerAxis& window, const UnfoldOptions& options) {
  check_image("unfold", x.shape());
  const std::size_t axes = x.dimension() - 2;
  return listed(Unfold{sliding("unfold", axes, options), window.resolve("unfold", "the window", axes)}, x);
}

template <Real T>
Variable<T> fold(const Variable<T>& columns, const Shape& lengths, const PerAxis& window,
                 const UnfoldOptions& options) {
  const std::size_t axes = lengths.size();
  if (axes < 1 || axes > 3) fail<ShapeError>("fold", "needs one to three axes of space: ", Dims(lengths));
  return listed(Fold{sliding("fold", axes, options), window.resolve("fold", "the window", axes), lengths}, columns);
}

#define AUTODIFF_DERIVED(T)                                                                              \
  template Variable<T> detail::convolve(const Variable<T>&, const Variable<T>&, const ConvolveOptions&); \
  template Variable<T> detail::convolve(const Variable<T>&, const Variable<T>&, const Variable<T>&,      \
                                        const ConvolveOptions&);                                         \
  template Variable<T> detail::convolve_transposed(const Variable<T>&, const Variable<T>&,               \
                                                   const ConvolveTransposedOptions&);                    \
  template Variable<T> unfold(const Variable<T>&, const PerAxis&, const UnfoldOptions&);                 \
  template Variable<T> fold(const Variable<T>&, const Shape&, const PerAxis&, const UnfoldOptions&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
