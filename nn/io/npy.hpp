// NumPy's files: .npy, one array; .npz, several by name. The format is NumPy Enhancement Proposal 1.
#pragma once

#include <autodiff/array.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nn/base/data_error.hpp>
#include <string>

namespace nn {

/// The array of a .npy file, plain or gzip, of versions 1 to 3: integers, truth values, float32 and float64 of either
/// byte order, stored in C or Fortran order; elements become T. Nothing in it is ever executed: arrays of Python
/// objects and of records are refused. Throws DataError, with file and offset, for these and for a file that is
/// damaged, truncated, longer than its header says, or beyond max_bytes, which count for its bytes, unpacked, and for
/// the array. Memory is taken only for what is there.
template <autodiff::Real T>
autodiff::Array<T> read_npy(const std::filesystem::path& path, std::uint64_t max_bytes = default_max_bytes);

/// Writes a .npy file of this element type, in C order. Throws DataError when that fails.
template <autodiff::Real T>
void write_npy(const std::filesystem::path& path, const autodiff::Array<T>& array);

/// The arrays of a .npz file by their names, stored or deflated. Throws DataError as read_npy does, with file, member
/// and offset; max_bytes counts for all members together, unpacked, and for all arrays.
template <autodiff::Real T>
std::map<std::string, autodiff::Array<T>> read_npz(const std::filesystem::path& path,
                                                   std::uint64_t max_bytes = default_max_bytes);

/// One array of a .npz file; the others are not unpacked. Throws DataError as above, and when there is none of this
/// name.
template <autodiff::Real T>
autodiff::Array<T> read_npz(const std::filesystem::path& path, std::string_view name,
                            std::uint64_t max_bytes = default_max_bytes);

}  // namespace nn
