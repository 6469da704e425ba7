#include "transformer.hpp"

namespace nn {

namespace detail {

template <Real T>
TransformerBlock<T>::TransformerBlock(std::size_t width, std::size_t parts, const TransformerOptions& options)
    : linear1(width, options.feedforward),
      linear2(options.feedforward, width),
      norms(parts, LayerNorm<T>(width)),
      activation_(options.activation),
      norm_first_(options.norm_first) {
  if (const Dropout<T> one(options.dropout); options.dropout > 0) dropouts_.assign(parts + 1, one);
}

template <Real T>
template <class F>
Variable<T> TransformerBlock<T>::add(std::size_t k, const Variable<T>& x, F&& f) {
  auto y = f(norm_first_ ? norms[k](x) : x);
  if (!dropouts_.empty()) y = dropouts_[k + 1](y);
  return norm_first_ ? x + y : norms[k](x + y);
}

template <Real T>
Variable<T> TransformerBlock<T>::feedforward(const Variable<T>& x) {
  return add(norms.size() - 1, x, [&](const Variable<T>& in) {
    const auto units = activation_(linear1(in));
    return linear2(dropouts_.empty() ? units : dropouts_[0](units));
  });
}

template <Real T>
void TransformerBlock<T>::members_behind_attention(Members<T>& m) {
  m("linear1", linear1);
  m("linear2", linear2);
  m("activation", activation_);
  for (std::size_t k = 0; k < norms.size(); ++k) m("norm" + std::to_string(k + 1), norms[k]);
  for (std::size_t k = 0; k < dropouts_.size(); ++k) m("dropout" + (k ? std::to_string(k) : ""), dropouts_[k]);
}

}  // namespace detail

namespace {

/// The inputs of an attention, and a mask if there is one.
template <Real T>
Variable<T> attend(MultiHeadAttention<T>& attention, std::vector<Variable<T>> inputs, const Variable<T>* mask) {
  if (mask) inputs.push_back(*mask);
  return attention(inputs)[0];
}

}  // namespace

template <Real T>
TransformerEncoderLayer<T>::TransformerEncoderLayer(std::size_t width, std::size_t heads,
                                                    const TransformerOptions& options)
    : detail::TransformerBlock<T>(width, 2, options),
      self_attn(width, heads, {.causal = options.causal, .dropout = options.dropout}) {}

template <Real T>
std::vector<Variable<T>> TransformerEncoderLayer<T>::forward(const std::vector<Variable<T>>& inputs) {
  if (inputs.size() > 2)
    autodiff::fail<autodiff::ValueError>("transformer_encoder_layer",
                                         "takes a sequence, and a mask or none: ", inputs.size());
  const auto* mask = inputs.size() == 2 ? &inputs[1] : nullptr;
  return {
      this->feedforward(this->add(0, inputs[0], [&](const Variable<T>& x) { return attend(self_attn, {x}, mask); }))};
}

template <Real T>
Variable<T> TransformerEncoderLayer<T>::next(const Variable<T>& x, AttentionCache<T>& cache) {
  return this->feedforward(this->add(0, x, [&](const Variable<T>& in) { return self_attn.next(in, cache); }));
}

template <Real T>
void TransformerEncoderLayer<T>::members(Members<T>& m) {
  m("self_attn", self_attn);
  this->members_behind_attention(m);
}

template <Real T>
TransformerDecoderLayer<T>::TransformerDecoderLayer(std::size_t width, std::size_t heads,
                                                    const TransformerOptions& options)
    : detail::TransformerBlock<T>(width, 3, options),
      self_attn(width, heads, {.causal = true, .dropout = options.dropout}),
      multihead_attn(width, heads, {.dropout = options.dropout}) {}

template <Real T>
std::vector<Variable<T>> TransformerDecoderLayer<T>::forward(const std::vector<Variable<T>>& inputs) {
  if (inputs.size() < 2 || inputs.size() > 4)
    autodiff::fail<autodiff::ValueError>("transformer_decoder_layer",
                                         "takes a sequence, a memory, and up to two masks: ", inputs.size());
  const auto mask = [&](std::size_t k) { return inputs.size() > k ? &inputs[k] : nullptr; };
  const auto& memory = inputs[1];
  const auto h = this->add(0, inputs[0], [&](const auto& x) { return attend(self_attn, {x}, mask(2)); });
  return {this->feedforward(this->add(1, h, [&](const auto& x) {
    return attend(multihead_attn, {x, memory, memory}, mask(3));
  }))};
}

template <Real T>
Variable<T> TransformerDecoderLayer<T>::next(const Variable<T>& x, const Variable<T>& memory,
                                             AttentionCache<T>& cache) {
  const auto h = this->add(0, x, [&](const auto& in) { return self_attn.next(in, cache); });
  return this->feedforward(this->add(1, h, [&](const auto& in) { return multihead_attn({in, memory, memory})[0]; }));
}

template <Real T>
void TransformerDecoderLayer<T>::members(Members<T>& m) {
  m("self_attn", self_attn);
  m("multihead_attn", multihead_attn);
  this->members_behind_attention(m);
}

template class detail::TransformerBlock<float>;
template class detail::TransformerBlock<double>;
template class TransformerEncoderLayer<float>;
template class TransformerEncoderLayer<double>;
template class TransformerDecoderLayer<float>;
template class TransformerDecoderLayer<double>;

}  // namespace nn
