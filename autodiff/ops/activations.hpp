// Activation functions, as far as they are not elementary.
#pragma once

#include "elementary.hpp"

namespace autodiff {

struct Logistic {
  static constexpr auto name = "logistic";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    const S e = exp(-abs(x));  // never overflows
    return where(x >= 0, S(1), e) / (1 + e);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * y * (1 - y);
  }
};
/// 1 / (1 + e^-x).
template <Real T>
Variable<T> logistic(const Variable<T>& x) {
  return listed(Logistic{}, x);
}

struct Softplus {
  static constexpr auto name = "softplus";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return maximum(x, 0) + log1p(exp(-abs(x)));
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * -expm1(-y);  // logistic(x), in one smooth expression
  }
};
/// log(1 + e^x), a smooth relu.
template <Real T>
Variable<T> softplus(const Variable<T>& x) {
  return listed(Softplus{}, x);
}

struct Relu {
  static constexpr auto name = "relu";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return maximum(x, 0);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return where(y > 0, ct, 0);
  }
};
/// The larger of x and 0; its gradient at zero is zero.
template <Real T>
Variable<T> relu(const Variable<T>& x) {
  return listed(Relu{}, x);
}

struct LeakyRelu {
  static constexpr auto name = "leaky_relu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double slope = 0.01;
  friend bool operator==(const LeakyRelu&, const LeakyRelu&) = default;
  template <class S>
  S f(const S& x) const {
    return where(x > 0, x, x * slope);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return where(x > 0, ct, ct * slope);
  }
};
/// x where positive, else slope times x. Maas, Hannun and Ng, 2013.
template <Real T>
Variable<T> leaky_relu(const Variable<T>& x, double slope = 0.01) {
  return listed(LeakyRelu{slope}, x);
}

struct Elu {
  static constexpr auto name = "elu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double alpha = 1;
  friend bool operator==(const Elu&, const Elu&) = default;
  template <class S>
  S f(const S& x) const {
    return where(x > 0, x, expm1(minimum(x, 0)) * alpha);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * slope(x, alpha);
  }
  /// From x, since y + alpha loses the digits of a small slope; of 0 where x may be large.
  template <class S>
  static S slope(const S& x, double alpha) {
    return where(x > 0, 1, alpha * exp(where(x > 0, 0, x)));
  }
};
/// x where positive, else alpha (e^x - 1). Clevert, Unterthiner and Hochreiter, 2016.
template <Real T>
Variable<T> elu(const Variable<T>& x, double alpha = 1) {
  return listed(Elu{alpha}, x);
}

struct Selu {
  static constexpr auto name = "selu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  static constexpr double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;
  template <class S>
  static S f(const S& x) {
    return where(x > 0, x, expm1(minimum(x, 0)) * alpha) * scale;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * (Elu::slope(x, alpha) * scale);
  }
};
/// elu, scaled so that activations keep mean 0 and variance 1. Klambauer, Unterthiner, Mayr and Hochreiter, 2017.
template <Real T>
Variable<T> selu(const Variable<T>& x) {
  return listed(Selu{}, x);
}

struct Gelu {
  static constexpr auto name = "gelu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  static constexpr double root_half = 0.70710678118654752440, density = 0.39894228040143267794;  // 1 / sqrt(2 pi)
  static constexpr double far = 40;  // where the density is 0, which an infinity must not be multiplied by
  template <class S>
  static S f(const S& x) {
    return maximum(x, -far) * 0.5 * (1 + erf(x * root_half));
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S near = maximum(minimum(x, far), -far);
    return ct * (0.5 * (1 + erf(x * root_half)) + near * density * exp(-0.5 * near * near));
  }
};
/// x times the normal distribution function of x. Hendrycks and Gimpel, 2016.
template <Real T>
Variable<T> gelu(const Variable<T>& x) {
  return listed(Gelu{}, x);
}

struct Clip {
  static constexpr auto name = "clip";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double low, high;
  friend bool operator==(const Clip&, const Clip&) = default;
  template <class S>
  S f(const S& x) const {
    return minimum(maximum(x, low), high);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return where(x >= low, where(x <= high, ct, 0), 0);
  }
};
/// x held between low and high; no gradient flows beyond them or at NaN, but at them it does. Throws ValueError if low
/// > high.
template <Real T>
Variable<T> clip(const Variable<T>& x, double low, double high) {
  if (!(low <= high)) fail<ValueError>("clip", "low must not be above high: ", low, " and ", high);
  return listed(Clip{low, high}, x);
}

struct Silu {
  static constexpr auto name = "silu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  static constexpr double far = 1000;  // where the slope is 0 or 1, which an infinity must not be multiplied by
  template <class S>
  static S f(const S& x) {
    return maximum(x, -far) * logistic(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S p = logistic(x);
    return ct * (p + maximum(minimum(x, far), -far) * p * (1 - p));
  }
};
/// x times logistic(x), also called swish. Elfwing, Uchibe and Doya, 2017.
template <Real T>
Variable<T> silu(const Variable<T>& x) {
  return listed(Silu{}, x);
}

#define AUTODIFF_ACTIVATIONS(X) X(Logistic) X(Softplus) X(Relu) X(LeakyRelu) X(Elu) X(Selu) X(Gelu) X(Clip) X(Silu)
AUTODIFF_ACTIVATIONS(AUTODIFF_EXTERN)

}  // namespace autodiff
