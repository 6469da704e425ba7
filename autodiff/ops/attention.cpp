#include "../kernels/attention.hpp"

#include <cmath>

#include "batches.hpp"
#include "compile.hpp"
#include "shape.hpp"
#include "softmax.hpp"
#include "structs/attention.hpp"

namespace autodiff {

namespace {

constexpr std::size_t with_mask = 4, gradient_with_mask = 7;

bool has_dense_rows(const View& x) {
  const std::size_t last = x.shape.size() - 1;
  return (x.shape[last] <= 1 || x.strides[last] == 1) && (x.shape[last - 1] <= 1 || x.strides[last - 1] >= 0);
}

/// Whether queries, keys and values have dense rows; all else is dense, but for the mask.
bool takes_attention(std::span<const View> x, std::size_t mask) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(i < 3 ? has_dense_rows(x[i]) : i == mask || is_dense(x[i]))) return false;
  return true;
}

/// One attention of a stack. The mask may be null.
template <class T>
kernels::Attention<T> attention_at(std::size_t i, std::span<const Operand<const T>> x, const Operand<const T>* mask,
                                   double scale, bool causal) {
  const Dims batches = batches_of(x[0].shape);
  const std::size_t row = batches.size(), column = row + 1;
  const auto rows = [&](const Operand<const T>& each) {
    return kernels::Rows<const T>{each.data + batch_offset(i, batches, each),
                                  static_cast<std::size_t>(each.strides[row])};
  };
  kernels::Attention<T> a{x[0].shape[row],
                          x[1].shape[row],
                          x[0].shape[column],
                          x[2].shape[column],
                          static_cast<T>(scale),
                          causal,
                          rows(x[0]),
                          rows(x[1]),
                          rows(x[2]),
                          nullptr,
                          0,
                          0};
  if (mask) {
    const auto step = [&](std::size_t axis) { return mask->shape[axis] == 1 ? 0 : mask->strides[axis]; };
    const std::size_t rank = mask->shape.size();
    a.mask = mask->data + batch_offset(i, batches, *mask);
    a.mask_row = step(rank - 2), a.mask_column = step(rank - 1);
  }
  return a;
}

/// f of each attention of a stack, on threads where that is worth while; of one, f itself may use them.
template <class F>
void each_attention(Dims q, Dims k, const F& f) {
  const std::size_t n = count(batches_of(q)), last = q.size() - 1;
  const std::size_t work = q[last - 1] * k[last - 1] * std::max<std::size_t>(1, q[last]);
  const std::size_t step = std::max<std::size_t>(1, (std::size_t(1) << 16) / std::max<std::size_t>(1, work));
  kernels::parallel_for((n + step - 1) / step, [&](std::size_t p) {
    for (std::size_t i = p * step, end = std::min(n, i + step); i < end; ++i) f(i);
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
  const Operand<const T>* mask = x.size() == with_mask ? &x[3] : nullptr;
  const std::size_t rows = y[0].shape[y[0].shape.size() - 2], width = y[0].shape.back();
  each_attention(x[0].shape, x[1].shape, [&](std::size_t i) {
    kernels::attention(attention_at(i, x, mask, scale, causal), y[0].data + i * rows * width, y[1].data + i * rows);
  });
}

bool Attention::takes(std::span<const View> x) const { return takes_attention(x, 3); }

template <class V>
std::vector<V> Attention::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, std::span<const V> x,
                              const std::vector<bool>&) const {
  std::vector<V> inputs{x[0], x[1], x[2], y[0], y[1], ct[0]};
  if (x.size() == with_mask) inputs.push_back(x[3]);
  const auto found = listed(AttentionGradient{scale, causal}, std::span<const V>(inputs));
  std::vector<V> all(found.begin(), found.end());
  all.resize(x.size());
  return all;
}

std::array<Shape, 3> AttentionGradient::shape(std::span<const Dims> x) const {
  return {to_shape(x[0]), to_shape(x[1]), to_shape(x[2])};
}

template <class T>
void AttentionGradient::forward(std::array<Operand<T>, 3> y, std::span<const Operand<const T>> x) const {
  const Operand<const T>* mask = x.size() == gradient_with_mask ? &x[6] : nullptr;
  const auto size = [](Dims shape) { return shape[shape.size() - 2] * shape.back(); };
  const std::size_t q = size(y[0].shape), k = size(y[1].shape), v = size(y[2].shape), out = size(x[3].shape),
                    rows = x[4].shape.back();
  each_attention(x[0].shape, x[1].shape, [&](std::size_t i) {
    kernels::attention_gradient(attention_at(i, x, mask, scale, causal), x[3].data + i * out, x[4].data + i * rows,
                                x[5].data + i * out, y[0].data + i * q, y[1].data + i * k, y[2].data + i * v);
  });
}

bool AttentionGradient::takes(std::span<const View> x) const { return takes_attention(x, 6); }

// With p the weights, dp = ct v^T, d the sums of p dp along rows and ds = p (dp - d), the results are scale ds k,
// scale ds^T q and p^T ct. Below, `of_...` are cotangents.
template <class V>
std::vector<V> AttentionGradient::vjp(const std::array<V, 3>& ct, const std::array<V, 3>& y, std::span<const V> x,
                                      const std::vector<bool>&) const {
  const V &q = x[0], &k = x[1], &v = x[2], &slope = x[5];
  const V of_dq = or_zeros(ct[0], y[0]), of_dk = or_zeros(ct[1], y[1]), of_dv = or_zeros(ct[2], y[2]);
  const auto turned = [](const V& a) { return swap_axes(a, -1, -2); };
  const auto along = [](const V& a) { return sum(a, -1, keepdims); };
  const V p = weights(q, k, x.size() == gradient_with_mask ? x[6] : V(), scale, causal);
  const V dp = matmul(slope, turned(v)), d = along(p * dp), ds = p * (dp - d);
  const V of_ds = scale * (matmul(of_dq, turned(k)) + matmul(q, turned(of_dk))), mean = along(p * of_ds);
  const V of_dp = p * (of_ds - mean);
  const V of_p = of_ds * (dp - d) - mean * dp + matmul(slope, turned(of_dv));
  const V of_scores = p * (of_p - along(p * of_p));
  std::vector<V> all(x.size());
  all[0] = scale * (matmul(of_scores, k) + matmul(ds, of_dk));
  all[1] = scale * (matmul(turned(of_scores), q) + matmul(turned(ds), of_dq));
  all[2] = matmul(turned(of_dp), slope);
  all[5] = matmul(of_dp, v) + matmul(p, of_dv);
  return all;
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
                                         const Variable<T>& mask, const AttentionOptions& options) {
  std::vector<Variable<T>> x{q, k, v};
  if (mask.alive()) x.push_back(mask);
  Tape<T>::check_operands(Attention::name, x);
  const typename Tape<T>::Attempt attempt({&q, &k, &v});
  const Shape batches = common_batches<T>({&q, &k, &v});
  for (std::size_t i = 0; i < 3; ++i) {
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
  return listed(Attention{scale_of(q, options), options.causal}, std::span<const Variable<T>>(x))[0];
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
                                                    const Variable<T>&, const AttentionOptions&);               \
  template Variable<T> attention_weights(const Variable<T>&, const Variable<T>&, const Variable<T>&,            \
                                         const AttentionOptions&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace detail

}  // namespace autodiff
