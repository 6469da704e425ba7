// Gradients, products with Jacobians and Hessians: against closed forms, and against each other.
#include "cases.hpp"

using namespace test;
using ad::Tape;

namespace {

/// The sum of products over all elements.
double inner(const Array<double>& a, const Array<double>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a.data()[i] * b.data()[i];
  return total;
}

/// y from x as rows of a matrix from x's elements to y's.
Array<double> as_matrix(Array<double> j, std::size_t rows, std::size_t columns) {
  return j.reshape({rows, columns}), j;
}

Array<double> times(const Array<double>& matrix, const Array<double>& x, const Shape& shape) {
  return build(shape, [&, i = std::size_t(0)](const auto&) mutable {
    double total = 0;
    for (std::size_t j = 0; j < x.size(); ++j) total += matrix(i, j) * x.data()[j];
    return ++i, total;
  });
}

Array<double> transposed(const Array<double>& m) {
  return build({m.shape(1), m.shape(0)}, [&](const auto& i) { return m(i[1], i[0]); });
}

/// Functions from one shape to another, with Jacobians that are full.
struct Map {
  Shape from;
  ad::Variable<double> (*f)(const ad::Variable<double>&);
};
const std::vector<Map> maps{{{}, [](const auto& x) { return sin(x) * x; }},
                            {{3}, [](const auto& x) { return outer(exp(x), x); }},
                            {{2, 3}, [](const auto& x) { return softmax(x * x) + sum(x); }},
                            {{2, 2}, [](const auto& x) { return matmul(x, matmul(x, x)); }},
                            {{2, 3}, [](const auto& x) { return logsumexp(x * sum(x), 0); }},
                            {{4}, [](const auto& x) { return tanh(prod(x)); }},
                            {{2, 1, 3}, [](const auto& x) {
                               return mean(x * xt::xarray<double>{{1, 2, 3}, {4, 5, 6}}, 2, ad::keepdims) * x;
                             }}};

}  // namespace

TEST_CASE("jvp, vjp and jacobian agree") {
  for (std::size_t n = 0; n < maps.size(); ++n) {
    INFO("map " << n);
    Tape<double> tape;
    const auto x = tape.variable(sample(maps[n].from, -1, 1));
    const auto y = maps[n].f(x);
    const auto u = sample(y.shape(), -1, 1, 2), v = sample(x.shape(), -1, 1, 3);
    const auto j = jacobian(y, x);
    Shape shape = y.shape();
    for (auto length : x.shape()) shape.push_back(length);
    REQUIRE_EQ(ad::to_string(ad::Dims(j.shape())), ad::to_string(ad::Dims(shape)));
    const auto matrix = as_matrix(j, y.size(), x.size());
    CHECK_EQ(difference(jvp(y, x, v), times(matrix, v, y.shape()), 1e-13), "");
    CHECK_EQ(difference(vjp(y, u, x), times(transposed(matrix), u, x.shape()), 1e-13), "");
    CHECK(inner(u, jvp(y, x, v)) == doctest::Approx(inner(vjp(y, u, x), v)));
  }
}

TEST_CASE("a jacobian by few xs takes the other way, and is the same") {
  ad::Tape<double> tape;
  const auto x = tape.variable({0.3, -0.7}), s = tape.variable(1.4);
  const ad::Array<double> a = xt::arange<double>(1, 41).reshape({4, 5, 2});
  const auto y = ad::sin(ad::sum(x * a, 2) * s) + ad::exp(s) * x(1);  // 20 elements
  const std::size_t before = tape.size();
  const auto [by_x, by_s] = jacobian(y, x, s);
  CHECK_EQ(tape.size(), before);
  CHECK(by_x.shape() == ad::Shape{4, 5, 2});
  CHECK(by_s.shape() == ad::Shape{4, 5});
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 5; ++j) {
      ad::Array<double> unit(ad::Shape{4, 5}, 0.0);
      unit(i, j) = 1;
      const auto [row, number] = vjp(y, unit, x, s);
      CHECK_EQ(difference(ad::Array<double>{by_x(i, j, 0), by_x(i, j, 1)}, row, 1e-13), "");
      CHECK(by_s(i, j) == doctest::Approx(number()).epsilon(1e-13));
    }
}

