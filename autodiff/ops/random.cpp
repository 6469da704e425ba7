#include "structs/random.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "../kernels/random.hpp"
#include "compile.hpp"
#include "shape.hpp"
#include "slice.hpp"

namespace autodiff {

namespace {

template <class T>
std::uint64_t whole(std::string_view operation, std::string_view what, T value) {
  constexpr auto end = std::uint64_t{1} << std::numeric_limits<T>::digits;
  if (!(value >= 0 && value < static_cast<T>(end)) || value != std::floor(value))
    fail<ValueError>(operation, "the ", what, " must be a whole number from 0 to ", end, " (not included): ", value);
  return static_cast<std::uint64_t>(value);
}

}  // namespace

Shape RandomUniform::shape(Dims key, Dims step) const {
  if (count(key) != 1 || count(step) != 1)
    fail<ShapeError>(caller, "key and step must have one element each: ", key, " and ", step);
  return to;
}
template <class T>
void RandomUniform::forward(Operand<T> y, Operand<const T> key, Operand<const T> step) const {
  const auto k = whole(caller, "key", *key.data), s = whole(caller, "step", *step.data);
  kernels::random_uniform(y.data, count(y.shape), k, s);
}

AUTODIFF_RANDOM(AUTODIFF_COMPILE)

namespace detail {

template <Real T>
Variable<T> random_uniform(const Variable<T>& key, const Variable<T>& step, const Shape& shape) {
  return listed(RandomUniform{shape}, key, step);
}

template <Real T>
Variable<T> random_normal(const Variable<T>& key, const Variable<T>& step, const Shape& shape) {
  Tape<T>::check_operands("random_normal", std::array{key, step});
  const typename Tape<T>::Attempt attempt({&key, &step});
  Shape pairs = shape;
  pairs.push_back(2);
  for (const Dims each : {Dims(shape), Dims(pairs)}) check_shape("random_normal", each);
  const auto uniform = split(listed(RandomUniform{pairs, "random_normal"}, key, step), 2, -1);
  const auto radius = sqrt(log1p(-uniform[0]) * -2.0);
  return reshape(radius * cos(uniform[1] * (2 * std::numbers::pi)), shape);
}

template <Real T>
Variable<T> dropout(const Variable<T>& x, double rate, const Variable<T>& key, const Variable<T>& step) {
  Tape<T>::check_operands("dropout", std::array{x, key, step});
  const T threshold = static_cast<T>(rate);
  if (!(threshold >= 0 && threshold < 1))
    fail<ValueError>("dropout", "the rate must be from 0 to 1 (not included): ", rate);
  const typename Tape<T>::Attempt attempt({&x, &key, &step});
  return where(listed(RandomUniform{x.shape(), "dropout"}, key, step) < threshold, 0, x / (1 - threshold));
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                                          \
  template Variable<T> detail::random_uniform(const Variable<T>&, const Variable<T>&, const Shape&); \
  template Variable<T> detail::random_normal(const Variable<T>&, const Variable<T>&, const Shape&);  \
  template Variable<T> detail::dropout(const Variable<T>&, double, const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
