// What recording and sweeping cost: a tiny operation, and tapes of up to a million operations, whose time and memory
// must grow linearly.
#include <benchmark/benchmark.h>
#include <autodiff/autodiff.hpp>

#include <cstdio>
#include <fstream>
#include <string>

namespace ad = autodiff;

namespace {

/// A chain y = tanh(y + x), two operations a link.
ad::Variable<float> chain(const ad::Variable<float>& x, std::int64_t operations) {
  auto y = x;
  for (std::int64_t i = 0; i < operations / 2; ++i) y = ad::tanh(y + x);
  return y;
}

/// Megabytes of this process that are in memory now.
double resident() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1e6;
}

void record(benchmark::State& state) {
  const auto operations = state.range(0);
  double memory = 0;
  for (auto _ : state) {
    const double before = resident();
    ad::Tape<float> tape;
    benchmark::DoNotOptimize(chain(tape.variable(0.5f), operations));
    memory = resident() - before;
  }
  state.counters["seconds_an_operation"] = benchmark::Counter(
      double(operations), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes_an_operation"] = memory * 1e6 / double(operations);
}

void sweep(benchmark::State& state) {
  const auto operations = state.range(0);
  ad::Tape<float> tape;
  const auto x = tape.variable(0.5f);
  const auto y = chain(x, operations);
  for (auto _ : state) benchmark::DoNotOptimize(ad::gradient(y, x));
  state.counters["seconds_an_operation"] = benchmark::Counter(
      double(operations), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// Recording and sweeping on a tape that is cleared before.
void again(benchmark::State& state) {
  const auto operations = state.range(0);
  ad::Tape<float> tape;
  for (auto _ : state) {
    tape.clear();
    const auto x = tape.variable(0.5f);
    benchmark::DoNotOptimize(ad::gradient(chain(x, operations), x));
  }
  state.counters["seconds_an_operation"] = benchmark::Counter(
      double(operations), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// So many steps on one tape, which keeps them all: of one variable, with a hundred operations each.
void steps(benchmark::State& state) {
  for (auto _ : state) {
    ad::Tape<float> tape;
    const auto x = tape.variable(0.5f);
    for (std::int64_t k = 0; k < state.range(0); ++k) benchmark::DoNotOptimize(ad::gradient(chain(x, 100), x));
  }
  state.counters["seconds_a_step"] = benchmark::Counter(
      double(state.range(0)), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK(record)->RangeMultiplier(10)->Range(1000, 1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(sweep)->RangeMultiplier(10)->Range(1000, 1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(again)->RangeMultiplier(10)->Range(1000, 100000)->Unit(benchmark::kMillisecond);
BENCHMARK(steps)->Arg(100)->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
