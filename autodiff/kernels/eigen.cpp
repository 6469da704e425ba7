// Eigenvalues of symmetric matrices: Householder reflections by blocks, then divide and conquer. J. Cuppen, Numerische
// Mathematik 36, 1981; J. Dongarra, D. Sorensen and S. Hammarling, LAPACK Working Note 2, 1987.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "decompose.hpp"
#include "gemm.hpp"
#include "join.hpp"

// See gemm.cpp for the name.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Eigenvalues>

namespace autodiff::kernels {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Index = Eigen::Index;
constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr Index small = 32, panel = 32, stripe = 128;

// c += alpha op(a) op(b) on threads, of row-major blocks.
template <class A, class B, class C>
void add_product(bool transpose_a, bool transpose_b, double alpha, const A& a, const B& b, double beta, C&& c) {
  gemm<double>(transpose_a, transpose_b, std::size_t(c.rows()), std::size_t(c.cols()),
               std::size_t(transpose_a ? a.rows() : a.cols()), alpha, a.data(), std::size_t(a.outerStride()), b.data(),
               std::size_t(b.outerStride()), beta, c.data(), std::size_t(c.outerStride()));
}

// ---- from symmetric to tridiagonal, and back ----

// a = h_0 h_1 ... t (h_0 h_1 ...)^T, where h_k = 1 - tau_k v_k v_k^T.
struct Tridiagonal {
  Vector diagonal, beside, tau;
  RowMajor v;  // in rows
};

Tridiagonal reduce(RowMajor& a) {
  const Index n = a.rows();
  Tridiagonal t{Vector(n), Vector(n - 1), Vector(n - 1), RowMajor::Zero(n - 1, n)};
  RowMajor w = RowMajor::Zero(panel, n), both(2 * panel, n), turned(2 * panel, n);
  for (Index from = 0; from < n - 1; from += panel) {
    const Index width = std::min(panel, n - 1 - from);
    for (Index k = 0; k < width; ++k) {
      // What the reflections of this panel have done is known by v and w: a - v^T w - w^T v.
      const Index at = from + k, below = n - at - 1;
      const auto v = t.v.block(from, at, k, n - at), done = w.block(0, at, k, n - at);
      auto row = a.row(at).tail(n - at);
      row.noalias() -= v.col(0).transpose() * done;
      row.noalias() -= done.col(0).transpose() * v;
      t.diagonal[at] = row[0];
      auto next = row.tail(below).transpose();
      next.makeHouseholderInPlace(t.tau[at], t.beside[at]);
      t.v.row(at).tail(below) = next.transpose();
      t.v(at, at + 1) = 1;
      const Vector x = t.v.row(at).tail(below).transpose();
      Vector y = a.bottomRightCorner(below, below).selfadjointView<Eigen::Upper>() * x;
      const auto v_below = v.rightCols(below), w_below = done.rightCols(below);
      y.noalias() -= v_below.transpose() * (w_below * x);
      y.noalias() -= w_below.transpose() * (v_below * x);
      y *= t.tau[at];
      y -= 0.5 * t.tau[at] * y.dot(x) * x;
      w.row(k).setZero();
      w.row(k).tail(below) = y.transpose();
    }
    both.topRows(width) = t.v.middleRows(from, width), both.middleRows(width, width) = w.topRows(width);
    turned.topRows(width) = w.topRows(width), turned.middleRows(width, width) = t.v.middleRows(from, width);
    for (Index at = from + width; at < n; at += stripe)  // the upper triangle, in steps
      add_product(true, false, -1, both.block(0, at, 2 * width, std::min(stripe, n - at)),
                  turned.block(0, at, 2 * width, n - at), 1, a.block(at, at, std::min(stripe, n - at), n - at));
  }
  t.diagonal[n - 1] = a(n - 1, n - 1);
  return t;
}

// x := h_0 h_1 ... x, by panels, of which each is 1 - v^T s v for an upper triangle s.
void reflect(const Tridiagonal& t, RowMajor& x) {
  const Index n = x.rows(), count = t.v.rows();
  RowMajor s(panel, panel), product(panel, n), scaled(panel, n);
  for (Index from = (count - 1) / panel * panel; from >= 0; from -= panel) {
    const Index width = std::min(panel, count - from), rest = n - from - 1;
    const auto v = t.v.block(from, from + 1, width, rest);
    const RowMajor inner = v * v.transpose();
    s.setZero();
    for (Index k = 0; k < width; ++k) {
      s(k, k) = t.tau[from + k];
      s.col(k).head(k).noalias() = s.topLeftCorner(k, k) * (-t.tau[from + k] * inner.col(k).head(k));
    }
    add_product(false, false, 1, v, x.bottomRows(rest), 0, product.topRows(width));
    add_product(false, false, 1, s.topLeftCorner(width, width), product.topRows(width), 0, scaled.topRows(width));
    add_product(true, false, -1, v, scaled.topRows(width), 1, x.bottomRows(rest));
  }
}

// ---- tridiagonal ----

class Conquest {
 public:
  explicit Conquest(Tridiagonal& t) : d_(t.diagonal), e_(t.beside), q_(RowMajor::Zero(d_.size(), d_.size())) {}
  bool run() { return solve(0, d_.size()); }
  RowMajor& vectors() { return q_; }

