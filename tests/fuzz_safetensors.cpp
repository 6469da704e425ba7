#include "fuzz_safetensors.hpp"

#include <nn/nn.hpp>
#include <stdexcept>

#include "scratch.hpp"

namespace fuzz {

std::string safetensors_example() {
  const Scratch scratch;
  const autodiff::Array<float> matrix{{1, 2, 3}, {4, 5, 6}};
  std::map<std::string, nn::Tensor> tensors = {{"0.weight", matrix},
                                               {"0.bias", autodiff::Array<float>{0.5}},
                                               {"scalar", autodiff::to_array<double>(0.25)},
                                               {"none", autodiff::Array<double>(autodiff::Shape{3, 0})}};
  tensors.emplace("half", nn::Tensor(nn::Dtype::f16, {2}, std::vector<std::byte>(4)));
  tensors.emplace("\"\u00fc\n", nn::Tensor(nn::Dtype::u8, {1, 3}, std::vector<std::byte>(3)));
  nn::save_safetensors(scratch / "w", tensors, {{"format", "pt"}, {"step", "18446744073709551615"}});
  return bytes_of(scratch / "w");
}

void read_safetensors(const std::filesystem::path& path) {
  const auto file = nn::load_safetensors(path);
  std::uintmax_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors) {
    bytes += tensor.bytes().size();
    if (tensor.as<float>().size() != tensor.as<double>().size()) throw std::logic_error("sizes differ");
  }
  if (bytes > std::filesystem::file_size(path)) throw std::logic_error("more elements than the file has bytes");
}

}  // namespace fuzz
