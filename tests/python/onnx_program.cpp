// The C++ side of onnx_test.py. Arguments: what to do, a model or a file, and files.
#include <autodiff/onnx.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <nn/nn.hpp>

namespace {

using autodiff::Array;
using autodiff::Shape;
using autodiff::Variable;

struct Network {
  nn::Sequential<float> model;
  Shape input;
};

Network network(const std::string& name) {
  using namespace nn;
  if (name == "mlp")
    return {Sequential<float>(Linear<float>(8, 16), Activation<float>("tanh"), LayerNorm<float>(16),
                              Linear<float>(16, 8), BatchNorm<float>(8), Activation<float>("relu"), Dropout<float>(0.5),
                              Linear<float>(8, 3), Activation<float>("log_softmax")),
            {1, 8}};
  if (name == "images")
    return {Sequential<float>(Conv2d<float>(1, 4, 3, {.padding = 1}), BatchNorm2d<float>(4), Activation<float>("relu"),
                              MaxPool2d<float>(2), ConvTranspose2d<float>(4, 3, 2, {.stride = 2}),
                              GroupNorm<float>(3, 3), Conv2d<float>(3, 6, 3, {.groups = 3, .bias = false}),
                              AvgPool2d<float>(2), AdaptiveAvgPool2d<float>(1), Flatten<float>(), Linear<float>(6, 2)),
            {1, 1, 8, 8}};
  if (name == "lstm")
    return {Sequential<float>(LSTM<float>(5, 4, {.layers = 2, .bidirectional = true}), Linear<float>(8, 2)), {1, 7, 5}};
  if (name == "gru") return {Sequential<float>(GRU<float>(5, 4), Linear<float>(4, 2)), {1, 7, 5}};
  if (name == "transformer")
    return {Sequential<float>(TransformerEncoderLayer<float>(8, 2, {.feedforward = 12}),
                              MultiHeadAttention<float>(8, 2, {.causal = true}), RMSNorm<float>(8)),
            {1, 7, 8}};
  if (name == "words")
    return {Sequential<float>(Embedding<float>(10, 4), Flatten<float>(), Linear<float>(12, 2)), {1, 3}};
  Sequential<float> all;
  std::size_t count = 0;
  for (const auto& activation : activation_names()) {
    if (activation == "sparsemax") continue;  // sorts, which ONNX does otherwise
    all.add(Linear<float>(6, 6)).add(Activation<float>(activation));
    ++count;
  }
  return {all, {1, 6}};
}

void save(const std::string& name, const std::string& file, const std::string& samples) {
  auto [model, input] = network(name);
  model.initialise(1);
  std::map<std::string, nn::Tensor> tensors;
  input[0] = 5;
  Array<float> x(input);
  for (std::size_t i = 0; i < x.size(); ++i) x.flat(i) = name == "words" ? float(i * 7 % 10) : std::sin(float(i * i));
  // Statistics other than those of the beginning.
  if (name == "mlp" || name == "images") {
    model.training(true);
    nn::Adam<float> adam(0.01);
    for (int i = 0; i < 3; ++i) {
      autodiff::Tape<float> tape;
      const auto loss = mean(square(model(tape.constant(x))));
      adam.step(model, gradient(loss, model.variables(loss)));
    }
  }
  nn::save_onnx(model, file, network(name).input);
  model.training(false);
  nn::save_safetensors(samples, {{"x", x}, {"y", model(x).value()}});
}

/// A recorded graph with a gradient in it, as doubles.
void graph(const std::string& file, const std::string& samples) {
  autodiff::Tape<double> tape;
  const Array<double> a = xt::xarray<double>{{0.5, -1, 2}, {1, 0.25, -0.5}},
                      b = xt::xarray<double>{{1, 2}, {-1, 0.5}, {0, 3}};
  auto x = tape.variable(a, "x"), w = tape.variable(b, "w");
  auto y = autodiff::sum(autodiff::square(autodiff::tanh(autodiff::matmul(x, w))));
  auto slope = autodiff::recorded_gradient(y, x);
  auto part = autodiff::slice(slope, {autodiff::all, {.start = -1, .stop = {}, .step = -2}});
  std::ofstream(file, std::ios::binary) << autodiff::to_onnx<double>({x, w}, {slope, part},
                                                                     {.outputs = {"slope", "part"}});
  nn::save_safetensors(samples, {{"x", a}, {"w", b}, {"slope", slope.value()}, {"part", part.value()}});
}

/// Modes of modules that are set by themselves: what is written is inference, and they stay.
void modes(const std::string& file, const std::string& samples) {
  nn::Sequential<float> model(nn::Linear<float>(4, 6), nn::BatchNorm<float>(6), nn::BatchNorm<float>(6));
  model.initialise(1);
  for (const bool whole : {true, false}) {
    model.training(whole);
    model[2].training(!whole);
    nn::save_onnx(model, file, Shape{1, 4});
    if (model.training() != whole || model[1].training() != whole || model[2].training() != !whole)
      throw std::runtime_error("a mode has changed");
  }
  model.training(false);
  const Array<float> x = xt::xarray<float>{{1, -2, 3, 0.5}, {0, 2, -1, 4}};
  nn::save_safetensors(samples, {{"x", x}, {"y", model(x).value()}});
}

/// What depends on the number of samples, which no file's model may fix.
struct OverSamples : nn::Module<float> {
  explicit OverSamples(std::string how) : what(std::move(how)) {}
  std::vector<Variable<float>> forward(const std::vector<Variable<float>>& inputs) override {
    const auto& x = inputs[0];
    if (what == "mean") return {x - mean(x, {0}, autodiff::keepdims)};
    if (what == "variance") return {x * variance(x, {0})};
    return {x / double(x.shape(0))};
  }
  void members(nn::Members<float>&) override {}
  std::string what;
};

void over_samples(const std::string& what, const std::string& file) {
  OverSamples model(what);
  nn::save_onnx(model, file, Shape{1, 4});
}

void load(const std::string& file, const std::string& samples, const std::string& outputs) {
  nn::OnnxModel<float> model(file);
  auto read = nn::load_safetensors(samples).tensors;
  std::vector<Variable<float>> inputs;
  for (const auto& name : model.inputs()) inputs.push_back(Variable<float>(read.at(name).as<float>()));
  const auto results = model(inputs);
  // Programs record it without values.
  autodiff::Tape<float> tape(autodiff::TapeMode::abstract);
  std::vector<Variable<float>> recorded;
  for (const auto& input : inputs) recorded.push_back(tape.input(input.shape()));
  if (model(recorded)[0].shape() != results[0].shape()) throw std::runtime_error("recorded, it has another shape");
  std::map<std::string, nn::Tensor> written;
  for (std::size_t i = 0; i < results.size(); ++i) written.emplace(model.outputs()[i], results[i].value());
  nn::save_safetensors(outputs, written);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "save" && argc == 5) return save(argv[2], argv[3], argv[4]), 0;
  if (what == "graph" && argc == 4) return graph(argv[2], argv[3]), 0;
  if (what == "modes" && argc == 4) return modes(argv[2], argv[3]), 0;
  if (what == "over_samples" && argc == 4) return over_samples(argv[2], argv[3]), 0;
  if (what == "construct" && argc == 3) return nn::OnnxModel<float>(argv[2]), 0;
  if (what == "load" && argc == 5) return load(argv[2], argv[3], argv[4]), 0;
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
