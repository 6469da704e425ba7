// Handwritten digits by a network of convolutions: what a kernel finds does not depend on where it is, and pooling
// keeps the largest of what it finds. The digits are those in data/, 8 by 8 pixels; a fifth of them is held back.
#include <cstdio>
#include <nn/nn.hpp>

/// A gate for each channel of an image, from the means of all: J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation
/// networks", CVPR 2018. A layer that is put together from others needs its members and what it computes.
struct SqueezeExcite : nn::Module<float> {
  explicit SqueezeExcite(std::size_t channels)
      : gates(nn::GlobalAvgPool<float>(), nn::Linear<float>(channels, channels / 8), nn::Activation<float>("relu"),
              nn::Linear<float>(channels / 8, channels), nn::Activation<float>("logistic")) {}
  autodiff::Variable<float> forward(const autodiff::Variable<float>& x) override {
    return x * autodiff::reshape(gates(x), {std::ptrdiff_t(x.shape(0)), std::ptrdiff_t(x.shape(1)), 1, 1});
  }
  void members(nn::Members<float>& m) override { m("gates", gates); }
  std::string kind() const override { return "SqueezeExcite"; }

  nn::Sequential<float> gates;
};

/// Layers for images (samples, 1, 8, 8).
static nn::Sequential<float> network() {
  nn::Sequential<float> model;
  for (const auto& [inputs, outputs] : {std::pair{1, 32}, {32, 64}}) {
    model.add(nn::Conv2d<float>(inputs, outputs, {3, 3}, {.padding = "same"}));
    model.add(nn::BatchNorm2d<float>(outputs));
    model.add(nn::Activation<float>("relu"));
    model.add(SqueezeExcite(std::size_t(outputs)));
    model.add(nn::MaxPool2d<float>({2, 2}));
  }
  model.add(nn::Flatten<float>());
  model.add(nn::Dropout<float>(0.3));
  model.add(nn::Linear<float>(64 * 2 * 2, 10));
  return model;
}

/// Pixels from 0 to 1, as images of one channel.
static nn::Dataset<float> images(nn::Dataset<float> data) {
  data.inputs /= 16;
  data.inputs.reshape(autodiff::Shape{data.size(), 1, 8, 8});
  return data;
}

int main() {
  const auto [train, test] = nn::stratified_split(nn::read_csv<float>(DIGITS_CSV), 0.2, 1);
  const auto seen = images(train), unseen = images(test);

  auto model = network();
  model.initialise(1);
  std::printf("%s", model.summary({1, 1, 8, 8}).c_str());

  nn::Adam<float> adam(0.002);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"));
  model.training(true);
  constexpr int epochs = 20;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    adam.learning_rate(0.002 * (epochs + 1 - epoch) / epochs);  // small steps in the end
    double loss = 0;
    for (const auto& batch : nn::batches(seen.size(), 64, 1, std::uint64_t(epoch))) {
      const auto part = seen.rows(batch);
      loss += step(part.inputs, part.targets) * double(part.size());
    }
    if (epoch % 5 == 0) std::printf("epoch %2d  loss %.4f\n", epoch, loss / double(seen.size()));
  }
  model.training(false);
  const double accuracy = nn::accuracy(model(unseen.inputs).value(), unseen.targets);
  std::printf("accuracy on %zu digits that it has not seen: %.4f\n", unseen.size(), accuracy);
  return accuracy > 0.985 ? 0 : 1;
}
