// Activation functions, as far as they are not elementary.
#pragma once

#include "elementary.hpp"

namespace autodiff {

/// 1 / (1 + e^-x).
template <Real T>
Variable<T> logistic(const Variable<T>& x);

/// log(1 + e^x), a smooth relu.
template <Real T>
Variable<T> softplus(const Variable<T>& x);

/// The larger of x and 0; its gradient at zero is zero.
template <Real T>
Variable<T> relu(const Variable<T>& x);

/// x where positive, else slope times x. Maas, Hannun and Ng, 2013.
template <Real T>
Variable<T> leaky_relu(const Variable<T>& x, double slope = 0.01);

/// x where positive, else alpha (e^x - 1). Clevert, Unterthiner and Hochreiter, 2016.
template <Real T>
Variable<T> elu(const Variable<T>& x, double alpha = 1);

/// elu, scaled so that activations keep mean 0 and variance 1. Klambauer, Unterthiner, Mayr and Hochreiter, 2017.
template <Real T>
Variable<T> selu(const Variable<T>& x);

/// x times the normal distribution function of x. Hendrycks and Gimpel, 2016.
template <Real T>
Variable<T> gelu(const Variable<T>& x);

/// x held between low and high; no gradient flows beyond them or at NaN, but at them it does. Throws ValueError if low
/// > high.
template <Real T>
Variable<T> clip(const Variable<T>& x, double low, double high);

/// x times logistic(x), also called swish. Elfwing, Uchibe and Doya, 2017.
template <Real T>
Variable<T> silu(const Variable<T>& x);

}  // namespace autodiff
