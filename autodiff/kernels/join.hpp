// What divide and conquer does with the vectors of two halves, for eigenvalues and singular values alike.
#pragma once

#include <vector>

#include "secular.hpp"

namespace autodiff::kernels {

/// The values of two halves that have become one matrix, diag(d) and a vector z that couples them. Some values are
/// settled; those that are kept, which ascend, are found anew by a Secular.
struct Join {
  /// The rows in which a vector so far may not be zero.
  enum Rows : char { top, all, bottom };

  std::vector<Rows> rows;  // of each vector
  std::vector<std::size_t> kept, settled;

  /// Where Secular::fill puts what belongs to each that is kept: those with the same rows side by side.
  std::vector<std::size_t> order() const;
  /// Sorts the values into d, and gives the place of each: among those kept, or behind them among the settled.
  std::vector<std::size_t> sort(double* d, const Secular& found) const;
  /// The columns of q, n rows, of which the first `split` are the top, become the products with `vectors` (of Secular::
  /// fill, by order()) or stay, in the order of `places`.
  void turn(double* q, std::size_t n, std::size_t split, std::size_t distance, const double* vectors,
            const std::vector<std::size_t>& places) const;
};

/// Two columns of n rows become c a - s b and s a + c b.
void rotate(double* a, double* b, std::size_t n, std::size_t distance, double c, double s);

}  // namespace autodiff::kernels
