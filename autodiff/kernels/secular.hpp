// The step that joins two halves in divide and conquer, of eigenvalues and of singular values: M. Gu and S. Eisenstat,
// SIAM Journal on Matrix Analysis and Applications 16, 1995. On threads() threads, with the same bits for any number.
#pragma once

#include <cstddef>
#include <vector>

namespace autodiff::kernels {

/// The roots of 1 + sum_i z_i^2 / (d_i - x), for d that ascends and z that is nowhere zero: the eigenvalues of
/// diag(d) + z z^T. Where `squared`, d[0] is 0 and all is said of squares: root j is the singular value of diag(d) with
/// the row z^T in place of its first. Vectors come from a z that has exactly these roots, and so are orthogonal however
/// near two of them are.
class Secular {
 public:
  Secular(bool squared, std::vector<double> d, std::vector<double> z);
  /// Ascending.
  double root(std::size_t j) const { return d_[origin_[j]] + offset_[j]; }
  /// vectors[row[i] * distance + j] = z_i / (d_i - root j) or, of squares, z_i / (d_i^2 - root^2), with columns of
  /// length 1; `distance` is padded(size). Of squares `left`, too: d_i times that, and -1 for i = 0.
  void fill(const std::vector<std::size_t>& row, double* vectors, double* left) const;
  /// Columns up to a whole number of registers.
  static std::size_t padded(std::size_t size);

 private:
  void solve(std::size_t from);
  void refine(std::size_t from);

  bool squared_;
  std::size_t size_;
  std::vector<double> d_, z_, exact_;
  std::vector<std::size_t> origin_;  // the pole next to a root, and how far the root is from it
  std::vector<double> offset_;
};

}  // namespace autodiff::kernels
