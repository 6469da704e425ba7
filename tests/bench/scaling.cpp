// Programs of 10^3 to 10^5 nodes on small matrices: what compiling them takes a node, and what running them does. One
// line of JSON a case.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <limits>
#include <nn/random.hpp>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;
using Variable = ad::Variable<float>;
using Tape = ad::Tape<float>;

constexpr std::size_t side = 8;

Array matrix(nn::Random& random) {
  Array a(ad::Shape{side, side});
  for (auto& v : a) v = static_cast<float>(random.uniform() - 0.5);
  return a;
}

/// What is differentiated: a scalar, and with respect to what.
struct Recorded {
  Variable x, loss;
};

/// A residual network, as deep as there are steps: small ones, so that slopes neither grow nor fade.
Recorded chain(Tape& tape, std::size_t steps) {
  nn::Random random(1);
  const auto x = tape.variable(matrix(random)), w = tape.variable(matrix(random));
  const auto bias = tape.variable(Array(ad::Shape{side}, 0.1f));
  const double step = 1 / static_cast<double>(steps);
  Variable h = x;
  for (std::size_t i = 0; i < steps; ++i) h = h + step * tanh(linear(h, w, bias));
  return {x, sum(h)};
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
  return {x, sum(total)};
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
  return {x, sum(total)};
}

struct Case {
  const char* name;
  Recorded (*record)(Tape& tape, std::size_t steps);
  std::size_t nodes_a_step;  // about
};

const Case cases[] = {{"chain", chain, 10}, {"wide", wide, 9}, {"mixture", mixture, 11}};

void measure(const Case& c, std::size_t nodes, double seconds) {
  using clock = std::chrono::steady_clock;
  Tape tape;
  const auto [x, loss] = c.record(tape, nodes / c.nodes_a_step);
  const auto slopes = recorded_gradient(loss, x);
  ad::CompileOptions options;
  options.threads = 1;
  double compile_seconds = std::numeric_limits<double>::infinity();
  const auto start = clock::now();
  do {
    const auto before = clock::now();
    const auto compiled = ad::compile({x}, {loss, slopes}, {}, options);
    compile_seconds = std::min(compile_seconds, std::chrono::duration<double>(clock::now() - before).count());
  } while (std::chrono::duration<double>(clock::now() - start).count() < seconds / 2);

  auto program = ad::compile({x}, {loss, slopes}, {}, options);
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
