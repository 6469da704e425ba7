// The C++ side of pytorch_test.py. Arguments: what to do, a model, and files.
#include <cstdio>
#include <nn/nn.hpp>

namespace {

using autodiff::Variable;

template <class T>
nn::Sequential<T> network(const std::string& name) {
  if (name == "mlp")
    return nn::Sequential<T>(nn::Linear<T>(8, 8), nn::Activation<T>("tanh"), nn::LayerNorm<T>(8), nn::Linear<T>(8, 8),
                             nn::BatchNorm<T>(8), nn::Activation<T>("relu"), nn::Linear<T>(8, 3));
  if (name == "square") return nn::Sequential<T>(nn::Linear<T>(8, 8), nn::Activation<T>("tanh"), nn::Linear<T>(8, 8));
  if (name == "words")
    return nn::Sequential<T>(nn::Embedding<T>(10, 4), nn::Flatten<T>(), nn::Linear<T>(12, 6), nn::LayerNorm<T>(6),
                             nn::Linear<T>(6, 2));
  if (name == "sequences")
    return nn::Sequential<T>(nn::LSTM<T>(6, 4, {.layers = 2, .bidirectional = true, .dropout = 0.1}),
                             nn::TransformerEncoderLayer<T>(8, 2, {.feedforward = 12, .norm_first = true}),
                             nn::GRU<T>(8, 5), nn::MultiHeadAttention<T>(5, 5));
  if (name == "images")
    return nn::Sequential<T>(nn::Conv2d<T>(1, 4, 3, {.padding = 1}), nn::BatchNorm2d<T>(4), nn::Activation<T>("relu"),
                             nn::MaxPool2d<T>(2), nn::ConvTranspose2d<T>(4, 3, 2, {.stride = 2}),
                             nn::GroupNorm<T>(3, 3),
                             nn::WeightNorm(nn::Conv2d<T>(3, 6, 3, {.groups = 3, .bias = false})),
                             nn::AdaptiveAvgPool2d<T>(2), nn::Flatten<T>(), nn::SpectralNorm(nn::Linear<T>(24, 8)),
                             nn::WeightNorm(nn::Linear<T>(8, 3)), nn::RMSNorm<T>(3));
  throw std::invalid_argument("unknown model");
}

/// PyTorch's words and sequences are modules of their own, with members of other names.
nn::LoadOptions options(const std::string& name) {
  if (name == "sequences") return {.names = {{"0", "lstm"}, {"1", "encoder"}, {"2", "gru"}, {"3", "attention"}}};
  if (name != "words") return {};
  return {.prefix = "net.", .names = {{"0", "embedding"}, {"2", "hidden"}, {"3", "norm"}, {"4", "out"}}};
}

/// Reads PyTorch's weights and "x", and writes "y".
template <class T>
void compute(const std::string& name, const char* weights, const char* samples, const char* outputs) {
  auto model = network<T>(name);
  std::printf("%s\n", to_string(nn::load_pytorch(model, weights, options(name))).c_str());
  nn::save_safetensors(outputs, {{"y", model(nn::load_safetensors(samples).tensors.at("x").as<T>()).value()}});
}

/// Trains a few steps on "x" from weights of ours, and writes weights for PyTorch, and "y".
template <class T>
void train(const std::string& name, const char* weights, const char* samples, const char* outputs) {
  auto model = network<T>(name);
  model.initialise(3);
  const auto x = nn::load_safetensors(samples).tensors.at("x").as<T>();
  nn::Adam<T> adam(0.01);
  model.training(true);
  for (int i = 0; i < 5; ++i) {
    autodiff::Tape<T> tape;
    const auto loss = mean(square(model(tape.constant(x)) - T(1)));
    adam.step(model, gradient(loss, model.variables(loss)));
  }
  model.training(false);
  const auto [strict, prefix, names] = options(name);
  nn::save_pytorch(model, weights, {.prefix = prefix, .names = names});
  nn::save_safetensors(outputs, {{"y", model(x).value()}});
}

template <class T>
void run(const std::string& what, char** argv) {
  if (what == "compute") return compute<T>(argv[3], argv[4], argv[5], argv[6]);
  if (what == "train") return train<T>(argv[3], argv[4], argv[5], argv[6]);
  if (what == "load") {  // must be refused
    auto model = network<T>(argv[3]);
    nn::load(model, argv[4]);
    return;
  }
  throw std::invalid_argument("unknown arguments");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 7) return 2;
  const std::string what = argv[1], type = argv[2];
  type == "double" ? run<double>(what, argv) : run<float>(what, argv);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
