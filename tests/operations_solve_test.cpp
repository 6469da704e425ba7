// Factors, systems, determinants: against elimination and expansion in long double.
#include "cases.hpp"

#include <autodiff/ops/structs/solve.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;
using Wide = std::vector<long double>;

/// f of each matrix, which gives one of `rows` by `columns`.
Array<double> each_matrix(const Array<double>& a, std::size_t rows, std::size_t columns,
                          const std::function<Wide(const double*)>& f) {
  const std::size_t rank = a.dimension(), size = a.shape(rank - 2) * a.shape(rank - 1);
  Shape shape = a.shape();
  shape[rank - 2] = rows, shape[rank - 1] = columns;
  Array<double> y(shape);
  for (std::size_t i = 0; size && i < a.size() / size; ++i) {
    const auto found = f(a.data() + i * size);
    std::copy(found.begin(), found.end(), y.data() + i * rows * columns);
  }
  return y;
}

/// The determinant by expansion along the first row.
long double expanded(const Wide& a, std::size_t n) {
  if (n == 0) return 1;
  long double sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    Wide minor;
    for (std::size_t r = 1; r < n; ++r)
      for (std::size_t c = 0; c < n; ++c)
        if (c != j) minor.push_back(a[r * n + c]);
    sum += (j % 2 ? -1 : 1) * a[j] * expanded(minor, n - 1);
  }
  return sum;
}
/// a^-1 b by Gauss and Jordan, with the largest pivots of all.
Wide eliminated(const double* matrix, std::size_t n, Wide b, std::size_t columns) {
  Wide a(matrix, matrix + n * n);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i; r < n; ++r)
      if (std::abs(a[r * n + i]) > std::abs(a[pivot * n + i])) pivot = r;
    for (std::size_t j = 0; j < n; ++j) std::swap(a[i * n + j], a[pivot * n + j]);
    for (std::size_t j = 0; j < columns; ++j) std::swap(b[i * columns + j], b[pivot * columns + j]);
    for (std::size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const auto factor = a[r * n + i] / a[i * n + i];
      for (std::size_t j = 0; j < n; ++j) a[r * n + j] -= factor * a[i * n + j];
      for (std::size_t j = 0; j < columns; ++j) b[r * columns + j] -= factor * b[i * columns + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < columns; ++j) b[i * columns + j] /= a[i * n + i];
  return b;
}
Array<double> solved(const Array<double>& a, const Array<double>& b) {
  const std::size_t n = a.shape(a.dimension() - 1), columns = b.shape(b.dimension() - 1);
  Shape batches = a.shape();
  batches.pop_back(), batches.pop_back();
  if (b.dimension() > a.dimension()) batches = Shape(b.shape().begin(), b.shape().end() - 2);
  Shape shape = batches;
  shape.push_back(n), shape.push_back(columns);
  Array<double> y(shape);
  const std::size_t count = ad::count(ad::Dims(batches));
  for (std::size_t i = 0; i < count && y.size(); ++i) {
    const std::size_t of_a = a.size() / (n * n) == 1 ? 0 : i, of_b = b.size() / (n * columns) == 1 ? 0 : i;
    const double* from = b.data() + of_b * n * columns;
    const auto x = eliminated(a.data() + of_a * n * n, n, Wide(from, from + n * columns), columns);
    std::copy(x.begin(), x.end(), y.data() + i * n * columns);
  }
  return y;
}

/// What makes matrices regular whose elements are up to a half, wherever they are laid: much on the diagonal.
Array<double> much(const Shape& shape) {
  return build({shape[shape.size() - 2], shape.back()}, [](const Index& i) {
    return i[0] != i[1] ? 0 : i[0] % 2 ? 2.5 : 2;
  });
}
template <class T>
ad::Variable<T> firm(const ad::Variable<T>& x) {
  return x + much(x.shape());
}
Array<double> firm(const Array<double>& x) { return x + much(x.shape()); }
Array<double> regular(const Shape& shape) { return firm(sample(shape, -0.5, 0.5)); }
const std::vector<Shape> squares{{1, 1}, {2, 2}, {4, 4}, {3, 2, 2}, {2, 1, 3, 3}, {0, 0}, {0, 2, 2}};

