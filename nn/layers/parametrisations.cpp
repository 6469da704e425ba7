#include "parametrisations.hpp"

#include <algorithm>
#include <nn/model/visit.hpp>
#include <numeric>

namespace nn::detail {

namespace {

std::vector<int> all_axes_but(std::size_t axis, std::size_t rank) {
  std::vector<int> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(axis));
  return axes;
}

template <Real T>
Variable<T> lengths(const Variable<T>& weight, std::size_t axis) {
  return norm(weight, all_axes_but(axis, weight.dimension()), autodiff::keepdims);
}

/// A matrix whose rows go along an axis.
template <Real T>
Variable<T> as_rows(const Variable<T>& weight, std::size_t axis) {
  auto order = all_axes_but(axis, weight.dimension());
  order.insert(order.begin(), static_cast<int>(axis));
  return reshape(axis == 0 ? weight : permute(weight, order), {static_cast<std::ptrdiff_t>(weight.shape(axis)), -1});
}

template <Real T>
Variable<T> unit(const Variable<T>& x) {
  return x / maximum(norm(x), 1e-12);  // zeros stay zeros
}

/// Steps of the power iteration, which turn u and v towards the first singular vectors.
template <Real T>
void iterate(const Variable<T>& matrix, std::size_t times, Variable<T>& u, Variable<T>& v) {
  for (std::size_t k = 0; k < times; ++k) u = unit(matmul(matrix, v)), v = unit(matmul(u, matrix));
}

Array<double> unit_vector(const Shape& shape, Random& random) {
  return unit(Variable<double>(normal(0, 1)(shape, random))).value();
}

}  // namespace

template <Real T>
std::size_t first_axis_in_pytorch(const Parameter<T>& weight) {
  const auto& axes = weight.in_pytorch().axes;
  return axes.empty() ? 0 : static_cast<std::size_t>(std::ranges::find(axes, 0u) - axes.begin());
}

template <Real T>
Parameter<T> lengths_of(Parameter<T>& weight, std::size_t axis) {
  if (axis >= weight.shape().size())
    autodiff::fail<autodiff::AxisError>("weight_norm", "there is no axis ", axis, ": ", autodiff::Dims(weight.shape()));
  Shape shape(weight.shape().size(), 1);
  shape[axis] = weight.shape()[axis];
  PyTorchLayout layout = weight.in_pytorch();
  layout.name = "parametrizations.weight.original0";
  weight.name_in_pytorch("parametrizations.weight.original1");
  return Parameter<T>(shape, constant(1), layout);
}

template <Real T>
void set_lengths(const Parameter<T>& weight, Parameter<T>& length, std::size_t axis) {
  length.assign(lengths(weight.plain(), axis));
}

template <Real T>
Variable<T> with_lengths(const Variable<T>& x, Parameter<T>& weight, Parameter<T>& length, std::size_t axis,
                         const std::function<Variable<T>()>& forward) {
  const auto direction = weight.beside(x);
  const ReadAs<T> made(weight, direction * (length.beside(x) / lengths(direction, axis)));
  return forward();
}

template <Real T>
Spectrum<T>::Spectrum(Parameter<T>& weight, std::size_t rows, std::size_t steps)
    : u({weight.shape()[rows]}, unit_vector, Trainable::no, PyTorchLayout{.name = "parametrizations.weight.0._u"}),
      v({weight.size() / std::max<std::size_t>(1, weight.shape()[rows])}, unit_vector, Trainable::no,
        PyTorchLayout{.name = "parametrizations.weight.0._v"}),
      axis(rows),
      iterations(steps) {
  weight.name_in_pytorch("parametrizations.weight.original");
}

template <Real T>
void Spectrum<T>::start(const Parameter<T>& weight) {
  Variable<T> left = u.plain(), right = v.plain();
  iterate(as_rows(weight.plain(), axis), 15, left, right);
  u.assign(left), v.assign(right);
}

template <Real T>
Variable<T> Spectrum<T>::divided(const Variable<T>& x, Parameter<T>& weight, bool training,
                                 const std::function<Variable<T>()>& forward) {
  const auto w = weight.beside(x), matrix = as_rows(w, axis);
  Variable<T> left = u.beside(x), right = v.beside(x);
  if (training) {
    iterate(stop_gradient(matrix), iterations, left, right);
    u.assign(left), v.assign(right);
  }
  const ReadAs<T> made(weight, w / sum(left * matmul(matrix, right)));
  return forward();
}

#define NN_PARAMETRISATIONS(T)                                                                     \
  template std::size_t first_axis_in_pytorch(const Parameter<T>&);                                 \
  template Parameter<T> lengths_of(Parameter<T>&, std::size_t);                                    \
  template void set_lengths(const Parameter<T>&, Parameter<T>&, std::size_t);                      \
  template Variable<T> with_lengths(const Variable<T>&, Parameter<T>&, Parameter<T>&, std::size_t, \
                                    const std::function<Variable<T>()>&);                          \
  template struct Spectrum<T>;
NN_PARAMETRISATIONS(float)
NN_PARAMETRISATIONS(double)

}  // namespace nn::detail
