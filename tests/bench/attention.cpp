// A training step of a transformer encoder layer (squared error, gradient descent, 32-bit floats, batch 8, width 256, 4
// heads, 1024 units) in a program, beside the bare matrix products that it needs, and the memory that model, optimiser
// and program take. One line of JSON a case. `sequences.py` sets them beside PyTorch and JAX.
#include <dnnl.h>
#include <omp.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <cstdio>
#include <nn/nn.hpp>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;

constexpr std::size_t batch = 8, width = 256, heads = 4, units = 1024;

Array filled(const ad::Shape& shape, unsigned seed) {
  nn::Random random(seed);
  Array a(shape);
  for (auto& v : a) v = static_cast<float>(2 * random.uniform() - 1);
  return a;
}

void multiply(char ta, char tb, std::size_t m, std::size_t n, std::size_t k, const Array& a, const Array& b, Array& c) {
  const auto size = [](std::size_t i) { return static_cast<dnnl_dim_t>(i); };
  dnnl_sgemm(ta, tb, size(m), size(n), size(k), 1e-3f, a.data(), size(ta == 'T' ? m : k), b.data(),
             size(tb == 'T' ? k : n), 0, c.data(), size(n));
}

/// The most memory that this process has had.
std::size_t peak() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  return 1024 * static_cast<std::size_t>(used.ru_maxrss);
}

/// x W of so many rows, and both gradients, or that of W alone.
void layer(std::size_t rows, std::size_t inputs, std::size_t outputs, Array& x, Array& w, Array& y, bool first) {
  multiply('N', 'N', rows, outputs, inputs, x, w, y);
  multiply('T', 'N', inputs, outputs, rows, x, y, w);
  if (!first) multiply('N', 'T', rows, inputs, outputs, y, w, x);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A training step of a transformer encoder layer");
  int threads = 1;
  double seconds = 1;
  std::string chosen;
  app.add_option("--threads", threads);
  app.add_option("--seconds", seconds);
  app.add_option("--case", chosen);
  CLI11_PARSE(app, argc, argv);
  ad::set_threads(threads);
  omp_set_num_threads(threads);
  for (const std::size_t length : {128, 1024}) {
    const std::string name = "encoder layer, length " + std::to_string(length);
    if (name.find(chosen) == name.npos) continue;
    const std::size_t before = peak();
    nn::TransformerEncoderLayer<float> model(width, heads, {.feedforward = units, .dropout = 0});
    model.initialise(1);
    nn::GradientDescent<float> optimiser(1e-4);
    nn::TrainingStep<float> step(model, optimiser, nn::loss<float>("squared-error"));
    const Array x = filled({batch, length, width}, 4), y = filled({batch, length, width}, 5);
    step(x, y);
    const std::size_t memory = peak() - before;
    const std::size_t rows = batch * length;
    Array in = filled({rows, width}, 1), qkv = filled({rows, 3 * width}, 2), hidden = filled({rows, units}, 3),
          weight = filled({units, width}, 6), scores = filled({length, length}, 7);
    const auto products = [&] {
      layer(rows, width, 3 * width, in, weight, qkv, true);
      for (std::size_t i = 0; i < batch * heads; ++i) {
        for (int k = 0; k < 3; ++k) multiply('N', 'T', length, length, width / heads, in, qkv, scores);
        for (int k = 0; k < 2; ++k) multiply('N', 'N', length, width / heads, length, scores, qkv, in);
        for (int k = 0; k < 2; ++k) multiply('T', 'N', length, width / heads, length, scores, qkv, in);
      }
      layer(rows, width, width, in, weight, qkv, false);
      layer(rows, width, units, in, weight, hidden, false);
      layer(rows, units, width, hidden, weight, in, false);
    };
    const auto best = bench::side_by_side({[&] { step(x, y); }, products}, seconds);
    std::printf("{\"case\": \"%s\", \"threads\": %d, \"step_us\": %.5g, \"products_us\": %.5g, \"bytes\": %zu}\n",
                name.c_str(), threads, best[0] * 1e6, best[1] * 1e6, memory);
    std::fflush(stdout);
  }
}
