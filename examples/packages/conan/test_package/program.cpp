#include <iostream>
#include <nn/nn.hpp>

int main() {
  nn::Sequential model(nn::Linear<float>(2, 8), nn::Activation<float>("tanh"), nn::Linear<float>(8, 2));
  model.initialise(1);
  nn::Adam<float> adam(0.05);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"));
  const autodiff::Array<float> inputs = xt::xarray<float>{{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  const autodiff::Array<float> classes = xt::xarray<float>{0, 1, 1, 0};
  for (int i = 0; i < 200; ++i) step(inputs, classes);
  const auto met = nn::accuracy(model(inputs).value(), classes);
  std::cout << met << '\n';
  return met == 1 ? 0 : 1;
}
