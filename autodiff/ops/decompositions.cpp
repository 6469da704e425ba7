#include "structs/decompositions.hpp"

#include <cmath>
#include <limits>

#include "../kernels/decompose.hpp"
#include "../kernels/gemm.hpp"
#include "batches.hpp"
#include "compile.hpp"
#include "elementary.hpp"
#include "matrices.hpp"
#include "reduce.hpp"
#include "slice.hpp"
#include "solve.hpp"
#include "structs/linalg.hpp"

namespace autodiff {

namespace {

template <class V>
V transposed(const V& x) {
  return swap_axes(x, -2, -1);
}
template <class V>
V transposed_times(const V& a, const V& b) {
  return listed(Matmul{true, false}, a, b);
}
template <class V>
V times_transposed(const V& a, const V& b) {
  return listed(Matmul{false, true}, a, b);
}
/// Vectors as the rows of matrices, or as the columns.
template <class V>
V rows(const V& x) {
  return expand_dims(x, -2);
}
template <class V>
V columns(const V& x) {
  return expand_dims(x, -1);
}
/// The sum of the terms that exist.
template <class V>
void collect(V& sum, const V& term) {
  sum = sum.alive() ? sum + term : term;
}

struct Extent {
  std::size_t rows, columns, least, matrices;
};
Extent lengths(Dims a) {
  const std::size_t m = a[a.size() - 2], n = a.back();
  return {m, n, std::min(m, n), count(batches_of(a))};
}
Shape with_last(Dims batches, std::initializer_list<std::size_t> last) {
  Shape shape = to_shape(batches);
  for (std::size_t length : last) shape.push_back(length);
  return shape;
}

enum Fault : std::size_t { none, not_finite, no_convergence };
std::string text(std::size_t fault) {
  return fault == not_finite ? "holds a value that is not finite"
                             : "is not decomposed: the iteration does not converge";
}
/// Runs f for each matrix that is finite, where f says whether it converged.
template <class T, class F>
void decompose_each(std::string_view operation, Operand<const T> a, F f) {
  const auto [m, n, k, matrices] = lengths(a.shape);
  const std::size_t size = m * n;
  const auto found = each_matrix(matrices, 8 * size * k, [&](std::size_t i) -> std::size_t {
    const T* from = a.data + i * size;
    if (!std::all_of(from, from + size, [](T each) { return std::isfinite(each); })) return not_finite;
    return f(i, from) ? none : no_convergence;
  });
  check_matrices_found(operation, found, batches_of(a.shape), text);
}

/// 1 / (x_j - x_i) in row i and column j; 0 where the two are equal, as far as rounding of the largest lets tell.
template <class V>
V reciprocal_differences(const V& x) {
  using T = typename V::value_type;
  const std::size_t n = x.shape(x.dimension() - 1);
  const V difference = rows(x) - columns(x);
  if (n == 0) return difference;
  const V largest = columns(columns(max(abs(stop_gradient(x)), -1)));
  const V differs = abs(difference) > largest * (T(n) * std::numeric_limits<T>::epsilon());
  return where(differs, T(1) / where(differs, difference, T(1)), T(0));
}

}  // namespace

// ---- orthogonal and triangular ----

std::array<Shape, 2> Qr::shape(Dims a) const {
  check_matrices(name, a);
  const auto [m, n, k, matrices] = lengths(a);
  if (m < n) fail<ShapeError>(name, "needs as many rows as columns: ", a);
  return {to_shape(a), with_last(batches_of(a), {n, n})};
}
template <class T>
void Qr::forward(std::array<Operand<T>, 2> y, Operand<const T> a) const {
  const auto [m, n, k, matrices] = lengths(a.shape);
  each_matrix(matrices, 2 * m * n * n, [&, m = m, n = n](std::size_t i) -> std::size_t {
    kernels::qr(a.data + i * m * n, m, n, y[0].data + i * m * n, y[1].data + i * n * n);
    return 0;
  });
}
template <class V>
std::array<V, 1> Qr::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V&) const {
  // With M = r dr^T - dq^T q: da = (dq + q (tril(M) + tril(M, -1)^T)) r^-T.
  const auto& [q, r] = y;
  V m;
  if (ct[1].alive()) collect(m, times_transposed(r, triu(ct[1])));
  if (ct[0].alive()) collect(m, -transposed_times(ct[0], q));
  V all = matmul(q, tril(m) + transposed(tril(m, -1)));
  if (ct[0].alive()) collect(all, ct[0]);
  return {transposed(solve_triangular(r, transposed(all)))};
}