TEST_CASE("hvp and hessian agree, and the hessian is the jacobian of the gradient") {
  for (std::size_t n = 0; n < maps.size(); ++n) {
    INFO("map " << n);
    Tape<double> tape;
    const auto x = tape.variable(sample(maps[n].from, -1, 1));
    const auto y = sum(ad::square(maps[n].f(x)));
    const auto v = sample(x.shape(), -1, 1, 3);
    const auto h = hessian(y, x);
    const auto matrix = as_matrix(h, x.size(), x.size());
    CHECK_EQ(h.dimension(), 2 * x.dimension());
    CHECK_EQ(difference(matrix, transposed(matrix), 1e-12), "");
    CHECK_EQ(difference(hvp(y, x, v), times(matrix, v, x.shape()), 1e-12), "");
    CHECK_EQ(difference(h, jacobian(recorded_gradient(y, x), x), 1e-300), "");
  }
}

TEST_CASE("several xs at once") {
  Tape<double> tape;
  const auto a = tape.variable(sample({2, 3}, -1, 1)), b = tape.variable(sample({3}, -1, 1, 2)), c = tape.variable(0.5);
  const auto y = sum(exp(a * b) * c);
  const auto [da, db, dc] = gradient(y, a, b, c);
  const auto all = gradient(y, std::vector{a, b, c});
  const auto recorded = recorded_gradient(y, a, b, c);
  const auto pulled = vjp(y, 1.0, a, b, c);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_EQ(difference(all[i], std::array{da, db, dc}[i], 1e-300), "");
    CHECK_EQ(difference(recorded[i].value(), all[i], 1e-14), "");
    CHECK_EQ(difference(pulled[i], all[i], 1e-300), "");
  }
  CHECK_EQ(difference(dc, sum(exp(a * b)).value(), 1e-14), "");

  // The tangents of several xs add up; so do the columns of a Hessian in blocks.
  const Arrays v{sample({2, 3}, -1, 1, 4), sample({3}, -1, 1, 5), array({}, {0.25})};
  CHECK(ad::jvp(y, std::vector{a, b, c}, v)() == doctest::Approx(inner(da, v[0]) + inner(db, v[1]) + inner(dc, v[2])));
  const auto products = ad::hvp(y, std::vector{a, b, c}, v);
  const auto along = recorded_gradient(y, a, b, c);
  const auto slope = sum(along[0] * v[0]) + sum(along[1] * v[1]) + along[2] * v[2];
  const auto expected = gradient(slope, std::vector{a, b, c});
  for (std::size_t i = 0; i < 3; ++i) CHECK_EQ(difference(products[i], expected[i], 1e-13), "");
}

TEST_CASE("jacobians and hessians in several xs") {
  Tape<double> tape;
  const auto a = tape.variable(sample({2, 3}, -1, 1)), b = tape.variable(sample({3}, -1, 1, 2)), c = tape.variable(0.5);
  const auto y = exp(a * b) * c;
  const auto [ja, jb, jc] = jacobian(y, a, b, c);
  const auto all = jacobian(y, {a, b, c});
  CHECK_EQ(difference(ja, jacobian(y, a), 1e-300), "");
  CHECK_EQ(difference(jb, jacobian(y, b), 1e-300), "");
  CHECK_EQ(difference(jc, jacobian(y, c), 1e-300), "");
  for (std::size_t i = 0; i < 3; ++i) CHECK_EQ(difference(all[i], std::array{ja, jb, jc}[i], 1e-300), "");

  const auto total = sum(y);
  const std::vector xs{a, b, c};
  const auto size = tape.size();
  const auto blocks = hessian(total, {a, b, c});
  CHECK_EQ(tape.size(), size);
  const auto slopes = recorded_gradient(total, xs);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) CHECK_EQ(difference(blocks[i][j], jacobian(slopes[i], xs[j]), 1e-13), "");
  CHECK(jacobian(y, std::vector<ad::Variable<double>>()).empty());
}

TEST_CASE("sin, differentiated again and again") {
  Tape<double> tape;
  const auto x = tape.variable(array({3}, {-1.3, 0.2, 2.5}));
  auto y = sin(x);
  for (int order = 1; order <= 4; ++order) {
    y = recorded_gradient(sum(y), x);
    const auto expected = build({3}, [&](const auto& i) {
      return std::sin(static_cast<long double>(x.value()(i[0])) + order * std::acos(-1.0L) / 2);
    });
    CHECK_EQ(difference(y.value(), expected, 1e-14), "");
  }
}

