// Programs of 10^3 to 10^5 nodes on small matrices: what compiling them takes a node, and what running them does. One
// line of JSON a case.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <limits>
#include <nn/base/random.hpp>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;
using Variable = ad::Variable<float>;
using Tape = ad::Tape<float>;

constexpr std::size_t side = 4;

Array matrix(nn::Random& random) {
  Array a(ad::Shape{side, side});
  for (auto& v : a) v = static_cast<float>(random.uniform() - 0.5);
  return a;
}

/// What a program is made of, with its only input.
struct Recorded {
  Variable x;
  std::vector<Variable> outputs;
  std::vector<ad::Update<float>> updates{};
};

Recorded with_gradient(const Variable& x, const Variable& loss) { return {x, {loss, recorded_gradient(loss, x)}}; }

/// A residual network, as deep as there are steps: small ones, so that slopes neither grow nor fade.
Recorded chain(Tape& tape, std::size_t steps) {
  nn::Random random(1);
  const auto x = tape.variable(matrix(random)), w = tape.variable(matrix(random));
  const auto bias = tape.variable(Array(ad::Shape{side}, 0.1f));
  const double step = 1 / static_cast<double>(steps);
  Variable h = x;
  for (std::size_t i = 0; i < steps; ++i) h = h + step * tanh(linear(h, w, bias));
  return with_gradient(x, sum(h));
}

/// Many short branches from one value, added up.
Recorded wide(Tape& tape, std::size_t branches) {
  nn::Random random(2);
  const auto x = tape.variable(matrix(random));
  Variable total = tape.constant(Array(ad::Shape{side, side}, 0.f));
  for (std::size_t i = 0; i < branches; ++i) {
    const auto w = tape.constant(matrix(random));
    total = total + logistic(x * w) * w;
  }
  return with_gradient(x, sum(total));
}

/// Operations on any of the values so far; those that nobody reads are added up.
Recorded mixture(Tape& tape, std::size_t operations) {
  nn::Random random(3);
  const auto x = tape.variable(matrix(random)), w = tape.variable(matrix(random));
  std::vector<Variable> values{x, w};
  std::vector<bool> read(operations + 2);
  const auto pick = [&] {
    const auto i = static_cast<std::size_t>(random.uniform() * static_cast<double>(values.size()));
    read[i] = true;
    return values[i];
  };
  for (std::size_t i = 0; i < operations; ++i) {
    const Variable a = pick();
    switch (static_cast<int>(random.uniform() * 8)) {
      case 0:
        values.push_back(a + pick());
        break;
      case 1:
        values.push_back(a * pick());
        break;
      case 2:
        values.push_back(tanh(a - pick()));
        break;
      case 3:
        values.push_back(0.3 * matmul(a, pick()));
        break;
      case 4:
        values.push_back(transpose(a));
        break;
      case 5:
        values.push_back(a - mean(a, 1, ad::keepdims));
        break;
      case 6:
        values.push_back(a * sum(pick(), 0));
        break;
      default:
        values.push_back(logistic(reshape(a, {side, side})));
    }
    values.back() = tanh(values.back());
  }
  Variable total = values.back();
  for (std::size_t i = 0; i + 1 < values.size(); ++i)
    if (!read[i]) total = total + values[i];
  return with_gradient(x, sum(total));
}

/// Gradient descent of many parameters.
Recorded updates(Tape& tape, std::size_t parameters) {
  nn::Random random(4);
  const auto x = tape.variable(matrix(random));
  std::vector<Variable> p;
  for (std::size_t i = 0; i < parameters; ++i) p.push_back(tape.variable(matrix(random)));
  Variable total = p[0];
  for (const auto& each : p) total = total + tanh(x * each);
  const auto loss = sum(total);
  const auto slopes = recorded_gradient(loss, p);
  Recorded recorded{x, {loss}};
  for (std::size_t i = 0; i < parameters; ++i) recorded.updates.push_back({p[i], p[i] - 1e-3 * slopes[i]});
  return recorded;
}

/// Rows of one array, each by itself.
Recorded slices(Tape& tape, std::size_t rows) {
  const auto x = tape.variable(Array(ad::Shape{rows, side}, 0.5f));
  Variable total = take_range(x, 0, 0, 1);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto first = static_cast<std::ptrdiff_t>(i);
    total = total + tanh(take_range(x, 0, first, first + 1));
  }
  return {x, {total}};
}

struct Case {
  const char* name;
  Recorded (*record)(Tape& tape, std::size_t steps);
  std::size_t nodes_a_step;  // about
};

const Case cases[] = {{"chain", chain, 13},
                      {"wide", wide, 12},
                      {"mixture", mixture, 11},
                      {"updates", updates, 10},
                      {"slices", slices, 3}};

void measure(const Case& c, std::size_t nodes, double seconds) {
  using clock = std::chrono::steady_clock;
  Tape tape;
  const auto [x, outputs, updates] = c.record(tape, nodes / c.nodes_a_step);
  ad::CompileOptions options;
  options.threads = 1;
  // In processor time: compiling a long program outlasts many turns of a busy machine.
  double compile_seconds = std::numeric_limits<double>::infinity();
  const auto start = clock::now();
  do {
    const auto before = std::clock();
    const auto compiled = ad::compile({x}, outputs, updates, options);
    compile_seconds = std::min(compile_seconds, double(std::clock() - before) / CLOCKS_PER_SEC);
  } while (std::chrono::duration<double>(clock::now() - start).count() < seconds / 2);

  auto program = ad::compile({x}, outputs, updates, options);
  const Array input = x.value();
  const double run_seconds = bench::side_by_side({[&] { program(input); }}, seconds / 2)[0];
  const auto& report = program.report();
  const auto count = static_cast<double>(report.nodes);
  std::printf(R"({"case": "%s", "nodes": %zu, "instructions": %zu, "compile_us_a_node": %.2f, "run_ns_a_node": %.2f})"
              "\n",
              c.name, report.nodes, report.instructions, 1e6 * compile_seconds / count, 1e9 * run_seconds / count);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  std::vector<std::size_t> nodes{1'000, 10'000, 100'000};
  double seconds = 2;
  CLI::App app("Times compiling and running programs of many nodes; JSON, one line a case.");
  app.add_option("--case", only, "Only cases whose name holds this text");
  app.add_option("--nodes", nodes, "About how many nodes a program has")->delimiter(',');
  app.add_option("--seconds", seconds, "For each case and number of nodes");
  CLI11_PARSE(app, argc, argv);
  for (const auto& c : cases)
    for (const auto n : nodes)
      if (std::string(c.name).find(only) != std::string::npos) measure(c, n, seconds);
}