template <Real T>
std::array<Variable<T>, 2> qr(const Variable<T>& a) {
  check_matrices("qr", a.shape());
  const auto [m, n, k, matrices] = lengths(a.shape());
  if (m >= n) return listed(Qr{}, a);
  const int last = static_cast<int>(a.dimension()) - 1;  // the first columns give q; the others are seen from there
  const auto [q, r] = listed(Qr{}, take_range(a, last, 0, std::ptrdiff_t(m)));
  const auto rest = transposed_times(q, take_range(a, last, std::ptrdiff_t(m), std::ptrdiff_t(n)));
  return {q, concatenate({r, rest}, last)};
}

// ---- eigenvalues ----

std::array<Shape, 2> Eigh::shape(Dims a) const {
  const std::size_t n = side(name, a);
  return {with_last(batches_of(a), {n}), to_shape(a)};
}
template <class T>
void Eigh::forward(std::array<Operand<T>, 2> y, Operand<const T> a) const {
  const std::size_t n = a.shape.back();
  decompose_each(name, a, [&](std::size_t i, const T* from) {
    return kernels::eigh(from, n, y[0].data + i * n, y[1].data + i * n * n);
  });
}
template <class V>
std::array<V, 1> Eigh::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V&) const {
  // da = v (diag(dw) + f * (v^T dv)) v^T, f_ij = 1 / (w_j - w_i), of which the symmetric part flows to a.
  using T = typename V::value_type;
  const auto& [w, v] = y;
  if (!ct[1].alive()) return {times_transposed(v * rows(ct[0]), v)};
  V inner = reciprocal_differences(w) * transposed_times(v, ct[1]);
  inner = T(0.5) * (inner + transposed(inner));
  if (ct[0].alive()) collect(inner, embed_diagonal(ct[0]));
  return {times_transposed(matmul(v, inner), v)};
}

template <Real T>
std::array<Variable<T>, 2> eigh(const Variable<T>& a) {
  return listed(Eigh{}, a);
}

// ---- singular values ----

std::array<Shape, 3> Svd::shape(Dims a) const {
  check_matrices(name, a);
  const auto [m, n, k, matrices] = lengths(a);
  const Dims batches = batches_of(a);
  return {with_last(batches, {m, k}), with_last(batches, {k}), with_last(batches, {k, n})};
}
template <class T>
void Svd::forward(std::array<Operand<T>, 3> y, Operand<const T> a) const {
  const auto [m, n, k, matrices] = lengths(a.shape);
  decompose_each(name, a, [&, m = m, n = n, k = k](std::size_t i, const T* from) {
    return kernels::svd(from, m, n, y[0].data + i * m * k, y[1].data + i * k, y[2].data + i * k * n);
  });
}
template <class V>
std::array<V, 1> Svd::vjp(const std::array<V, 3>& ct, const std::array<V, 3>& y, const V&) const {
  // With J = f * (u^T du), K = f * (vh dvh^T) and f_ij = 1 / (s_j^2 - s_i^2):
  //   da = u (diag(ds) + (J + J^T) diag(s) + diag(s) (K + K^T)) vh
  //      + (1 - u u^T) du diag(1 / s) vh + u diag(1 / s) dvh (1 - vh^T vh).
  using T = typename V::value_type;
  const auto& [u, s, vh] = y;
  V inner;
  if (ct[1].alive()) inner = embed_diagonal(ct[1]);
  if (!ct[0].alive() && !ct[2].alive()) return {matmul(u * rows(ct[1]), vh)};
  const V total = rows(s) + columns(s);
  const V f = reciprocal_differences(s) / where(total == T(0), T(1), total);
  const V inverse = where(s == T(0), T(0), T(1) / where(s == T(0), T(1), s));
  if (ct[0].alive()) {
    const V j = f * transposed_times(u, ct[0]);
    collect(inner, (j + transposed(j)) * rows(s));
  }
  if (ct[2].alive()) {
    const V k = f * times_transposed(vh, ct[2]);
    collect(inner, columns(s) * (k + transposed(k)));
  }
  V found = matmul(matmul(u, inner), vh);
  const std::size_t least = s.shape(s.dimension() - 1);
  if (ct[0].alive() && u.shape(u.dimension() - 2) > least) {
    const V outside = ct[0] - matmul(u, transposed_times(u, ct[0]));
    collect(found, matmul(outside * rows(inverse), vh));
  }
  if (ct[2].alive() && vh.shape(vh.dimension() - 1) > least) {
    const V outside = ct[2] - matmul(times_transposed(ct[2], vh), vh);
    collect(found, matmul(u * rows(inverse), outside));
  }
  return {found};
}

template <Real T>
std::array<Variable<T>, 3> svd(const Variable<T>& a) {
  return listed(Svd{}, a);
}

