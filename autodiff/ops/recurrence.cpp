#include "../kernels/recurrence.hpp"

#include "compile.hpp"
#include "elementary.hpp"
#include "slice.hpp"
#include "structs/recurrence.hpp"

namespace autodiff {

namespace {

/// All samples at once: axes in front are samples.
template <class Op, class V>
std::vector<V> batched_cell(const Op& op, std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) {
  const auto all = all_stacked(n, stacked, x);
  const auto results = listed(op, std::span<const V>(all));
  return {results.begin(), results.end()};
}

}  // namespace

std::array<Shape, 3> LstmCell::shape(Dims x, Dims y, Dims c) const {
  const bool fits = !c.empty() && x.size() == c.size() && std::ranges::equal(x, y) && x.back() == 4 * c.back() &&
                    std::equal(c.begin(), c.end() - 1, x.begin());
  if (!fits)
    fail<ShapeError>(name, "needs gates (..., 4 units) twice, and a cell (..., units): ", x, ", ", y, " and ", c);
  return {to_shape(c), to_shape(c), to_shape(x)};
}

template <class T>
void LstmCell::forward(std::array<Operand<T>, 3> to, Operand<const T> x, Operand<const T> y, Operand<const T> c) const {
  const std::size_t units = c.shape.back();
  kernels::lstm_cell(units ? count(c.shape) / units : 0, units, x.data, y.data, c.data, to[0].data, to[1].data,
                     to[2].data);
}

template <class V>
std::array<V, 3> LstmCell::vjp(const std::array<V, 3>& ct, const std::array<V, 3>& result, const V&, const V&,
                               const V& c) const {
  auto [of_sum, of_c] =
      listed(LstmCellGradient{}, result[2], c, or_zeros(ct[0], result[0]), or_zeros(ct[1], result[1]));
  if (ct[2].alive()) {  // in the gradient of a gradient
    const auto gates = split(result[2], 4, -1), slopes = split(ct[2], 4, -1);
    std::vector<V> more;
    for (std::size_t k = 0; k < 4; ++k)
      more.push_back(slopes[k] * (k == 2 ? 1 - gates[k] * gates[k] : gates[k] * (1 - gates[k])));
    of_sum = of_sum + concatenate(more, -1);
  }
  return {of_sum, of_sum, of_c};
}

template <class V>
std::vector<V> LstmCell::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_cell(*this, n, stacked, x);
}

std::array<Shape, 2> LstmCellGradient::shape(Dims gates, Dims c, Dims, Dims) const {
  return {to_shape(gates), to_shape(c)};
}

template <class T>
void LstmCellGradient::forward(std::array<Operand<T>, 2> to, Operand<const T> gates, Operand<const T> c,
                               Operand<const T> of_h, Operand<const T> of_next) const {
  const std::size_t units = c.shape.back();
  kernels::lstm_cell_gradient(units ? count(c.shape) / units : 0, units, gates.data, c.data, of_h.data, of_next.data,
                              to[0].data, to[1].data);
}

// With t = tanh(f c + i g) and the slope s = of_next + of_h o (1 - t^2) of f c + i g, the results are s g i (1 - i),
// s c f (1 - f), s i (1 - g^2) and of_h t o (1 - o), and s f. They are linear in of_h and of_next.
template <class V>
std::array<V, 4> LstmCellGradient::vjp(const std::array<V, 2>& ct, const std::array<V, 2>& result, const V& gates,
                                       const V& c, const V& of_h, const V& of_next) const {
  const auto gate = split(gates, 4, -1), p = split(or_zeros(ct[0], result[0]), 4, -1);
  const V &i = gate[0], &f = gate[1], &g = gate[2], &o = gate[3], q = or_zeros(ct[1], result[1]);
  const V t = tanh(f * c + i * g), bent = 1 - t * t, flat = 1 - g * g, s = of_next + of_h * o * bent;
  const V of_s = p[0] * g * i * (1 - i) + p[1] * c * f * (1 - f) + p[2] * i * flat + q * f;
  const V of_t = of_h * o * ((1 - o) * p[3] - 2 * t * of_s), through = of_t * bent;  // of f c + i g
  const V of_i = s * (p[0] * g * (1 - 2 * i) + p[2] * flat) + through * g;
  const V of_f = s * (p[1] * c * (1 - 2 * f) + q) + through * c;
  const V of_g = s * i * (p[0] * (1 - i) - 2 * p[2] * g) + through * i;
  const V of_o = of_h * (bent * of_s + p[3] * t * (1 - 2 * o));
  return {concatenate(std::vector<V>{of_i, of_f, of_g, of_o}, -1), s * p[1] * f * (1 - f) + through * f,
          o * (bent * of_s + p[3] * t * (1 - o)), of_s};
}

template <class V>
std::vector<V> LstmCellGradient::batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const {
  return batched_cell(*this, n, stacked, x);
}

AUTODIFF_RECURRENCE(AUTODIFF_COMPILE)

template <Real T>
std::array<Variable<T>, 2> lstm_cell(const Variable<T>& x, const Variable<T>& y, const Variable<T>& c) {
  const auto results = listed(LstmCell{}, x, y, c);
  return {results[0], results[1]};
}

#define AUTODIFF_DERIVED(T) \
  template std::array<Variable<T>, 2> lstm_cell(const Variable<T>&, const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
