#include "structs/softmax.hpp"

#include "../kernels/rows.hpp"
#include "checked_index.hpp"
#include "compile.hpp"
#include "index.hpp"

namespace autodiff {

Shape AlongAxis::along(std::string_view name, Dims x) const {
  return resolve_axis(name, axis, x.size(), x), to_shape(x);
}

template <class T>
void Softmax::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  kernels::softmax(y.data, x.data, outer, n, inner);
}
template <int I, class V>
V Softmax::vjp(const V& ct, const V& y, const V&) const {
  return y * (ct - sum(ct * y, axis, keepdims));
}

template <class T>
void LogSoftmax::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  kernels::log_softmax(y.data, x.data, outer, n, inner);
}
template <int I, class V>
V LogSoftmax::vjp(const V& ct, const V& y, const V&) const {
  return ct - exp(y) * sum(ct, axis, keepdims);
}

Shape LogSumExp::shape(Dims x) const {
  along(name, x);
  return reduced_shape(x, std::uint32_t(1) << resolve_axis(name, axis, x.size(), x), true);
}
template <class T>
void LogSumExp::forward(Operand<T> y, Operand<const T> x) const {
  const auto [outer, n, inner] = around(x.shape, resolve_axis(name, axis, x.shape.size(), x.shape));
  kernels::logsumexp(y.data, x.data, outer, n, inner);
}
template <int I, class V>
V LogSumExp::vjp(const V& ct, const V&, const V& x) const {
  return ct * softmax(x, axis);
}

template <bool classes>
Shape CrossEntropy<classes>::shape(Dims x, Dims, Dims target) const {
  const Dims rows = x.first(x.size() - 1);
  if (!std::ranges::equal(classes ? rows : x, target))
    fail<ShapeError>(name, "the target must be a class or a row of probabilities for each row of logits: ", x, " and ",
                     target);
  return to_shape(rows);
}
template <bool classes>
template <class T>
void CrossEntropy<classes>::forward(Operand<T> y, Operand<const T> x, Operand<const T> z,
                                    Operand<const T> target) const {
  const std::size_t rows = count(y.shape), n = x.shape.back();
  if constexpr (classes) {
    for (std::size_t i = 0; i < rows; ++i) y.data[i] = -z.data[i * n + checked_index(name, target.data[i], n, i)];
  } else {
    kernels::cross_entropy(y.data, z.data, target.data, rows, n);
  }
}
template <bool classes>
template <int I, class V>
V CrossEntropy<classes>::vjp(const V& ct, const V&, const V& x, const V& z, const V& target) const {
  const V row = expand_dims(ct, -1);
  if constexpr (I == 2)
    return -row * z;
  else if constexpr (classes)
    return row * (exp(z) - one_hot(target, x.shape().back(), name));
  else
    return row * (exp(z) * sum(target, -1, keepdims) - target);
}

template <bool classes>
template <class V>
V CrossEntropy<classes>::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  const auto all = all_stacked(n, stacked, x);
  return listed(*this, std::span<const V>(all));
}

AUTODIFF_SOFTMAX(AUTODIFF_COMPILE)

template <Real T>
Variable<T> softmax(const Variable<T>& x, int axis) {
  return listed(Softmax{axis}, x);
}

template <Real T>
Variable<T> log_softmax(const Variable<T>& x, int axis) {
  return listed(LogSoftmax{axis}, x);
}

template <Real T>
Variable<T> logsumexp(const Variable<T>& x, const Axes& axes, bool keep) {
  const auto mask = axes.mask("logsumexp", x.shape());
  return reshape(listed(LogSumExp{-1}, axes_last(x, mask)), reduced_shape(x.shape(), mask, keep));
}

namespace detail {

template <Real T>
Variable<T> softmax_cross_entropy_of_rows(const Variable<T>& logits, const Variable<T>& target) {
  Tape<T>::check_operands(SoftmaxCrossEntropy::name, std::array{logits, target});
  const Shape& shape = logits.shape();
  if (shape.empty() || logits.size() == 0)
    fail<ShapeError>(SoftmaxCrossEntropy::name, "needs rows of logits: ", Dims(shape));
  if (logits.recorded())  // a softmax of a softmax trains badly without a word
    if (const auto& from = logits.tape().node(logits.index()).operation; from && from->name() == Softmax::name)
      fail<ValueError>(SoftmaxCrossEntropy::name,
                       "takes logits, and these are the result of softmax: leave that out, or "
                       "use a loss of probabilities: ",
                       Dims(shape));
  const bool classes = std::ranges::equal(target.shape(), Dims(shape).first(shape.size() - 1));
  const typename Tape<T>::Attempt attempt({&target, &logits});
  const auto z = log_softmax(logits);
  return classes ? listed(SoftmaxCrossEntropyOfClasses{}, logits, z, target)
                 : listed(SoftmaxCrossEntropy{}, logits, z, target);
}

template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, const Variable<T>& target) {
  return mean(softmax_cross_entropy_of_rows(logits, target));
}

template <Real T>
Variable<T> squared_error(const Variable<T>& prediction, const Variable<T>& target) {
  Tape<T>::check_operands("squared_error", std::array{prediction, target});
  const Shape& shape = prediction.shape();
  if (!std::ranges::equal(shape, target.shape()))
    fail<ShapeError>("squared_error", "prediction and target must have one shape: ", Dims(shape), " and ",
                     Dims(target.shape()));
  const std::size_t samples = shape.empty() ? 1 : shape[0];
  if (samples == 0) fail<ShapeError>("squared_error", "there are no samples: ", Dims(shape));
  return sum(square(prediction - target)) / static_cast<T>(samples);
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                                           \
  template Variable<T> softmax(const Variable<T>&, int);                                              \
  template Variable<T> log_softmax(const Variable<T>&, int);                                          \
  template Variable<T> detail::softmax_cross_entropy_of_rows(const Variable<T>&, const Variable<T>&); \
  template Variable<T> logsumexp(const Variable<T>&, const Axes&, bool);                              \
  template Variable<T> detail::softmax_cross_entropy(const Variable<T>&, const Variable<T>&);         \
  template Variable<T> detail::squared_error(const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
