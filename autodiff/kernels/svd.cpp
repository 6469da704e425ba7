// Singular values, in a file of their own: Eigen's templates for them take longest of all to compile, and so are
// compiled for double alone.
#include <algorithm>
#include <vector>

#include "decompose.hpp"

// See gemm.cpp for the name.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/SVD>

namespace autodiff::kernels {

template <>
bool svd(const double* a, std::size_t m, std::size_t n, double* u, double* s, double* vh) {
  using Matrix = Eigen::MatrixXd;
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto rows = Eigen::Index(m), columns = Eigen::Index(n), k = std::min(rows, columns);
  if (k == 0) return true;
  const Eigen::BDCSVD<Matrix> found(Eigen::Map<const RowMajor>(a, rows, columns),
                                    Eigen::ComputeThinU | Eigen::ComputeThinV);
  if (found.info() != Eigen::Success) return false;
  std::copy_n(found.singularValues().data(), k, s);
  Eigen::Map<RowMajor>(u, rows, k) = found.matrixU();
  Eigen::Map<RowMajor>(vh, k, columns) = found.matrixV().transpose();
  return true;
}

template <>
bool svd(const float* a, std::size_t m, std::size_t n, float* u, float* s, float* vh) {
  const std::size_t k = std::min(m, n);
  const std::vector<double> wide(a, a + m * n);
  std::vector<double> wide_u(m * k), wide_s(k), wide_vh(k * n);
  if (!svd(wide.data(), m, n, wide_u.data(), wide_s.data(), wide_vh.data())) return false;
  std::ranges::copy(wide_u, u), std::ranges::copy(wide_s, s), std::ranges::copy(wide_vh, vh);
  return true;
}

}  // namespace autodiff::kernels
