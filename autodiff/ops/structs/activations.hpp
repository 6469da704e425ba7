// Activation functions, as operations. The f of each is the function that registers have, in ops/lanes.hpp.
#pragma once

#include "../activations.hpp"
#include "../lanes.hpp"
#include "listed.hpp"

namespace autodiff {

struct Logistic {
  static constexpr auto name = "logistic";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return logistic(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * y * (1 - y);
  }
};

struct Softplus {
  static constexpr auto name = "softplus";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return softplus(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * -expm1(-y);  // logistic(x), in one smooth expression
  }
};

struct Relu {
  static constexpr auto name = "relu";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return relu(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return where(y > 0, ct, 0);
  }
};

struct LeakyRelu {
  static constexpr auto name = "leaky_relu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double slope = 0.01;
  friend bool operator==(const LeakyRelu&, const LeakyRelu&) = default;
  template <class S>
  S f(const S& x) const {
    return leaky_relu(x, slope);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return where(x > 0, ct, ct * slope);
  }
};

struct Elu {
  static constexpr auto name = "elu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double alpha = 1;
  friend bool operator==(const Elu&, const Elu&) = default;
  template <class S>
  S f(const S& x) const {
    return elu(x, alpha);
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

struct Selu {
  static constexpr auto name = "selu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return selu(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * (Elu::slope(x, kernels::selu_alpha) * kernels::selu_scale);
  }
};

struct Gelu {
  static constexpr auto name = "gelu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  static constexpr double density = 0.39894228040143267794;  // 1 / sqrt(2 pi)
  template <class S>
  static S f(const S& x) {
    return gelu(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S near = maximum(minimum(x, 40), -40);  // where the density is 0: infinity times 0 would be NaN
    return ct * (0.5 * (1 + erf(x * kernels::root_half)) + near * density * exp(-0.5 * near * near));
  }
};

struct Clip {
  static constexpr auto name = "clip";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  double low, high;
  friend bool operator==(const Clip&, const Clip&) = default;
  template <class S>
  S f(const S& x) const {
    return clip(x, low, high);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return where(x >= low, where(x <= high, ct, 0), 0);
  }
};

struct Silu {
  static constexpr auto name = "silu";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return silu(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S p = logistic(x);
    const S near = maximum(minimum(x, 1000), -1000);  // where p is 0 or 1: infinity times 0 would be NaN
    return ct * (p + near * p * (1 - p));
  }
};

struct HardSigmoid {
  static constexpr auto name = "hard_sigmoid";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-5, 5}};
  template <class S>
  static S f(const S& x) {
    return hard_sigmoid(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return where((x > -3) * (x < 3), ct / 6, 0);
  }
};

// clang-format off
#define AUTODIFF_ACTIVATIONS(X) \
  X(Logistic) X(Softplus) X(Relu) X(LeakyRelu) X(Elu) X(Selu) X(Gelu) X(Clip) X(Silu) \
  X(HardSigmoid)
// clang-format on
AUTODIFF_ACTIVATIONS(AUTODIFF_EXTERN)

}  // namespace autodiff
