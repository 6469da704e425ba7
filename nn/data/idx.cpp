#include "idx.hpp"

#include <array>
#include <nn/io/array_file.hpp>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;

ArrayHeader read_idx_header(Bytes& bytes) {
  constexpr std::size_t most_axes = 32;
  std::array<unsigned char, 4> magic;
  bytes.read(magic.data(), magic.size());
  ArrayHeader header;
  header.big_endian = true;
  switch (magic[2]) {
    case 0x08:
      header.element = Element::u8;
      break;
    case 0x09:
      header.element = Element::i8;
      break;
    case 0x0b:
      header.element = Element::i16;
      break;
    case 0x0c:
      header.element = Element::i32;
      break;
    case 0x0d:
      header.element = Element::f32;
      break;
    case 0x0e:
      header.element = Element::f64;
      break;
    default:
      magic[0] = 1;
  }
  if (magic[0] != 0 || magic[1] != 0 || magic[3] == 0 || magic[3] > most_axes)
    bytes.refuse("this is no IDX file, which begins with 0, 0, a type and the number of axes");
  for (int axis = 0; axis < magic[3]; ++axis) {
    std::array<unsigned char, 4> length;
    bytes.read(length.data(), length.size());
    header.shape.push_back(std::size_t{length[0]} << 24 | std::size_t{length[1]} << 16 | std::size_t{length[2]} << 8 |
                           length[3]);
  }
  header.begin = bytes.offset();
  check_elements(bytes, header);
  return header;
}

template <Real T>
Array<T> read_idx(const std::filesystem::path& path, std::uint64_t max_bytes) {
  FileBytes bytes("read_idx", path, max_bytes);
  const auto header = read_idx_header(bytes);
  return read_elements<T>(bytes, header);
}

template <Real T>
Dataset<T> read_idx(const std::filesystem::path& inputs, const std::filesystem::path& labels, std::uint64_t max_bytes) {
  auto classes = read_idx<T>(labels, max_bytes);
  auto samples = read_idx<T>(inputs, max_bytes);
  try {
    return classification(std::move(samples), std::move(classes));
  } catch (const autodiff::Error& error) {
    fail<DataError>("read_idx", inputs.string(), " with ", labels.string(), ": ", error.what());
  }
}

#define NN_IDX(T)                                                          \
  template Array<T> read_idx(const std::filesystem::path&, std::uint64_t); \
  template Dataset<T> read_idx(const std::filesystem::path&, const std::filesystem::path&, std::uint64_t);
NN_IDX(float)
NN_IDX(double)

}  // namespace nn
