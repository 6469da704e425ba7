// Second derivatives: Newton's method walks Rosenbrock's banana valley, where gradient descent takes thousands of
// steps; and a gradient that is itself differentiated.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>

namespace ad = autodiff;
using Array = ad::Array<double>;
using Variable = ad::Variable<double>;

/// (1 - x)^2 + 100 (y - x^2)^2, least at (1, 1).
static Variable rosenbrock(const Variable& p) {
  const auto x = ad::take_range(p, 0, 0, 1), y = ad::take_range(p, 0, 1, 2);
  return ad::sum(ad::square(1 - x) + 100 * ad::square(y - x * x));
}

/// The solution of H d = g for two unknowns, by Cramer's rule.
static Array solve(const Array& h, const Array& g) {
  const double determinant = h(0, 0) * h(1, 1) - h(0, 1) * h(1, 0);
  return Array{g(0) * h(1, 1) - g(1) * h(0, 1), g(1) * h(0, 0) - g(0) * h(1, 0)} / determinant;
}

int main() {
  Array p{-1.2, 1};
  int step = 0;
  for (; step < 20; ++step) {
    ad::Tape<double> tape;
    const auto x = tape.variable(p);
    const auto f = rosenbrock(x);
    const Array g = ad::gradient(f, x);
    std::printf("step %d  at (%9.6f, %9.6f)  f = %.3e\n", step, p(0), p(1), f.item());
    if (xt::amax(xt::abs(g))() < 1e-9) break;
    const Array d = solve(ad::hessian(f, x), g);
    // The product with the Hessian needs no Hessian: two sweeps, whatever the number of parameters.
    if (!xt::allclose(ad::hvp(f, x, d), g)) return std::puts("hvp and hessian disagree"), 1;
    p -= d;
  }
  if (step > 7 || !xt::allclose(p, Array{1, 1})) return std::puts("Newton's method has not arrived"), 1;

  ad::Tape<double> tape;
  const auto t = tape.variable(0.5, "t");
  const auto position = ad::exp(-t) * ad::cos(3 * t);  // a damped swing
  const auto velocity = ad::recorded_gradient(position, t);
  const auto acceleration = ad::recorded_gradient(velocity, t);
  std::printf("position %.6f, velocity %.6f, acceleration %.6f\n", position.item(), velocity.item(),
              acceleration.item());
  // It obeys x'' + 2 x' + 10 x = 0, and so does whatever is differentiated once more.
  const auto law = acceleration + 2 * velocity + 10 * position;
  return std::abs(law.item()) < 1e-12 && std::abs(ad::gradient(law, t).flat(0)) < 1e-12 ? 0 : 1;
}
