// What every reader of files throws, and what it takes at most.
#pragma once

#include <autodiff/error.hpp>
#include <cstdint>

namespace nn {

/// A file that is not what it should be: "[read_csv] file:line: what is wrong" for text, "[read_idx] file:offset N:
/// what is wrong" for bytes.
struct DataError : autodiff::Error {
  using Error::Error;
};

/// What a file of arrays may hold, unpacked, unless more is allowed: what is larger is better streamed from disk.
inline constexpr std::uint64_t default_max_bytes = std::uint64_t{1} << 31;

}  // namespace nn
