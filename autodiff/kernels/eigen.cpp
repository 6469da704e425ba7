// Eigenvalues of symmetric matrices: Householder reflections by blocks, then divide and conquer. J. Cuppen, Numerische
// Mathematik 36, 1981; J. Dongarra, D. Sorensen and S. Hammarling, LAPACK Working Note 2, 1987.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "decompose.hpp"
#include "gemm.hpp"
#include "secular.hpp"

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
  void join(Index from, Index top, Index n, double coupling);

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
  const Index top = n / 2;
  const double e = e_[from + top - 1];
  d_[from + top - 1] -= std::abs(e), d_[from + top] -= std::abs(e);
  if (!solve(from, top) || !solve(from + top, n - top)) return false;
  join(from, top, n, e);
  return true;
}

void Conquest::join(Index from, Index top, Index n, double coupling) {
  auto q = q_.block(from, from, n, n);
  auto d = d_.segment(from, n);
  Vector z(n);
  const double root = std::sqrt(std::abs(coupling));
  z.head(top) = root * q.row(top - 1).head(top).transpose();
  z.tail(n - top) = std::copysign(root, coupling) * q.row(top).tail(n - top).transpose();

  // What hardly couples stays as it is; of two that are nearly equal, a rotation makes one of that kind.
  std::vector<Index> order(n), kept, settled;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return d[a] < d[b]; });
  std::vector<int> part(n, 0);  // 0: rows at the top alone, 1: all, 2: at the bottom
  for (Index i = top; i < n; ++i) part[i] = 2;
  const double norm = z.norm(), tolerance = 8 * epsilon * std::max(d.cwiseAbs().maxCoeff(), norm * norm);
  for (const Index i : order) {
    if (std::abs(z[i]) * norm <= tolerance) {
      settled.push_back(i);
      continue;
    }
    if (!kept.empty()) {
      const Index last = kept.back();
      const double length = std::hypot(z[last], z[i]), c = z[i] / length, s = z[last] / length, by = d[i] - d[last];
      if (std::abs(by * c * s) <= tolerance) {
        const Vector one = q.col(last), other = q.col(i);
        q.col(last) = c * one - s * other, q.col(i) = s * one + c * other;
        const double low = d[last];
        d[last] = c * c * low + s * s * d[i], d[i] = s * s * low + c * c * d[i];
        z[last] = 0, z[i] = length;
        if (part[last] != part[i]) part[last] = part[i] = 1;
        settled.push_back(last), kept.pop_back();
      }
    }
    kept.push_back(i);
  }

  // The others are turned by the vectors of diag(d) + z z^T, in two products, where rows at the bottom and at the top
  // of the vectors so far are zero.
  const Index count = Index(kept.size());
  RowMajor turned(n, 0);
  std::vector<double> poles, weights;
  for (const Index i : kept) poles.push_back(d[i]), weights.push_back(z[i]);
  std::vector<std::pair<double, Index>> found;  // value and place
  if (count > 0) {
    const Secular secular(false, poles, weights);
    std::vector<std::size_t> row(kept.size());
    std::vector<Index> column;
    std::array<Index, 3> parts{};
    for (int p = 0; p < 3; ++p)
      for (Index k = 0; k < count; ++k)
        if (part[kept[k]] == p) row[k] = column.size(), column.push_back(kept[k]), ++parts[p];
    RowMajor vectors(count, Index(Secular::padded(kept.size())));
    secular.fill(row, vectors.data(), nullptr);
    const Index upper = parts[0] + parts[1], lower = parts[1] + parts[2];
    RowMajor gathered(n, count);
    for (Index i = 0; i < n; ++i)
      for (Index k = 0; k < count; ++k) gathered(i, k) = q(i, column[k]);
    turned.resize(n, count);
    add_product(false, false, 1, gathered.topLeftCorner(top, upper), vectors.topLeftCorner(upper, count), 0,
                turned.topRows(top));
    add_product(false, false, 1, gathered.bottomRightCorner(n - top, lower), vectors.bottomLeftCorner(lower, count), 0,
                turned.bottomRows(n - top));
    for (Index k = 0; k < count; ++k) found.emplace_back(secular.root(std::size_t(k)), k);
  }
  for (const Index i : settled) found.emplace_back(d[i], count + i);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const RowMajor before = q;
  for (Index j = 0; j < n; ++j) d[j] = found[j].first;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      const Index k = found[j].second;
      q(i, j) = k < count ? turned(i, k) : before(i, k - count);
    }
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
