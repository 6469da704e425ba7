// Elementary functions of registers, ours beside xsimd's own, on arrays that stay in the first cache.
#include <benchmark/benchmark.h>
#include <autodiff/kernels/elementwise.hpp>
#include <autodiff/kernels/lanes.hpp>

#include <random>
#include <vector>

namespace {

using autodiff::kernels::NativeLanes;

template <class T, class F>
void run(benchmark::State& state, F f) {
  std::mt19937 random(1);
  std::uniform_real_distribution<T> uniform(-4, 4);
  std::vector<T> x(2048), y(x.size());
  for (T& each : x) each = uniform(random);
  const T* const inputs[] = {x.data()};
  for (auto _ : state) {
    autodiff::kernels::block_loop<NativeLanes<T>, 1>(f, y.data(), inputs, 0, x.size());
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  // Elements a second: of which "G/s" is the inverse of nanoseconds an element.
  state.SetItemsProcessed(state.iterations() * std::int64_t(x.size()));
}

template <class L>
L logistic(L e, L x) {
  return where(x >= 0, L(1), e) / (1 + e);
}

template <class T>
void functions() {
  using L = NativeLanes<T>;
  const std::string type = sizeof(T) == 4 ? "<float>" : "<double>";
  const auto add = [&](const std::string& name, auto f) {
    benchmark::RegisterBenchmark((name + type).c_str(), [f](benchmark::State& state) { run<T>(state, f); });
  };
  add("tanh/ours", [](L x) { return tanh(x); });
  add("tanh/xsimd", [](L x) { return L(xsimd::tanh(x.v)); });
  add("exp/ours", [](L x) { return exp(x); });
  add("exp/xsimd", [](L x) { return L(xsimd::exp(x.v)); });
  add("logistic/ours", [](L x) { return logistic(exp(-abs(x)), x); });
  add("logistic/xsimd", [](L x) { return logistic(L(xsimd::exp((-abs(x)).v)), x); });
  add("expm1/xsimd", [](L x) { return expm1(x); });
}

}  // namespace

int main(int argc, char** argv) {
  functions<float>();
  functions<double>();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