// ---- pseudo-inverse ----

Shape PseudoInverse::shape(Dims a) const {
  check_matrices(name, a);
  return with_last(batches_of(a), {a.back(), a[a.size() - 2]});
}
template <class T>
void PseudoInverse::forward(Operand<T> y, Operand<const T> a) const {
  const auto [m, n, k, matrices] = lengths(a.shape);
  decompose_each(name, a, [&, m = m, n = n, k = k](std::size_t i, const T* from) {
    std::vector<T> u(m * k), s(k), vh(k * n);
    if (!kernels::svd(from, m, n, u.data(), s.data(), vh.data())) return false;
    for (std::size_t j = 0; j < k; ++j) {
      const T scale = s[j] > T(cutoff) * s[0] ? 1 / s[j] : 0;
      for (std::size_t r = 0; r < m; ++r) u[r * k + j] *= scale;
    }
    kernels::gemm<T>(true, true, n, m, k, 1, vh.data(), n, u.data(), k, 0, y.data + i * m * n, m);
    return true;
  });
}
template <int I, class V>
V PseudoInverse::vjp(const V& ct, const V& p, const V& a) const {
  // dp = -p da p + p p^T da^T (1 - a p) + (1 - p a) da^T p^T p, the other way round; products are kept narrow.
  const V back = transposed(ct);
  V found = -transposed_times(p, times_transposed(ct, p));
  const V left = listed(Matmul{}, back, p), right = listed(Matmul{}, p, back);
  collect(found, times_transposed(left - matmul(a, matmul(p, left)), p));
  collect(found, transposed_times(p, right - matmul(matmul(right, p), a)));
  return found;
}

template <Real T>
Variable<T> pinv(const Variable<T>& a, std::optional<double> cutoff) {
  check_matrices("pinv", a.shape());
  const auto longest = std::max(a.shape(a.dimension() - 2), a.shape(a.dimension() - 1));
  return listed(PseudoInverse{cutoff.value_or(double(longest) * double(std::numeric_limits<T>::epsilon()))}, a);
}

namespace detail {

template <Real T>
Variable<T> lstsq(const Variable<T>& a, const Variable<T>& b) {
  Tape<T>::check_operands("lstsq", std::array{a, b});
  check_matrices("lstsq", a.shape());
  const std::size_t rank = b.dimension();
  if (rank == 0 || b.shape(rank == 1 ? 0 : rank - 2) != a.shape(a.dimension() - 2))
    fail<ShapeError>("lstsq", "the right side must have as many rows as the matrix: ", Dims(a.shape()), " and ",
                     Dims(b.shape()));
  const typename Tape<T>::Attempt attempt({&a, &b});
  return matmul(pinv(a), b);
}

}  // namespace detail

// ---- exponential ----

Shape MatrixExp::shape(Dims a) const { return side(name, a), to_shape(a); }
template <class T>
void MatrixExp::forward(Operand<T> y, Operand<const T> a) const {
  const std::size_t n = a.shape.back(), size = n * n;
  each_matrix(count(batches_of(a.shape)), 10 * size * n, [&](std::size_t i) -> std::size_t {
    kernels::matrix_exp(a.data + i * size, n, y.data + i * size);
    return 0;
  });
}
template <int I, class V>
V MatrixExp::vjp(const V& ct, const V&, const V& a) const {
  // exp((a^T, ct; 0, a^T)) has the derivative of exp at a^T along ct in its corner.
  const auto n = static_cast<std::ptrdiff_t>(a.shape(a.dimension() - 1));
  const int row = static_cast<int>(a.dimension()) - 2, column = row + 1;
  const V at = transposed(a), zeros(Array<typename V::value_type>(ct.shape(), 0));
  const V blocks = concatenate({concatenate({at, ct}, column), concatenate({zeros, at}, column)}, row);
  return take_range(take_range(matrix_exp(blocks), row, 0, n), column, n, 2 * n);
}

template <Real T>
Variable<T> matrix_exp(const Variable<T>& a) {
  return listed(MatrixExp{}, a);
}

AUTODIFF_DECOMPOSITIONS(AUTODIFF_COMPILE)

#define AUTODIFF_DERIVED(T)                                                   \
  template std::array<Variable<T>, 2> qr(const Variable<T>&);                 \
  template std::array<Variable<T>, 2> eigh(const Variable<T>&);               \
  template std::array<Variable<T>, 3> svd(const Variable<T>&);                \
  template Variable<T> pinv(const Variable<T>&, std::optional<double>);       \
  template Variable<T> detail::lstsq(const Variable<T>&, const Variable<T>&); \
  template Variable<T> matrix_exp(const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
