#include "attention.hpp"

#include <cmath>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
MultiHeadAttention<T>::MultiHeadAttention(std::size_t width, std::size_t heads, MultiHeadAttentionOptions options)
    : in_proj_weight({width, 3 * width}, xavier_uniform(), PyTorchLayout{.axes = {1, 0}}),
      in_proj_bias({3 * width}, zeros()),
      out_proj(width, width),
      width_(width),
      heads_(heads),
      causal_(options.causal) {
  if (options.dropout != 0) dropout.emplace(options.dropout);
  if (heads == 0 || width % heads != 0)
    fail<ValueError>("multi_head_attention", "the heads must divide the width: ", heads, " and ", width);
}

template <Real T>
void MultiHeadAttention<T>::members(Members<T>& m) {
  m("in_proj_weight", in_proj_weight);
  m("in_proj_bias", in_proj_bias);
  m("out_proj", out_proj);
  m("dropout", dropout);
}

/// What the three layers from `first` on give, side by side.
template <Real T>
Variable<T> MultiHeadAttention<T>::project(const Variable<T>& x, std::size_t first, std::size_t parts) {
  if (x.dimension() != 3 || x.shape(2) != width_)
    fail<ShapeError>("multi_head_attention", "needs (samples, length, ", width_, "): ", Dims(x.shape()));
  auto weight = in_proj_weight.beside(x), bias = in_proj_bias.beside(x);
  if (parts < 3) {
    const auto from = static_cast<std::ptrdiff_t>(first * width_), to = from + std::ptrdiff_t(parts * width_);
    weight = take_range(weight, 1, from, to), bias = take_range(bias, 0, from, to);
  }
  return linear(x, weight, bias);
}

/// (samples, length, parts times width) as parts of (samples, heads, length, width of a head).
template <Real T>
std::vector<Variable<T>> MultiHeadAttention<T>::heads_of(const Variable<T>& projected) const {
  const auto size = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
  const auto all = reshape(projected, {size(projected.shape(0)), size(projected.shape(1)),
                                       size(projected.shape(2) / width_), size(heads_), size(width_ / heads_)});
  return unstack(permute(all, {2, 0, 3, 1, 4}), 0);
}

template <Real T>
Variable<T> MultiHeadAttention<T>::attend(const Variable<T>& q, const Variable<T>& k, const Variable<T>& v,
                                          const Variable<T>& mask, bool causal) {
  const autodiff::AttentionOptions options{.causal = causal};
  if (!dropout || !this->training())
    return mix(mask.alive() ? scaled_dot_product_attention(q, k, v, mask, options)
                            : scaled_dot_product_attention(q, k, v, options));
  return mix(dropout->draw(q, [&](double rate, const auto& key, const auto& step) {
    return mask.alive() ? scaled_dot_product_attention(q, k, v, mask, rate, key, step, options)
                        : scaled_dot_product_attention(q, k, v, rate, key, step, options);
  }));
}

/// Heads side by side, and the layer behind them.
template <Real T>
Variable<T> MultiHeadAttention<T>::mix(const Variable<T>& y) {
  const auto size = [&](std::size_t axis) { return static_cast<std::ptrdiff_t>(y.shape(axis)); };
  return out_proj(reshape(permute(y, {0, 2, 1, 3}), {size(0), size(2), size(1) * size(3)}));
}

template <Real T>
std::vector<Variable<T>> MultiHeadAttention<T>::forward(const Variables& inputs) {
  if (inputs.size() > 4)
    fail<ValueError>("multi_head_attention", "takes one or three inputs, and a mask or none: ", inputs.size());
  Variable<T> mask = inputs.size() % 2 == 0 ? inputs.back() : Variable<T>();
  if (mask.alive() && mask.dimension() == 3) mask = expand_dims(mask, 1);
  Variables heads;
  if (inputs.size() <= 2) {
    heads = heads_of(project(inputs[0], 0, 3));
  } else {
    for (std::size_t k = 0; k < 3; ++k) heads.push_back(heads_of(project(inputs[k], k, 1))[0]);
  }
  return {attend(heads[0], heads[1], heads[2], mask, causal_)};
}

template <Real T>
Variable<T> MultiHeadAttention<T>::next(const Variable<T>& x, AttentionCache<T>& cache) {
  const auto heads = heads_of(project(x, 0, 3));
  const bool first = cache.length() == 0;
  auto keys = first ? heads[1] : autodiff::concatenate({cache.keys, heads[1]}, 2);
  auto values = first ? heads[2] : autodiff::concatenate({cache.values, heads[2]}, 2);
  const auto y = attend(heads[0], keys, values, {}, true);
  cache = {std::move(keys), std::move(values)};
  return y;
}

namespace {

template <Real T>
void check_places(const char* name, const Variable<T>& x, std::size_t width) {
  if (x.dimension() < 2 || x.shape().back() != width)
    fail<ShapeError>(name, "needs (..., length, ", width, "): ", Dims(x.shape()));
}

}  // namespace

template <Real T>
Variable<T> SinusoidalPositions<T>::from(std::size_t first, const Variable<T>& x) const {
  check_places("sinusoidal_positions", x, width_);
  const std::size_t length = x.shape(x.dimension() - 2);
  Array<T> waves(Shape{length, width_});
  for (std::size_t p = 0; p < length; ++p)
    for (std::size_t i = 0; i < width_; ++i) {
      const double angle = static_cast<double>(first + p) *
                           std::pow(10000.0, -static_cast<double>(i / 2 * 2) / static_cast<double>(width_));
      waves(p, i) = static_cast<T>(i % 2 ? std::cos(angle) : std::sin(angle));
    }
  return x + waves;
}

template <Real T>
LearnedPositions<T>::LearnedPositions(std::size_t most, std::size_t width, Initialiser initialiser)
    : weight({most, width}, std::move(initialiser)) {}

template <Real T>
Variable<T> LearnedPositions<T>::from(std::size_t first, const Variable<T>& x) {
  check_places("learned_positions", x, weight.shape()[1]);
  const std::size_t end = first + x.shape(x.dimension() - 2);
  if (end > weight.shape()[0])
    fail<ShapeError>("learned_positions", "there are ", weight.shape()[0], " places, not ", end, ": ", Dims(x.shape()));
  return x + take_range(weight.beside(x), 0, static_cast<std::ptrdiff_t>(first), static_cast<std::ptrdiff_t>(end));
}

template class MultiHeadAttention<float>;
template class MultiHeadAttention<double>;
template class SinusoidalPositions<float>;
template class SinusoidalPositions<double>;
template class LearnedPositions<float>;
template class LearnedPositions<double>;

}  // namespace nn
