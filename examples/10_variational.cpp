// A variational autoencoder: digits are described by four numbers each, such that numbers drawn at random describe
// digits, too. The encoder gives a mean and a variance for each number, of which one draw goes to the decoder; what is
// trained is a bound of how likely the digits are. D. Kingma and M. Welling, "Auto-encoding variational Bayes", 2014.
#include <cstdio>
#include <nn/nn.hpp>

namespace {

using nn::Variable;
using Array = autodiff::Array<float>;

constexpr std::size_t pixels = 64, codes = 4;

struct Autoencoder : nn::Module<float> {
  nn::Sequential<float> encoder{nn::Linear<float>(pixels, 128), nn::Activation<float>("relu"),
                                nn::Linear<float>(128, 2 * codes)};
  nn::Sequential<float> decoder{nn::Linear<float>(codes, 128), nn::Activation<float>("relu"),
                                nn::Linear<float>(128, pixels)};
  nn::Parameter<float> draws{{}, nn::zeros(), nn::Trainable::no};  // so far: each step draws others

  /// Of images (samples, pixels): logits of the pixels, and means and logarithms of variances of the codes.
  std::vector<Variable<float>> forward(const std::vector<Variable<float>>& inputs) override {
    const auto parts = autodiff::split(encoder(inputs[0]), 2, 1);
    const auto &mean = parts[0], &log_variance = parts[1];
    auto code = mean;
    if (training()) {
      const auto now = draws.beside(mean);
      code = mean + exp(0.5f * log_variance) * autodiff::random_normal(1.0f, now, mean.shape());
      draws.assign(now + 1);
    }
    return {decoder(code), mean, log_variance};
  }
  void members(nn::Members<float>& m) override { m("encoder", encoder), m("decoder", decoder), m("draws", draws); }
};

/// The bound, negative: how badly pixels are told, and how far codes are from a standard normal distribution.
Variable<float> bound(const nn::Outcome<float>& outcome) {
  const auto &logits = outcome.predictions[0], &mean = outcome.predictions[1], &log_variance = outcome.predictions[2];
  const auto& x = outcome.inputs[0];
  const auto told = sum(softplus(logits) - x * logits);
  const auto apart = 0.5f * sum(square(mean) + exp(log_variance) - log_variance - 1);
  return (told + apart) / float(x.shape(0));
}

}  // namespace

int main() {
  auto data = nn::read_csv<float>(DIGITS_CSV);
  data.inputs /= 16;
  Autoencoder model;
  model.initialise(1);
  nn::Adam<float> adam(0.002);
  nn::TrainingStep<float> step(model, adam, nn::Loss<float>(bound));
  model.training(true);
  double first = 0, last = 0;
  for (int epoch = 1; epoch <= 30; ++epoch) {
    double total = 0;
    for (const auto& batch : nn::batches(data.size(), 64, 1, std::uint64_t(epoch))) {
      const auto part = data.rows(batch);
      total += step(part.inputs, part.inputs) * double(part.size());
    }
    (epoch == 1 ? first : last) = total / double(data.size());
    if (epoch % 10 == 0) std::printf("epoch %2d  bound %.2f\n", epoch, -last);
  }
  model.training(false);

  // Digits that nobody has written, from codes drawn at random.
  const auto drawn = autodiff::random_normal(Variable<float>(Array(2.0f)), 0.0f, autodiff::Shape{6, codes});
  const Array images = autodiff::logistic(model.decoder(drawn)).value();
  for (std::size_t row = 0; row < 8; ++row, std::puts(""))
    for (std::size_t i = 0; i < images.shape(0); ++i, std::fputs("  ", stdout))
      for (std::size_t column = 0; column < 8; ++column)
        std::fputc(" .:*#"[std::size_t(4.99f * images(i, 8 * row + column))], stdout);
  return last < 0.75 * first ? 0 : 1;
}
