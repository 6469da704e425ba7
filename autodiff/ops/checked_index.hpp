// Indices and labels come as numbers of the array's own element type.
#pragma once

#include <cmath>
#include <limits>

#include "../error.hpp"

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

}  // namespace autodiff
