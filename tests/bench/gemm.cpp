// Matrix products as the engine calls them, float and double, beside oneDNN called directly: single ones on one thread,
// and those of training steps on one and two.
#include <benchmark/benchmark.h>
#include <dnnl.h>
#include <omp.h>
#include <autodiff/kernels/gemm.hpp>
#include <autodiff/kernels/threads.hpp>

#include <algorithm>
#include <chrono>
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

// The products of a training step. What it prints is a ratio, best time of ours to best time of oneDNN's, since others
// use the machine, too: of all products, and of forward, weight gradient (ours straight into the weights, oneDNN's not)
// and input gradient alone.
struct Step {
  std::size_t batch;
  std::vector<std::size_t> sizes;
};

const Step steps[] = {{1, {2, 3, 2}},
                      {16, {10, 10, 10, 10}},
                      {32, {784, 30, 10}},
                      {64, {784, 128, 10}},
                      {128, {784, 512, 512, 10}},
                      {256, {1024, 1024, 1024, 1024, 10}},
                      {128, {2048, 2048, 2048, 10}}};

double seconds_of(auto f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct StepProduct {
  std::size_t form, m, n, k, repeats;  // forms: neither operand transposed, the left one, the right one
  std::vector<float> a, b, c;
  double ours = 1e9, onednn = 1e9;

  StepProduct(std::size_t which, std::size_t rows, std::size_t columns, std::size_t depth)
      : form(which), m(rows), n(columns), k(depth), repeats(std::max<std::size_t>(1, 100'000 / (m * n * k))) {
    a.assign(m * k, 0.5f), b.assign(k * n, 0.25f), c.assign(m * n, 0.f);
  }
  std::size_t lda() const { return form == 1 ? m : k; }
  std::size_t ldb() const { return form == 2 ? k : n; }

  void run_ours() {
    const bool update = form == 1;
    ours =
        std::min(ours, seconds_of([&] {
                         for (std::size_t i = 0; i < repeats; ++i)
                           autodiff::kernels::gemm<float>(form == 1, form == 2, m, n, k, update ? -0.1f : 1.f, a.data(),
                                                          lda(), b.data(), ldb(), update ? 1.f : 0.f, c.data(), n);
                       }) / double(repeats));
  }
  void run_onednn() {
    const auto size = [](std::size_t x) { return dnnl_dim_t(x); };
    onednn = std::min(onednn, seconds_of([&] {
                                for (std::size_t i = 0; i < repeats; ++i)
                                  dnnl_sgemm(form == 1 ? 'T' : 'N', form == 2 ? 'T' : 'N', size(m), size(n), size(k), 1,
                                             a.data(), size(lda()), b.data(), size(ldb()), 0, c.data(), size(n));
                              }) / double(repeats));
  }
};

void step(benchmark::State& state) {
  const auto& [batch, sizes] = steps[state.range(0)];
  const int threads = int(state.range(1));
  std::vector<StepProduct> products;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    products.emplace_back(0, batch, sizes[i + 1], sizes[i]);
    products.emplace_back(1, sizes[i], sizes[i + 1], batch);
    if (i > 0) products.emplace_back(2, batch, sizes[i], sizes[i + 1]);
  }
  autodiff::kernels::set_threads(threads);
  omp_set_num_threads(threads);
  for (auto _ : state) {
    for (auto& p : products) p.run_ours();
    for (auto& p : products) p.run_onednn();
  }
  double ours[3] = {}, onednn[3] = {};
  for (const auto& p : products) ours[p.form] += p.ours, onednn[p.form] += p.onednn;
  state.counters["ratio"] = (ours[0] + ours[1] + ours[2]) / (onednn[0] + onednn[1] + onednn[2]);
  state.counters["forward"] = ours[0] / onednn[0];
  state.counters["weights"] = ours[1] / onednn[1];
  state.counters["inputs"] = ours[2] / onednn[2];
}
BENCHMARK(step)
    ->ArgNames({"step", "threads"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, std::size(steps) - 1, 1), {1, 2}})
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
