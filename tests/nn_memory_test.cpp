// What making a step of training takes: it is recorded without values, so little more than the step itself keeps.
#include <doctest/doctest.h>

#include <nn/nn.hpp>

#include "allocations.hpp"

TEST_CASE("a training step is made in less than three times the memory that it keeps") {
  nn::Sequential<float> model(nn::Linear<float>(1024, 1024), nn::Activation<float>("tanh"),
                              nn::Linear<float>(1024, 1024), nn::Activation<float>("tanh"),
                              nn::Linear<float>(1024, 10));
  model.initialise(1);
  const double parameters = 4.0 * static_cast<double>(model.parameter_count());
  const autodiff::Array<float> inputs = xt::ones<float>({64, 1024}), classes = xt::zeros<float>({64});
  start_counting();
  nn::Adam<float> adam(0.001);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"));
  step(inputs, classes);
  const auto& report = step.report();
  CHECK(static_cast<double>(report.state_bytes) >= 3 * parameters);
  CHECK(static_cast<double>(report.constant_bytes) < 0.01 * parameters);
  const double kept = parameters + static_cast<double>(report.state_bytes + report.bytes);
  MESSAGE("peak over parameters, states and arena: " << static_cast<double>(allocations().peak) / kept);
  CHECK(static_cast<double>(allocations().peak) < 3 * kept);
}
