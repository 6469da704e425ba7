#include "secular.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lanes.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

// As many roots, or elements of z, are found side by side as a register holds.
using Register = NativeLanes<double>;
constexpr std::size_t width = Register::size;
constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr int most_steps = 100;

Register count_from(std::size_t from) {
  double x[width];
  for (std::size_t l = 0; l < width; ++l) x[l] = static_cast<double>(from + l);
  return Register::load(x);
}

// pole - root, or the difference of their squares, for root = origin + offset: exact where the root is near the pole.
Register gap(bool squared, Register pole, Register origin, Register offset) {
  const Register difference = (pole - origin) - offset;
  return squared ? difference * ((pole + origin) + offset) : difference;
}

struct Sums {
  Register below = 0, above = 0, slope_below = 0, slope_above = 0;  // of the poles up to the root's own, and beyond
};

}  // namespace

std::size_t Secular::padded(std::size_t size) { return (size + width - 1) / width * width; }

Secular::Secular(bool squared, std::vector<double> d, std::vector<double> z)
    : squared_(squared), size_(d.size()), d_(std::move(d)), z_(std::move(z)) {
  // Past the last root stands a pole that pulls at nothing; registers are filled up with it.
  double norm = 0;
  for (const double each : z_) norm += each * each;
  const double end = (d_.empty() ? 0 : d_.back()) + 2 * (squared ? std::sqrt(norm) : norm);
  const std::size_t all = padded(size_) + 1;
  d_.resize(all, end), z_.resize(all), exact_.resize(all), origin_.resize(all, size_), offset_.resize(all);
  parallel_for(all / width, [&](std::size_t i) { solve(i * width); });
  parallel_for(all / width, [&](std::size_t i) { refine(i * width); });
}

// c + s / (left - x) + t / (right - x) takes the place of the function between two poles: with its value, and with the
// slopes of the poles on either side. R.-C. Li, LAPACK Working Note 89, 1993. Where that leads out of the interval that
// is known to hold the root, its middle is next.
void Secular::solve(std::size_t from) {
  const Register k = count_from(from), left = Register::load(&d_[from]), right = Register::load(&d_[from + 1]);
  const auto sums = [&](Register origin, Register x) {
    Sums s;
    for (std::size_t i = 0; i < size_; ++i) {
      const Register z = z_[i], t = z / gap(squared_, d_[i], origin, x), term = z * t, slope = t * t;
      const auto below = k >= static_cast<double>(i);
      s.below += where(below, term, 0), s.above += where(below, 0, term);
      s.slope_below += where(below, slope, 0), s.slope_above += where(below, 0, slope);
    }
    return s;
  };
  const Register half = (right - left) * 0.5;
  Sums s = sums(left, half);
  const auto near_right = 1 + s.below + s.above < 0 && k < static_cast<double>(size_ - 1);
  const Register origin = where(near_right, right, left);
  Register x = where(near_right, -half, half), least = where(near_right, x, 0), most = where(near_right, 0, half * 2);
  auto open = k < static_cast<double>(size_);
  for (int step = 0; step < most_steps && xsimd::any(open.bits); ++step) {
    const Register f = 1 + s.below + s.above;
    open = open && abs(f) > epsilon * (1 + 4 * (s.above - s.below));
    least = where(f < 0, x, least), most = where(f < 0, most, x);
    const Register p = gap(squared_, left, origin, x), q = gap(squared_, right, origin, x), at = origin + x;
    const Register c = f - p * s.slope_below - q * s.slope_above, slope = s.slope_below + s.slope_above,
                   a = (p + q) * f - p * q * slope, b = p * q * f, root = sqrt(maximum(a * a - 4 * b * c, 0));
    Register by = where(a <= 0, (a - root) / (2 * c), 2 * b / (a + root));
    by = where(f * by < 0, by, -f / slope);
    if (squared_) by = by / (at + sqrt(maximum(at * at + by, 0)));
    const Register next = where(x + by > least && x + by < most, x + by, (least + most) * 0.5);
    open = open && abs(next - x) > epsilon * 0.5 * abs(next);
    x = where(open, next, x);
    s = sums(origin, x);
  }
  double found[width], nearer[width];
  x.store(found), Register(near_right).store(nearer);
  for (std::size_t l = 0; l < width && from + l < size_; ++l)
    origin_[from + l] = from + l + (nearer[l] != 0), offset_[from + l] = found[l];
}

// z_i^2 is the product of all (root - pole i) over those of (pole - pole i) by all poles but that: each root is paired
// with its left neighbour or, from pole i on, with its right one, the last root with the pole at the end.
void Secular::refine(std::size_t from) {
  const Register own = Register::load(&d_[from]), index = count_from(from), zero = 0;
  const auto gap_to = [&](Register origin, Register offset) { return gap(squared_, own, origin, offset); };
  Register product = gap_to(d_[size_], zero);
  for (std::size_t j = 0; j < size_; ++j)
    product *=
        gap_to(d_[origin_[j]], offset_[j]) / gap_to(where(index > static_cast<double>(j), d_[j], d_[j + 1]), zero);
  double square[width];
  product.store(square);
  for (std::size_t l = 0; l < width && from + l < size_; ++l)
    exact_[from + l] = std::copysign(std::sqrt(std::abs(square[l])), z_[from + l]);
}

void Secular::fill(const std::vector<std::size_t>& row, double* vectors, double* left) const {
  const std::size_t distance = padded(size_);
  parallel_for(distance / width, [&](std::size_t group) {
    double start[width], by[width];
    for (std::size_t l = 0; l < width; ++l)
      start[l] = d_[origin_[group * width + l]], by[l] = offset_[group * width + l];
    const Register origin = Register::load(start), offset = Register::load(by);
    Register norm = 0, left_norm = 0;
    const auto put = [&](double* matrix, std::size_t i, Register x) {
      x.store(matrix + row[i] * distance + group * width);
    };
    for (std::size_t i = 0; i < size_; ++i) {
      const Register x = Register(exact_[i]) / gap(squared_, d_[i], origin, offset), y = i == 0 ? -1 : d_[i] * x;
      put(vectors, i, x), norm += x * x;
      if (left) put(left, i, y), left_norm += y * y;
    }
    const Register scale = 1 / sqrt(norm), left_scale = 1 / sqrt(left_norm);
    for (std::size_t i = 0; i < size_; ++i) {
      double* at = vectors + row[i] * distance + group * width;
      (Register::load(at) * scale).store(at);
      if (!left) continue;
      double* beside = left + row[i] * distance + group * width;
      (Register::load(beside) * left_scale).store(beside);
    }
  });
}

}  // namespace autodiff::kernels
