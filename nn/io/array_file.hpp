// Arrays in binary files: what their headers say, checked against what the files hold, and their elements.
#pragma once

#include <autodiff/array.hpp>
#include <span>
#include <vector>

#include "bytes.hpp"
#include "tensor.hpp"

namespace nn {

/// What a header says.
struct ArrayHeader {
  Dtype dtype = Dtype::u8;
  bool big_endian = false;
  /// The first axis runs fastest, not the last one.
  bool fortran = false;
  autodiff::Shape shape = {};
  /// Where the elements begin.
  std::uint64_t begin = 0;
};

// Both leave the bytes at the first element, and throw DataError unless the elements end where the file does: what the
// header promises is there, so memory may be taken for it.
ArrayHeader read_idx_header(Bytes& bytes);
ArrayHeader read_npy_header(Bytes& bytes);
/// The check that both end with.
void check_elements(Bytes& bytes, const ArrayHeader& header);

/// The elements, through a buffer of fixed size.
template <autodiff::Real T>
autodiff::Array<T> read_elements(Bytes& bytes, const ArrayHeader& header);

/// An IDX or .npy file whose first axis is one of samples, any of which can be read without the others. Its memory is a
/// buffer of fixed size, however long the file and its samples are.
class SampleFile {
 public:
  /// Throws DataError for any other file, and for a packed one.
  SampleFile(std::string_view caller, const std::filesystem::path& path);
  ~SampleFile();
  SampleFile(const SampleFile&) = delete;
  std::size_t samples() const { return header_.shape[0]; }
  /// Of one sample.
  const autodiff::Shape& shape() const { return shape_; }
  /// The samples of these numbers, which must exist, one after the other; neighbours are read together. Throws
  /// DataError when the file cannot be read or has shrunk meanwhile.
  template <autodiff::Real T>
  void copy(std::span<const std::size_t> numbers, T* to);
  /// Has the disk read samples ahead, those that exist.
  void expect(std::span<const std::size_t> numbers) const;

 private:
  std::string caller_, path_;
  ArrayHeader header_;
  autodiff::Shape shape_;
  std::vector<std::byte> buffer_;
  int file_ = -1;
};

}  // namespace nn
