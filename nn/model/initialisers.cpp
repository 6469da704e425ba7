#include "initialisers.hpp"

#include <algorithm>
#include <cmath>
#include <nn/base/choice.hpp>

namespace nn {

namespace {

using autodiff::Array;
using autodiff::fail;
using autodiff::Shape;
using autodiff::ShapeError;
using autodiff::ValueError;

template <class Draw>
Array<double> filled(const Shape& shape, Draw&& draw) {
  auto values = autodiff::uninitialised<double>(shape);
  for (double& value : values) value = draw();
  return values;
}

double finite(std::string_view name, double value) {
  if (!std::isfinite(value)) fail<ValueError>(name, "needs finite numbers, not ", value);
  return value;
}

struct Fans {
  double in, out;
};
void check_matrix(std::string_view name, const Shape& shape) {
  if (shape.size() != 2) fail<ShapeError>(name, "needs a matrix (inputs, outputs): ", autodiff::Dims(shape));
}
Fans fans(std::string_view name, const Shape& shape) {
  if (shape.size() <= 2) {
    check_matrix(name, shape);
    return {static_cast<double>(shape[0]), static_cast<double>(shape[1])};
  }
  const auto taps = static_cast<double>(autodiff::count(autodiff::Dims(shape).subspan(2)));
  return {static_cast<double>(shape[1]) * taps, static_cast<double>(shape[0]) * taps};
}

double dot(const double* a, const double* b, std::size_t n) {
  constexpr std::size_t lanes = 8;  // a fixed order of summation that the compiler can still vectorise
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  double sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const double lane : sums) sum += lane;
  return sum;
}

/// Makes rows of normal numbers orthonormal, no more rows than columns, by the modified Gram-Schmidt process (Å.
/// Björck, BIT 7, 1967). Its triangular factor has a positive diagonal, without which the result would not be drawn
/// evenly: F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54,
/// 2007.
void orthonormalise(double* rows, std::size_t count, std::size_t length) {
  for (std::size_t i = 0; i < count; ++i) {
    double* row = rows + i * length;
    for (std::size_t j = 0; j < i; ++j) {
      const double* earlier = rows + j * length;
      const double along = dot(earlier, row, length);
      for (std::size_t k = 0; k < length; ++k) row[k] -= along * earlier[k];
    }
    const double norm = std::sqrt(dot(row, row, length));
    for (std::size_t k = 0; k < length; ++k) row[k] /= norm;
  }
}

}  // namespace

Initialiser zeros() { return constant(0); }

Initialiser constant(double value) {
  return
      [value = finite("constant", value)](const Shape& shape, Random&) { return filled(shape, [&] { return value; }); };
}

Initialiser uniform(double low, double high) {
  if (finite("uniform", low) > finite("uniform", high))
    fail<ValueError>("uniform", "low must not be above high: ", low, " and ", high);
  return [=](const Shape& shape, Random& random) {
    return filled(shape, [&] { return low + (high - low) * random.uniform(); });
  };
}

Initialiser normal(double mean, double deviation) {
  finite("normal", mean);
  if (finite("normal", deviation) < 0) fail<ValueError>("normal", "the deviation must not be negative: ", deviation);
  return [=](const Shape& shape, Random& random) {
    return filled(shape, [&] { return mean + deviation * random.normal(); });
  };
}

Initialiser truncated_normal(double mean, double deviation) {
  finite("truncated_normal", mean);
  if (finite("truncated_normal", deviation) < 0)
    fail<ValueError>("truncated_normal", "the deviation must not be negative: ", deviation);
  return [=](const Shape& shape, Random& random) {
    return filled(shape, [&] {
      double x = random.normal();
      while (std::abs(x) > 2) x = random.normal();
      return mean + deviation * x;
    });
  };
}

Initialiser xavier_uniform(double gain) {
  return [gain = finite("xavier_uniform", gain)](const Shape& shape, Random& random) {
    const auto [in, out] = fans("xavier_uniform", shape);
    const double bound = std::abs(gain) * std::sqrt(6 / (in + out));
    return uniform(-bound, bound)(shape, random);
  };
}

Initialiser xavier_normal(double gain) {
  return [gain = finite("xavier_normal", gain)](const Shape& shape, Random& random) {
    const auto [in, out] = fans("xavier_normal", shape);
    return normal(0, std::abs(gain) * std::sqrt(2 / (in + out)))(shape, random);
  };
}

Initialiser he_uniform() {
  return [](const Shape& shape, Random& random) {
    const double bound = std::sqrt(6 / fans("he_uniform", shape).in);
    return uniform(-bound, bound)(shape, random);
  };
}

Initialiser he_normal() {
  return [](const Shape& shape, Random& random) {
    return normal(0, std::sqrt(2 / fans("he_normal", shape).in))(shape, random);
  };
}

Initialiser lecun_uniform() {
  return [](const Shape& shape, Random& random) {
    const double bound = std::sqrt(3 / fans("lecun_uniform", shape).in);
    return uniform(-bound, bound)(shape, random);
  };
}

Initialiser lecun_normal() {
  return [](const Shape& shape, Random& random) {
    return normal(0, std::sqrt(1 / fans("lecun_normal", shape).in))(shape, random);
  };
}

Initialiser orthogonal(double gain) {
  return [gain = finite("orthogonal", gain)](const Shape& shape, Random& random) {
    check_matrix("orthogonal", shape);
    const std::size_t count = std::min(shape[0], shape[1]), length = std::max(shape[0], shape[1]);
    Array<double> rows = normal(0, 1)({count, length}, random);
    orthonormalise(rows.data(), count, length);
    rows *= gain;
    return count == shape[0] ? rows : Array<double>(xt::transpose(rows));
  };
}

namespace {

constexpr Choice<Initialiser (*)()> initialisers[] = {
    {"zeros", zeros},
    {"xavier-uniform", [] { return xavier_uniform(); }},
    {"xavier-normal", [] { return xavier_normal(); }},
    {"he-uniform", he_uniform},
    {"he-normal", he_normal},
    {"lecun-uniform", lecun_uniform},
    {"lecun-normal", lecun_normal},
    {"orthogonal", [] { return orthogonal(); }},
};

}  // namespace

Initialiser initialiser(std::string_view name) { return choose("initialiser", std::span(initialisers), name)(); }

std::vector<std::string> initialiser_names() { return names(std::span(initialisers)); }

}  // namespace nn
