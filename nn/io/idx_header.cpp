// What IDX files say of their arrays.
#include <algorithm>
#include <array>
#include <utility>

#include "array_file.hpp"

namespace nn {

ArrayHeader read_idx_header(Bytes& bytes) {
  constexpr std::size_t most_axes = 32;
  std::array<unsigned char, 4> magic;
  bytes.read(magic.data(), magic.size());
  ArrayHeader header;
  header.big_endian = true;
  constexpr std::pair<int, Dtype> types[] = {{0x08, Dtype::u8},  {0x09, Dtype::i8},  {0x0b, Dtype::i16},
                                             {0x0c, Dtype::i32}, {0x0d, Dtype::f32}, {0x0e, Dtype::f64}};
  const auto* type = std::ranges::find(types, magic[2], &std::pair<int, Dtype>::first);
  if (type == std::end(types) || magic[0] != 0 || magic[1] != 0 || magic[3] == 0 || magic[3] > most_axes)
    bytes.refuse("this is no IDX file, which begins with 0, 0, a type and the number of axes");
  header.dtype = type->second;
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

}  // namespace nn
