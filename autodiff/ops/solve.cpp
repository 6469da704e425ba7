#include "structs/solve.hpp"

#include <cmath>
#include <limits>

#include "../kernels/decompose.hpp"
#include "batches.hpp"
#include "compile.hpp"
#include "elementary.hpp"
#include "matrices.hpp"
#include "structs/decompositions.hpp"
#include "structs/linalg.hpp"

namespace autodiff {

namespace {

template <class V>
V transposed_matrix(const V& x) {
  return swap_axes(x, -2, -1);
}

/// The shape of the solution where the matrices are square of this side. Batches broadcast.
Shape solution(std::string_view operation, Dims a, Dims b) {
  const std::size_t n = side(operation, a);
  if (b.size() < 2 || b[b.size() - 2] != n)
    fail<ShapeError>(operation, "the right side must have as many rows as the matrix: ", a, " and ", b);
  const Dims batches[] = {batches_of(a), batches_of(b)};
  Shape shape;
  try {
    shape = broadcast_shape(operation, batches);
  } catch (const ShapeError&) {
    fail<ShapeError>(operation, "batches do not broadcast: ", a, " and ", b);
  }
  shape.push_back(n), shape.push_back(b.back());
  return shape;
}

/// Calls f(i, x, batches) for each system, where the right side was copied to what the solution replaces.
template <class T, class F>
std::vector<std::size_t> solve_each(Operand<T> x, Operand<const T> b, F f) {
  const Dims batches = batches_of(x.shape);
  const std::size_t n = x.shape[x.shape.size() - 2], columns = x.shape.back(), size = n * columns;
  return each_matrix(count(batches), n * size, [&](std::size_t i) {
    const T* from = b.data + batch_offset(i, batches, b);
    std::copy_n(from, size, x.data + i * size);
    return f(i, x.data + i * size);
  });
}

std::string diagonal_zero(std::size_t i) {
  return "is singular: element " + std::to_string(i - 1) + " of its diagonal is zero";
}

}  // namespace

// ---- Cholesky ----

Shape Cholesky::shape(Dims a) const { return side(name, a), to_shape(a); }
template <class T>
void Cholesky::forward(Operand<T> l, Operand<const T> a) const {
  const std::size_t n = a.shape.back(), size = n * n;
  const auto found = each_matrix(count(batches_of(a.shape)), size * n / 3, [&](std::size_t m) {
    const T* from = a.data + m * size;
    T* to = l.data + m * size;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) to[i * n + j] = from[i * n + j] / 2 + from[j * n + i] / 2;
    return kernels::cholesky(to, n);
  });
  check_matrices_found(name, found, batches_of(a.shape), [](std::size_t minor) {
    return "is not positive definite: leading minor " + std::to_string(minor);
  });
}
template <int I, class V>
V Cholesky::vjp(const V& ct, const V& l, const V&) const {
  // With P = tril(l^T dl), half of its diagonal: dA = l^-T (P + P^T) / 2 l^-1.
  using T = typename V::value_type;
  const std::size_t n = l.shape(l.dimension() - 1);
  Array<T> half(Shape{n, n});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) half(i, j) = i == j ? T(0.25) : i > j ? T(0.5) : T(0);
  const V p = listed(Matmul{true, false}, l, ct) * half;
  const SolveTriangular back{true, true, false};
  return listed(back, l, transposed_matrix(listed(back, l, p + transposed_matrix(p))[0]))[0];
}

// ---- triangles ----

std::array<Shape, 1> SolveTriangular::shape(Dims a, Dims b) const { return {solution(name, a, b)}; }
template <class T>
void SolveTriangular::forward(std::array<Operand<T>, 1> x, Operand<const T> a, Operand<const T> b) const {
  const std::size_t n = a.shape.back();
  const Dims batches = batches_of(x[0].shape);
  const auto found = solve_each(x[0], b, [&](std::size_t i, T* to) -> std::size_t {
    const T* matrix = a.data + batch_offset(i, batches, a);
    if (const std::size_t zero = unit_diagonal ? 0 : kernels::zero_on_diagonal(matrix, n)) return zero;
    kernels::solve_triangular({lower, transposed, unit_diagonal}, matrix, n, to, x[0].shape.back());
    return 0;
  });
  check_matrices_found(name, found, batches, diagonal_zero);
}
template <class V>
std::array<V, 2> SolveTriangular::vjp(const std::array<V, 1>& ct, const std::array<V, 1>& x, const V& a, const V& b,
                                      const std::array<bool, 2>& wanted) const {
  // b' = op(a)^-T x', and a' = -b' x^T, or its transpose, in the triangle.
  const V db = listed(SolveTriangular{lower, !transposed, unit_diagonal}, a, ct[0])[0];
  V da;
  if (wanted[0]) {
    const V all =
        -sum_to(transposed ? listed(Matmul{false, true}, x[0], db) : listed(Matmul{false, true}, db, x[0]), a.shape());
    da = lower ? tril(all, unit_diagonal ? -1 : 0) : triu(all, unit_diagonal ? 1 : 0);
  }
  return {da, sum_to(db, b.shape())};
}

