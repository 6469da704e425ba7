// Matrices in stacks: their last two axes, and the batches in front, which broadcast.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

#include "../error.hpp"
#include "../kernels/threads.hpp"
#include "../op.hpp"

namespace autodiff {

/// The axes in front of the last two.
inline Dims batches_of(Dims x) { return x.first(x.size() - 2); }

/// Where the matrix for batch `index` of the shape `batches` starts in an operand whose batches broadcast to it.
template <class T>
std::ptrdiff_t batch_offset(std::size_t index, Dims batches, Operand<const T> x) {
  std::ptrdiff_t offset = 0;
  std::size_t axis = x.shape.size() - 2;
  for (std::size_t i = batches.size(); i-- > 0 && axis > 0; index /= batches[i]) {
    --axis;
    if (x.shape[axis] != 1) offset += static_cast<std::ptrdiff_t>(index % batches[i]) * x.strides[axis];
  }
  return offset;
}

/// Throws ShapeError unless x is a stack of matrices.
inline void check_matrices(std::string_view operation, Dims x) {
  if (x.size() < 2) fail<ShapeError>(operation, "needs matrices: ", x);
}
/// The side of square matrices. Throws ShapeError for others.
inline std::size_t side(std::string_view operation, Dims x) {
  check_matrices(operation, x);
  if (x[x.size() - 2] != x[x.size() - 1]) fail<ShapeError>(operation, "needs square matrices: ", x);
  return x[x.size() - 1];
}

/// Calls f(i) for each matrix of a stack, of so many multiplications each, on threads where that is worth while, and
/// gives what it returned. Of one matrix, f itself may use threads.
template <class F>
std::vector<std::size_t> each_matrix(std::size_t matrices, std::size_t work, const F& f) {
  std::vector<std::size_t> found(matrices);
  kernels::share_out(matrices, work, 1 << 16, [&](std::size_t i, std::size_t end) {
    for (; i < end; ++i) found[i] = f(i);
  });
  return found;
}

/// "matrix 3 of the batch", or "the matrix" where there is one.
inline std::string matrix_name(std::size_t i, Dims batches) {
  return batches.empty() ? "the matrix" : "matrix " + std::to_string(i) + " of the batch";
}

/// Throws ValueError, which names the first matrix for which `found` is not zero, and `reason(found)`.
template <class F>
void check_matrices_found(std::string_view operation, const std::vector<std::size_t>& found, Dims batches, F reason) {
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != 0) fail<ValueError>(operation, matrix_name(i, batches), " ", reason(found[i]));
}

}  // namespace autodiff
