// The functions of variables for registers, as far as registers do not have them of their own: so that the f and vjp of
// an operation may call them by one name for both. Each is the f of the operation, and stands where a call finds it.
#pragma once

#include "../kernels/lanes.hpp"
#include "activations.hpp"
#include "arithmetic.hpp"

namespace autodiff::kernels {

#define AUTODIFF_ON_LANES(Op, function)  \
  template <class B>                     \
  Lanes<B> function(const Lanes<B>& x) { \
    return Op::f(x);                     \
  }
AUTODIFF_ON_LANES(Neg, neg)
AUTODIFF_ON_LANES(Sign, sign)
AUTODIFF_ON_LANES(Rsqrt, rsqrt)
AUTODIFF_ON_LANES(Square, square)
AUTODIFF_ON_LANES(Reciprocal, reciprocal)
AUTODIFF_ON_LANES(Logistic, logistic)
AUTODIFF_ON_LANES(Softplus, softplus)
AUTODIFF_ON_LANES(Relu, relu)
AUTODIFF_ON_LANES(Selu, selu)
AUTODIFF_ON_LANES(Gelu, gelu)
#undef AUTODIFF_ON_LANES

#define AUTODIFF_COMPARE_LANES(Op, function)                                      \
  template <class B>                                                              \
  Lanes<B> function(const Lanes<B>& a, const std::type_identity_t<Lanes<B>>& b) { \
    return Op::f(a, b);                                                           \
  }
AUTODIFF_COMPARE_LANES(Less, less)
AUTODIFF_COMPARE_LANES(LessEqual, less_equal)
AUTODIFF_COMPARE_LANES(Equal, equal)
AUTODIFF_COMPARE_LANES(NotEqual, not_equal)
#undef AUTODIFF_COMPARE_LANES

template <class B>
Lanes<B> leaky_relu(const Lanes<B>& x, double slope = LeakyRelu().slope) {
  return LeakyRelu{slope}.f(x);
}
template <class B>
Lanes<B> elu(const Lanes<B>& x, double alpha = Elu().alpha) {
  return Elu{alpha}.f(x);
}
template <class B>
Lanes<B> clip(const Lanes<B>& x, double low, double high) {
  return Clip{low, high}.f(x);
}
template <class B>
Lanes<B> stop_gradient(const Lanes<B>& x) {
  return x;
}
template <class B>
Lanes<B> silu(const Lanes<B>& x) {
  return x * logistic(x);
}

}  // namespace autodiff::kernels