// ---- any square matrix ----

std::array<Shape, 2> LuFactors::shape(Dims a) const {
  side(caller, a);
  return {to_shape(a), to_shape(a.first(a.size() - 1))};
}
template <class T>
void LuFactors::forward(std::array<Operand<T>, 2> y, Operand<const T> a) const {
  const std::size_t n = a.shape.back(), size = n * n;
  const auto found = each_matrix(count(batches_of(a.shape)), size * n / 3, [&](std::size_t m) -> std::size_t {
    T* to = y[0].data + m * size;
    std::copy_n(a.data + m * size, size, to);
    kernels::factor(to, y[1].data + m * n, n);
    return singular ? 0 : kernels::zero_on_diagonal(to, n);
  });
  check_matrices_found(caller, found, batches_of(a.shape),
                       [](std::size_t i) { return "is singular: pivot " + std::to_string(i) + " is zero"; });
}

std::array<Shape, 1> SolveFactored::shape(Dims a, Dims, Dims, Dims b) const { return {solution(name, a, b)}; }
template <class T>
void SolveFactored::forward(std::array<Operand<T>, 1> x, Operand<const T> a, Operand<const T> factors,
                            Operand<const T> pivots, Operand<const T> b) const {
  const std::size_t n = a.shape.back();
  const Dims batches = batches_of(x[0].shape);
  solve_each(x[0], b, [&](std::size_t i, T* to) -> std::size_t {
    const std::ptrdiff_t at = batch_offset(i, batches, factors), first = n ? at / std::ptrdiff_t(n) : 0;
    kernels::solve_factored(transposed, factors.data + at, pivots.data + first, n, to, x[0].shape.back());
    return 0;
  });
}
template <class V>
std::array<V, 4> SolveFactored::vjp(const std::array<V, 1>& ct, const std::array<V, 1>& x, const V& a, const V& factors,
                                    const V& pivots, const V& b, const std::array<bool, 4>& wanted) const {
  const V db = listed(SolveFactored{!transposed}, a, factors, pivots, ct[0])[0];
  std::array<V, 4> found;
  if (wanted[0])
    found[0] =
        -sum_to(transposed ? listed(Matmul{false, true}, x[0], db) : listed(Matmul{false, true}, db, x[0]), a.shape());
  if (wanted[3]) found[3] = sum_to(db, b.shape());
  return found;
}

// ---- determinants ----

namespace {

/// Calls each(logarithm, sign) of the determinants of factored matrices.
template <class T, class F>
void each_determinant(const T* factors, const T* pivots, std::size_t n, F each) {
  bool minus = false;
  for (std::size_t i = 0; i < n; ++i) {
    minus ^= pivots[i] != static_cast<T>(i);
    each(factors[i * n + i]);
  }
  each(minus ? T(-1) : T(1));
}

}  // namespace

std::array<Shape, 2> LogDeterminant::shape(Dims a, Dims, Dims) const {
  side(name, a);
  return {to_shape(batches_of(a)), to_shape(batches_of(a))};
}
template <class T>
void LogDeterminant::forward(std::array<Operand<T>, 2> y, Operand<const T> a, Operand<const T> factors,
                             Operand<const T> pivots) const {
  const std::size_t n = a.shape.back();
  for (std::size_t m = 0; m < count(batches_of(a.shape)); ++m) {
    T sign = 1;
    double size = 0;
    each_determinant(factors.data + m * n * n, pivots.data + m * n, n, [&](T each) {
      sign *= each > 0 ? T(1) : each < 0 ? T(-1) : each == 0 ? T(0) : each;
      size += std::log(std::abs(static_cast<double>(each)));
    });
    y[0].data[m] = sign, y[1].data[m] = static_cast<T>(size);
  }
}
template <class V>
std::array<V, 3> LogDeterminant::vjp(const std::array<V, 2>& ct, const std::array<V, 2>&, const V& a, const V& factors,
                                     const V& pivots) const {
  const V identity = eye<typename V::value_type>(a.shape(a.dimension() - 1));
  const V inverse = listed(SolveFactored{true}, a, factors, pivots, identity)[0];
  return {expand_dims(expand_dims(ct[1], -1), -1) * inverse, V(), V()};
}

