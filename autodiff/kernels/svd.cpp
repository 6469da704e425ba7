// Singular values: Householder reflections on either side by Eigen, then divide and conquer. M. Gu and S. Eisenstat, "A
// divide-and-conquer algorithm for the bidiagonal SVD", SIAM Journal on Matrix Analysis and Applications 16, 1995.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "decompose.hpp"
#include "join.hpp"

// See gemm.cpp for the name.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/SVD>

namespace autodiff::kernels {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Index = Eigen::Index;
constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Of an upper bidiagonal matrix of size 1 or so; values ascend.
class Conquest {
 public:
  Conquest(const Vector& diagonal, const Vector& beside)
      : d(diagonal), u(RowMajor::Zero(d.size(), d.size())), v(u), e_(beside) {
    solve(0, d.size(), false);
  }
  Vector d;
  RowMajor u, v;

 private:
  void solve(Index from, Index n, bool wide);
  void join(Index from, Index split, Index n, bool wide);

  Vector e_;
};

// Of n rows and, if `wide`, a column more, whose vector, which the matrix takes to zero, is the last one of v.
void Conquest::solve(Index from, Index n, bool wide) {
  if (n == 0) {
    if (wide) v(from, from) = 1;
    return;
  }
  const Index split = n / 2;
  solve(from, split, true);
  solve(from + split + 1, n - split - 1, wide);
  join(from, split, n, wide);
}

// Between the halves stands a row with two elements. Its singular value so far is zero, and the vector on the right is
// what the upper half takes to zero.
void Conquest::join(Index from, Index split, Index n, bool wide) {
  const Index distance = v.cols(), columns = n + wide;
  double *const left = &u(from, from), *const right = &v(from, from);
  auto values = d.segment(from, n);
  const double above = d[from + split], beside = split + 1 < columns ? e_[from + split] : 0;
  Vector z(columns);
  z.head(split + 1) = above * v.row(from + split).segment(from, split + 1).transpose();
  if (split + 1 < columns)
    z.tail(columns - split - 1) =
        beside * v.row(from + split + 1).segment(from + split + 1, columns - split - 1).transpose();
  u(from + split, from + split) = 1, values[split] = 0;
  const auto merge = [&](Index into, Index out) {
    const double length = std::hypot(z[into], z[out]);
    if (length == 0) return;
    rotate(right + out, right + into, columns, distance, z[into] / length, z[out] / length);
    z[into] = length, z[out] = 0;
  };
  if (wide) merge(split, n);

  std::vector<Index> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](Index i) { return i == split ? -1 : values[i]; });
  Join join{std::vector<Join::Rows>(n, Join::top), {}, {}};
  std::fill(join.rows.begin() + split, join.rows.end(), Join::bottom);
  join.rows[split] = Join::all;
  const double tolerance = 4 * epsilon * std::max({values.maxCoeff(), std::abs(above), std::abs(beside), epsilon});
  z[split] = std::copysign(std::max(std::abs(z[split]), 1e-100), z[split]);  // a zero is found from beside it
  for (const Index i : order) {
    if (i != split && std::abs(z[i]) <= tolerance) {
      join.settled.push_back(i);
      continue;
    }
    if (i != split && values[i] <= tolerance) {
      merge(split, i), join.rows[i] = Join::all, join.settled.push_back(i);
      continue;
    }
    if (join.kept.size() > 1) {
      const Index last = join.kept.back();
      if (values[i] - values[last] <= tolerance) {
        const double length = std::hypot(z[last], z[i]), c = z[i] / length, s = z[last] / length;
        rotate(left + last, left + i, n, distance, c, s), rotate(right + last, right + i, columns, distance, c, s);
        z[i] = length;
        if (join.rows[last] != join.rows[i]) join.rows[last] = join.rows[i] = Join::all;
        join.settled.push_back(last), join.kept.pop_back();
      }
    }
    join.kept.push_back(i);
  }

  std::vector<double> poles, weights;
  for (const std::size_t i : join.kept) poles.push_back(values[i]), weights.push_back(z[i]);
  const Secular found(true, poles, weights);
  const std::size_t size = join.kept.size() * Secular::padded(join.kept.size());
  std::vector<double> of_right(size), of_left(size);
  found.fill(join.order(), of_right.data(), of_left.data());
  const auto places = join.sort(values.data(), found);
  join.turn(left, n, split + 1, distance, of_left.data(), places);
  join.turn(right, columns, split + 1, distance, of_right.data(), places);
}

// a has as many rows as columns, or more.
void svd_of_high(const Matrix& a, Matrix& u, Vector& s, Matrix& v) {
  const Index m = a.rows(), n = a.cols();
  // A power of two keeps squares in range.
  int exponent;
  const double largest = a.cwiseAbs().maxCoeff();
  std::frexp(largest, &exponent);
  exponent = std::max(exponent, -1000);
  Eigen::internal::UpperBidiagonalization<Matrix> found(a * std::ldexp(1.0, -exponent));
  auto band = found.bidiagonal();  // which is not const as it should be
  const Conquest conquest(band.diagonal(), band.diagonal<1>());
  u = Matrix::Zero(m, n), s = conquest.d.reverse();
  for (double& each : s) each = largest == 0 ? 0 : std::ldexp(each, exponent);
  u.topRows(n) = conquest.u.rowwise().reverse(), v = conquest.v.rowwise().reverse();
  found.householderU().applyThisOnTheLeft(u);
  found.householderV().applyThisOnTheLeft(v);
}

}  // namespace

template <>
bool svd(const double* a, std::size_t m, std::size_t n, double* u, double* s, double* vh) {
  const auto rows = Index(m), columns = Index(n), k = std::min(rows, columns);
  if (k == 0) return true;
  const auto given = Eigen::Map<const RowMajor>(a, rows, columns);
  Matrix left, right;
  Vector values;
  if (m >= n)
    svd_of_high(given, left, values, right);
  else
    svd_of_high(given.transpose(), right, values, left);
  std::copy_n(values.data(), k, s);
  Eigen::Map<RowMajor>(u, rows, k) = left;
  Eigen::Map<RowMajor>(vh, k, columns) = right.transpose();
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
