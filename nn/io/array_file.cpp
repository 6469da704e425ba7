#include "array_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;

namespace {

constexpr std::size_t buffer_bytes = 1 << 16;

/// Elements as they stand in a file, as numbers.
template <Real T>
void convert(const std::byte* from, const ArrayHeader& header, std::span<T> to) {
  detail::convert(from, header.dtype, header.big_endian != (std::endian::native == std::endian::big), to);
}

}  // namespace

void check_elements(Bytes& bytes, const ArrayHeader& header) {
  // An array without elements takes no bytes; its axes must be countable all the same.
  std::uint64_t all = size(header.dtype), held = bytes.length() - header.begin;
  bool empty = false, overflow = false;
  for (const std::size_t length : header.shape) {
    empty = empty || length == 0;
    overflow = __builtin_mul_overflow(all, std::max<std::uint64_t>(length, 1), &all) || overflow;
  }
  if (overflow || all > std::uint64_t{1} << 62 || held != (empty ? 0 : all))
    bytes.refuse("the header promises elements of " + std::to_string(size(header.dtype)) + " bytes in shape " +
                 autodiff::to_string(Dims(header.shape)) + ", but " + std::to_string(held) + " bytes follow");
}

template <Real T>
Array<T> read_elements(Bytes& bytes, const ArrayHeader& header) {
  Shape shape = header.shape;
  if (header.fortran) std::reverse(shape.begin(), shape.end());
  bytes.take_room(std::uint64_t{autodiff::count(Dims(shape))} * sizeof(T));
  auto result = autodiff::uninitialised<T>(Dims(shape));
  const std::size_t size = nn::size(header.dtype), most = buffer_bytes / size;
  std::vector<std::byte> buffer(std::min(result.size(), most) * size);
  for (std::size_t begin = 0; begin < result.size();) {
    const std::size_t n = std::min(most, result.size() - begin);
    bytes.read(buffer.data(), n * size);
    convert(buffer.data(), header, std::span(result.data() + begin, n));
    begin += n;
  }
  if (header.fortran && shape.size() > 1) return autodiff::to_array<T>(xt::transpose(result));
  return result;
}

SampleFile::SampleFile(std::string_view caller, const std::filesystem::path& path)
    : caller_(caller), path_(path.string()) {
  FileBytes bytes(caller, path, std::numeric_limits<std::uint64_t>::max());
  if (bytes.packed())
    bytes.refuse("is packed with gzip, where no sample can be reached but through all before it: unpack it first");
  char first = 0;
  if (bytes.length() > 0) bytes.read(&first, 1);
  bytes.restart();
  header_ = first == '\x93' ? read_npy_header(bytes) : read_idx_header(bytes);
  if (header_.shape.empty()) bytes.refuse("the array has no axis of samples");
  if (header_.fortran && header_.shape.size() > 1)
    bytes.refuse("the array is stored in Fortran order, where a sample lies scattered over the whole file");
  shape_ = Shape(header_.shape.begin() + 1, header_.shape.end());
  buffer_.resize(buffer_bytes);
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) bytes.refuse(std::string("cannot be opened: ") + std::strerror(errno));
}

SampleFile::~SampleFile() {
  if (file_ >= 0) ::close(file_);
}

template <Real T>
void SampleFile::copy(std::span<const std::size_t> numbers, T* to) {
  const std::size_t size = nn::size(header_.dtype), length = autodiff::count(Dims(shape_));
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    std::size_t left = (end - i) * length;
    std::uint64_t offset = header_.begin + std::uint64_t{numbers[i]} * length * size;
    while (left > 0) {
      const std::size_t wanted = std::min(left, buffer_.size() / size) * size;
      for (std::size_t have = 0; have < wanted;) {
        const ssize_t got = ::pread(file_, buffer_.data() + have, wanted - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
          fail<DataError>(caller_, path_, ":offset ", offset + have, ": ",
                          got == 0 ? "the file has become shorter since it was opened" : std::strerror(errno));
        have += static_cast<std::size_t>(got);
      }
      convert(buffer_.data(), header_, std::span(to, wanted / size));
      to += wanted / size;
      left -= wanted / size;
      offset += wanted;
    }
    i = end;
  }
}

void SampleFile::expect(std::span<const std::size_t> numbers) const {
  const std::uint64_t bytes = std::uint64_t{autodiff::count(Dims(shape_))} * size(header_.dtype);
  for (const std::size_t number : numbers)
    if (number < samples())
      ::posix_fadvise(file_, static_cast<off_t>(header_.begin + number * bytes), static_cast<off_t>(bytes),
                      POSIX_FADV_WILLNEED);
}

#define NN_ARRAY_FILE(T)                                       \
  template Array<T> read_elements(Bytes&, const ArrayHeader&); \
  template void SampleFile::copy(std::span<const std::size_t>, T*);
NN_ARRAY_FILE(float)
NN_ARRAY_FILE(double)

}  // namespace nn
