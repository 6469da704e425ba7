#include "structs/linalg.hpp"

#include "../kernels/gemm.hpp"
#include "batches.hpp"
#include "compile.hpp"

namespace autodiff {

namespace {

struct Matrix {
  std::size_t rows, columns;
};

/// The last two axes, swapped where the product takes the transpose.
Matrix matrix(Dims x, bool transposed) {
  const std::size_t rows = x[x.size() - 2], columns = x[x.size() - 1];
  return transposed ? Matrix{columns, rows} : Matrix{rows, columns};
}

/// How a product is told of a matrix in memory: whether to transpose what it finds there, and how far rows are apart.
struct Stored {
  bool transposed;
  std::size_t distance;
};

template <class T>
Stored stored(const Operand<const T>& x, bool transposed) {
  const std::size_t last = x.shape.size() - 1, rows = x.shape[last - 1], columns = x.shape[last];
  const auto row = static_cast<std::size_t>(x.strides[last - 1]), column = static_cast<std::size_t>(x.strides[last]);
  if (columns == 1 || column == 1) return {transposed, rows == 1 ? columns : row};
  return {!transposed, column};
}

/// Whether `stored` can tell of it.
bool can_be_stored(const View& x) {
  const std::size_t last = x.shape.size() - 1;
  const auto rows = static_cast<std::ptrdiff_t>(x.shape[last - 1]),
             columns = static_cast<std::ptrdiff_t>(x.shape[last]);
  const std::ptrdiff_t row = x.strides[last - 1], column = x.strides[last];
  if (columns == 1) return rows == 1 || row > 0;
  if (rows == 1) return column > 0;
  return (column == 1 && row >= columns) || (row == 1 && column >= rows);
}

}  // namespace

Shape Matmul::shape(Dims a, Dims b) const {
  if (a.size() < 2 || b.size() < 2) fail<ShapeError>(name, "needs matrices: ", a, " and ", b);
  const Matrix left = matrix(a, transpose_a), right = matrix(b, transpose_b);
  if (left.columns != right.rows) fail<ShapeError>(name, "inner dimensions must agree: ", a, " and ", b);
  const Dims batches[] = {a.first(a.size() - 2), b.first(b.size() - 2)};
  Shape result;
  try {
    result = broadcast_shape(name, batches);
  } catch (const ShapeError&) {
    fail<ShapeError>(name, "batches do not broadcast: ", a, " and ", b);
  }
  result.push_back(left.rows);
  result.push_back(right.columns);
  return result;
}

bool Matmul::takes(const View& a, const View& b) const { return can_be_stored(a) && can_be_stored(b); }

double Matmul::arithmetic(Dims a, Dims b) const {
  const std::size_t inner = a.size() == 1 || !transpose_a ? a.back() : a[a.size() - 2];
  return 2.0 * static_cast<double>(count(Dims(shape(a, b))) * inner);
}

bool Matmul::accumulates(Dims a, Dims b) const { return a.size() == 2 && b.size() == 2; }

template <class T>
void Matmul::accumulate(const Operand<T>& y, const Operand<const T>& a, const Operand<const T>& b, T alpha,
                        T beta) const {
  if (y.shape.size() > 2) return accumulate_batches(y, a, b, alpha, beta);
  const Stored left = stored(a, transpose_a), right = stored(b, transpose_b);
  kernels::gemm<T>({left.transposed, right.transposed, y.shape[0], y.shape[1], a.shape[transpose_a ? 0 : 1], alpha,
                    a.data, left.distance, b.data, right.distance, beta, y.data, y.shape[1]});
}

template <class T>
void Matmul::accumulate_batches(const Operand<T>& y, const Operand<const T>& a, const Operand<const T>& b, T alpha,
                                T beta) const {
  const auto [m, k] = matrix(a.shape, transpose_a);
  const std::size_t n = y.shape.back();
  const Stored left = stored(a, transpose_a), right = stored(b, transpose_b);
  const Dims batches = y.shape.first(y.shape.size() - 2);
  const kernels::Product<T> first{left.transposed, right.transposed, m,    n,      k, alpha, a.data, left.distance,
                                  b.data,          right.distance,   beta, y.data, n};
  const auto multiply = [&](std::size_t i, std::size_t end) {
    for (; i < end; ++i) {
      auto product = first;
      product.a += batch_offset(i, batches, a), product.b += batch_offset(i, batches, b);
      product.c += i * first.m * first.n;
      kernels::gemm<T>(product);
    }
  };
  // Large products share out their own work.
  constexpr std::size_t part = 1 << 18, large = 1 << 24;
  const std::size_t products = count(batches), work = first.work();
  work < large ? kernels::share_out(products, work, part, multiply) : multiply(0, products);
}

template <int I, class V>
V Matmul::vjp(const V& ct, const V&, const V& a, const V& b) const {
  // C = op(A) op(B): dA = dC op(B)^T and dB = op(A)^T dC, transposed where A or B came in transposed.
  if constexpr (I == 0)
    return sum_to(transpose_a ? listed(Matmul{transpose_b, true}, b, ct) : listed(Matmul{false, !transpose_b}, ct, b),
                  a.shape());
  else
    return sum_to(transpose_b ? listed(Matmul{true, transpose_a}, ct, a) : listed(Matmul{!transpose_a, false}, a, ct),
                  b.shape());
}

template <class V>
V Matmul::batched(std::size_t, const std::vector<bool>& stacked, std::span<const V> x) const {
  const std::size_t of_a = x[0].dimension() - stacked[0], of_b = x[1].dimension() - stacked[1];
  if (!stacked[1] && of_b == 2 && !transpose_a) {  // all samples are rows of one product
    const V &a = x[0], &b = x[1];
    Shape shape = a.shape();
    const auto columns = std::ptrdiff_t(shape.back());
    shape.back() = b.shape(transpose_b ? 0 : 1);
    return reshape(listed(*this, reshape(a, Lengths{a.size() ? -1 : 0, columns}), b), shape);
  }
  const std::size_t rank = std::max(of_a, of_b);
  const V a = with_rank(x[0], stacked[0], rank), b = with_rank(x[1], stacked[1], rank);
  return listed(*this, a, b);
}

// A sum of a^T b is the product of all rows below each other.
template <class V>
V Matmul::summed(std::span<const V> x) const {
  if (!transpose_a || transpose_b || x[0].dimension() != 3 || x[1].dimension() != 3) return {};
  const auto below = [](const V& v) {
    return reshape(v, {static_cast<std::ptrdiff_t>(v.shape(0) * v.shape(1)), static_cast<std::ptrdiff_t>(v.shape(2))});
  };
  return listed(*this, below(x[0]), below(x[1]));
}

template <class V>
std::optional<Matmul> Matmul::prepared(const std::vector<bool>& fixed, std::span<V> x) const {
  if (!transpose_b || !fixed[1]) return {};
  x[1] = swap_axes(x[1], -1, -2);
  return Matmul{transpose_a, false};
}

AUTODIFF_LINALG(AUTODIFF_COMPILE)

namespace detail {

template <Real T>
Variable<T> matmul(const Variable<T>& a, const Variable<T>& b) {
  Tape<T>::check_operands("matmul", std::array{a, b});
  const std::size_t p = a.dimension(), q = b.dimension();
  if (p == 0 || q == 0)
    fail<ShapeError>("matmul", "needs vectors or matrices, not numbers: ", Dims(a.shape()), " and ", Dims(b.shape()));
  if (p == 2 && q == 2) return listed(Matmul{}, a, b);
  const std::size_t k = a.shape(p - 1), rows = b.shape(q == 1 ? 0 : q - 2);
  if (k != rows) fail<ShapeError>("matmul", "inner dimensions must agree: ", Dims(a.shape()), " and ", Dims(b.shape()));
  if (q == 1) {  // a column, left out of the result
    Shape result(a.shape().begin(), a.shape().end() - 1);
    return reshape(matmul(a, expand_dims(b, 1)), result);
  }
  if (p == 1) {  // a row, left out of the result
    Shape result(b.shape().begin(), b.shape().end() - 2);
    result.push_back(b.shape(q - 1));
    return reshape(matmul(expand_dims(a, 0), b), result);
  }
  if (q == 2) {  // one matrix for all batches: they are rows of one product
    Shape result(a.shape().begin(), a.shape().end() - 1);
    Shape flat{count(result), k};
    result.push_back(b.shape(1));
    return reshape(listed(Matmul{}, reshape(a, flat), b), result);
  }
  return listed(Matmul{}, a, b);
}

template <Real T>
Variable<T> dot(const Variable<T>& a, const Variable<T>& b) {
  Tape<T>::check_operands("dot", std::array{a, b});
  if (a.dimension() != 1 || b.dimension() != 1 || a.size() != b.size())
    fail<ShapeError>("dot", "needs two vectors of one length: ", Dims(a.shape()), " and ", Dims(b.shape()));
  return matmul(a, b);
}

template <Real T>
Variable<T> outer(const Variable<T>& a, const Variable<T>& b) {
  Tape<T>::check_operands("outer", std::array{a, b});
  return matmul(reshape(a, {static_cast<std::ptrdiff_t>(a.size()), 1}),
                reshape(b, {1, static_cast<std::ptrdiff_t>(b.size())}));
}

template <Real T>
Variable<T> linear(const Variable<T>& x, const Variable<T>& weight, const Variable<T>& bias) {
  Tape<T>::check_operands("linear", std::array{x, weight, bias});
  const typename Tape<T>::Attempt attempt({&x, &weight, &bias});
  const auto product = matmul(x, weight);
  const Dims shapes[] = {product.shape(), bias.shape()};
  broadcast_shape("linear", shapes);
  return product + bias;
}

#define AUTODIFF_DERIVED(T)                                            \
  template Variable<T> matmul(const Variable<T>&, const Variable<T>&); \
  template Variable<T> dot(const Variable<T>&, const Variable<T>&);    \
  template Variable<T> outer(const Variable<T>&, const Variable<T>&);  \
  template Variable<T> linear(const Variable<T>&, const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace detail

}  // namespace autodiff