TEST_CASE("powers, to their fifth derivative") {
  for (int n = 1; n <= 6; ++n) {
    for (bool multiplied : {false, true}) {
      INFO(n << " " << multiplied);
      Tape<double> tape;
      const auto x = tape.variable(1.5);
      ad::Variable<double> y = pow(x, n);
      if (multiplied) {
        y = x;
        for (int i = 1; i < n; ++i) y *= x;
      }
      double factor = 1;
      for (int order = 1; order <= 5; ++order) {
        y = recorded_gradient(y, x);
        factor *= n - order + 1;
        CHECK(y.item() == doctest::Approx(factor ? factor * std::pow(1.5, n - order) : 0).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("1 / (1 - x) has the factorials for derivatives at zero") {
  Tape<double> tape;
  const auto x = tape.variable(0.0);
  ad::Variable<double> y = 1 / (1 - x);
  for (double factorial : {1, 2, 6, 24, 120, 720}) {
    y = recorded_gradient(y, x);
    CHECK(y.item() == doctest::Approx(factorial));
  }
}

TEST_CASE("derivatives of matrices in closed form") {
  Tape<double> tape;
  const auto a = tape.variable(sample({3, 3}, -1, 1)), b = tape.variable(sample({3}, -1, 1, 2));
  const auto y = dot(b, matmul(a, b));  // b^T A b: gradient (A + A^T) b, Hessian A + A^T
  CHECK_EQ(difference(gradient(y, b), matmul(a + transpose(a), b).value(), 1e-14), "");
  CHECK_EQ(difference(hessian(y, b), (a + transpose(a)).value(), 1e-14), "");
  CHECK_EQ(difference(gradient(y, a), outer(b, b).value(), 1e-14), "");
  const auto trace = sum(matmul(a, a) * xt::eye<double>(3));  // gradient 2 A^T
  CHECK_EQ(difference(gradient(trace, a), (2 * transpose(a)).value(), 1e-14), "");
}

TEST_CASE("Rosenbrock's function: gradient and Hessian as published") {
  // f(x, y) = (1 - x)^2 + 100 (y - x^2)^2; at (-1.2, 1): gradient (-215.6, -88), Hessian ((1330, 480), (480, 200)).
  Tape<double> tape;
  const auto p = tape.variable(array({2}, {-1.2, 1}));
  const auto x = reshape(take_range(p, 0, 0, 1), {}), y = reshape(take_range(p, 0, 1, 2), {});
  const auto f = ad::square(1 - x) + 100 * ad::square(y - x * x);
  CHECK_EQ(difference(gradient(f, p), array({2}, {-215.6, -88}), 1e-13), "");
  CHECK_EQ(difference(hessian(f, p), array({2, 2}, {1330, 480, 480, 200}), 1e-13), "");
}

TEST_CASE_TEMPLATE("gradients through gradients: a penalty on the slope", T, float, double) {
  Tape<T> tape;
  const auto x = tape.variable(array<T>({2}, {1, 2}));
  const auto slope = recorded_gradient(sum(x * x * x), x);  // 3 x^2
  const auto penalty = gradient(sum(slope * slope), x);     // of 9 x^4: 36 x^3
  CHECK_EQ(difference(penalty, array({2}, {36, 288}), 1e-6), "");
}

TEST_CASE("a gradient of one element in any shape needs no cotangent") {
  Tape<double> tape;
  const auto x = tape.variable(array({1, 1}, {3}));
  CHECK_EQ(difference(gradient(x * x, x), array({1, 1}, {6}), 1e-300), "");
  CHECK_EQ(difference(hessian(x * x, x), array({1, 1, 1, 1}, {2}), 1e-300), "");
}

TEST_CASE("a sweep goes on where a rule has met a recorded variable, and the tape grows") {
  using V = ad::Variable<double>;
  for (int before = 0; before < 40; ++before) {  // at all fillings of the tape
    ad::Tape<double> tape;
    const auto w = tape.variable(3.0), x = tape.variable(2.0), v = tape.variable(5.0);
    for (int i = 0; i < before; ++i) tape.constant(1.0);
    const auto m = x * v;
    const auto h = ad::custom_gradient([](const V& a) { return a * 3.0; },
                                       [&](const V& ct, const V&, const V&) { return ct * w; }, x);
    const auto [dx, dv] = ad::gradient(m + h, x, v);
    CHECK_EQ(dx(), 8);
    CHECK_EQ(dv(), 2);
  }
}

TEST_CASE("nothing stays on the tape but what recorded_gradient records") {
  Tape<double> tape;
  const auto x = tape.variable(sample({3}, -1, 1));
  const auto y = sum(exp(x) * x);
  const auto size = tape.size();
  gradient(y, x), vjp(y, 1.0, x), jvp(y, x, x.value()), hvp(y, x, x.value()), jacobian(y, x), hessian(y, x);
  CHECK_EQ(tape.size(), size);
  recorded_gradient(y, x);
  CHECK_GT(tape.size(), size);
}
