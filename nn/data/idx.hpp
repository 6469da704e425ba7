// IDX files, the form of the MNIST digits: http://yann.lecun.com/exdb/mnist, "the IDX file format".
#pragma once

#include <filesystem>
#include <nn/base/data_error.hpp>

#include "dataset.hpp"

namespace nn {

/// The array of an IDX file, plain or gzip, of any shape; elements as they stand, pixels from 0 to 255. Throws
/// DataError, with file and offset, for a file that is damaged, truncated or longer than its header says, and for one
/// that holds more than max_bytes, unpacked, or whose array would take more. Memory is taken only for what is there:
/// packed files are unpacked twice, to know.
template <autodiff::Real T>
autodiff::Array<T> read_idx(const std::filesystem::path& path, std::uint64_t max_bytes = default_max_bytes);

/// The samples of one IDX file (samples, ...), each as one row of features, and their classes in another (samples).
/// Throws DataError as read_idx does, and when the two do not belong together.
template <autodiff::Real T>
Dataset<T> read_idx(const std::filesystem::path& inputs, const std::filesystem::path& labels,
                    std::uint64_t max_bytes = default_max_bytes);

}  // namespace nn
