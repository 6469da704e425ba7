// Programs do not ask for memory after their first run.
#include <nn/nn.hpp>

#include "cases.hpp"
#include "heap.hpp"

using namespace test;

namespace {

/// How often a step of training asks for memory, after the first ones.
std::size_t allocations_a_step(std::size_t batch, const std::vector<std::size_t>& sizes, int threads,
                               const char* rule) {
  nn::Sequential<float> model;
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l)
    model.add(nn::Linear<float>(sizes[l], sizes[l + 1]))
        .add(nn::Activation<float>("tanh"))
        .add(nn::Dropout<float>(0.1));
  model.initialise(1);
  const auto optimiser = nn::optimiser<float>(rule, 0.01);
  nn::StepOptions options;
  options.compile.threads = threads;
  nn::TrainingStep<float> step(model, *optimiser, nn::loss<float>("cross-entropy"), options);
  const auto inputs = ad::to_array<float>(sample({batch, sizes[0]}, -1, 1));
  const Array<float> classes(Shape{batch}, 1.f);
  for (int i = 0; i < 3; ++i) step(inputs, classes);
  const std::size_t before = allocations();
  for (int i = 0; i < 10; ++i) step(inputs, classes);
  return (allocations() - before) / 10;
}

}  // namespace

TEST_CASE("a step of training takes no memory") {
  for (const char* rule : {"gradient-descent", "momentum", "adam"})
    for (const int threads : {1, 2}) {
      CAPTURE(rule);
      CAPTURE(threads);
      CHECK_EQ(allocations_a_step(1, {2, 3, 2}, threads, rule), 0);
      CHECK_EQ(allocations_a_step(16, {10, 10, 10, 10}, threads, rule), 0);
      CHECK_EQ(allocations_a_step(32, {64, 30, 10}, threads, rule), 0);
    }
}

TEST_CASE("elementwise work on several threads takes no memory") {
  ad::Tape<float> tape;
  const auto x = tape.variable(sample({300000}, -1, 1));
  const auto y = sum(tanh(x * 2 + 1) * exp(x));
  ad::CompileOptions options;
  options.threads = 2;
  auto program = ad::compile({x}, {y, recorded_gradient(y, x)}, {}, options);
  const auto input = ad::to_array<float>(sample({300000}, -1, 1, 2));
  for (int i = 0; i < 3; ++i) program(input);
  const std::size_t before = allocations();
  for (int i = 0; i < 10; ++i) program(input);
  CHECK_EQ(allocations(), before);
}

TEST_CASE("reductions over axes that are no neighbours, and inputs in a vector, take no memory") {
  ad::Tape<float> tape;
  const auto x = tape.variable(sample({5, 30, 7}, 0.5, 1));
  auto program = ad::compile({x}, {sum(x, {0, 2}), max(x, {0, 2}), variance(x, {0, 2}), norm(x, {0, 2})});
  const std::vector<Array<float>> inputs{ad::to_array<float>(sample({5, 30, 7}, 0.5, 1, 2))};
  for (int i = 0; i < 3; ++i) program(inputs);
  const std::size_t before = allocations();
  for (int i = 0; i < 10; ++i) program(inputs);
  CHECK_EQ(allocations(), before);
}

TEST_CASE("large products keep the memory of their copies") {
  CHECK_EQ(allocations_a_step(64, {784, 128, 10}, 1, "gradient-descent"), 0);
}

TEST_CASE("a tape that is cleared and recorded again has its memory already") {
  ad::Tape<double> tape;
  const auto step = [&] {
    tape.clear();
    const auto x = tape.variable(0.5);
    auto y = x;
    for (int k = 0; k < 500; ++k) y = tanh(y * x + 1);
    return gradient(y, x)();
  };
  const double first = step();
  step();
  const std::size_t before = allocations();
  CHECK_EQ(step(), first);
  CHECK(allocations() - before < 30);  // the few of a sweep, whatever is recorded
}
