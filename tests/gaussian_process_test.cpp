// Models made of linear algebra, their gradients and Hessians, beside PyTorch's numbers: on a tape and in a program
// that was recorded from shapes alone.
#include "reference/gaussian_process.hpp"
#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

Array<double> numbers(const std::string& name, const Shape& shape) {
  Array<double> a(shape);
  const auto& row = reference::gaussian_process.at(name);
  REQUIRE_EQ(row.size(), a.size());
  std::copy(row.begin(), row.end(), a.data());
  return a;
}

V likelihood(const V& log_parameters) {
  const V p = exp(log_parameters), points(numbers("points", {12, 1}));
  const V d = (points - transpose(points)) / p(0);
  const V k = p(1) * exp(-0.5 * d * d) + p(2) * ad::eye<double>(12);
  const V l = cholesky(k), z = solve_triangular(l, numbers("targets", {12}), {.lower = true});
  return -0.5 * sum(z * z) - sum(log(diagonal(l)));
}

V filtered(const V& log_noises) {
  const V q = exp(log_noises(0)), r = exp(log_noises(1)), one = ad::eye<double>(2);
  const V motion(array({2, 2}, {1, 0.5, 0, 1})), seen(array({1, 2}, {1, 0})), measured(numbers("measured", {6, 1, 1}));
  V x(array({2, 1}, {0, 0})), p = one, total(array({}, {0}));
  for (int i = 0; i < 6; ++i) {
    x = matmul(motion, x), p = einsum("ij,jk,lk->il", motion, p, motion) + q * one;
    const V s = einsum("ij,jk,lk->il", seen, p, seen) + r * ad::eye<double>(1);
    const V gain = transpose(solve(s, matmul(seen, p))), e = measured(i) - matmul(seen, x);
    total = total - 0.5 * (slogdet(s)[1] + sum(matmul(transpose(e), matmul(inverse(s), e))));
    x = x + matmul(gain, e), p = p - matmul(gain, matmul(seen, p));
  }
  return total;
}

void check_model(const std::string& name, V (*f)(const V&), const Array<double>& at) {
  ad::Tape<double> tape;
  const auto x = tape.variable(at);
  const auto y = f(x);
  const std::size_t n = at.size();
  CHECK_EQ(difference(y.value(), numbers(name, {}), 1e-12), "");
  CHECK_EQ(difference(gradient(y, x), numbers(name + "/gradient", {n}), 1e-11), "");
  CHECK_EQ(difference(hessian(y, x), numbers(name + "/hessian", {n, n}), 1e-10), "");

  ad::Tape<double> shapes(ad::TapeMode::abstract);
  const auto input = shapes.input(Shape{n});
  const auto loss = f(input);
  auto program = ad::compile({input}, {loss, recorded_gradient(loss, input)});
  const auto& run = program(at);
  CHECK_EQ(difference(run[0], numbers(name, {}), 1e-12), "");
  CHECK_EQ(difference(run[1], numbers(name + "/gradient", {n}), 1e-11), "");
}

}  // namespace

TEST_CASE("marginal likelihood of a Gaussian process, as PyTorch has it") {
  check_model("likelihood", likelihood, numbers("parameters", {3}));
}

TEST_CASE("likelihood of a Kalman filter, as PyTorch has it") {
  check_model("filtered", filtered, numbers("noises", {2}));
}