Shape Determinant::shape(Dims a) const { return side(name, a), to_shape(batches_of(a)); }
template <class T>
void Determinant::forward(Operand<T> y, Operand<const T> a) const {
  const std::size_t n = a.shape.back(), size = n * n;
  each_matrix(count(y.shape), size * n / 3, [&](std::size_t m) -> std::size_t {
    std::vector<T> factors(a.data + m * size, a.data + (m + 1) * size), pivots(n);
    kernels::factor(factors.data(), pivots.data(), n);
    T product = 1;
    each_determinant(factors.data(), pivots.data(), n, [&](T each) { product *= each; });
    y.data[m] = product;
    return 0;
  });
}
template <int I, class V>
V Determinant::vjp(const V& ct, const V&, const V& a) const {
  return expand_dims(expand_dims(ct, -1), -1) * listed(Cofactors{}, a);
}

namespace {

/// det(a) a^-T by the factors, where their pivots say that it costs few digits. False where it would cost more.
template <class T>
bool cofactors_by_inverse(const T* a, std::size_t n, T* y) {
  std::vector<T> factors(a, a + n * n), pivots(n);
  kernels::factor(factors.data(), pivots.data(), n);
  T product = 1, least = std::numeric_limits<T>::infinity(), most = 0;
  for (std::size_t i = 0; i < n; ++i)
    least = std::min(least, std::abs(factors[i * n + i])), most = std::max(most, std::abs(factors[i * n + i]));
  each_determinant(factors.data(), pivots.data(), n, [&](T each) { product *= each; });
  if (!(least > T(1e-3) * most) || !std::isfinite(product) || product == 0) return false;
  std::fill_n(y, n * n, T(0));
  for (std::size_t i = 0; i < n; ++i) y[i * n + i] = product;
  kernels::solve_factored(true, factors.data(), pivots.data(), n, y, n);
  return true;
}

/// The same of any matrix u diag(s) vh: det(u) det(vh) u diag(products of all s but one) vh.
template <class T>
bool cofactors_by_values(const T* a, std::size_t n, T* y) {
  std::vector<T> u(n * n), s(n), vh(n * n), pivots(n);
  if (!kernels::svd(a, n, n, u.data(), s.data(), vh.data())) return false;
  T sign = 1;
  for (const auto* rotation : {&u, &vh}) {
    auto factors = *rotation;
    kernels::factor(factors.data(), pivots.data(), n);
    each_determinant(factors.data(), pivots.data(), n, [&](T each) { sign *= each < 0 ? T(-1) : T(1); });
  }
  std::fill_n(y, n * n, T(0));
  for (std::size_t k = 0; k < n; ++k) {
    T others = sign;
    for (std::size_t j = 0; j < n; ++j) others *= j == k ? T(1) : s[j];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) y[i * n + j] += u[i * n + k] * others * vh[k * n + j];
  }
  return true;
}

/// The products of all elements along the last axis but those at two places, which may be one: (..., n) gives
/// (..., n, n), of which the diagonal says nothing.
template <class V>
V products_but_two(const V& s) {
  using T = typename V::value_type;
  const std::size_t n = s.shape(s.dimension() - 1);
  Array<T> out(Shape{n, n, n});
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) out(i, j, k) = k == i || k == j;
  return prod(where(out, T(1), expand_dims(expand_dims(s, -2), -2)), -1);
}

}  // namespace

