// A training step of a network of images, batch 64: two convolutions with pooling, two dense layers, plain gradient
// descent; and its convolutions alone, forward and by image and kernel. Milliseconds, as JSON lines. Options: --threads
// N, --seconds S, --step for the training step alone. `convolution.py` sets that beside PyTorch and JAX.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <cstdio>
#include <nn/nn.hpp>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;

Array filled(const ad::Shape& shape, unsigned seed) {
  nn::Random random(seed);
  Array a(shape);
  for (auto& v : a) v = static_cast<float>(2 * random.uniform() - 1);
  return a;
}

void print(const std::string& name, double seconds) {
  std::printf("{\"case\": \"%s\", \"ms\": %.4f, \"threads\": %d}\n", name.c_str(), 1e3 * seconds, ad::threads());
}

constexpr std::size_t batch = 64;

void time_step(double seconds) {
  nn::Sequential<float> model(nn::Conv2d<float>(1, 32, 3, {.padding = 1}), nn::Activation<float>("relu"),
                              nn::MaxPool2d<float>(2), nn::Conv2d<float>(32, 64, 3, {.padding = 1}),
                              nn::Activation<float>("relu"), nn::MaxPool2d<float>(2), nn::Flatten<float>(),
                              nn::Linear<float>(64 * 7 * 7, 128), nn::Activation<float>("relu"),
                              nn::Linear<float>(128, 10));
  model.initialise(1);
  nn::GradientDescent<float> descent(1e-3);
  nn::TrainingStep<float> step(model, descent, nn::loss<float>("cross-entropy"));
  const Array x = filled({batch, 1, 28, 28}, 1);
  Array y(ad::Shape{batch});
  for (std::size_t i = 0; i < batch; ++i) y(i) = static_cast<float>(i % 10);
  print("training step", bench::side_by_side({[&] { step(x, y); }}, seconds)[0]);
}

/// A convolution that keeps the lengths.
void time_convolution(std::size_t channels, std::size_t filters, std::size_t side, std::size_t taps, double seconds) {
  const ad::Variable<float> x(filled({batch, channels, side, side}, 1)), k(filled({filters, channels, taps, taps}, 2));
  const ad::ConvolveOptions options{.padding = taps / 2};
  const auto gradient_by = [&](const ad::Variable<float>& of) {
    ad::Tape<float> tape;
    const auto v = tape.variable(of.value());
    const auto y = &of == &x ? convolve(v, k, options) : convolve(x, v, options);
    ad::vjp(y, y.value(), v);
  };
  const auto best = bench::side_by_side(
      {[&] { convolve(x, k, options); }, [&] { gradient_by(x); }, [&] { gradient_by(k); }}, seconds);
  const auto name = std::to_string(channels) + "->" + std::to_string(filters) + " " + std::to_string(taps) + "x" +
                    std::to_string(taps) + " on " + std::to_string(side) + "x" + std::to_string(side);
  print(name + ", forward", best[0]);
  print(name + ", by image", best[1] - best[0]);
  print(name + ", by kernel", best[2] - best[0]);
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 0;
  double seconds = 1;
  bool step_alone = false;
  CLI::App app("Times convolutions.");
  app.add_flag("--step", step_alone, "the training step alone");
  app.add_option("--threads", threads, "how many threads")->check(CLI::PositiveNumber);
  app.add_option("--seconds", seconds, "how long each is tried");
  CLI11_PARSE(app, argc, argv);
  if (threads > 0) ad::set_threads(threads);
  time_step(seconds);
  if (step_alone) return 0;
  time_convolution(1, 32, 28, 3, seconds);
  time_convolution(32, 64, 14, 3, seconds);
  time_convolution(32, 64, 14, 5, seconds);
}
