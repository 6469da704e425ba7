// Recorded functions beside what they stand for: loops by scan and unrolled, memory kept to by a limit, gradients of
// all samples and of their sum, differences that are not kept. One line of JSON a case.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using ad::Shape;

template <class T>
ad::Array<T> some(const Shape& shape, double phase, double scale = 0.3) {
  ad::Array<T> a(shape);
  for (std::size_t i = 0; i < a.size(); ++i) a.flat(i) = static_cast<T>(scale * std::sin(phase + 1.7 * double(i)));
  return a;
}

template <class T>
using Record = typename ad::ShapedProgram<T>::Record;
template <class T>
using Inputs = std::vector<ad::Array<T>>;
using V = ad::Variable<double>;
using Vs = std::vector<V>;

template <class T>
struct Timed {
  ad::ShapedProgram<T> program;
  Inputs<T> inputs;
  double compile = 0;  // seconds, recording included
  std::function<void()> run() {
    return [this] {
      std::vector<const ad::Array<T>*> pointers;
      for (const auto& a : inputs) pointers.push_back(&a);
      program.run(pointers);
    };
  }
};
template <class T>
Timed<T> compiled(const Record<T>& record, const Inputs<T>& inputs, ad::CompileOptions options = {}) {
  options.threads = 1;
  Timed<T> made{ad::ShapedProgram<T>(record, options), inputs};
  const auto start = std::chrono::steady_clock::now();
  made.program.prepare(inputs);
  made.compile = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return made;
}

/// What `ours` takes beside `other`.
template <class T>
void compare(const std::string& name, Timed<T>& ours, Timed<T>& other, double seconds) {
  const auto times = bench::side_by_side({ours.run(), other.run()}, seconds);
  std::printf(R"({"case": "%s", "ms": %.3f, "beside_ms": %.3f, "ratio": %.3f, "compile_ms": %.2f, )"
              R"("compile_beside_ms": %.2f, "bytes": %zu, "bytes_beside": %zu})"
              "\n",
              name.c_str(), 1e3 * times[0], 1e3 * times[1], times[0] / times[1], 1e3 * ours.compile,
              1e3 * other.compile, ours.program.report().bytes, other.program.report().bytes);
  std::fflush(stdout);
}

/// h' = tanh(h W + x), 8 samples, 32 units.
Record<double> recurrent(bool by_scan) {
  return [by_scan](ad::Tape<double>&, const Vs& inputs) -> ad::Recording<double> {
    const V w = inputs[0], xs = inputs[1], start = inputs[2];
    const auto cell = [&](const V& h, const V& x) { return ad::tanh(ad::matmul(h, w) + x); };
    const auto twice = [](const V& h) { return std::pair(h, h); };
    V outputs;
    if (by_scan) {
      outputs = ad::scan([&](const V& h, const V& x) { return twice(cell(h, x)); }, start, xs).second;
    } else {
      Vs all;
      V h = start;
      for (const V& x : ad::unstack(xs, 0)) all.push_back(h = cell(h, x));
      outputs = ad::stack(all, 0);
    }
    const V loss = ad::sum(ad::square(outputs));
    return {{loss, ad::recorded_gradient(loss, w)}, {}};
  };
}

/// The LSTM of GradBench and ADBench, whose gates are scaled one by one: two layers, 14 units, sequences of characters.
Record<double> gradbench(bool by_scan) {
  return [by_scan](ad::Tape<double>&, const Vs& inputs) -> ad::Recording<double> {
    const V parameters = inputs[0], extra = inputs[1], state = inputs[2], sequence = inputs[3];
    const std::size_t units = sequence.shape()[1];
    const Vs p = ad::unstack(parameters, 0), e = ad::unstack(extra, 0);
    const auto part = [&](const V& a, std::size_t k) {
      return ad::slice(a, {ad::Range{std::ptrdiff_t(k * units), std::ptrdiff_t((k + 1) * units)}});
    };
    // The states of both layers, and the prediction of what follows x.
    const auto step = [&](Vs& s, const V& x) {
      V below = x * e[0];
      for (std::size_t layer = 0; layer < 2; ++layer) {
        const V w = p[2 * layer], b = p[2 * layer + 1];
        V &h = s[2 * layer], &c = s[2 * layer + 1];
        const V forget = ad::logistic(below * part(w, 0) + part(b, 0)), in = ad::logistic(h * part(w, 1) + part(b, 1));
        const V out = ad::logistic(below * part(w, 2) + part(b, 2)), change = ad::tanh(h * part(w, 3) + part(b, 3));
        c = c * forget + in * change;
        h = out * ad::tanh(c);
        below = h;
      }
      return below * e[1] + e[2];
    };
    const auto steps = std::ptrdiff_t(sequence.shape()[0]) - 1;
    const V before = ad::slice(sequence, {ad::Range{0, steps}}), after = ad::slice(sequence, {ad::Range{1, steps + 1}});
    const auto score = [](const V& y, const V& next) {
      return ad::sum(next * (y - ad::log(ad::sum(ad::exp(y)) + 2.0)));
    };
    V total;
    if (by_scan) {
      const auto [last, scores] = ad::scan(
          [&](const Vs& carry, const Vs& x) {
            Vs s = carry;
            const V y = step(s, x[0]);
            return std::pair(s, Vs{score(y, x[1])});
          },
          ad::unstack(state, 0), Vs{before, after});
      total = ad::sum(scores[0]);
    } else {
      Vs s = ad::unstack(state, 0);
      const Vs x = ad::unstack(before, 0), next = ad::unstack(after, 0);
      total = score(step(s, x[0]), next[0]);
      for (std::size_t t = 1; t < x.size(); ++t) total = total + score(step(s, x[t]), next[t]);
    }
    const V loss = total / -double(steps * std::ptrdiff_t(units));
    const auto slopes = ad::recorded_gradient(loss, Vs{parameters, extra});
    return {{loss, slopes[0], slopes[1]}, {}};
  };
}

