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

}  // namespace autodiff
