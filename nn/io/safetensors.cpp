#include "safetensors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nn/base/data_error.hpp>
#include <nn/base/text.hpp>
#include <span>
#include <sstream>

#include "atomic_file.hpp"
#include "safetensors_header.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

constexpr std::uint64_t max_header = 100'000'000;  // of the format

using Arrays = std::map<std::string, Extent>;

/// The arrays as they follow each other in the file. Refuses bytes of two arrays, or of none.
std::vector<Arrays::const_iterator> in_order(const Arrays& arrays, std::uint64_t data_bytes,
                                             const SafetensorsFile& source) {
  std::vector<Arrays::const_iterator> order;
  order.reserve(arrays.size());
  for (auto array = arrays.begin(); array != arrays.end(); ++array) order.push_back(array);
  std::ranges::sort(order, {}, [](auto array) { return std::pair(array->second.begin, array->second.end); });
  std::uint64_t end = 0;
  for (const auto& array : order) {
    const auto& [name, extent] = *array;
    if (extent.begin != end)
      source.refuse(extent.stated, in_quotes(name) + " begins at byte " + std::to_string(extent.begin) +
                                       " of the data, and what is before it ends at " + std::to_string(end));
    end = extent.end;
    if (end > data_bytes)
      source.refuse(extent.stated, in_quotes(name) + " ends at byte " + std::to_string(end) +
                                       " of the data, and there are " + std::to_string(data_bytes));
  }
  if (end != data_bytes)
    source.refuse(header_begin, "the arrays take " + std::to_string(end) + " bytes of the data, and there are " +
                                    std::to_string(data_bytes));
  return order;
}

void read(std::ifstream& file, void* to, std::uint64_t bytes, const SafetensorsFile& source) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  if (static_cast<std::uint64_t>(file.gcount()) != bytes) source.refuse("cannot be read to the end");
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  // Those of the largest elements first, so that all are aligned.
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& named : tensors) order.push_back(&named);
  std::ranges::stable_sort(order, std::greater(), [](const auto* named) { return size(named->second.dtype()); });

  SafetensorsHeader header{{}, metadata, true};
  std::uint64_t end = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    const std::uint64_t begin = end;
    end += tensor.bytes().size();
    header.arrays.emplace(name, Extent{tensor.dtype(), tensor.shape(), begin, end});
  }
  std::string text = safetensors_header(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  if (length > max_header)
    fail<ValueError>("save_safetensors", "names and metadata take ", length, " bytes, more than the ", max_header,
                     " of the format");
  // What cannot be loaded is not saved.
  try {
    std::istringstream written(text);
    parse_safetensors_header(written, length, {"save_safetensors", path.string()});
  } catch (const DataError& error) {
    throw ValueError(error.what());
  }

  AtomicFile file("save_safetensors", path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(text)));
  for (const auto* named : order) file.write(named->second.bytes());
  file.commit();
}

Safetensors load_safetensors(const std::filesystem::path& path) { return detail::load_safetensors(path); }

detail::WrittenSafetensors detail::load_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile source{"load_safetensors", path.string()};
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (is_directory(status)) source.refuse("is a directory");
  // Others may never end, or keep who opens them waiting.
  if (exists(status) && !is_regular_file(status)) source.refuse("is not a regular file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) source.refuse(std::string("cannot be opened: ") + std::strerror(errno));

  const std::uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) source.refuse("cannot be read: " + error.message());
  if (bytes < header_begin)
    source.refuse(0, "this is a truncated file: it has " + std::to_string(bytes) + " bytes, less than a header");
  std::uint64_t length = 0;
  read(file, &length, header_begin, source);
  if (length > max_header || length > bytes - header_begin)
    source.refuse(0, "this is a truncated file, or none of safetensors: the header would take " +
                         std::to_string(length) + " bytes, of " + std::to_string(bytes - header_begin) + " and " +
                         std::to_string(max_header) + " at most");
  SafetensorsHeader header = parse_safetensors_header(file, length, source);

  WrittenSafetensors result{{{}, std::move(header.metadata)}, header.offsets_first};
  for (const auto& array : in_order(header.arrays, bytes - header_begin - length, source)) {
    auto node = header.arrays.extract(array);  // from one map into the other: no array is in both
    Extent& extent = node.mapped();
    std::vector<std::byte> data(extent.end - extent.begin);
    read(file, data.data(), data.size(), source);
    result.tensors.emplace(std::move(node.key()), Tensor(extent.dtype, std::move(extent.shape), std::move(data)));
  }
  return result;
}

}  // namespace nn
