// Arrays taken apart and put together in many parts: what recording, sweeping, compiling and running cost a part, for
// more and more of them; and a recurrent network whose inputs are parts of one product, beside one product a step. One
// line of JSON a case.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <chrono>
#include <cstdio>
#include <functional>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<double>;
using V = ad::Variable<double>;
using Tape = ad::Tape<double>;

Array ramp(const ad::Shape& shape) {
  Array a(shape);
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<double>(i % 13) / 13 - 0.4;
  return a;
}

/// A number that depends on x by way of n parts.
using Through = V (*)(const V& x, std::size_t n);

V products(const std::vector<V>& parts) {
  std::vector<V> all;
  for (std::size_t i = 1; i < parts.size(); ++i) all.push_back(parts[i] * parts[i - 1]);
  return sum(square(stack(all)));
}
V by_slices(const V& x, std::size_t n) {
  std::vector<V> parts;
  for (std::size_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    parts.push_back(take_range(x, 0, at, at + 1));
  }
  return products(parts);
}
V by_split(const V& x, std::size_t n) { return products(split(x, n)); }
V by_unstack(const V& x, std::size_t) { return products(unstack(x)); }
V by_concatenate(const V& x, std::size_t n) {
  auto parts = split(x, n);
  for (auto& part : parts) part = sin(part);
  return sum(square(concatenate(parts)));
}

double seconds(const std::function<void()>& f, int turns = 3) {
  double best = 1e300;
  for (int i = 0; i < turns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void measure(const char* name, Through f, std::size_t n) {
  const Array at = ramp({n, 2});
  const auto with = [&](const auto& use) {  // seconds that `use` of a fresh recording takes
    double best = 1e300;
    for (int i = 0; i < 3; ++i) {
      Tape tape;
      const V x = tape.variable(at), y = f(x, n);
      best = std::min(best, seconds([&] { use(x, y); }, 1));
    }
    return best;
  };
  const double record = seconds([&] {
    Tape tape;
    f(tape.variable(at), n);
  });
  const double sweep = with([](const V& x, const V& y) { gradient(y, x); });
  const double second = with([&](const V& x, const V& y) { hvp(y, x, at); });
  Tape tape;
  const V x = tape.variable(at), y = f(x, n), slope = recorded_gradient(y, x);
  const double compile = seconds([&] { ad::compile({x}, {y, slope}); });
  auto program = ad::compile({x}, {y, slope});
  const double run = bench::side_by_side({[&] { program(at); }}, 0.2)[0];
  const double us = 1e6 / static_cast<double>(n);
  std::printf(R"({"case": "%s", "parts": %zu, "record_us": %.2f, "sweep_us": %.2f, "second_us": %.2f, )"
              R"("compile_us": %.2f, "run_us": %.3f, "arena_bytes": %.0f})"
              "\n",
              name, n, us * record, us * sweep, us * second, us * compile, us * run,
              static_cast<double>(program.report().bytes) / static_cast<double>(n));
  std::fflush(stdout);
}

/// A network with a memory, as long as the sequence (batch, steps, units); the input of each step comes from `input`.
using Input = std::function<V(std::size_t step)>;
V recurrent(const Input& input, const V& weight, std::size_t batch, std::size_t units, std::size_t steps) {
  std::vector<V> outputs;
  V h(Array(ad::Shape{batch, units}, 0.0)), c = h;
  for (std::size_t t = 0; t < steps; ++t) {
    const auto gates = split(input(t) + matmul(h, weight), 4, 1);
    c = logistic(gates[1]) * c + logistic(gates[0]) * tanh(gates[2]);
    h = logistic(gates[3]) * tanh(c);
    outputs.push_back(h);
  }
  return mean(square(stack(outputs, 1)));
}

void measure_recurrent(std::size_t steps) {
  constexpr std::size_t batch = 8, units = 32;
  const Array at = ramp({batch, steps, units});
  struct Way {
    const char* name;
    double arena = 0;
    std::unique_ptr<ad::Program<double>> program = nullptr;
    std::unique_ptr<Tape> tape = std::make_unique<Tape>();
    std::function<void()> sweep = nullptr;
  } ways[] = {{"a product a step"}, {"slices"}, {"split"}, {"unstack"}};
  for (auto& way : ways) {
    Tape& tape = *way.tape;
    const V x = tape.constant(at), in = tape.variable(0.1 * ramp({units, 4 * units})),
            weight = tape.variable(0.1 * ramp({units, 4 * units}));
    const std::string name = way.name;
    std::vector<V> parts;
    const V all = name == "a product a step" ? V() : matmul(x, in);
    if (name == "split") parts = split(all, steps, 1);
    if (name == "unstack") parts = unstack(all, 1);
    const auto slice = [](const V& of, std::size_t t) {
      const auto first = static_cast<std::ptrdiff_t>(t);
      return squeeze(take_range(of, 1, first, first + 1), 1);
    };
    const V loss = recurrent(
        [&](std::size_t t) {
          if (name == "a product a step") return matmul(slice(x, t), in);
          return name == "slices" ? slice(all, t) : name == "split" ? squeeze(parts[t], 1) : parts[t];
        },
        weight, batch, units, steps);
    way.sweep = [=] { gradient(loss, in, weight); };
    const auto [of_in, of_weight] = recorded_gradient(loss, in, weight);
    way.program = std::make_unique<ad::Program<double>>(ad::compile({x}, {loss, of_in, of_weight}));
    way.arena = static_cast<double>(way.program->report().bytes);
  }
  // In turn, since what ran before decides how warm the memory is.
  std::vector<std::function<void()>> runs, sweeps;
  for (auto& way : ways) runs.push_back([&] { (*way.program)(at); }), sweeps.push_back(way.sweep);
  const auto swept = bench::side_by_side(sweeps, 2);
  const auto run = bench::side_by_side(runs, 1);
  for (std::size_t i = 0; i < std::size(ways); ++i)
    std::printf(R"({"case": "recurrent, %s", "steps": %zu, "gradient_ratio": %.2f, "arena_ratio": %.2f, )"
                R"("run_ratio": %.2f, "run_ms": %.2f})"
                "\n",
                ways[i].name, steps, swept[i] / swept[0], ways[i].arena / ways[0].arena, run[i] / run[0], 1e3 * run[i]);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> parts{1'000, 4'000, 16'000};
  std::size_t steps = 400;
  CLI::App app("Times arrays in many parts; JSON, one line a case, microseconds a part.");
  app.add_option("--parts", parts, "How many parts")->delimiter(',');
  app.add_option("--steps", steps, "Of the recurrent network");
  CLI11_PARSE(app, argc, argv);
  const std::pair<const char*, Through> cases[] = {
      {"slices", by_slices}, {"split", by_split}, {"unstack", by_unstack}, {"concatenate", by_concatenate}};
  for (const auto& [name, f] : cases)
    for (const auto n : parts) measure(name, f, n);
  measure_recurrent(steps);
}
