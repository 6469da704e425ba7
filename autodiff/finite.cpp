#include "finite.hpp"

#include <cmath>

#include "error.hpp"

namespace autodiff {

namespace {

std::string index_of(std::size_t element, Dims shape) {
  Shape index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; element /= shape[i]) index[i] = element % shape[i];
  return to_string(Dims(index));
}

}  // namespace

template <Real T>
void require_finite(std::string_view operation, std::string_view what, Operand<const T> y,
                    std::span<const Dims> inputs) {
  const std::size_t n = count(y.shape);
  std::size_t bad = 0;
  while (bad < n && std::isfinite(y.data[bad])) ++bad;
  if (bad == n) return;
  std::string from;
  for (Dims shape : inputs) from += (from.empty() ? ", from " : " and ") + to_string(shape);
  fail<ValueError>(operation, what, " ", y.shape, " has ", y.data[bad], " at ", index_of(bad, y.shape), from);
}

template void require_finite(std::string_view, std::string_view, Operand<const float>, std::span<const Dims>);
template void require_finite(std::string_view, std::string_view, Operand<const double>, std::span<const Dims>);

}  // namespace autodiff
