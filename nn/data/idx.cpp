#include "idx.hpp"

#include <nn/io/array_file.hpp>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;

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