 private:
  bool solve(Index from, Index n);
  void join(Index from, Index split, Index n, double coupling);

  Vector &d_, &e_;
  RowMajor q_;
};

bool Conquest::solve(Index from, Index n) {
  if (n <= small) {
    Eigen::SelfAdjointEigenSolver<Matrix> found;
    found.computeFromTridiagonal(d_.segment(from, n), e_.segment(from, n - 1));
    d_.segment(from, n) = found.eigenvalues();
    q_.block(from, from, n, n) = found.eigenvectors();
    return found.info() == Eigen::Success;
  }
  // Two blocks and |e| v v^T, where v is 1 and the sign of e in two places.
  const Index split = n / 2;
  const double e = e_[from + split - 1];
  d_[from + split - 1] -= std::abs(e), d_[from + split] -= std::abs(e);
  if (!solve(from, split) || !solve(from + split, n - split)) return false;
  join(from, split, n, e);
  return true;
}

void Conquest::join(Index from, Index split, Index n, double coupling) {
  double* const q = &q_(from, from);
  auto d = d_.segment(from, n);
  Vector z(n);
  const double root = std::sqrt(std::abs(coupling));
  z.head(split) = root * q_.row(from + split - 1).segment(from, split).transpose();
  z.tail(n - split) = std::copysign(root, coupling) * q_.row(from + split).segment(from + split, n - split).transpose();

  // What hardly couples stays as it is; of two that are nearly equal, a rotation makes one of that kind.
  std::vector<Index> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](Index i) { return d[i]; });
  Join join{std::vector<Join::Rows>(n, Join::top), {}, {}};
  std::fill(join.rows.begin() + split, join.rows.end(), Join::bottom);
  const double norm = z.norm(), tolerance = 4 * epsilon * std::max(d.cwiseAbs().maxCoeff(), norm * norm);
  for (const Index i : order) {
    if (std::abs(z[i]) * norm <= tolerance) {
      join.settled.push_back(i);
      continue;
    }
    if (!join.kept.empty()) {
      const std::size_t last = join.kept.back();
      const double length = std::hypot(z[last], z[i]), c = z[i] / length, s = z[last] / length, low = d[last];
      if (std::abs((d[i] - low) * c * s) <= tolerance) {
        rotate(q + last, q + i, n, q_.cols(), c, s);
        d[last] = c * c * low + s * s * d[i], d[i] = s * s * low + c * c * d[i], z[i] = length;
        if (join.rows[last] != join.rows[i]) join.rows[last] = join.rows[i] = Join::all;
        join.settled.push_back(last), join.kept.pop_back();
      }
    }
    join.kept.push_back(i);
  }

  std::vector<double> poles, weights;
  for (const std::size_t i : join.kept) poles.push_back(d[i]), weights.push_back(z[i]);
  const Secular found(false, poles, weights);
  std::vector<double> vectors(join.kept.size() * Secular::padded(join.kept.size()));
  found.fill(join.order(), vectors.data(), nullptr);
  join.turn(q, n, split, q_.cols(), vectors.data(), join.sort(d.data(), found));
}

}  // namespace

template <>
bool eigh(const double* a, std::size_t n, double* values, double* vectors) {
  if (n == 0) return true;
  const auto given = Eigen::Map<const RowMajor>(a, Index(n), Index(n));
  RowMajor symmetric = 0.5 * given + 0.5 * given.transpose();
  if (Index(n) <= small) {
    const Eigen::SelfAdjointEigenSolver<Matrix> found(symmetric);
    std::copy_n(found.eigenvalues().data(), n, values);
    Eigen::Map<RowMajor>(vectors, Index(n), Index(n)) = found.eigenvectors();
    return found.info() == Eigen::Success;
  }
  // A power of two keeps squares in range.
  int exponent;
  std::frexp(symmetric.cwiseAbs().maxCoeff(), &exponent);
  exponent = std::max(exponent, -1000);
  symmetric *= std::ldexp(1.0, -exponent);
  Tridiagonal t = reduce(symmetric);
  Conquest conquest(t);
  if (!conquest.run()) return false;
  reflect(t, conquest.vectors());
  for (std::size_t i = 0; i < n; ++i) values[i] = std::ldexp(t.diagonal[Index(i)], exponent);
  std::copy_n(conquest.vectors().data(), n * n, vectors);
  return true;
}

template <>
bool eigh(const float* a, std::size_t n, float* values, float* vectors) {
  const std::vector<double> wide(a, a + n * n);
  std::vector<double> wide_values(n), wide_vectors(n * n);
  if (!eigh(wide.data(), n, wide_values.data(), wide_vectors.data())) return false;
  std::ranges::copy(wide_values, values), std::ranges::copy(wide_vectors, vectors);
  return true;
}

}  // namespace autodiff::kernels
