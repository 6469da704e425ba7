// Pooling: windows that slide over planes of three axes.
#pragma once

#include <array>
#include <cstddef>

namespace autodiff::kernels {

/// Planes (input...) and results (output...), dense, of three axes: those that are not there have length one. The
/// window of place i begins at i stride - front, and what it reaches outside the plane does not count; or, where the
/// windows are to share the plane out (`adaptive`), it is from floor(i n / m) to ceil((i + 1) n / m) of m results of n
/// elements.
struct Pool {
  using Lengths = std::array<std::size_t, 3>;
  std::size_t planes;
  Lengths input, window, output, stride, dilation, front;
  bool adaptive;
};

// Each gives the same bits for any number of threads.

/// The largest element of each window, the first of equal ones, and its place in the plane; NaN is the largest. Windows
/// have at least one element inside.
template <class T>
void max_pool(T* y, T* places, const T* x, const Pool& p);

/// The sum of the elements of each window.
template <class T>
void sum_pool(T* y, const T* x, const Pool& p);
/// Its transpose: adds each element of y to all of its window.
template <class T>
void spread_pool(T* x, const T* y, const Pool& p);

/// y[i, j] = x[i, places[i, j]] for `rows` rows of m of n elements.
template <class T>
void take_places(T* y, const T* x, const T* places, std::size_t rows, std::size_t n, std::size_t m);
/// Its transpose: zeros, to which each y[i, j] is added at its place.
template <class T>
void put_places(T* x, const T* y, const T* places, std::size_t rows, std::size_t n, std::size_t m);

}  // namespace autodiff::kernels
