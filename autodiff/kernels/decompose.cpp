#include "decompose.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "factor.hpp"
#include "gemm.hpp"

// See gemm.cpp for the name.
#define Eigen autodiff_eigen
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/QR>

namespace autodiff::kernels {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
auto map(T* data, std::size_t rows, std::size_t columns) {
  using Stored = RowMajor<std::remove_const_t<T>>;
  using Mapped = std::conditional_t<std::is_const_v<T>, const Stored, Stored>;
  return Eigen::Map<Mapped>(data, Eigen::Index(rows), Eigen::Index(columns));
}

}  // namespace

template <class T>
void qr(const T* a, std::size_t m, std::size_t n, T* q, T* r) {
  if (n == 0) return;
  const Eigen::HouseholderQR<Matrix<T>> found(map(a, m, n));
  map(r, n, n) = found.matrixQR().topRows(Eigen::Index(n)).template triangularView<Eigen::Upper>();
  Matrix<T> thin = Matrix<T>::Identity(Eigen::Index(m), Eigen::Index(n));
  found.householderQ().applyThisOnTheLeft(thin);
  map(q, m, n) = thin;
}

namespace {

// y = a b of square matrices.
template <class T>
std::vector<T> product(const std::vector<T>& a, const std::vector<T>& b, std::size_t n) {
  std::vector<T> y(n * n);
  gemm<T>(false, false, n, n, n, 1, a.data(), n, b.data(), n, 0, y.data(), n);
  return y;
}

// The numerator of the diagonal Padé approximant of degree q has the coefficients (2q - i)! q! / ((2q)! i! (q - i)!).
std::vector<double> pade(int degree) {
  std::vector<double> c{1};
  for (int i = 1; i <= degree; ++i) c.push_back(c.back() * (degree - i + 1) / (double(i) * (2 * degree - i + 1)));
  return c;
}

struct Choice {
  int degree;
  double largest;  // 1-norm up to which its error is below rounding
};
template <class T>
constexpr auto choices() {
  if constexpr (std::is_same_v<T, double>)
    return std::array{Choice{3, 1.495585217958292e-2}, Choice{5, 2.539398330063230e-1}, Choice{7, 9.504178996162932e-1},
                      Choice{9, 2.097847961257068e0}, Choice{13, 5.371920351148152e0}};
  else
    return std::array{Choice{3, 4.258730016922831e-1}, Choice{5, 1.880152677804762e0}, Choice{7, 3.925724783138660e0}};
}

}  // namespace

template <class T>
void matrix_exp(const T* a, std::size_t n, T* y) {
  std::vector<T> x(a, a + n * n);
  T norm = 0;  // of columns
  for (std::size_t j = 0; j < n; ++j) {
    T sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += std::abs(x[i * n + j]);
    if (sum > norm || std::isnan(sum)) norm = sum;
  }
  if (!std::isfinite(norm)) return std::fill(y, y + n * n, std::numeric_limits<T>::quiet_NaN());
  const auto choice = choices<T>();
  const auto fits = std::ranges::find_if(choice, [&](const Choice& c) { return norm <= T(c.largest); });
  const int degree = fits == choice.end() ? choice.back().degree : fits->degree;
  const int halvings = fits == choice.end() ? int(std::ceil(std::log2(norm / T(choice.back().largest)))) : 0;
  for (T& each : x) each = std::ldexp(each, -halvings);

  // Even powers make v, odd ones, with a factor x, make u: exp(x) = (v - u)^-1 (v + u).
  const auto c = pade(degree);
  const auto square = product(x, x, n);
  std::vector<T> power(n * n), odd(n * n), v(n * n);
  for (std::size_t i = 0; i < n; ++i) power[i * n + i] = 1;
  for (int k = 0; k <= degree; k += 2) {
    for (std::size_t i = 0; i < n * n; ++i) v[i] += T(c[k]) * power[i], odd[i] += T(c[k + 1]) * power[i];
    if (k + 1 < degree) power = product(power, square, n);
  }
  const auto u = product(x, odd, n);
  std::vector<T> below(n * n), pivots(n), result(n * n);
  for (std::size_t i = 0; i < n * n; ++i) below[i] = v[i] - u[i], result[i] = v[i] + u[i];
  factor(below.data(), pivots.data(), n);
  solve_factored(false, below.data(), pivots.data(), n, result.data(), n);
  for (int k = 0; k < halvings; ++k) result = product(result, result, n);
  std::ranges::copy(result, y);
}

#define INSTANTIATE(T)                                          \
  template void qr(const T*, std::size_t, std::size_t, T*, T*); \
  template void matrix_exp(const T*, std::size_t, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
