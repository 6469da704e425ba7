#include "checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nn/base/data_error.hpp>
#include <nn/io/safetensors.hpp>

#include "named_arrays.hpp"

namespace nn {

using autodiff::fail;

namespace {

// In the metadata, the sign of a checkpoint.
constexpr const char* format_name = "xtensor-autodiff";
constexpr const char* format = "checkpoint 1";

constexpr const char* model_prefix = "model.";
constexpr const char* optimiser_prefix = "optimiser.";
constexpr const char* learning_rate = "optimiser.learning_rate";

template <Real T>
using All = std::vector<NamedArray<T>>;

template <Real T>
All<T> all_of(Module<T>& model) {
  return under(model_prefix, named_arrays(model));
}

template <Real T>
All<T> all_of(Module<T>& model, Optimiser<T>& optimiser) {
  auto result = all_of(model);
  std::ranges::move(under(optimiser_prefix, named_arrays(optimiser, model)), std::back_inserter(result));
  return result;
}

template <Real T>
void exchange(std::map<std::string, Tensor>& arrays, std::string_view prefix, const All<T>& kept) {
  std::map<std::string, Tensor> tensors;
  for (const auto& array : kept) tensors.emplace(array.name, array.value());
  std::erase_if(arrays, [&](const auto& named) { return named.first.starts_with(prefix); });
  arrays.merge(tensors);
}

}  // namespace

const std::string& Checkpoint::text(const std::string& name) const {
  const auto found = texts_.find(name);
  if (found == texts_.end()) refuse(name, "is not there");
  return found->second;
}

void Checkpoint::refuse(std::string_view name, std::string_view why) const {
  fail<DataError>("checkpoint", path_, ": ", in_quotes(name), ' ', why);
}

template <Real T>
Array<T> Checkpoint::array(const std::string& name) const {
  const auto found = arrays.find(name);
  if (found == arrays.end()) refuse(name, "is not there");
  return found->second.as<T>();
}

template <Real T>
void Checkpoint::put(Module<T>& model) {
  exchange(arrays, model_prefix, all_of(model));
}

template <Real T>
void Checkpoint::put(Module<T>& model, Optimiser<T>& optimiser) {
  put(model);
  exchange(arrays, optimiser_prefix, under(optimiser_prefix, named_arrays(optimiser, model)));
  set(learning_rate, optimiser.learning_rate());
}

template <Real T>
void Checkpoint::restore(Module<T>& model) const {
  replace(all_of(model), arrays, {model_prefix}, "restore", path_);
}

template <Real T>
void Checkpoint::restore(Module<T>& model, Optimiser<T>& optimiser) const {
  const auto rate = number<double>(learning_rate);
  if (!(rate >= 0) || std::isinf(rate)) refuse(learning_rate, "must be finite and not negative");
  replace(all_of(model, optimiser), arrays, {model_prefix, optimiser_prefix}, "restore", path_);
  optimiser.learning_rate(rate);
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  auto metadata = checkpoint.texts_;
  metadata[format_name] = format;
  save_safetensors(path, checkpoint.arrays, metadata);
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  auto [tensors, metadata] = load_safetensors(path);
  const auto sign = metadata.find(format_name);
  if (sign == metadata.end())
    fail<DataError>("load_checkpoint", path.string(), ": is not a checkpoint; if it holds weights alone, call load");
  if (sign->second != format)
    fail<DataError>("load_checkpoint", path.string(), ": needs \"", format, "\", and is ", in_quotes(sign->second));
  metadata.erase(sign);
  Checkpoint result;
  result.arrays = std::move(tensors);
  result.texts_ = std::move(metadata);
  result.path_ = path.string();
  return result;
}

#define NN_CHECKPOINT(T)                                         \
  template Array<T> Checkpoint::array(const std::string&) const; \
  template void Checkpoint::put(Module<T>&);                     \
  template void Checkpoint::put(Module<T>&, Optimiser<T>&);      \
  template void Checkpoint::restore(Module<T>&) const;           \
  template void Checkpoint::restore(Module<T>&, Optimiser<T>&) const;
NN_CHECKPOINT(float)
NN_CHECKPOINT(double)

}  // namespace nn