/// A step of a network of 50 layers of 64 units.
ad::Recording<float> deep(ad::Tape<float>& tape, const std::vector<ad::Variable<float>>& inputs) {
  std::vector<ad::Variable<float>> weights;
  auto h = inputs[0];
  for (int k = 0; k < 50; ++k) {
    weights.push_back(tape.variable(some<float>({64, 64}, k, 0.2)));
    weights.push_back(tape.variable(some<float>({64}, k, 0.01)));
    h = ad::tanh(ad::linear(h, weights[weights.size() - 2], weights.back()));
  }
  const auto loss = ad::mean(ad::square(h));
  const auto slopes = ad::recorded_gradient(loss, weights);
  ad::Recording<float> recording{{loss}, {}};
  for (std::size_t i = 0; i < weights.size(); ++i)
    recording.updates.push_back({weights[i], weights[i] - 0.1f * slopes[i]});
  return recording;
}

/// Gradients of a 784-128-10 network: of every sample, or of the batch.
Record<float> gradients(bool of_samples) {
  return [of_samples](ad::Tape<float>& tape, const std::vector<ad::Variable<float>>& inputs) -> ad::Recording<float> {
    const std::vector p{tape.variable(some<float>({784, 128}, 1, 0.05)), tape.variable(some<float>({128}, 2)),
                        tape.variable(some<float>({128, 10}, 3)), tape.variable(some<float>({10}, 4))};
    const auto loss = [&](const auto& x, const auto& y) {
      return ad::softmax_cross_entropy(ad::linear(ad::tanh(ad::linear(x, p[0], p[1])), p[2], p[3]), y);
    };
    if (!of_samples) return {ad::recorded_gradient(ad::mean(loss(inputs[0], inputs[1])), p), {}};
    return {ad::vmap([&](const auto& v) { return ad::recorded_gradient(ad::sum(loss(v[0], v[1])), p); }, inputs), {}};
  };
}

/// k-means over (points, centres, coordinates), or by the centre that is nearest.
Record<double> k_means(bool directly) {
  return [directly](ad::Tape<double>&, const Vs& inputs) -> ad::Recording<double> {
    const V x = inputs[0], c = inputs[1];
    const auto n = std::ptrdiff_t(x.shape()[0]), k = std::ptrdiff_t(c.shape()[0]), d = std::ptrdiff_t(x.shape()[1]);
    const V apart = ad::square(ad::reshape(x, {n, 1, d}) - ad::reshape(c, {1, k, d}));
    const V loss = directly
                       ? ad::sum(ad::min(ad::sum(apart, {2}), {1}))
                       : ad::sum(ad::square(x - ad::gather(c, ad::argmin(ad::stop_gradient(ad::sum(apart, {2})), 1))));
    return {{loss, ad::recorded_gradient(loss, c)}, {}};
  };
}

void all_cases(const std::string& only, double seconds) {
  const auto wanted = [&](const std::string& name) { return name.find(only) != std::string::npos; };
  for (const std::size_t steps : {25, 100, 400, 4000}) {
    const std::string name = "recurrent, " + std::to_string(steps) + " steps: scan, unrolled";
    if (!wanted(name)) continue;
    const Inputs<double> inputs{some<double>({32, 32}, 1), some<double>({steps, 8, 32}, 2), some<double>({8, 32}, 3)};
    auto scan = compiled(recurrent(true), inputs), unrolled = compiled(recurrent(false), inputs);
    compare(name, scan, unrolled, seconds);
  }
  for (const std::size_t steps : {1024, 4096}) {
    const std::string name = "GradBench's lstm, " + std::to_string(steps) + ": scan, unrolled";
    if (!wanted(name)) continue;
    const Inputs<double> inputs{some<double>({4, 56}, 1), some<double>({3, 14}, 2), some<double>({4, 14}, 3),
                                some<double>({steps, 14}, 4)};
    auto scan = compiled(gradbench(true), inputs), unrolled = compiled(gradbench(false), inputs);
    compare(name, scan, unrolled, seconds);
  }
  if (const std::string name = "50 layers: a quarter of the memory, all of it"; wanted(name)) {
    const Inputs<float> inputs{some<float>({4096, 64}, 1)};
    auto all = compiled<float>(deep, inputs);
    auto quarter = compiled<float>(deep, inputs, {.memory_limit = all.program.report().bytes / 4});
    compare(name, quarter, all, seconds);
  }
  if (const std::string name = "784-128-10, batch 64: gradients of samples, of the batch"; wanted(name)) {
    const Inputs<float> inputs{some<float>({64, 784}, 1), ad::Array<float>(Shape{64}, 3.f)};
    auto samples = compiled(gradients(true), inputs), batch = compiled(gradients(false), inputs);
    compare(name, samples, batch, seconds);
  }
  if (const std::string name = "k-means: over all differences, by the nearest"; wanted(name)) {
    const Inputs<double> inputs{some<double>({100'000, 8}, 1), some<double>({16, 8}, 2)};
    auto directly = compiled(k_means(true), inputs), nearest = compiled(k_means(false), inputs);
    compare(name, directly, nearest, seconds);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  double seconds = 2;
  CLI::App app("Times recorded functions beside what they stand for; JSON, one line a case.");
  app.add_option("--case", only, "Only cases whose name holds this text");
  app.add_option("--seconds", seconds, "For each case");
  CLI11_PARSE(app, argc, argv);
  all_cases(only, seconds);
}
