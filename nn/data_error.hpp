// What every reader of files throws.
#pragma once

#include <autodiff/error.hpp>

namespace nn {

/// A file that is not what it should be: "[read_csv] file:line: what is wrong" for text, "[read_idx] file:offset N:
/// what is wrong" for bytes.
struct DataError : autodiff::Error {
  using Error::Error;
};

}  // namespace nn
