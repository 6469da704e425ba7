// Indices and labels come as numbers of the array's own element type.
#pragma once

#include <cmath>
#include <limits>

#include "../error.hpp"
#include "../kernels/index.hpp"

namespace autodiff {

/// Throws ValueError where T does not tell all indices below `length` apart.
template <class T>
void check_exact_indices(std::string_view operation, std::size_t length) {
  constexpr auto exact = std::size_t{1} << std::numeric_limits<T>::digits;
  if (length > exact) fail<ValueError>(operation, "this element type is exact for ", exact, " indices only: ", length);
}

/// The index as an integer. Throws ValueError when it is no whole number below `length`.
template <class T>
std::size_t checked_index(std::string_view operation, T index, std::size_t length, std::size_t at) {
  check_exact_indices<T>(operation, length);
  if (!(index >= 0 && index < static_cast<T>(length)) || index != std::floor(index))
    fail<ValueError>(operation, "element ", at, " must be a whole number from 0 to ", length,
                     " (not included): ", index);
  return static_cast<std::size_t>(index);
}

/// Throws ValueError unless all are whole numbers below `length`. Asked at every run: what chose by these indices
/// before may have been left out of a program.
template <class T>
void check_indices(std::string_view operation, Operand<const T> index, std::size_t length) {
  const std::size_t n = count(index.shape), bad = kernels::find_bad_index(index.data, n, length);
  if (n > 0) checked_index(operation, index.data[bad < n ? bad : 0], length, bad);
}

}  // namespace autodiff
