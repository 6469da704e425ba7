#include "../kernels/attention.hpp"

#include <cmath>

#include "batches.hpp"
#include "compile.hpp"
#include "counters.hpp"
#include "random.hpp"
#include "shape.hpp"
#include "softmax.hpp"
#include "structs/attention.hpp"
#include "structs/random.hpp"

namespace autodiff {

namespace detail {

/// What comes behind the arguments: the mask, if there is one, and key and step, if weights are dropped.
template <class X>
struct BehindAttention {
  BehindAttention(std::span<const X> x, std::size_t from, double rate) {
    const std::size_t end = x.size() - (rate > 0 ? 2 : 0);
    if (end > from) mask = &x[from];
    if (rate > 0) key = &x[end], step = key + 1;
  }
  const X *mask = nullptr, *key = nullptr, *step = nullptr;
};

/// All attentions of a stack, as kernels see them.
template <class Op, class T>
class AttentionStack {
 public:
  AttentionStack(const Op& op, std::span<const Operand<const T>> x, std::size_t arguments)
      : op_(op), x_(x), further_(x, arguments, op.rate) {
    if (!further_.key) return;
    key_ = whole(Attention::name, "key", *further_.key->data);
    step_ = whole(Attention::name, "step", *further_.step->data);
  }

  kernels::Attention<T> operator[](std::size_t i) const {
    const Dims batches = batches_of(x_[0].shape);
    const std::size_t row = batches.size(), column = row + 1;
    const auto rows = [&](const Operand<const T>& each) {
      return kernels::Rows<const T>{each.data + batch_offset(i, batches, each),
                                    static_cast<std::size_t>(each.strides[row])};
    };
    const std::size_t m = x_[0].shape[row], n = x_[1].shape[row];
    kernels::Attention<T> a{m,
                            n,
                            x_[0].shape[column],
                            x_[2].shape[column],
                            T(op_.scale),
                            op_.causal,
                            rows(x_[0]),
                            rows(x_[1]),
                            rows(x_[2]),
                            nullptr,
                            0,
                            0,
                            T(op_.rate),
                            key_,
                            step_,
                            i * m * n};
    if (const auto* mask = further_.mask) {
      const auto step = [&](std::size_t axis) { return mask->shape[axis] == 1 ? 0 : mask->strides[axis]; };
      const std::size_t rank = mask->shape.size();
      a.mask = mask->data + batch_offset(i, batches, *mask);
      a.mask_row = step(rank - 2), a.mask_column = step(rank - 1);
    }
    return a;
  }

 private:
  const Op& op_;
  std::span<const Operand<const T>> x_;
  BehindAttention<Operand<const T>> further_;
  std::uint64_t key_ = 0, step_ = 0;
};

}  // namespace detail

namespace {

using detail::AttentionStack;
using detail::BehindAttention;

constexpr std::size_t of_attention = 3, of_gradient = 6;  // inputs, before the mask

bool has_dense_rows(const View& x) {
  const std::size_t last = x.shape.size() - 1;
  return (x.shape[last] <= 1 || x.strides[last] == 1) && (x.shape[last - 1] <= 1 || x.strides[last - 1] >= 0);
}

/// Whether queries, keys and values have dense rows; all else is dense, but for the mask.
bool takes_attention(std::span<const View> x, const View* mask) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(i < 3 ? has_dense_rows(x[i]) : &x[i] == mask || is_dense(x[i]))) return false;
  return true;
}

/// f of each attention of a stack, on threads where that is worth while; of one, f itself may use them.
template <class F>
void each_attention(Dims q, Dims k, const F& f) {
  const std::size_t n = count(batches_of(q)), last = q.size() - 1;
  const std::size_t work = q[last - 1] * k[last - 1] * std::max<std::size_t>(1, q[last]);
  kernels::share_out(n, work, 1 << 16, [&](std::size_t i, std::size_t end) {
    for (; i < end; ++i) f(i);
  });
}

/// 1 where a query sees a key, as a mask of (m, n).
template <Real T>
Variable<T> causal_mask(std::size_t m, std::size_t n) {
  Array<T> mask(Shape{m, n}, T(0));
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n && j + m <= i + n; ++j) mask(i, j) = 1;
  return Variable<T>(std::move(mask));
}

/// softmax(scale q k^T); zeros for a query that sees no key. The mask may be empty.
template <Real T>
Variable<T> weights(const Variable<T>& q, const Variable<T>& k, const Variable<T>& mask, double scale, bool causal) {
  const auto scores = scale * matmul(q, swap_axes(k, -1, -2));
  if (!mask.alive() && !causal) return softmax(scores);
  Variable<T> seen = mask;
  if (causal) {
    const auto lower = causal_mask<T>(q.shape(q.dimension() - 2), k.shape(k.dimension() - 2));
    seen = mask.alive() ? mask && lower : lower;
  }
  return where(seen, softmax(where(seen, scores, -1e30)), 0);
}

