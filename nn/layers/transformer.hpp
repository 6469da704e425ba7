// The layers that transformers are stacks of.
#pragma once

#include "attention.hpp"
#include "dropout.hpp"
#include "normalisation.hpp"

namespace nn {

struct TransformerOptions {
  std::size_t feedforward = 2048;   // units between the two layers behind the attention
  double dropout = 0.1;             // of what each part adds, of these units, and of the weights of attention
  std::string activation = "relu";  // between the two Linear layers
  bool norm_first = false;  // x + f(norm(x)), which trains more easily in deep stacks, in place of norm(x + f(x))
  bool causal = false;      // of an encoder: so that it can go on a sequence; a decoder always is
};

namespace detail {

/// One part of a layer, which adds to what it is given: norm, dropout, and the layers between.
template <Real T>
class TransformerBlock : public Module<T> {
 protected:
  TransformerBlock(std::size_t width, std::size_t norms, const TransformerOptions& options);
  /// norm(x + f(x)), or x + f(norm(x)).
  template <class F>
  Variable<T> add(std::size_t k, const Variable<T>& x, F&& f);
  Variable<T> feedforward(const Variable<T>& x);
  void members_behind_attention(Members<T>& m);

 public:
  Linear<T> linear1, linear2;
  std::vector<LayerNorm<T>> norms;  // "norm1", "norm2", ...

 private:
  Activation<T> activation_;
  bool norm_first_;
  std::vector<Dropout<T>> dropouts_;  // none where nothing is dropped; else the units' first
};

}  // namespace detail

/// Self-attention, then two Linear layers with a function between: each adds to x, with LayerNorm behind the sum, or in
/// front of the part. x (samples, length, width), and a mask that may follow as in MultiHeadAttention. Vaswani et al.
/// 2017; norm_first: R. Xiong et al., "On layer normalization in the transformer architecture", ICML 2020. The members
/// have PyTorch's names: "self_attn", "linear1", "linear2", "norm1", "norm2". Throws what these throw.
template <Real T = float>
class TransformerEncoderLayer : public detail::TransformerBlock<T> {
 public:
  TransformerEncoderLayer(std::size_t width, std::size_t heads, const TransformerOptions& options = {});
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;
  /// For inference, place by place: see MultiHeadAttention::next.
  Variable<T> next(const Variable<T>& x, AttentionCache<T>& cache);

  MultiHeadAttention<T> self_attn;  // of x to itself
};

/// Causal self-attention, then attention to what an encoder gives, then two Linear layers: x (samples, length, width)
/// and memory (samples, places, width); the mask of x, and that of memory, may follow. "multihead_attn" is the second
/// attention, "norm1" to "norm3" belong to the three parts.
template <Real T = float>
class TransformerDecoderLayer : public detail::TransformerBlock<T> {
 public:
  TransformerDecoderLayer(std::size_t width, std::size_t heads, const TransformerOptions& options = {});
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;
  /// For inference, place by place: see MultiHeadAttention::next.
  Variable<T> next(const Variable<T>& x, const Variable<T>& memory, AttentionCache<T>& cache);

  MultiHeadAttention<T> self_attn, multihead_attn;  // of x to itself, and to the memory
};

extern template class detail::TransformerBlock<float>;
extern template class detail::TransformerBlock<double>;
extern template class TransformerEncoderLayer<float>;
extern template class TransformerEncoderLayer<double>;
extern template class TransformerDecoderLayer<float>;
extern template class TransformerDecoderLayer<double>;

}  // namespace nn
