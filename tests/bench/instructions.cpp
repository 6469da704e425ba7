// What the library must do again and again, once each: how many instructions that takes is counted by Callgrind, see
// instructions.sh. Everything is warmed up by a first call, and runs on one thread.
#include <valgrind/callgrind.h>
#include <autodiff/autodiff.hpp>
#include <nn/nn.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <tuple>

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;
using Variable = ad::Variable<float>;
using Tape = ad::Tape<float>;

Array ramp(const ad::Shape& shape) {
  Array a(shape);
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i % 13) / 26 - 0.24f;
  return a;
}

/// Counts the second call.
void count(const char* name, const std::function<void()>& f) {
  f();
  CALLGRIND_ZERO_STATS;
  CALLGRIND_TOGGLE_COLLECT;
  f();
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(name);
  std::printf("%s\n", name);
}

/// y = tanh(y + x), two operations a link.
Variable chain(const Variable& x, std::size_t links) {
  Variable y = x;
  for (std::size_t i = 0; i < links; ++i) y = tanh(y + x);
  return y;
}

void eager() {
  Tape tape;
  for (const auto& [record, sweep, start] :
       {std::tuple{"record_numbers", "sweep_numbers", Array(0.5f)}, {"record_arrays", "sweep_arrays", ramp({4, 4})}}) {
    Variable x, y;
    count(record, [&, &start = start] {
      tape.clear();
      x = tape.variable(start);
      y = chain(x, 500);
    });
    y = sum(y);
    count(sweep, [&] { gradient(y, x); });
  }
}

void second_order() {
  Tape tape;
  const Variable x = tape.variable(ramp({8}));
  const Variable y = sum(chain(x, 10) * x);
  count("hessian", [&] { hessian(y, x); });
}

void compiling() {
  Tape tape;
  const Variable x = tape.variable(ramp({4, 4}));
  Variable y = x;
  for (int i = 0; i < 150; ++i) y = y + tanh(matmul(y, x)) * x;
  const Variable loss = sum(y), slope = recorded_gradient(loss, x);
  std::unique_ptr<ad::Program<float>> program;
  count("compile", [&] { program = std::make_unique<ad::Program<float>>(ad::compile({x}, {loss, slope})); });
  const Array at = ramp({4, 4});
  count("run_small", [&] { (*program)(at); });
}

/// What one step of training takes.
void training(const char* name, nn::Module<float>& model, const ad::Shape& samples, std::size_t classes) {
  model.initialise(1);
  const Array x = ramp(samples);
  Array labels(ad::Shape{samples[0]});
  for (std::size_t i = 0; i < samples[0]; ++i) labels(i) = static_cast<float>(i % classes);
  nn::Adam<float> adam(0.001);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"));
  count(name, [&] { step(x, labels); });
}

void networks() {
  nn::Sequential dense(nn::Linear<float>(64, 64), nn::Activation<float>("tanh"), nn::Linear<float>(64, 10));
  training("train_dense", dense, {32, 64}, 10);
  nn::Sequential images(nn::Conv2d<float>(1, 8, {3, 3}), nn::Activation<float>("relu"), nn::MaxPool2d<float>({2, 2}),
                        nn::Flatten<float>(), nn::Linear<float>(8 * 5 * 5, 10));
  training("train_convolution", images, {16, 1, 12, 12}, 10);
  nn::Sequential sequences(nn::LSTM<float>(8, 16), nn::Flatten<float>(), nn::Linear<float>(20 * 16, 4));
  training("train_lstm", sequences, {8, 20, 8}, 4);
}

void elementwise() {
  Tape tape;
  const Variable x = tape.variable(ramp({10'000})), y = sum(square(logistic(x) * x - 1));
  auto program = ad::compile({x}, {y, recorded_gradient(y, x)});
  const Array at = x.value();
  count("run_elementwise", [&] { program(at); });
}

void decomposition() {
  ad::Array<double> a(ad::Shape{32, 32});
  for (std::size_t i = 0; i < 32; ++i)
    for (std::size_t k = 0; k < 32; ++k) a(i, k) = i == k ? 40 : static_cast<double>((i + k) % 7);
  ad::Tape<double> tape;
  count("eigenvalues", [&] {
    tape.clear();
    const auto m = tape.variable(a);
    gradient(sum(square(ad::eigh(m)[0])), m);
  });
}

}  // namespace

int main() {
  ad::set_threads(1);
  eager();
  second_order();
  compiling();
  elementwise();
  networks();
  decomposition();
}
