// Elementary functions of one argument. A family's functions stand beside the struct that defines them.
#pragma once

#include "arithmetic.hpp"

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
/// |x|; its gradient at zero is zero.
template <Real T>
Variable<T> abs(const Variable<T>& x) {
  return listed(Abs{}, x);
}

struct Sign {
  static constexpr auto name = "sign";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return where(x > 0, S(1), where(x < 0, S(-1), x));  // x itself keeps zero and NaN
  }
};
/// 1, 0 or -1; has no gradient.
template <Real T>
Variable<T> sign(const Variable<T>& x) {
  return listed(Sign{}, x);
}

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
/// e to the power of x.
template <Real T>
Variable<T> exp(const Variable<T>& x) {
  return listed(Exp{}, x);
}

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
/// e^x - 1, exact for small x.
template <Real T>
Variable<T> expm1(const Variable<T>& x) {
  return listed(Expm1{}, x);
}

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
/// The natural logarithm.
template <Real T>
Variable<T> log(const Variable<T>& x) {
  return listed(Log{}, x);
}

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
/// log(1 + x), exact for small x.
template <Real T>
Variable<T> log1p(const Variable<T>& x) {
  return listed(Log1p{}, x);
}

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
/// The square root; its gradient at zero is infinite.
template <Real T>
Variable<T> sqrt(const Variable<T>& x) {
  return listed(Sqrt{}, x);
}

struct Rsqrt {
  static constexpr auto name = "rsqrt";
  static constexpr auto reads = Reads::both;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return 1 / sqrt(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S& x) {
    return ct * -0.5 * y / x;
  }
};
/// 1 / sqrt(x).
template <Real T>
Variable<T> rsqrt(const Variable<T>& x) {
  return listed(Rsqrt{}, x);
}

struct Square {
  static constexpr auto name = "square";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return x * x;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * 2 * x;
  }
};
/// x times x.
template <Real T>
Variable<T> square(const Variable<T>& x) {
  return listed(Square{}, x);
}

struct Reciprocal {
  static constexpr auto name = "reciprocal";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return 1 / x;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return -ct * y * y;
  }
};
/// 1 / x.
template <Real T>
Variable<T> reciprocal(const Variable<T>& x) {
  return listed(Reciprocal{}, x);
}

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
/// The sine of an angle in radians.
template <Real T>
Variable<T> sin(const Variable<T>& x) {
  return listed(Sin{}, x);
}

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
/// The cosine of an angle in radians.
template <Real T>
Variable<T> cos(const Variable<T>& x) {
  return listed(Cos{}, x);
}

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
/// The tangent of an angle in radians.
template <Real T>
Variable<T> tan(const Variable<T>& x) {
  return listed(Tan{}, x);
}

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
/// The angle in radians whose sine is x.
template <Real T>
Variable<T> asin(const Variable<T>& x) {
  return listed(Asin{}, x);
}

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
/// The angle in radians whose cosine is x.
template <Real T>
Variable<T> acos(const Variable<T>& x) {
  return listed(Acos{}, x);
}

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
/// The angle in radians whose tangent is x.
template <Real T>
Variable<T> atan(const Variable<T>& x) {
  return listed(Atan{}, x);
}

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
/// The hyperbolic sine.
template <Real T>
Variable<T> sinh(const Variable<T>& x) {
  return listed(Sinh{}, x);
}

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
/// The hyperbolic cosine.
template <Real T>
Variable<T> cosh(const Variable<T>& x) {
  return listed(Cosh{}, x);
}

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
/// The hyperbolic tangent.
template <Real T>
Variable<T> tanh(const Variable<T>& x) {
  return listed(Tanh{}, x);
}

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
/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
template <Real T>
Variable<T> erf(const Variable<T>& x) {
  return listed(Erf{}, x);
}

#define AUTODIFF_ELEMENTARY(X)                                                                                   \
  X(Abs)                                                                                                         \
  X(Sign)                                                                                                        \
  X(Exp)                                                                                                         \
  X(Expm1)                                                                                                       \
  X(Log)                                                                                                         \
  X(Log1p) X(Sqrt) X(Rsqrt) X(Square) X(Reciprocal) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) X(Cosh) \
      X(Tanh) X(Erf)
AUTODIFF_ELEMENTARY(AUTODIFF_EXTERN)

}  // namespace autodiff