/// What weights of this shape are multiplied by where some are dropped.
template <Real T>
Variable<T> keeps(const Shape& shape, double rate, const Variable<T>& key, const Variable<T>& step) {
  const T below = static_cast<T>(rate);
  return where(listed(RandomUniform{shape, Attention::name}, key, step) < below, 0, 1 / (1 - below));
}

/// All samples at once, but for weights that are dropped, which are the same ones for each of them.
template <class Op, class V>
std::vector<V> batched_attention(const Op& op, std::size_t n, const std::vector<bool>& stacked, std::span<const V> x,
                                 std::size_t arguments) {
  if (op.rate > 0) return {};
  auto all = all_stacked(n, stacked, x);
  if (x.size() > arguments) all.back() = with_rank(x.back(), stacked.back(), all[0].dimension() - 1);
  const auto results = listed(op, std::span<const V>(all));
  return {results.begin(), results.end()};
}

}  // namespace

std::array<Shape, 2> Attention::shape(std::span<const Dims> x) const {
  const Dims q = x[0], k = x[1], v = x[2];
  const std::size_t last = q.size() - 1;
  if (k[last] != q[last]) fail<ShapeError>(name, "queries and keys must be of one width: ", q, " and ", k);
  if (k[last - 1] != v[last - 1]) fail<ShapeError>(name, "there must be as many keys as values: ", k, " and ", v);
  Shape y = to_shape(q), rows(q.begin(), q.end() - 1);
  y.back() = v[last];
  return {y, rows};
}

template <class T>
void Attention::forward(std::array<Operand<T>, 2> y, std::span<const Operand<const T>> x) const {
  const AttentionStack<Attention, T> stack(*this, x, of_attention);
  const std::size_t rows = y[0].shape[y[0].shape.size() - 2], width = y[0].shape.back();
  each_attention(x[0].shape, x[1].shape, [&](std::size_t i) {
    kernels::attention(stack[i], y[0].data + i * rows * width, y[1].data + i * rows);
  });
}

bool Attention::takes(std::span<const View> x) const {
  return takes_attention(x, BehindAttention<View>(x, of_attention, rate).mask);
}

template <class V>
std::vector<V> Attention::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, std::span<const V> x,
                              const std::vector<bool>&) const {
  std::vector<V> inputs{x[0], x[1], x[2], y[0], y[1], ct[0]};
  inputs.insert(inputs.end(), x.begin() + of_attention, x.end());
  const auto found = listed(AttentionGradient{scale, causal, rate}, std::span<const V>(inputs));
  std::vector<V> all(found.begin(), found.end());
  all.resize(x.size());
  return all;
}

template <class V>
std::vector<V> Attention::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_attention(*this, n, stacked, x, of_attention);
}

std::array<Shape, 3> AttentionGradient::shape(std::span<const Dims> x) const {
  return {to_shape(x[0]), to_shape(x[1]), to_shape(x[2])};
}

template <class T>
void AttentionGradient::forward(std::array<Operand<T>, 3> y, std::span<const Operand<const T>> x) const {
  const AttentionStack<AttentionGradient, T> stack(*this, x, of_gradient);
  const auto size = [](Dims shape) { return shape[shape.size() - 2] * shape.back(); };
  const std::size_t q = size(y[0].shape), k = size(y[1].shape), v = size(y[2].shape), out = size(x[3].shape),
                    rows = x[4].shape.back();
  each_attention(x[0].shape, x[1].shape, [&](std::size_t i) {
    kernels::attention_gradient(stack[i], x[3].data + i * out, x[4].data + i * rows, x[5].data + i * out,
                                y[0].data + i * q, y[1].data + i * k, y[2].data + i * v);
  });
}

bool AttentionGradient::takes(std::span<const View> x) const {
  return takes_attention(x, BehindAttention<View>(x, of_gradient, rate).mask);
}

// With p the weights, z what dropping leaves of them, dz = ct v^T, dp what it leaves of dz, d the sums of p dp along
// rows and ds = p (dp - d), the results are scale ds k, scale ds^T q and z^T ct. Below, `of_...` are cotangents.
template <class V>
std::vector<V> AttentionGradient::vjp(const std::array<V, 3>& ct, const std::array<V, 3>& y, std::span<const V> x,
                                      const std::vector<bool>&) const {
  const V &q = x[0], &k = x[1], &v = x[2], &slope = x[5];
  const V of_dq = or_zeros(ct[0], y[0]), of_dk = or_zeros(ct[1], y[1]), of_dv = or_zeros(ct[2], y[2]);
  const BehindAttention<V> further(x, of_gradient, rate);
  const auto turned = [](const V& a) { return swap_axes(a, -1, -2); };
  const auto along = [](const V& a) { return sum(a, -1, keepdims); };
  const V p = weights(q, k, further.mask ? *further.mask : V(), scale, causal);
  const V kept = further.key ? keeps(p.shape(), rate, *further.key, *further.step) : V();
  const auto drop = [&](const V& a) { return kept.alive() ? a * kept : a; };
  const V dp = drop(matmul(slope, turned(v))), d = along(p * dp), ds = p * (dp - d);
  const V of_ds = scale * (matmul(of_dq, turned(k)) + matmul(q, turned(of_dk))), mean = along(p * of_ds);
  const V of_dz = drop(p * (of_ds - mean));
  const V of_p = of_ds * (dp - d) - mean * dp + drop(matmul(slope, turned(of_dv)));
  const V of_scores = p * (of_p - along(p * of_p));
  std::vector<V> all(x.size());
  all[0] = scale * (matmul(of_scores, k) + matmul(ds, of_dk));
  all[1] = scale * (matmul(turned(of_scores), q) + matmul(turned(ds), of_dq));
  all[2] = matmul(turned(of_dz), slope);
  all[5] = matmul(of_dz, v) + matmul(drop(p), of_dv);
  return all;
}

