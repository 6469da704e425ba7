#include "structs/activations.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ACTIVATIONS(AUTODIFF_COMPILE)

AUTODIFF_FUNCTION(logistic, Logistic)
AUTODIFF_FUNCTION(softplus, Softplus)
AUTODIFF_FUNCTION(relu, Relu)
AUTODIFF_FUNCTION(selu, Selu)
AUTODIFF_FUNCTION(gelu, Gelu)
AUTODIFF_FUNCTION(silu, Silu)

template <Real T>
Variable<T> leaky_relu(const Variable<T>& x, double slope) {
  return listed(LeakyRelu{slope}, x);
}
template Variable<float> leaky_relu(const Variable<float>&, double);
template Variable<double> leaky_relu(const Variable<double>&, double);

template <Real T>
Variable<T> elu(const Variable<T>& x, double alpha) {
  return listed(Elu{alpha}, x);
}
template Variable<float> elu(const Variable<float>&, double);
template Variable<double> elu(const Variable<double>&, double);

template <Real T>
Variable<T> clip(const Variable<T>& x, double low, double high) {
  if (!(low <= high)) fail<ValueError>("clip", "low must not be above high: ", low, " and ", high);
  return listed(Clip{low, high}, x);
}
template Variable<float> clip(const Variable<float>&, double, double);
template Variable<double> clip(const Variable<double>&, double, double);

AUTODIFF_FUNCTION(hard_sigmoid, HardSigmoid)

template <Real T>
Variable<T> hard_swish(const Variable<T>& x) {
  return maximum(x, -4) * hard_sigmoid(x);  // held where the other is 0: infinity times 0 would be NaN
}

template <Real T>
Variable<T> mish(const Variable<T>& x) {
  return maximum(x, -1000) * tanh(softplus(x));
}

template <Real T>
Variable<T> softsign(const Variable<T>& x) {
  return x / (1 + abs(x));
}

template <Real T>
Variable<T> gelu_tanh(const Variable<T>& x) {
  const auto near = clip(x, -40, 40);  // beyond, the tangent is 1 or -1
  const auto gate = 1 + tanh((near + near * near * near * 0.044715) * 0.79788456080286535588);
  return maximum(x, -40) * gate * 0.5;
}

namespace detail {
template <Real T>
Variable<T> prelu(const Variable<T>& x, const Variable<T>& slope) {
  return where(x > 0, x, x * slope);
}
}  // namespace detail

#define AUTODIFF_DERIVED(T)                            \
  template Variable<T> hard_swish(const Variable<T>&); \
  template Variable<T> mish(const Variable<T>&);       \
  template Variable<T> softsign(const Variable<T>&);   \
  template Variable<T> gelu_tanh(const Variable<T>&);  \
  template Variable<T> detail::prelu(const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
