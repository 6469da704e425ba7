#include "saving.hpp"

#include <nn/io/atomic_file.hpp>
#include <nn/io/safetensors.hpp>

#include "named_arrays.hpp"

namespace nn {

template <Real T>
void save(Module<T>& model, const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) {
  std::map<std::string, Tensor> tensors;
  for (const auto& array : named_arrays(model)) tensors.emplace(array.name, array.value());
  save_safetensors(path, tensors, metadata);
}

template <Real T>
void load(Module<T>& model, const std::filesystem::path& path) {
  replace(named_arrays(model), load_safetensors(path).tensors, {""}, "load", path.string());
}

void check_writable(const std::filesystem::path& path) { AtomicFile("check_writable", path); }

#define NN_SAVING(T)                                                                                       \
  template void save(Module<T>&, const std::filesystem::path&, const std::map<std::string, std::string>&); \
  template void load(Module<T>&, const std::filesystem::path&);
NN_SAVING(float)
NN_SAVING(double)

}  // namespace nn