template <class V>
std::vector<V> AttentionGradient::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_attention(*this, n, stacked, x, of_gradient);
}

AUTODIFF_ATTENTION(AUTODIFF_COMPILE)

namespace detail {

namespace {

/// Throws unless all are stacks of matrices, and gives the shape to which those in front broadcast.
template <Real T>
Shape common_batches(std::initializer_list<const Variable<T>*> all) {
  std::vector<Dims> shapes;
  for (const auto* each : all) {
    check_matrices(Attention::name, each->shape());
    shapes.push_back(batches_of(each->shape()));
  }
  return broadcast_shape(Attention::name, shapes);
}

/// With axes of length one in front, where it has fewer than two.
template <Real T>
Variable<T> as_matrix(const Variable<T>& mask) {
  if (mask.dimension() >= 2) return mask;
  return reshape(mask, {1, static_cast<std::ptrdiff_t>(mask.size())});
}

bool broadcasts_to(Dims from, Dims to) {
  if (from.size() > to.size()) return false;
  return std::ranges::equal(from, to.last(from.size()), [](std::size_t a, std::size_t b) { return a == 1 || a == b; });
}

template <Real T>
double scale_of(const Variable<T>& q, const AttentionOptions& options) {
  return options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<std::size_t>(1, q.shape().back()))));
}

}  // namespace

template <Real T>
Variable<T> scaled_dot_product_attention(const Variable<T>& q, const Variable<T>& k, const Variable<T>& v,
                                         const Variable<T>& mask, const AttentionOptions& options, double rate,
                                         const Variable<T>& key, const Variable<T>& step) {
  std::vector<Variable<T>> x{q, k, v};
  if (mask.alive()) x.push_back(mask);
  if (rate > 0) x.insert(x.end(), {key, step});
  Tape<T>::check_operands(Attention::name, x);
  checked_rate<T>(Attention::name, rate);
  const typename Tape<T>::Attempt attempt({&q, &k, &v});
  const Shape batches = common_batches<T>({&q, &k, &v});
  for (std::size_t i = 0; i < of_attention; ++i) {
    Shape shape = batches;
    shape.insert(shape.end(), x[i].shape().end() - 2, x[i].shape().end());
    if (!std::ranges::equal(x[i].shape(), shape)) x[i] = broadcast_to(x[i], shape);
  }
  if (mask.alive()) {
    x[3] = as_matrix(mask);
    Shape scores = batches;
    scores.push_back(q.shape(q.dimension() - 2)), scores.push_back(k.shape(k.dimension() - 2));
    if (!broadcasts_to(x[3].shape(), scores))
      fail<ShapeError>(Attention::name, "the mask must broadcast to queries and keys: ", Dims(mask.shape()), " and ",
                       Dims(scores));
  }
  if (rate > 0) {
    check_counters(Attention::name, key.shape(), step.shape());
    note_draw(Attention::name, key, step, {&q, &k, &v});
  }
  return listed(Attention{scale_of(q, options), options.causal, rate}, std::span<const Variable<T>>(x))[0];
}

template <Real T>
Variable<T> attention_weights(const Variable<T>& q, const Variable<T>& k, const Variable<T>& mask,
                              const AttentionOptions& options) {
  common_batches<T>({&q, &k});
  const typename Tape<T>::Attempt attempt({&q, &k, &mask});
  return weights(q, k, mask, scale_of(q, options), options.causal);
}

#define AUTODIFF_DERIVED(T)                                                                                     \
  template Variable<T> scaled_dot_product_attention(const Variable<T>&, const Variable<T>&, const Variable<T>&, \
                                                    const Variable<T>&, const AttentionOptions&, double,        \
                                                    const Variable<T>&, const Variable<T>&);                    \
  template Variable<T> attention_weights(const Variable<T>&, const Variable<T>&, const Variable<T>&,            \
                                         const AttentionOptions&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace detail

}  // namespace autodiff
