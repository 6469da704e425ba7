// Elementary functions of one argument, as operations. The f of each is the function that registers have, in
// kernels/lanes.hpp and ops/lanes.hpp.
#pragma once

#include "../elementary.hpp"
#include "../lanes.hpp"
#include "listed.hpp"

namespace autodiff {

struct Abs {
  static constexpr auto name = "abs";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return abs(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return where(x > 0, ct, where(x < 0, -ct, 0));
  }
};

struct Sign {
  static constexpr auto name = "sign";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return sign(x);
  }
};

struct Exp {
  static constexpr auto name = "exp";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return exp(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * y;
  }
};

struct Expm1 {
  static constexpr auto name = "expm1";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return expm1(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * exp(x);  // y + 1 would lose the digits of a small one
  }
};

struct Log {
  static constexpr auto name = "log";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return log(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / x;
  }
};

struct Log1p {
  static constexpr auto name = "log1p";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-0.5, 2}};
  template <class S>
  static S f(const S& x) {
    return log1p(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / (1 + x);
  }
};

struct Sqrt {
  static constexpr auto name = "sqrt";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return sqrt(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * 0.5 / y;
  }
};

struct Rsqrt {
  static constexpr auto name = "rsqrt";
  static constexpr auto reads = Reads::both;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return rsqrt(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S& x) {
    return ct * -0.5 * y / x;
  }
};

struct Square {
  static constexpr auto name = "square";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return square(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * 2 * x;
  }
};

struct Reciprocal {
  static constexpr auto name = "reciprocal";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return reciprocal(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return -ct * y * y;
  }
};

struct Sin {
  static constexpr auto name = "sin";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return sin(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * cos(x);
  }
};

struct Cos {
  static constexpr auto name = "cos";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return cos(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return -ct * sin(x);
  }
};

struct Tan {
  static constexpr auto name = "tan";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-1, 1}};
  template <class S>
  static S f(const S& x) {
    return tan(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * (1 + y * y);
  }
};

/// 1 - x^2, to the last digit near 1 and -1, too. There its derivative must not be a product with a zero factor: that
/// of the root above it is infinite.
template <class S>
S one_minus_square(const S& x) {
  const S rounded = 1 - x * x;
  return rounded + stop_gradient((1 - x) * (1 + x) - rounded);
}

struct Asin {
  static constexpr auto name = "asin";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-0.8, 0.8}};
  template <class S>
  static S f(const S& x) {
    return asin(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / sqrt(one_minus_square(x));
  }
};

struct Acos {
  static constexpr auto name = "acos";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-0.8, 0.8}};
  template <class S>
  static S f(const S& x) {
    return acos(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return -ct / sqrt(one_minus_square(x));
  }
};

struct Atan {
  static constexpr auto name = "atan";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return atan(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    constexpr double far = std::numeric_limits<typename S::value_type>::max();
    const S near = maximum(minimum(x, far), -far);  // of an infinity, the slope's own derivative would be NaN
    return ct / (1 + near * near);
  }
};

struct Sinh {
  static constexpr auto name = "sinh";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return sinh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * cosh(x);
  }
};

struct Cosh {
  static constexpr auto name = "cosh";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return cosh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * sinh(x);
  }
};

struct Tanh {
  static constexpr auto name = "tanh";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return tanh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * (1 - y * y);
  }
};

struct Erf {
  static constexpr auto name = "erf";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return erf(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S near = maximum(minimum(x, 30), -30);  // beyond, the exponential is 0, and infinity times 0 would be NaN
    return ct * 1.1283791670955126 * exp(-near * near);  // 2 / sqrt(pi)
  }
};

struct Asinh {
  static constexpr auto name = "asinh";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}};
  template <class S>
  static S f(const S& x) {
    return asinh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S a = abs(x), near = minimum(a, kernels::large);  // whose square does not overflow
    return ct / where(a > kernels::large, a, sqrt(1 + near * near));
  }
};

struct Acosh {
  static constexpr auto name = "acosh";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{1.25, 3}};
  template <class S>
  static S f(const S& x) {
    return acosh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / (sqrt(x - 1) * sqrt(x + 1));  // x^2 may overflow
  }
};

struct Atanh {
  static constexpr auto name = "atanh";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-0.8, 0.8}};
  template <class S>
  static S f(const S& x) {
    return atanh(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / one_minus_square(x);
  }
};

/// To the bases 2 and 10: by factors of the natural ones, whole powers would not be exact.
struct Log2 {
  static constexpr auto name = "log2";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return log2(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * 1.4426950408889634074 / x;
  }
};

struct Log10 {
  static constexpr auto name = "log10";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return log10(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * 0.43429448190325182765 / x;
  }
};

struct Exp2 {
  static constexpr auto name = "exp2";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return exp2(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * y * kernels::log_of_2;
  }
};

// clang-format off
#define AUTODIFF_ELEMENTARY(X) \
  X(Abs) X(Sign) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sqrt) X(Rsqrt) X(Square) X(Reciprocal) X(Sin) X(Cos) \
  X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) X(Cosh) X(Tanh) X(Asinh) X(Acosh) X(Atanh) X(Erf) \
  X(Log2) X(Log10) X(Exp2)
// clang-format on
AUTODIFF_ELEMENTARY(AUTODIFF_EXTERN)

}  // namespace autodiff
