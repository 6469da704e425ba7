// Models in files, and what PyTorch keeps in them.
#pragma once

#include <filesystem>
#include <map>
#include <nn/io/tensor.hpp>
#include <nn/model/module.hpp>
#include <string>
#include <vector>

namespace nn {

/// What loading did.
struct LoadReport {
  struct Converted {
    std::string name, how;  // "0.weight", "F16 to F32, transposed"
  };
  std::vector<std::string> missing;     // in the file, by their names in the model; they stay as they were
  std::vector<std::string> unexpected;  // what the model does not have, by names in the file
  std::vector<Converted> converted;     // by names in the model
};
/// All of it, in one line.
std::string to_string(const LoadReport& report);

struct LoadOptions {
  /// Whether the file must have what the model has, and nothing else. Otherwise what both have is loaded, and elements
  /// are also rounded, from F64 to float.
  bool strict = true;
  /// What names in the file begin with, and those of the model do not: "model.". Tensors without it are left alone.
  std::string prefix = {};
  /// What modules or parameters of the model are called in the file, without the prefix: {"0", "encoder.fc1"}. The
  /// longest name that fits counts.
  std::map<std::string, std::string> names = {};
};

struct SaveOptions {
  std::string prefix = {};                           // as in LoadOptions
  std::map<std::string, std::string> names = {};     // as in LoadOptions
  std::map<std::string, std::string> metadata = {};  // texts beside the weights
};

/// Writes the model to a safetensors file, under the names of model.parameters(), "0.weight". Python's safetensors
/// package reads it. `metadata` is for what is needed to build the model again; load_safetensors gives it back, with
/// "layout": "xtensor-autodiff", which says how weights lie. Throws ValueError for a parameter without a value and for
/// another "layout" in the metadata, and what save_safetensors throws.
template <Real T>
void save(Module<T>& model, const std::filesystem::path& path, const std::map<std::string, std::string>& metadata = {});

/// Reads a file of save back into a model of the same structure, initialised or not. Elements of fewer bits are
/// converted exactly: F16, BF16, and F32 for double. Throws what load_safetensors throws, ValueError for names that the
/// model does not have, and DataError unless names, shapes and element types are the model's. It says all that differ,
/// and the model stays as it was.
///
/// A file in which weights lie as in PyTorch is refused with DataError: one whose metadata says so ("format": "pt"),
/// one that fits in this way only, and, where all weights that would be transposed are square, one that does not say
/// how they lie, unless a save that did not say so yet has written it.
template <Real T>
LoadReport load(Module<T>& model, const std::filesystem::path& path, const LoadOptions& options = {});

/// Reads the state_dict() of a PyTorch model of the same structure, as safetensors.torch.save_file has written it.
/// Names and layouts are those of PyTorch's layers (see PyTorchLayout): the weights of Linear are transposed,
/// "running_var" is running_variance, "num_batches_tracked" need not be there. A layer without a bias there is loaded
/// with strict = false. Throws what load throws, and DataError for a file that save has written.
template <Real T>
LoadReport load_pytorch(Module<T>& model, const std::filesystem::path& path, const LoadOptions& options = {});
/// The same of tensors, wherever they come from.
template <Real T>
LoadReport load_pytorch(Module<T>& model, const std::map<std::string, Tensor>& tensors,
                        const LoadOptions& options = {});

/// Writes what load_state_dict() takes in PyTorch, strict as it is by default, once safetensors.torch.load_file has
/// read it. Its metadata has "layout": "pytorch" and "format": "pt". Throws what save throws, and ValueError for names
/// that the model does not have or that are given twice.
template <Real T>
void save_pytorch(Module<T>& model, const std::filesystem::path& path, const SaveOptions& options = {});

/// Whether a file can be written there, as is better known before training than after. Throws DataError, with the
/// reason, if not; an old file stays as it is.
void check_writable(const std::filesystem::path& path);
/// Writes a text as a file, all of it or nothing: a crash at any instant leaves the old file or the new one. Throws
/// DataError.
void write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace nn