template <class V>
V symmetric(const V& x) {
  return matmul(x, ad::swap_axes(x, -2, -1)) / 4.0 + ad::eye<typename V::value_type>(x.shape(x.dimension() - 1));
}

}  // namespace

template <>
std::vector<Case> cases<ad::Cholesky>() {
  std::vector<Case> result;
  for (const auto& shape : squares)
    result.push_back({"cholesky",
                      [](const auto& x) { return cholesky(symmetric(x[0])); },
                      {sample(shape, -1, 1)},
                      [n = shape.back()](const Arrays& at) {
                        return each_matrix(at[0], n, n, [&](const double* x) {
                          Wide a(n * n), l(n * n);
                          for (std::size_t i = 0; i < n; ++i)
                            for (std::size_t j = 0; j <= i; ++j) {
                              long double sum = i == j;
                              for (std::size_t k = 0; k < n; ++k) sum += 0.25L * x[i * n + k] * x[j * n + k];
                              for (std::size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
                              l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
                            }
                          return l;
                        });
                      }});
  result.push_back({"cholesky of what is not symmetric",
                    [](const auto& x) { return cholesky(firm(x[0])); },
                    {array({2, 2}, {0, 1, 0, 0.5})},
                    [](const Arrays&) {
                      return array({2, 2}, {std::sqrt(2.0), 0, 0.5 / std::sqrt(2.0), std::sqrt(3 - 0.125)});
                    }});
  return result;
}

template <>
std::vector<Case> cases<ad::SolveTriangular>() {
  std::vector<Case> result;
  for (const auto& each :
       std::vector<Shapes>{{{3, 3}, {3, 2}}, {{2, 3, 3}, {3, 1}}, {{2, 2}, {3, 2, 2}}, {{0, 0}, {0, 2}}})
    for (const ad::Triangular how : {ad::Triangular{},
                                     {.lower = true},
                                     {.transposed = true},
                                     {true, true, false},
                                     {true, false, true},
                                     {false, true, true}})
      result.push_back({"solve_triangular",
                        [=](const auto& x) { return solve_triangular(firm(x[0]), x[1], how); },
                        {sample(each[0], -0.5, 0.5), sample(each[1], -1, 1, 2)},
                        [=](const Arrays& at) {
                          const std::size_t n = at[0].shape().back();
                          const auto triangle = build(at[0].shape(), [&](Index i) {
                            auto& row = i[i.size() - 2];
                            auto& column = i.back();
                            if (how.transposed) std::swap(row, column);
                            if (row == column && how.unit_diagonal) return 1.0;
                            return (how.lower ? column <= row : column >= row) ? broadcast_at(firm(at[0]), i) : 0.0;
                          });
                          return n ? solved(triangle, at[1]) : Array<double>(at[1]);
                        }});
  result.push_back({"solve_triangular, a vector",
                    [](const auto& x) { return solve_triangular(firm(x[0]), x[1]); },
                    {array({2, 2}, {0, 1, 9, 1.5}), array({2}, {5, 8})},
                    [](const Arrays&) {
                      return array({2}, {1.5, 2});
                    }});
  return result;
}

template <>
std::vector<Case> cases<ad::LuFactors>() {
  // It has no gradient: the input only scales the result.
  return {{"factor",
           [](const auto& x) {
             const auto fixed = ad::stop_gradient(0 * x[0]) + xt::xarray<double>{{1, 2}, {4, 2}};
             const auto [factors, pivots] = listed(ad::LuFactors{}, fixed);
             return x[0] * factors * expand_dims(pivots, 0);
           },
           {array({2, 2}, {1, 2, 3, 4})},
           [](const Arrays&) {
             return array({2, 2}, {4, 4, 0.75, 6});
           }}};
}

template <>
std::vector<Case> cases<ad::SolveFactored>() {
  std::vector<Case> result;
  for (const auto& each : std::vector<Shapes>{{{1, 1}, {1, 1}},
                                              {{4, 4}, {4, 3}},
                                              {{3, 2, 2}, {2, 2}},
                                              {{2, 2}, {3, 2, 1}},
                                              {{0, 0}, {0, 2}},
                                              {{2, 3, 3}, {2, 3, 1}}})
    result.push_back({"solve",
                      [](const auto& x) { return solve(firm(x[0]), x[1]); },
                      {sample(each[0], -0.5, 0.5), sample(each[1], -1, 1, 2)},
                      [](const Arrays& at) { return solved(firm(at[0]), at[1]); }});
  result.push_back({"solve, pivoting, a vector",
                    [](const auto& x) { return solve(firm(x[0]), x[1]); },
                    {array({3, 3}, {0, 2, 1, 4, 1, 0, 1, 0, 3}), array({3}, {1, 2, 3})}});
  for (const auto& shape : squares)
    result.push_back({"inverse",
                      [](const auto& x) { return inverse(firm(x[0])); },
                      {sample(shape, -0.5, 0.5)},
                      [n = shape.back()](const Arrays& at) {
                        return each_matrix(firm(at[0]), n, n, [&](const double* a) {
                          Wide one(n * n);
                          for (std::size_t i = 0; i < n; ++i) one[i * n + i] = 1;
                          return eliminated(a, n, one, n);
                        });
                      }});
  for (const int power : {-3, -1, 0, 1, 2, 7})
    result.push_back({"matrix_power " + std::to_string(power),
                      [=](const auto& x) { return 0 * x[0] + matrix_power(firm(x[0]) / 2.0, power); },
                      {sample({2, 2, 2}, -0.5, 0.5)}});
  return result;
}

template <>
std::vector<Case> cases<ad::LogDeterminant>() {
  std::vector<Case> result;
  for (const auto& shape : squares)
    result.push_back({"slogdet",
                      [](const auto& x) {
                        const auto [sign, size] = slogdet(firm(x[0]));
                        return sign * size;
                      },
                      {sample(shape, -0.5, 0.5)},
                      [](const Arrays& at) {
                        const Array<double> d = [&] {
                          const std::size_t n = at[0].shape().back();
                          return each_matrix(firm(at[0]), 1, 1,
                                             [&](const double* a) { return Wide{expanded(Wide(a, a + n * n), n)}; });
                        }();
                        const Shape& shape = at[0].shape();
                        return build(Shape(shape.begin(), shape.end() - 2), [&](const Index& i) {
                          if (shape.back() == 0) return 0.0;
                          Index at_matrix = i;
                          at_matrix.push_back(0), at_matrix.push_back(0);
                          const double value = broadcast_at(d, at_matrix);
                          return std::copysign(std::log(std::abs(value)), value);
                        });
                      }});
  return result;
}

namespace {

std::vector<Array<double>> determined() {
  std::vector<Array<double>> all;
  for (const auto& shape : squares) all.push_back(regular(shape));
  all.push_back(array({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9.0}));  // singular, of rank two
  all.push_back(array({3, 3}, {1, 2, 3, 2, 4, 6, 3, 6, 9.0}));  // of rank one: cofactors are zero
  all.push_back(array({2, 2}, {0, 0, 0, 0}));
  all.push_back(array({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}));  // equal singular values
  return all;
}

}  // namespace

template <>
std::vector<Case> cases<ad::Determinant>() {
  std::vector<Case> result;
  for (const auto& a : determined())
    result.push_back({"determinant",
                      [](const auto& x) { return determinant(x[0]); },
                      {a},
                      [](const Arrays& at) {
                        const Shape& shape = at[0].shape();
                        const std::size_t n = shape.back();
                        return build(Shape(shape.begin(), shape.end() - 2),
                                     [&, k = std::size_t(0)](const Index&) mutable {
                                       const double* from = at[0].data() + n * n * k++;
                                       return expanded(Wide(from, from + n * n), n);
                                     });
                      }});
  return result;
}

template <>
std::vector<Case> cases<ad::Cofactors>() {
  std::vector<Case> result;
  for (const auto& shape : squares)
    if (shape.back() != 0)
      result.push_back({"cofactors",
                        [](const auto& x) { return listed(ad::Cofactors{}, x[0]); },
                        {regular(shape)},
                        [n = shape.back()](const Arrays& at) {
                          return each_matrix(at[0], n, n, [&](const double* a) {
                            Wide y;
                            for (std::size_t i = 0; i < n; ++i)
                              for (std::size_t j = 0; j < n; ++j) {
                                Wide minor;
                                for (std::size_t r = 0; r < n; ++r)
                                  for (std::size_t c = 0; c < n; ++c)
                                    if (r != i && c != j) minor.push_back(a[r * n + c]);
                                y.push_back(((i + j) % 2 ? -1 : 1) * expanded(minor, n - 1));
                              }
                            return y;
                          });
                        }});
  return result;
}

AUTODIFF_SOLVE(TEST_OPERATION)

TEST_CASE_TEMPLATE("large matrices, across the borders between loops and products", T, float, double) {
  const double tolerance = std::is_same_v<T, float> ? 2e-3 : 1e-11;
  for (const std::size_t n : {31, 33, 64, 100, 131}) {
    INFO(n);
    const ad::Variable<T> x(ad::to_array<T>(sample({n, n}, -1, 1))), b(ad::to_array<T>(sample({n, 70}, -1, 1, 2)));
    const auto a = matmul(x, transpose(x)) + ad::eye<T>(n), l = cholesky(a);
    CHECK_EQ(difference(matmul(l, transpose(l)).value(), a.value(), tolerance), "");
    CHECK_EQ(difference(matmul(x, solve(x, b)).value(), b.value(), 100 * tolerance), "");
    for (const bool transposed : {false, true})
      for (const bool lower : {false, true}) {
        const auto triangle = lower ? l : transpose(l);
        const auto y = solve_triangular(triangle, b, {.lower = lower, .transposed = transposed});
        CHECK_EQ(difference(matmul(transposed ? transpose(triangle) : triangle, y).value(), b.value(), tolerance), "");
      }
    ad::set_threads(1);
    const auto one = solve(x, b).value();
    ad::set_threads(3);
    CHECK((solve(x, b).value() == one));
    CHECK((cholesky(a).value() == l.value()));
    ad::set_threads(2);
  }
}

TEST_CASE("errors name the matrix and the reason") {
  const auto thrown = [](auto f) {
    try {
      f();
    } catch (const ad::Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const double nan = std::nan("");
  ad::Tape<double> tape;
  const auto stack = tape.variable(array({2, 2, 2}, {1, 0, 0, 1, 1, 2, 2, 1})),
             wide = tape.variable(array({1, 2}, {1, 2}));
  const auto singular = tape.variable(array({2, 2}, {1, 2, 2, 4}));
  CHECK_EQ(thrown([&] { cholesky(stack); }),
           "[cholesky] matrix 1 of the batch is not positive definite: leading minor 2");
  CHECK_EQ(thrown([&] { cholesky(nan * stack); }),
           "[cholesky] matrix 0 of the batch is not positive definite: leading minor 1");
  CHECK_EQ(thrown([&] { inverse(singular); }), "[inverse] the matrix is singular: pivot 2 is zero");
  CHECK_EQ(thrown([&] { solve(singular, array({2}, {1, 2})); }), "[solve] the matrix is singular: pivot 2 is zero");
  CHECK_EQ(thrown([&] {
             solve_triangular(tril(0 * stack), array({2}, {1, 2}));
           }),
           "[solve_triangular] matrix 0 of the batch is singular: element 0 of its diagonal is zero");
  CHECK_EQ(thrown([&] { determinant(wide); }), "[determinant] needs square matrices: (1, 2)");
  CHECK_EQ(thrown([&] {
             solve(stack, array({3}, {1, 2, 3}));
           }),
           "[solve] the right side must have as many rows as the matrix: (2, 2, 2) and (3)");
  CHECK_EQ(thrown([&] {
             solve(stack, ad::Variable<double>(sample({3, 2, 1}, 0, 1)));
           }),
           "[solve] batches do not broadcast: (2, 2, 2) and (3, 2, 1)");
  CHECK_EQ(thrown([&] { tril(tape.variable({1.0})); }), "[tril] needs matrices: (1)");
  CHECK_EQ(thrown([&] { cross(wide, wide); }), "[cross] needs an axis of length 3: (1, 2) and (1, 2)");
  const auto [sign, size] = slogdet(singular);
  CHECK_EQ(sign.item(), 0);
  CHECK_EQ(size.item(), -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(solve(nan * stack, array({2}, {1, 2})).value()(0, 0)));
}

}  // namespace test
