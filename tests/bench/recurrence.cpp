// A training step of an LSTM (squared error, gradient descent, 32-bit floats) in a program, beside its floor: the bare
// matrix products that it needs, and one pass over the gates in each direction. One line of JSON a case. `sequences.py`
// sets them beside PyTorch and JAX.
#include <dnnl.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <autodiff/kernels/recurrence.hpp>
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

struct Case {
  std::size_t time, batch, units;
  std::string name() const {
    return "lstm, time " + std::to_string(time) + ", batch " + std::to_string(batch) + ", units " +
           std::to_string(units);
  }
};

/// Inputs, states and their gates of all steps, as many features as units.
class Floor {
 public:
  explicit Floor(const Case& c)
      : c_(c),
        x_(filled({c.time * c.batch, c.units}, 1)),
        gates_(filled({c.time * c.batch, 4 * c.units}, 2)),
        weights_(filled({c.units, 4 * c.units}, 3)),
        slopes_(filled({c.batch, 4 * c.units}, 6)),
        cells_(filled({2, c.batch, c.units}, 7)) {}
  /// What is computed element by element, step after step.
  void pass() {
    namespace kernels = ad::kernels;
    const std::size_t rows = c_.batch, h = c_.units;
    float *cell = cells_.data(), *other = cell + rows * h;
    for (std::size_t t = 0; t < c_.time; ++t) {
      float *gates = gates_.data() + 4 * t * rows * h, *x = x_.data() + t * rows * h;
      kernels::lstm_cell(rows, h, gates, slopes_.data(), cell, x, other, gates);
    }
    for (std::size_t t = c_.time; t-- > 0;) {
      float *gates = gates_.data() + 4 * t * rows * h, *x = x_.data() + t * rows * h;
      kernels::lstm_cell_gradient(rows, h, gates, cell, x, other, slopes_.data(), other);
    }
  }
  void products() {
    const std::size_t rows = c_.time * c_.batch, h = c_.units;
    multiply('N', 'N', rows, 4 * h, h, x_.data(), weights_.data(), gates_.data());
    for (std::size_t t = 0; t < c_.time; ++t)
      multiply('N', 'N', c_.batch, 4 * h, h, x_.data() + t * c_.batch * h, weights_.data(),
               gates_.data() + 4 * t * c_.batch * h);
    for (std::size_t t = c_.time; t-- > 0;)
      multiply('N', 'T', c_.batch, h, 4 * h, gates_.data() + 4 * t * c_.batch * h, weights_.data(),
               x_.data() + t * c_.batch * h);
    for (int each = 0; each < 2; ++each) multiply('T', 'N', h, 4 * h, rows, x_.data(), gates_.data(), weights_.data());
  }

 private:
  static void multiply(char ta, char tb, std::size_t m, std::size_t n, std::size_t k, const float* a, const float* b,
                       float* c) {
    const auto size = [](std::size_t i) { return static_cast<dnnl_dim_t>(i); };
    dnnl_sgemm(ta, tb, size(m), size(n), size(k), 1e-3f, a, size(ta == 'T' ? m : k), b, size(tb == 'T' ? k : n), 0, c,
               size(n));
  }

  Case c_;
  Array x_, gates_, weights_, slopes_, cells_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A training step of an LSTM");
  int threads = 1;
  double seconds = 1;
  std::string chosen;
  app.add_option("--threads", threads);
  app.add_option("--seconds", seconds);
  app.add_option("--case", chosen);
  bool names = false;
  app.add_flag("--names", names, "print the cases alone");
  CLI11_PARSE(app, argc, argv);
  ad::set_threads(threads);
  omp_set_num_threads(threads);
  for (const std::size_t units : {32, 256})
    for (const std::size_t batch : {8, 64})
      for (const std::size_t time : {25, 100, 400, 4000}) {
        const Case c{time, batch, units};
        if (c.name().find(chosen) == std::string::npos) continue;
        if (names) {
          std::printf("%s\n", c.name().c_str());
          continue;
        }
        nn::LSTM<float> model(units, units);
        model.initialise(1);
        nn::GradientDescent<float> optimiser(1e-3);
        nn::TrainingStep<float> step(model, optimiser, nn::loss<float>("squared-error"));
        const Array x = filled({batch, time, units}, 4), y = filled({batch, time, units}, 5);
        Floor floor(c);
        const auto best =
            bench::side_by_side({[&] { step(x, y); }, [&] { floor.products(); }, [&] { floor.pass(); }}, seconds);
        std::printf(
            "{\"case\": \"%s\", \"threads\": %d, \"step_us\": %.5g, \"products_us\": %.5g, \"pass_us\": %.5g}\n",
            c.name().c_str(), threads, best[0] * 1e6, best[1] * 1e6, best[2] * 1e6);
        std::fflush(stdout);
      }
}
