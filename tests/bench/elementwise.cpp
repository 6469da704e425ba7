// Chains of eight elementwise operations and a sum, value and gradient: in a program, beside the same written by hand
// as one fused loop, and the same recorded anew at each step. One line of JSON a case.
#include <CLI/CLI.hpp>
#include <array>
#include <autodiff/autodiff.hpp>
#include <autodiff/kernels/tails.hpp>
#include <autodiff/kernels/threads.hpp>
#include <autodiff/op.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <numeric>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;
using Variable = ad::Variable<float>;
using Lanes = ad::kernels::NativeLanes<float>;

constexpr std::size_t elements = 1'000'000;

struct Value {
  Lanes y, slope;
};

/// Adds and multiplies only.
struct Polynomial {
  static constexpr auto name = "adds and multiplies";
  static Variable chain(const Variable& x) {
    const auto a = x * x;
    const auto b = a + x;
    const auto c = b * 0.5;
    const auto d = c * x;
    const auto e = d - a;
    const auto f = e * b;
    const auto g = f + 1;
    return g * g;
  }
  static Value by_hand(Lanes x) {
    const Lanes a = x * x, b = a + x, c = b * 0.5, d = c * x, e = d - a, f = e * b, g = f + 1;
    const Lanes df = g + g, de = df * b, db = df * e + de * x * 0.5, da = db - de;
    return {g * g, de * c + db + da * (x + x)};
  }
};

struct Transcendental {
  static constexpr auto name = "transcendental functions";
  static Variable chain(const Variable& x) {
    const auto a = tanh(x);
    const auto b = a * x;
    const auto c = exp(b);
    const auto d = c - x;
    const auto e = logistic(d);
    const auto f = e * a;
    const auto g = f + b;
    return sin(g);
  }
  static Value by_hand(Lanes x) {
    const Lanes a = tanh(x), b = a * x, c = exp(b), d = c - x, e = logistic(d), f = e * a, g = f + b;
    const Lanes dg = cos(g), dd = dg * a * e * (1 - e), db = dg + dd * c, da = dg * e + db * x;
    return {sin(g), db * a - dd + da * (1 - a * a)};
  }
};

struct Results {
  double value;
  Array slopes;
};

/// Each element is loaded once, its value added to the sum and its slope written: all in registers. Threads share the
/// loop out as those of programs do.
template <class Chain>
void by_hand(const Array& x, Results& results) {
  constexpr std::size_t parts = 50, part = elements / parts;
  static_assert(part % Lanes::size == 0, "the loop has no tail");
  const float* from = x.data();
  float* to = results.slopes.data();
  std::array<double, parts> totals;
  ad::kernels::parallel_for(parts, [&](std::size_t p) {
    Lanes sum(0);
    for (std::size_t i = p * part; i < (p + 1) * part; i += Lanes::size) {
      const auto [y, slope] = Chain::by_hand(Lanes::load(from + i));
      sum = sum + y;
      slope.store(to + i);
    }
    totals[p] = ad::kernels::first_lane(ad::kernels::fold_lanes(sum, std::plus()));
  });
  results.value = std::accumulate(totals.begin(), totals.end(), 0.0);
}

template <class Chain>
ad::Program<float> compile(const Array& x, const ad::CompileOptions& options) {
  ad::Tape<float> tape;
  const auto v = tape.variable(x);
  const auto y = sum(Chain::chain(v));
  return ad::compile({v}, {y, recorded_gradient(y, v)}, {}, options);
}

template <class Chain>
void eagerly(const Array& x, Results& results, ad::Tape<float>& tape) {
  tape.clear();
  const auto v = tape.variable(x);
  const auto y = sum(Chain::chain(v));
  results.slopes = gradient(y, v);
  results.value = y.item();
}

bool agree(const Results& a, const Results& b) {
  float most = 0, difference = 0;
  for (std::size_t i = 0; i < elements; ++i) {
    most = std::max(most, std::abs(a.slopes(i)));
    difference = std::max(difference, std::abs(a.slopes(i) - b.slopes(i)));
  }
  return std::abs(a.value - b.value) < 1e-4 * std::abs(a.value) && difference < 1e-5f * most;
}

struct Options {
  std::vector<int> threads{1, 2};
  double seconds = 2;
  bool report = false;
};

template <class Chain>
bool measure(int threads, const Options& options) {
  ad::kernels::set_threads(threads);
  Array x(ad::Shape{elements});
  for (std::size_t i = 0; i < elements; ++i) x(i) = 3 * std::sin(0.37f * static_cast<float>(i % 10'007));
  ad::CompileOptions compiling;
  compiling.threads = threads;
  auto program = compile<Chain>(x, compiling);
  Results hand{0, Array(x.shape())}, eager = hand;
  ad::Tape<float> tape;

  by_hand<Chain>(x, hand);
  eagerly<Chain>(x, eager, tape);
  const auto& outputs = program(x);
  if (!agree({outputs[0](), outputs[1]}, hand) || !agree({outputs[0](), outputs[1]}, eager)) {
    std::cerr << Chain::name << ": the results differ\n";
    return false;
  }

  // By itself, since it takes everything else out of the cache: what came first would then find x there no longer.
  const auto seconds = bench::side_by_side({[&] { program(x); }, [&] { by_hand<Chain>(x, hand); }}, options.seconds);
  const double eager_seconds = bench::side_by_side({[&] { eagerly<Chain>(x, eager, tape); }}, options.seconds / 2)[0];
  std::printf(R"({"case": "%s", "threads": %d, "program_us": %.1f, "by_hand_us": %.1f, "ratio_to_hand": %.3f, )"
              R"("eager_us": %.1f, "eager_ratio": %.2f})"
              "\n",
              Chain::name, threads, 1e6 * seconds[0], 1e6 * seconds[1], seconds[0] / seconds[1], 1e6 * eager_seconds,
              eager_seconds / seconds[0]);
  std::fflush(stdout);
  if (options.report) {
    compiling.profile = true;
    auto profiled = compile<Chain>(x, compiling);
    for (int i = 0; i < 100; ++i) profiled(x);
    std::cerr << profiled.report().text();
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times elementwise chains in a program beside one loop by hand; JSON, one line a case.");
  app.add_option("--threads", options.threads, "Numbers of threads")->delimiter(',');
  app.add_option("--seconds", options.seconds, "For each case and number of threads");
  app.add_flag("--report", options.report, "Print what each program is made of, with the time of each instruction");
  CLI11_PARSE(app, argc, argv);
  bool fine = true;
  for (const int threads : options.threads) {
    fine = measure<Polynomial>(threads, options) && fine;
    fine = measure<Transcendental>(threads, options) && fine;
  }
  return fine ? 0 : 1;
}
