// Slices chosen by index: copied from their places, or added to them.
#pragma once

#include <cstddef>

namespace autodiff::kernels {

/// The first index that is not a whole number from 0 to `length` (not included); `count` if all are.
template <class T>
std::size_t find_bad_index(const T* index, std::size_t count, std::size_t length);

// Arrays are dense: the whole (outer, length, inner), its parts (outer, count, inner). Indices are in range.

/// parts[o, i, j] = whole[o, index[i], j].
template <class T>
void gather(T* parts, const T* whole, const T* index, std::size_t outer, std::size_t length, std::size_t count,
            std::size_t inner);

/// whole[o, index[i], j] += alpha parts[o, i, j], in the order of i.
template <class T>
void scatter_add(T* whole, const T* parts, const T* index, std::size_t outer, std::size_t length, std::size_t count,
                 std::size_t inner, T alpha = 1);

}  // namespace autodiff::kernels
