// Models in files.
#pragma once

#include <filesystem>
#include <map>
#include <nn/model/module.hpp>
#include <string>

namespace nn {

/// Writes the model to a safetensors file, under the names of model.parameters(), "0.weight". Python's safetensors
/// package reads it. `metadata` is for what is needed to build the model again; load_safetensors gives it back. Throws
/// ValueError for a parameter without a value, and what save_safetensors throws.
template <Real T>
void save(Module<T>& model, const std::filesystem::path& path, const std::map<std::string, std::string>& metadata = {});

/// Reads a file of save back into a model of the same structure, initialised or not. Throws what load_safetensors
/// throws, and DataError unless names, shapes and element types are the model's. It says all that differ, and the model
/// stays as it was.
template <Real T>
void load(Module<T>& model, const std::filesystem::path& path);

/// Whether a file can be written there, as is better known before training than after. Throws DataError, with the
/// reason, if not; an old file stays as it is.
void check_writable(const std::filesystem::path& path);

}  // namespace nn
