// Values and gradients of linear algebra: milliseconds, as JSON lines. Options: --threads N, --seconds S, --case TEXT.
// `linear_algebra.py` sets them beside PyTorch and JAX.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <cstdio>

#include "timing.hpp"

namespace ad = autodiff;
using V = ad::Variable<double>;

namespace {

/// Numbers between -1 and 1, the same each time.
V numbers(const ad::Shape& shape) {
  ad::Array<double> a(shape);
  unsigned state = 1;
  for (double& each : a) state = state * 1664525u + 1013904223u, each = state / 2147483648.0 - 1;
  return V(a);
}

struct Case {
  std::string name;
  std::vector<V> at;
  std::function<V(const std::vector<V>&)> f;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::size_t n : {32, 256, 1024}) {
    const V a = numbers({n, n}), s = matmul(a, transpose(a)) / double(n) + ad::eye<double>(n);
    const auto size = " " + std::to_string(n);
    all.push_back({"cholesky" + size, {s}, [](const auto& x) { return sum(cholesky(x[0])); }});
    all.push_back({"solve" + size, {a + 2.0 * ad::eye<double>(n), numbers({n, n})}, [](const auto& x) {
                     return sum(solve(x[0], x[1]));
                   }});
    all.push_back({"eigh" + size, {s}, [](const auto& x) {
                     const auto [w, v] = eigh(x[0]);
                     return sum(w) + sum(v * v * v);
                   }});
    all.push_back({"svd" + size, {a}, [](const auto& x) {
                     const auto [u, sigma, vh] = svd(x[0]);
                     return sum(sigma) + sum(u * u * u) + sum(vh * vh * vh);
                   }});
  }
  const V q = numbers({4, 8, 64, 64}), k = numbers({4, 8, 64, 64});
  all.push_back(
      {"attention, einsum", {q, k}, [](const auto& x) { return sum(square(einsum("bhqd,bhkd->bhqk", x[0], x[1]))); }});
  all.push_back(
      {"attention, matmul", {q, k}, [](const auto& x) { return sum(square(matmul(x[0], swap_axes(x[1], -2, -1)))); }});
  const V x = numbers({256, 64}), w = numbers({64, 64}), y = numbers({256, 64});
  all.push_back({"bilinear, einsum", {x, w, y}, [](const auto& z) {
                   return sum(square(einsum("bi,ij,bj->b", z[0], z[1], z[2])));
                 }});
  all.push_back(
      {"bilinear, matmul", {x, w, y}, [](const auto& z) { return sum(square(sum(matmul(z[0], z[1]) * z[2], -1))); }});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Values and gradients of linear algebra");
  int threads = 1;
  double seconds = 1;
  std::string chosen;
  app.add_option("--threads", threads);
  app.add_option("--seconds", seconds);
  app.add_option("--case", chosen);
  CLI11_PARSE(app, argc, argv);
  ad::set_threads(threads);
  for (const auto& c : cases()) {
    if (c.name.find(chosen) == c.name.npos) continue;
    ad::Tape<double> tape;
    const auto value = [&] { c.f(c.at); };
    const auto gradient = [&] {
      tape.clear();
      std::vector<V> x;
      for (const auto& each : c.at) x.push_back(tape.variable(each));
      ad::gradient(c.f(x), x);
    };
    const auto best = bench::side_by_side({value, gradient}, seconds);
    std::printf("{\"case\": \"%s\", \"threads\": %d, \"value_ms\": %.4g, \"gradient_ms\": %.4g}\n", c.name.c_str(),
                threads, best[0] * 1e3, best[1] * 1e3);
    std::fflush(stdout);
  }
}
