#include "structs/random.hpp"

#include <bit>
#include <cmath>
#include <numbers>

#include "../kernels/draws.hpp"
#include "../kernels/random.hpp"
#include "../kernels/special.hpp"
#include "checked_index.hpp"
#include "compile.hpp"
#include "counters.hpp"
#include "elementary.hpp"
#include "reduce.hpp"
#include "shape.hpp"
#include "slice.hpp"
#include "special.hpp"

namespace autodiff {

namespace {

/// Throws ValueError, which names the first element that is not as it must be.
template <class T, class Holds>
void check_parameters(std::string_view operation, std::string_view what, Operand<const T> x, Holds holds) {
  for (std::size_t i = 0, n = count(x.shape); i < n; ++i)
    if (!holds(x.data[i])) fail<ValueError>(operation, "element ", i, " of the ", what, ": ", x.data[i]);
}

}  // namespace

Shape RandomUniform::shape(Dims key, Dims step) const { return check_counters(caller, key, step), to; }
template <class T>
void RandomUniform::forward(Operand<T> y, Operand<const T> key, Operand<const T> step) const {
  const auto k = whole(caller, "key", *key.data), s = whole(caller, "step", *step.data);
  kernels::random_uniform(y.data, count(y.shape), k, s);
}

Shape RandomGamma::shape(Dims shapes, Dims key, Dims step) const {
  return check_counters(caller, key, step), to_shape(shapes);
}
template <class T>
void RandomGamma::forward(Operand<T> y, Operand<const T> shapes, Operand<const T> key, Operand<const T> step) const {
  check_parameters(caller, "shapes must be positive and finite", shapes, [](T a) { return a > 0 && std::isfinite(a); });
  kernels::random_gamma(y.data, shapes.data, count(y.shape), whole(caller, "key", *key.data),
                        whole(caller, "step", *step.data));
}
template <int I, class V>
requires(I == 0) V RandomGamma::vjp(const V& ct, const V& y, const V& shapes, const V&, const V&)
const { return ct * listed(GammaSlope{}, shapes, y); }

Shape GammaSlope::shape(Dims shapes, Dims) const { return to_shape(shapes); }
template <class T>
void GammaSlope::forward(Operand<T> y, Operand<const T> shapes, Operand<const T> z) const {
  for (std::size_t i = 0, n = count(y.shape); i < n; ++i)
    y.data[i] = static_cast<T>(kernels::special::gamma_slope(shapes.data[i], z.data[i]));
}
template <int I, class V>
V GammaSlope::vjp(const V& ct, const V& y, const V& shapes, const V& z) const {
  if constexpr (I == 0) return ct * listed(GammaCurvature{}, shapes, z);
  // Of -(dP/da) / p by z, where p = z^(a - 1) e^-z / gamma(a); 0 for z = 0, as y is.
  const auto drawn = z > 0;
  const V safe = where(drawn, z, 1);
  return ct * where(drawn, digamma(shapes) - log(safe) - y * ((shapes - 1) / safe - 1), 0);
}

Shape GammaCurvature::shape(Dims shapes, Dims) const { return to_shape(shapes); }
template <class T>
void GammaCurvature::forward(Operand<T> y, Operand<const T> shapes, Operand<const T> z) const {
  for (std::size_t i = 0, n = count(y.shape); i < n; ++i)
    y.data[i] = static_cast<T>(kernels::gamma_slope_by_shape(shapes.data[i], z.data[i]));
}
template <int I, class V>
V GammaCurvature::vjp(const V&, const V&, const V&, const V&) const {
  fail<ValueError>(RandomGamma::name, "the derivative of random numbers by their shape is known to second order alone");
}

Shape RandomPoisson::shape(Dims rate, Dims key, Dims step) const {
  return check_counters(name, key, step), to_shape(rate);
}
template <class T>
void RandomPoisson::forward(Operand<T> y, Operand<const T> rate, Operand<const T> key, Operand<const T> step) const {
  check_parameters(name, "rates must be finite and not negative", rate, [](T a) { return a >= 0 && std::isfinite(a); });
  kernels::random_poisson(y.data, rate.data, count(y.shape), whole(name, "key", *key.data),
                          whole(name, "step", *step.data));
}

Shape RandomPermutation::shape(Dims key, Dims step) const { return check_counters(name, key, step), Shape{n}; }
template <class T>
void RandomPermutation::forward(Operand<T> y, Operand<const T> key, Operand<const T> step) const {
  check_exact_indices<T>(name, n);
  kernels::random_permutation(y.data, n, whole(name, "key", *key.data), whole(name, "step", *step.data));
}

AUTODIFF_RANDOM(AUTODIFF_COMPILE)
AUTODIFF_COMPILE(GammaSlope)
AUTODIFF_COMPILE(GammaCurvature)

namespace {

/// What tells a key or a step from others: the number, or where only a run knows it, the node.
template <Real T>
std::uint64_t identity(const Variable<T>& x) {
  if (x.abstract()) return x.index() + 1;
  return x.size() == 1 ? std::bit_cast<std::uint64_t>(static_cast<double>(*x.value().data())) : 0;
}

constexpr std::uint64_t warned = 0x5EED;

}  // namespace

template <Real T>
void note_draw(std::string_view operation, const Variable<T>& key, const Variable<T>& step,
               std::initializer_list<const Variable<T>*> others) {
  const Variable<T>* recorded = key.recorded() ? &key : step.recorded() ? &step : nullptr;
  for (const auto* each : others)
    if (!recorded && each->recorded()) recorded = each;
  if (!recorded || !recorded->alive() || !key.alive() || !step.alive()) return;
  const std::uint64_t k = identity(key), s = identity(step);
  auto& tape = recorded->tape();
  if (!tape.note(k * 0x9E3779B97F4A7C15 ^ (s + 0x7F4A7C15) * 0xD1B54A32D192ED03) && tape.note(warned))
    warn(operation, "numbers of this key and step were drawn before, and are the same again: take another key");
}

namespace detail {

template <Real T>
Variable<T> random_uniform(const Variable<T>& key, const Variable<T>& step, const Shape& shape) {
  note_draw("random_uniform", key, step);
  return listed(RandomUniform{shape}, key, step);
}

template <Real T>
Variable<T> random_normal(const Variable<T>& key, const Variable<T>& step, const Shape& shape) {
  Tape<T>::check_operands("random_normal", std::array{key, step});
  const typename Tape<T>::Attempt attempt({&key, &step});
  Shape pairs = shape;
  pairs.push_back(2);
  for (const Dims each : {Dims(shape), Dims(pairs)}) check_shape("random_normal", each);
  note_draw("random_normal", key, step);
  const auto uniform = split(listed(RandomUniform{pairs, "random_normal"}, key, step), 2, -1);
  const auto radius = sqrt(log1p(-uniform[0]) * -2.0);
  return reshape(radius * cos(uniform[1] * (2 * std::numbers::pi)), shape);
}

template <Real T>
Variable<T> dropout(const Variable<T>& x, double rate, const Variable<T>& key, const Variable<T>& step) {
  Tape<T>::check_operands("dropout", std::array{x, key, step});
  const T threshold = checked_rate<T>("dropout", rate);
  const typename Tape<T>::Attempt attempt({&x, &key, &step});
  note_draw("dropout", key, step, {&x});
  return where(listed(RandomUniform{x.shape(), "dropout"}, key, step) < threshold, 0, x / (1 - threshold));
}

template <Real T>
Variable<T> random_categorical(const Variable<T>& logits, const Variable<T>& key, const Variable<T>& step) {
  Tape<T>::check_operands("random_categorical", std::array{logits, key, step});
  if (logits.dimension() == 0 || logits.shape().back() == 0)
    fail<ShapeError>("random_categorical", "needs rows of logits: ", Dims(logits.shape()));
  const typename Tape<T>::Attempt attempt({&logits, &key, &step});
  note_draw("random_categorical", key, step, {&logits});
  const auto uniform = listed(RandomUniform{logits.shape(), "random_categorical"}, key, step);
  return argmax(logits - log(-log(uniform)), -1);
}

template <Real T>
Variable<T> random_gamma(const Variable<T>& shapes, const Variable<T>& key, const Variable<T>& step) {
  note_draw("random_gamma", key, step, {&shapes});
  return listed(RandomGamma{}, shapes, key, step);
}

template <Real T>
Variable<T> random_beta(const Variable<T>& a, const Variable<T>& b, const Variable<T>& key, const Variable<T>& step) {
  Tape<T>::check_operands("random_beta", std::array{a, b, key, step});
  const typename Tape<T>::Attempt attempt({&a, &b, &key, &step});
  note_draw("random_beta", key, step, {&a, &b});
  const Shape shape = broadcast_shape("random_beta", std::array{Dims(a.shape()), Dims(b.shape())});
  const auto both = stack({broadcast_to(a, shape), broadcast_to(b, shape)});
  const auto drawn = unstack(listed(RandomGamma{"random_beta"}, both, key, step));
  return drawn[0] / (drawn[0] + drawn[1]);
}

template <Real T>
Variable<T> random_dirichlet(const Variable<T>& a, const Variable<T>& key, const Variable<T>& step) {
  Tape<T>::check_operands("random_dirichlet", std::array{a, key, step});
  const typename Tape<T>::Attempt attempt({&a, &key, &step});
  note_draw("random_dirichlet", key, step, {&a});
  const auto drawn = listed(RandomGamma{"random_dirichlet"}, a, key, step);
  return drawn / sum(drawn, -1, keepdims);
}

template <Real T>
Variable<T> random_poisson(const Variable<T>& rate, const Variable<T>& key, const Variable<T>& step) {
  note_draw("random_poisson", key, step, {&rate});
  return listed(RandomPoisson{}, rate, key, step);
}

template <Real T>
Variable<T> random_permutation(std::size_t n, const Variable<T>& key, const Variable<T>& step) {
  note_draw("random_permutation", key, step);
  return listed(RandomPermutation{n}, key, step);
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                                                    \
  template void note_draw(std::string_view, const Variable<T>&, const Variable<T>&,                            \
                          std::initializer_list<const Variable<T>*>);                                          \
  template Variable<T> detail::random_categorical(const Variable<T>&, const Variable<T>&, const Variable<T>&); \
  template Variable<T> detail::random_gamma(const Variable<T>&, const Variable<T>&, const Variable<T>&);       \
  template Variable<T> detail::random_beta(const Variable<T>&, const Variable<T>&, const Variable<T>&,         \
                                           const Variable<T>&);                                                \
  template Variable<T> detail::random_dirichlet(const Variable<T>&, const Variable<T>&, const Variable<T>&);   \
  template Variable<T> detail::random_poisson(const Variable<T>&, const Variable<T>&, const Variable<T>&);     \
  template Variable<T> detail::random_permutation(std::size_t, const Variable<T>&, const Variable<T>&);        \
  template Variable<T> detail::random_uniform(const Variable<T>&, const Variable<T>&, const Shape&);           \
  template Variable<T> detail::random_normal(const Variable<T>&, const Variable<T>&, const Shape&);            \
  template Variable<T> detail::dropout(const Variable<T>&, double, const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
