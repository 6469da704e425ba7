// The C++ side of safetensors_test.py. Arguments: what to do, and files.
#include <cstdio>
#include <nn/nn.hpp>

namespace {

using autodiff::Array;
using autodiff::Shape;

template <class T>
nn::Sequential<T> network() {
  return nn::Sequential<T>(nn::Linear<T>(4, 16), nn::Activation<T>("tanh"), nn::Linear<T>(16, 3));
}

template <class T>
void write(const char* weights, const char* samples) {
  auto model = network<T>();
  model.initialise(7);
  nn::Random random(5);
  for (auto& [name, parameter] : model.parameters())  // biases of zero would test little
    if (parameter.shape().size() == 1)
      parameter.assign(autodiff::to_array<T>(nn::normal(0, 1)(parameter.shape(), random)));
  nn::save(model, weights, {{"units", "16"}});
  Array<T> x(Shape{32, 4});
  for (T& element : x) element = T(random.normal());
  nn::save_safetensors(samples, {{"x", x}, {"y", model(x).value()}});
}

/// Reads weights and "x", and writes "y".
template <class T>
void compute(const char* weights, const char* samples, const char* outputs) {
  auto model = network<T>();
  nn::load(model, weights);
  nn::save_safetensors(outputs, {{"y", model(nn::load_safetensors(samples).tensors.at("x").as<T>()).value()}});
}

/// All arrays as double, and the metadata.
void convert(const char* from, const char* to) {
  auto [tensors, metadata] = nn::load_safetensors(from);
  for (auto& [name, tensor] : tensors) tensor = tensor.as<double>();
  nn::save_safetensors(to, tensors, metadata);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "write-float" && argc == 4) return write<float>(argv[2], argv[3]), 0;
  if (what == "write-double" && argc == 4) return write<double>(argv[2], argv[3]), 0;
  if (what == "compute-float" && argc == 5) return compute<float>(argv[2], argv[3], argv[4]), 0;
  if (what == "compute-double" && argc == 5) return compute<double>(argv[2], argv[3], argv[4]), 0;
  if (what == "convert" && argc == 4) return convert(argv[2], argv[3]), 0;
  std::fprintf(stderr, "unknown arguments\n");
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
