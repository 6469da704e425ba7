// What a file of ONNX says, as far as it is read here. Nobody has to trust it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nn/io/tensor.hpp>
#include <set>
#include <string>
#include <vector>

namespace nn {

using Whole = std::vector<std::int64_t>;

/// AttributeProto.AttributeType, of which these are read.
enum class OnnxType : std::uint64_t { real = 1, integer = 2, text = 3, tensor = 4, reals = 6, integers = 7 };

struct OnnxAttribute {
  OnnxType type = {};
  double real = 0;
  std::int64_t integer = 0;
  std::string text = {};
  Whole integers = {};
  std::vector<float> reals = {};
  Tensor tensor = {};
};

struct OnnxNode {
  std::string operation, name;
  std::vector<std::string> inputs, outputs;
  std::string domain = {};
  std::map<std::string, OnnxAttribute> attributes = {};
};

struct OnnxFile {
  std::vector<OnnxNode> nodes;
  std::map<std::string, Tensor> constants;
  std::vector<std::string> inputs, outputs;  // without the constants
  std::set<std::string> whole_inputs;        // those of whole numbers
  std::int64_t version = 0;                  // of the operators
};

/// Reads a file. Throws DataError, "[load_onnx] file: rule", for one that is damaged, holds more than 2 GB, or has
/// numbers in other files or in types that are not read here.
OnnxFile read_onnx(const std::filesystem::path& path);

}  // namespace nn
