// A differential equation solved by a network: -u'' = pi^2 sin(pi x) between 0 and 1, where u is 0 at both ends. What
// is trained is how little the equation is violated, which takes second derivatives of the network by its input; no
// solution is shown to it. The exact one, sin(pi x), is compared with in the end. M. Raissi, P. Perdikaris and G.
// Karniadakis, "Physics-informed neural networks", 2019.
#include <cmath>
#include <cstdio>
#include <nn/nn.hpp>

namespace {

using nn::Variable;
using Array = autodiff::Array<double>;

constexpr double pi = 3.14159265358979323846;

/// u(x) = x (1 - x) network(x), which is 0 at both ends whatever the network does.
struct Solution : nn::Module<double> {
  nn::Sequential<double> network{nn::Linear<double>(1, 20), nn::Activation<double>("tanh"), nn::Linear<double>(20, 20),
                                 nn::Activation<double>("tanh"), nn::Linear<double>(20, 1)};
  Variable<double> forward(const Variable<double>& x) override { return x * (1 - x) * network(x); }
  void members(nn::Members<double>& m) override { m("network", network); }
};

/// u'' + pi^2 sin(pi x) at each place, which should be 0.
struct Residual : nn::Module<double> {
  Solution& u;
  explicit Residual(Solution& solution) : u(solution) {}
  Variable<double> forward(const Variable<double>& x) override {
    const auto slope = autodiff::recorded_gradient(sum(u(x)), x);  // places do not depend on each other
    return autodiff::recorded_gradient(sum(slope), x) + pi * pi * sin(pi * x);
  }
  void members(nn::Members<double>& m) override { m("u", u); }
};

}  // namespace

int main() {
  Solution u;
  u.initialise(1);
  Residual residual(u);
  const std::size_t places = 64;
  const Array x = xt::linspace<double>(0, 1, places).reshape({places, std::size_t(1)}), zeros = xt::zeros_like(x);

  nn::Adam<double> adam(0.01);
  nn::TrainingStep<double> step(residual, adam, nn::loss<double>("squared-error"));
  constexpr int steps = 1500;
  for (int i = 1; i <= steps; ++i) {
    adam.learning_rate(0.01 * (steps + 1 - i) / steps);
    const double loss = step(x, zeros);
    if (i % 300 == 0) std::printf("step %4d  the equation is violated by %.2e\n", i, std::sqrt(loss));
  }

  const Array between = xt::linspace<double>(0.003, 0.997, 101).reshape({101, 1});
  const double error = xt::amax(xt::abs(u(between).value() - xt::sin(pi * between)))();
  std::printf("the largest error against sin(pi x): %.2e\n", error);
  return error < 1e-3 ? 0 : 1;
}
