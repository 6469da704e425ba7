#include "initialisers.hpp"

#include <cmath>

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
Fans fans(std::string_view name, const Shape& shape) {
  if (shape.size() != 2) fail<ShapeError>(name, "needs a matrix (inputs, outputs): ", autodiff::Dims(shape));
  return {static_cast<double>(shape[0]), static_cast<double>(shape[1])};
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

}  // namespace nn
