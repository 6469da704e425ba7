// A first gradient: y = x^2 sin(x), and its derivative 2 x sin(x) + x^2 cos(x).
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>

int main() {
  autodiff::Tape<double> tape;
  auto x = tape.variable(1.5, "x");
  auto y = x * x * sin(x);  // recorded as it runs
  auto slope = gradient(y, x).flat(0);
  std::printf("y = %.6f, dy/dx = %.6f\n", y.item(), slope);
  return std::abs(slope - (3 * std::sin(1.5) + 2.25 * std::cos(1.5))) < 1e-12 ? 0 : 1;
}
