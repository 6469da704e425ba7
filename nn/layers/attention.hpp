// Attention with several heads, and what tells it where in a sequence things stand.
#pragma once

#include <optional>

#include "dropout.hpp"
#include "layers.hpp"

namespace nn {

struct MultiHeadAttentionOptions {
  bool causal = false;  // what stands at a place sees nothing behind it
  double dropout = 0;   // of the weights with which values are added up, in training
};

/// Keys and values of what stands in front, (samples, heads, length, width of a head): empty at first.
template <Real T>
struct AttentionCache {
  Variable<T> keys = {}, values = {};  // (samples, heads, length, width of a head)
  std::size_t length() const { return keys.alive() ? keys.shape(2) : 0; }
};

/// Attention in several parts of the features at once: softmax(q k^T / sqrt(width / heads)) v of each head, put side by
/// side and mixed by `out_proj`, where q, k and v are three Linear layers in one, side by side in `in_proj_weight`
/// (width, 3 width) and `in_proj_bias`. A. Vaswani et al., "Attention is all you need", 2017, section 3.2.2. Names are
/// PyTorch's, whose matrices are transposed; weights start from xavier_uniform, biases from zeros.
///
/// x (samples, length, width) attends to itself; of three inputs, the first, queries, to the second and third, keys and
/// values. A mask may follow, which says with numbers other than zero which query sees which key: (m, n), (samples, m,
/// n), of which each length may be one, or (samples, heads, m, n). Memory does not grow with m n: see
/// autodiff::scaled_dot_product_attention. Throws ValueError unless the heads divide the width and 0 <= dropout < 1;
/// calling it throws ShapeError for other shapes.
template <Real T = float>
class MultiHeadAttention : public Module<T> {
 public:
  MultiHeadAttention(std::size_t width, std::size_t heads, MultiHeadAttentionOptions options = {});
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;
  /// For inference, place by place: x (samples, new ones, width) stands behind what the cache holds, which takes it up.
  /// Gives what the whole sequence would give there, if the attention is causal.
  Variable<T> next(const Variable<T>& x, AttentionCache<T>& cache);

  Parameter<T> in_proj_weight, in_proj_bias;  // (width, 3 width) and (3 width): of queries, keys and values
  Linear<T> out_proj;                         // mixes the heads
  std::optional<Dropout<T>> dropout;          // of weights, where some are dropped

 private:
  using Variables = std::vector<Variable<T>>;
  Variable<T> project(const Variable<T>& x, std::size_t first, std::size_t parts);
  Variables heads_of(const Variable<T>& projected) const;
  Variable<T> attend(const Variable<T>& q, const Variable<T>& k, const Variable<T>& v, const Variable<T>& mask,
                     bool causal);
  Variable<T> mix(const Variable<T>& heads);

  std::size_t width_, heads_;
  bool causal_;
};

/// Adds to features 2i and 2i + 1 of x (..., length, width) the sine and the cosine of place / 10000^(2i / width).
/// Vaswani et al. 2017, section 3.5. Throws ShapeError for an x of another width.
template <Real T = float>
class SinusoidalPositions : public Module<T> {
 public:
  explicit SinusoidalPositions(std::size_t width) : width_(width) {}
  Variable<T> forward(const Variable<T>& x) override { return from(0, x); }
  /// The same where x begins at this place.
  Variable<T> from(std::size_t first, const Variable<T>& x) const;

 private:
  std::size_t width_;
};

/// Adds to each place of x (..., length, width) a row of `weight` (most, width), which starts normal, of deviation
/// 0.02. Throws ShapeError for an x of another width, or with more places than rows.
template <Real T = float>
class LearnedPositions : public Module<T> {
 public:
  LearnedPositions(std::size_t most, std::size_t width, Initialiser initialiser = normal(0, 0.02));
  Variable<T> forward(const Variable<T>& x) override { return from(0, x); }
  /// The same where x begins at this place.
  Variable<T> from(std::size_t first, const Variable<T>& x);
  void members(Members<T>& m) override { m("weight", weight); }

  Parameter<T> weight;  // a row for each place
};

extern template class MultiHeadAttention<float>;
extern template class MultiHeadAttention<double>;
extern template class SinusoidalPositions<float>;
extern template class SinusoidalPositions<double>;
extern template class LearnedPositions<float>;
extern template class LearnedPositions<double>;

}  // namespace nn