Shape Cofactors::shape(Dims a) const { return side(name, a), to_shape(a); }
template <class T>
void Cofactors::forward(Operand<T> y, Operand<const T> a) const {
  const std::size_t n = a.shape.back(), size = n * n;
  each_matrix(count(batches_of(a.shape)), size * n * 4, [&](std::size_t m) -> std::size_t {
    const T* from = a.data + m * size;
    T* to = y.data + m * size;
    const bool finite = std::all_of(from, from + size, [](T each) { return std::isfinite(each); });
    if (!finite || (!cofactors_by_inverse(from, n, to) && !cofactors_by_values(from, n, to)))
      std::fill_n(to, size, std::numeric_limits<T>::quiet_NaN());
    return 0;
  });
}
template <int I, class V>
V Cofactors::vjp(const V& ct, const V&, const V& a) const {
  // With a = u diag(s) vh and e = u^T ct vh^T, of which no singular value needs to differ or be other than zero:
  // u (diag(sum_j g_ij e_jj) - g * e^T) vh, up to the sign, where g_ij is the product of all s but s_i and s_j.
  using T = typename V::value_type;
  const auto [u, s, vh] = listed(Svd{}, a);
  const V e = matmul(listed(Matmul{true, false}, u, ct), transposed_matrix(vh));
  const std::size_t n = a.shape(a.dimension() - 1);
  const V others = products_but_two(s) * (T(1) - eye<T>(n));
  const V along = listed(Matmul{}, others, expand_dims(diagonal(e), -1));
  const V inner = eye<T>(n) * along - others * transposed_matrix(e);
  const V turned = stop_gradient(sign(listed(Determinant{}, u) * listed(Determinant{}, vh)));
  return expand_dims(expand_dims(turned, -1), -1) * matmul(matmul(u, inner), vh);
}

AUTODIFF_SOLVE(AUTODIFF_COMPILE)

// ---- public ----

template <Real T>
Variable<T> cholesky(const Variable<T>& a) {
  return listed(Cholesky{}, a);
}

namespace {

/// f of the right side as columns, of which a vector is one.
template <Real T, class F>
Variable<T> of_columns(std::string_view operation, const Variable<T>& a, const Variable<T>& b, F f) {
  Tape<T>::check_operands(operation, std::array{a, b});
  const typename Tape<T>::Attempt attempt({&a, &b});
  if (b.dimension() != 1) return f(b);
  const std::size_t n = side(operation, a.shape());
  if (b.size() != n)
    fail<ShapeError>(operation, "the right side must have as many rows as the matrix: ", Dims(a.shape()), " and ",
                     Dims(b.shape()));
  return squeeze(f(expand_dims(b, 1)), -1);
}

}  // namespace

namespace detail {

template <Real T>
Variable<T> solve(const Variable<T>& a, const Variable<T>& b) {
  return of_columns("solve", a, b, [&](const Variable<T>& columns) {
    solution("solve", a.shape(), columns.shape());
    const auto [factors, pivots] = listed(LuFactors{"solve"}, a);
    return listed(SolveFactored{}, a, factors, pivots, columns)[0];
  });
}

template <Real T>
Variable<T> solve_triangular(const Variable<T>& a, const Variable<T>& b, const Triangular& how) {
  return of_columns("solve_triangular", a, b, [&](const Variable<T>& columns) {
    return listed(SolveTriangular{how.lower, how.transposed, how.unit_diagonal}, a, columns)[0];
  });
}

}  // namespace detail

template <Real T>
Variable<T> inverse(const Variable<T>& a) {
  const auto [factors, pivots] = listed(LuFactors{"inverse"}, a);
  return listed(SolveFactored{}, a, factors, pivots, eye<T>(a.shape(a.dimension() - 1)))[0];
}

template <Real T>
Variable<T> determinant(const Variable<T>& a) {
  return listed(Determinant{}, a);
}

template <Real T>
std::array<Variable<T>, 2> slogdet(const Variable<T>& a) {
  const auto [factors, pivots] = listed(LuFactors{"slogdet", true}, a);
  return listed(LogDeterminant{}, a, factors, pivots);
}

template <Real T>
Variable<T> matrix_power(const Variable<T>& a, int power) {
  const std::size_t n = side("matrix_power", a.shape());
  Variable<T> square = power < 0 ? inverse(a) : a, result;
  unsigned rest = power < 0 ? 0u - static_cast<unsigned>(power) : static_cast<unsigned>(power);
  if (rest == 0) return broadcast_to(eye<T>(n), a.shape());
  for (; rest > 0; rest >>= 1) {
    if (rest & 1) result = result.alive() ? matmul(result, square) : square;
    if (rest > 1) square = matmul(square, square);
  }
  return result;
}

#define AUTODIFF_DERIVED(T)                                                                                 \
  template Variable<T> cholesky(const Variable<T>&);                                                        \
  template Variable<T> detail::solve(const Variable<T>&, const Variable<T>&);                               \
  template Variable<T> detail::solve_triangular(const Variable<T>&, const Variable<T>&, const Triangular&); \
  template Variable<T> inverse(const Variable<T>&);                                                         \
  template Variable<T> determinant(const Variable<T>&);                                                     \
  template std::array<Variable<T>, 2> slogdet(const Variable<T>&);                                          \
  template Variable<T> matrix_power(const Variable<T>&, int);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
