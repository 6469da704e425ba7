// What a kernel sees of an array: where its elements are and how they are laid out.
#pragma once

#include <cstddef>
#include <span>

namespace autodiff {

/// The lengths of an array's axes.
using Dims = std::span<const std::size_t>;
/// Steps from one element to the next along each axis, in elements: 0 repeats, negative walks back.
using Steps = std::span<const std::ptrdiff_t>;

/// Elements in memory that somebody else owns. `strides` of axes of length one are arbitrary.
template <class T>
struct Operand {
  T* data;
  Dims shape;
  Steps strides;
};

inline std::size_t count(Dims shape) {
  std::size_t product = 1;
  for (std::size_t length : shape) {
    product *= length;
    asm("" : "+r"(product));  // compilers would multiply in vectors, which takes several times as long for so few
  }
  return product;
}

}  // namespace autodiff
