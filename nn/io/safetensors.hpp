// The safetensors format: named arrays in a file that Python, PyTorch and others read.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tensor.hpp"

namespace nn {

/// What a file holds.
struct Safetensors {
  std::map<std::string, Tensor> tensors;        // by name
  std::map<std::string, std::string> metadata;  // texts by name
};

/// Writes tensors and metadata in the format of https://huggingface.co/docs/safetensors; the same content always makes
/// the same bytes. The file is replaced as a whole: a crash at any instant leaves the old one or the new one. Throws
/// ValueError, before anything is written, for a name or text that is not UTF-8, the name "__metadata__", and what
/// load_safetensors would refuse: a name or text of more than 1 MiB, too many of them, an array of more than 64 axes,
/// and more than 100 MB of names and texts. Throws DataError when the file cannot be written, and leaves the old one
/// then.
void save_safetensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads an untrusted file: all that it says is checked against its size before memory is taken. Throws
/// DataError, with the file and the byte where reading stopped, for what is not a safetensors file with the element
/// types of Dtype: no such file, JSON that is malformed or says anything else, a name twice, an array of more than 64
/// axes or of another size than its bytes, bytes that belong to two arrays or to none, and a truncated file.
/// Takes no more memory than the file has bytes and 16 MiB: a name or text of more than 1 MiB in the header is refused,
/// and so are many short ones, from some 80,000 arrays or 100,000 texts on.
Safetensors load_safetensors(const std::filesystem::path& path);

namespace detail {
struct WrittenSafetensors : Safetensors {
  bool offsets_first;  // in the header: save_safetensors has written it, or one that orders keys alphabetically, too
};
/// What load_safetensors reads.
WrittenSafetensors load_safetensors(const std::filesystem::path& path);
}  // namespace detail

}  // namespace nn
