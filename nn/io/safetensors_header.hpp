// The header of a safetensors file: JSON that says which bytes are which array.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

#include "tensor.hpp"

namespace nn {

/// Where an array is, from begin to before end, counted from the end of the header.
struct Extent {
  Dtype dtype;
  autodiff::Shape shape;
  std::uint64_t begin, end;
  /// The byte of the file before which the header has said so.
  std::uint64_t stated = 0;
};

struct SafetensorsHeader {
  std::map<std::string, Extent> arrays;
  std::map<std::string, std::string> metadata;
  bool offsets_first = true;  // as save_safetensors writes the keys of every array, and Python's package does not
};

/// A file that is read, for what is to be said of it. Both throw DataError, "[caller] path:offset 8: rule".
struct SafetensorsFile {
  std::string caller, path;

  [[noreturn]] void refuse(const std::string& rule) const;
  [[noreturn]] void refuse(std::uint64_t offset, const std::string& rule) const;
};

/// Where the header begins: after its length.
constexpr std::uint64_t header_begin = 8;

/// What a header says that takes the next `length` bytes of the file, which is at header_begin. All is checked but for
/// what it takes to know the rest of the file: every array has the bytes that it needs. What is returned takes 16 MiB
/// more memory than the header has bytes at most, with the arrays' tensors less their elements.
SafetensorsHeader parse_safetensors_header(std::istream& file, std::uint64_t length, const SafetensorsFile& source);

/// The JSON of a header. Throws ValueError for text that is not UTF-8, and for an array named "__metadata__".
std::string safetensors_header(const SafetensorsHeader& header);

}  // namespace nn
