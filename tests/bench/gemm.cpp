// Matrix products as the engine calls them, float and double, beside oneDNN called directly, on one thread.
#include <benchmark/benchmark.h>
#include <dnnl.h>
#include <omp.h>
#include <autodiff/kernels/gemm.hpp>
#include <autodiff/kernels/threads.hpp>

#include <vector>

namespace {

struct Product {
  std::size_t m, n, k;
};

template <class T, class Multiply>
void run(benchmark::State& state, Multiply multiply) {
  const Product p{std::size_t(state.range(0)), std::size_t(state.range(1)), std::size_t(state.range(2))};
  const std::vector<T> a(p.m * p.k, T(0.5)), b(p.k * p.n, T(0.25));
  std::vector<T> c(p.m * p.n);
  autodiff::kernels::set_threads(1);
  omp_set_num_threads(1);
  for (auto _ : state) {
    multiply(p, a.data(), b.data(), c.data());
    benchmark::DoNotOptimize(c.data());
  }
  state.counters["flops"] =
      benchmark::Counter(2.0 * double(p.m * p.n * p.k), benchmark::Counter::kIsIterationInvariantRate);
}

template <class T>
void ours(benchmark::State& state) {
  run<T>(state, [](const Product& p, const T* a, const T* b, T* c) {
    autodiff::kernels::gemm<T>(false, false, p.m, p.n, p.k, 1, a, p.k, b, p.n, 0, c, p.n);
  });
}

void onednn(benchmark::State& state) {
  run<float>(state, [](const Product& p, const float* a, const float* b, float* c) {
    dnnl_sgemm('N', 'N', dnnl_dim_t(p.m), dnnl_dim_t(p.n), dnnl_dim_t(p.k), 1, a, dnnl_dim_t(p.k), b, dnnl_dim_t(p.n),
               0, c, dnnl_dim_t(p.n));
  });
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const auto [m, n, k] : {Product{1, 3, 2},
                               {16, 10, 10},
                               {32, 32, 32},
                               {32, 30, 784},
                               {64, 128, 784},
                               {128, 512, 784},
                               {512, 512, 512},
                               {1024, 1024, 1024}})
    b->Args({std::int64_t(m), std::int64_t(n), std::int64_t(k)});
}

BENCHMARK(ours<float>)->Apply(shapes);
BENCHMARK(onednn)->Apply(shapes);
BENCHMARK(ours<double>)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
