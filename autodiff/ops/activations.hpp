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

/// silu in straight lines, x hard_sigmoid(x). Howard et al., 2019.
template <Real T>
Variable<T> hard_swish(const Variable<T>& x);

/// (x + 3) / 6 held between 0 and 1; no gradient flows at the ends and beyond.
template <Real T>
Variable<T> hard_sigmoid(const Variable<T>& x);

/// x tanh(softplus(x)). Misra, 2019.
template <Real T>
Variable<T> mish(const Variable<T>& x);

/// x / (1 + |x|).
template <Real T>
Variable<T> softsign(const Variable<T>& x);

/// gelu by a hyperbolic tangent, as some models were trained with: x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
template <Real T>
Variable<T> gelu_tanh(const Variable<T>& x);

namespace detail {
template <Real T>
Variable<T> prelu(const Variable<T>& x, const Variable<T>& slope);
}  // namespace detail

/// x where positive, else slope times x, where slopes are learnt and broadcast. He, Zhang, Ren and Sun, 2015.
template <class X, class A>
requires Operands<X, A>
auto prelu(X&& x, A&& slope) {
  return detail::mixed(detail::prelu<ElementOf<X, A>>, std::forward<X>(x), std::forward<A>(slope));
}

}  // namespace autodiff
