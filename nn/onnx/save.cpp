#include <algorithm>
#include <array>
#include <autodiff/onnx.hpp>
#include <nn/io/atomic_file.hpp>
#include <nn/model/visit.hpp>

#include "onnx.hpp"

namespace nn {
namespace {

bool is_prime(std::size_t n) {
  for (std::size_t d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return true;
}

/// Two numbers of samples that no other length is a multiple of: large primes.
template <Real T>
std::array<std::size_t, 2> samples_unlike_lengths(Module<T>& model, std::span<const Shape> inputs) {
  std::size_t longest = 10'000;
  for (const auto& input : inputs) longest = std::max(longest, *std::ranges::max_element(input));
  for (const auto& [name, parameter] : model.parameters())
    for (const std::size_t length : parameter.shape()) longest = std::max(longest, length);
  const auto prime_above = [](std::size_t n) {
    do ++n;
    while (!is_prime(n));
    return n;
  };
  const std::size_t first = prime_above(longest);
  return {first, prime_above(first)};
}

/// "input"; of several "input0", "input1", ...
std::vector<std::string> names(const std::string& name, std::size_t count) {
  if (count == 1) return {name};
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(name + std::to_string(i));
  return all;
}

/// The bytes of a model, recorded with this number of samples.
template <Real T>
std::string recorded(Module<T>& model, std::span<const Shape> inputs, std::size_t samples) {
  autodiff::Tape<T> tape(autodiff::TapeMode::abstract);
  std::vector<Variable<T>> x;
  for (Shape input : inputs) {
    input[0] = samples;
    x.push_back(tape.input(input));
  }
  const auto y = model(x);
  const autodiff::OnnxOptions options{
      .inputs = names("input", x.size()), .outputs = names("output", y.size()), .samples = samples};
  return autodiff::to_onnx<T>(std::span<const Variable<T>>(x), std::span<const Variable<T>>(y), options);
}

}  // namespace

template <Real T>
void save_onnx(Module<T>& model, const std::filesystem::path& path, std::span<const Shape> inputs) {
  for (const auto& input : inputs)
    if (input.empty()) autodiff::fail<autodiff::ShapeError>("save_onnx", "an input must have an axis of samples");
  const detail::InMode<T> inference(model, false);
  const auto [samples, others] = samples_unlike_lengths(model, inputs);
  std::string bytes;
  try {
    bytes = recorded(model, inputs, samples);
  } catch (const autodiff::ShapeError&) {
    recorded(model, inputs, inputs.front()[0]);  // so that the error shows the number of samples that was given
    throw;
  }
  if (bytes != recorded(model, inputs, others))  // a count of samples that is a number and no length of an axis
    autodiff::fail<autodiff::ValueError>("save_onnx",
                                         "what forward computes uses the number of samples as a number, as a mean over "
                                         "samples does, and a file's model takes any number of them");
  AtomicFile file("save_onnx", path);
  file.write(std::as_bytes(std::span(bytes)));
  file.commit();
}

template void save_onnx(Module<float>&, const std::filesystem::path&, std::span<const Shape>);
template void save_onnx(Module<double>&, const std::filesystem::path&, std::span<const Shape>);

}  // namespace nn
