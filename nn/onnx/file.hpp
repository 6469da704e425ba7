// What a file of ONNX says, as far as it is read here. Nobody has to trust it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nn/io/tensor.hpp>
#include <string>
#include <vector>

namespace nn {

using Whole = std::vector<std::int64_t>;

struct OnnxAttribute {
  double real = 0;
  std::int64_t integer = 0;
  std::string text = {};
  Whole integers = {};
  Tensor tensor = {};
};

struct OnnxNode {
  std::string operation, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, OnnxAttribute> attributes = {};
};

struct OnnxFile {
  std::vector<OnnxNode> nodes;
  std::map<std::string, Tensor> constants;
  std::vector<std::string> inputs, outputs;  // without the constants
  std::int64_t version = 0;                  // of the operators
};

/// Reads a file. Throws DataError, "[load_onnx] file: rule", for one that is damaged, holds more than 2 GB, or has
/// numbers in other files or in types that are not read here.
OnnxFile read_onnx(const std::filesystem::path& path);

}  // namespace nn
