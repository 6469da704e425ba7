// Checkpoints: all that a run of training needs to go on as if it had never stopped.
#pragma once

#include <charconv>
#include <concepts>
#include <filesystem>
#include <map>
#include <nn/base/text.hpp>
#include <nn/io/tensor.hpp>
#include <nn/optim/optimisers.hpp>
#include <string>
#include <string_view>

namespace nn {

template <class N>
concept CheckpointNumber = (std::integral<N> || std::floating_point<N>)&&!std::same_as<N, bool>;

/// Named arrays, and named numbers and texts. A number is kept as text that reads back as the same one, bit for bit
/// (but for which NaN it is).
class Checkpoint {
 public:
  /// By full name: "model.<parameter>" and "optimiser.<parameter>.<slot>" are those of put.
  std::map<std::string, Tensor> arrays;

  /// Keeps a text, or a number, under a name.
  void set(const std::string& name, std::string text) { texts_[name] = std::move(text); }
  template <CheckpointNumber N>
  void set(const std::string& name, N number) {
    set(name, digits(number));
  }
  bool contains(const std::string& name) const { return texts_.contains(name); }
  /// Throws DataError when there is none of this name, as all below do.
  const std::string& text(const std::string& name) const;
  /// Throws DataError for a text that is not a number, or not one that an N holds.
  template <CheckpointNumber N>
  N number(const std::string& name) const {
    const std::string& digits = text(name);
    N result{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
    if (error != std::errc() || end != digits.data() + digits.size())
      refuse(name, std::integral<N> ? "is not a whole number in its range" : "is not a number in its range");
    return result;
  }
  /// Its elements converted to T.
  template <Real T>
  Array<T> array(const std::string& name) const;

  /// Takes the values of the model, in the place of any put before. Throws ValueError for a parameter without a value.
  template <Real T>
  void put(Module<T>& model);
  /// The same, with the slots and the learning rate ("optimiser.learning_rate") of its optimiser.
  template <Real T>
  void put(Module<T>& model, Optimiser<T>& optimiser);
  /// Gives them back. Throws DataError, and changes nothing, unless all names, shapes and element types agree; it says
  /// all that do not.
  template <Real T>
  void restore(Module<T>& model) const;
  /// The same with the optimiser, which must be of the same rule. It keeps the options that it was made with.
  template <Real T>
  void restore(Module<T>& model, Optimiser<T>& optimiser) const;

 private:
  friend void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
  friend Checkpoint load_checkpoint(const std::filesystem::path& path);

  [[noreturn]] void refuse(std::string_view name, std::string_view why) const;

  std::map<std::string, std::string> texts_;
  std::string path_ = "checkpoint";  // for errors
};

/// Writes a safetensors file; the numbers and texts are its metadata. Throws what save_safetensors throws: the old file
/// is there until the new one is.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
/// Throws what load_safetensors throws, and DataError for a file that is not a checkpoint of this version.
Checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace nn
