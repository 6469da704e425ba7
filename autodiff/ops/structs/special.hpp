// Special functions, as operations. The f of each is the function that registers have, in ops/lanes.hpp; derivatives
// are functions of the same family, so that there are some of every order.
#pragma once

#include <limits>

#include "../elementary.hpp"
#include "../lanes.hpp"
#include "../special.hpp"
#include "listed.hpp"

namespace autodiff {

struct Cbrt {
  static constexpr auto name = "cbrt";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{0.5, 3}};
  template <class S>
  static S f(const S& x) {
    return cbrt(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct / 3 / y / y;  // y^2 may overflow
  }
};

struct Hypot {
  static constexpr auto name = "hypot";
  static constexpr auto reads = Reads::both;
  static constexpr Domain domain[] = {{0.5, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return hypot(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S& a, const S& b) {
    return ct * ((I == 0 ? a : b) / where(y == 0, 1, y));  // at the origin zero, as of norm
  }
};

struct LogAddExp {
  static constexpr auto name = "logaddexp";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return logaddexp(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    const S same = (a == b) * (abs(a) == std::numeric_limits<double>::infinity());  // whose difference is NaN
    const S difference = where(same, 0, a) - where(same, 0, b);
    return ct * logistic(I == 0 ? difference : -difference);
  }
};

/// x log(y), 0 where x is 0. Of x = y = 0, both slopes are zero, too; elsewhere the limits are infinite or right as
/// they stand.
struct Xlogy {
  static constexpr auto name = "xlogy";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}, {0.5, 3}};
  template <class S>
  static S f(const S& x, const S& y) {
    return xlogy(x, y);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x, const S& y) {
    const S safe = where((x == 0) * (y <= 0), 1, y);
    if constexpr (I == 0)
      return ct * log(safe);
    else
      return ct * (x / safe);
  }
};

struct Logit {
  static constexpr auto name = "logit";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.1, 0.9}};
  template <class S>
  static S f(const S& x) {
    return logit(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct / where((x >= 0) * (x <= 1), x * (1 - x), none);
  }
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
};

/// The `order`-th derivative of sin(pi x) / (pi x).
struct Sinc {
  static constexpr auto name = "sinc";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  int order = 0;
  friend bool operator==(const Sinc&, const Sinc&) = default;
  template <class S>
  S f(const S& x) const {
    return sinc(x, order);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * sinc(x, order + 1);
  }
};

struct Erfc {
  static constexpr auto name = "erfc";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return erfc(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S near = maximum(minimum(x, 30), -30);  // see Erf
    return ct * -1.1283791670955126 * exp(-near * near);
  }
};

struct Erfcx {
  static constexpr auto name = "erfcx";
  static constexpr auto reads = Reads::both;
  static constexpr Domain domain[] = {{-1.5, 3}};
  template <class S>
  static S f(const S& x) {
    return erfcx(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S& x) {
    const S near = minimum(x, std::numeric_limits<typename S::value_type>::max());  // infinity times 0 would be NaN
    return ct * (2 * near * y - 1.1283791670955126);
  }
};

struct Erfinv {
  static constexpr auto name = "erfinv";
  static constexpr auto reads = Reads::output;
  static constexpr Domain domain[] = {{-0.9, 0.9}};
  template <class S>
  static S f(const S& x) {
    return erfinv(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&) {
    return ct * 0.88622692545275801365 * exp(y * y);  // sqrt(pi) / 2
  }
};

inline constexpr double normal_density = 0.39894228040143267794;  // at 0: 1 / sqrt(2 pi)

struct Ndtr {
  static constexpr auto name = "ndtr";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-2, 2}};
  template <class S>
  static S f(const S& x) {
    return ndtr(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    const S near = maximum(minimum(x, 40), -40);
    return ct * normal_density * exp(-0.5 * near * near);
  }
};

struct LogNdtr {
  static constexpr auto name = "log_ndtr";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-4, 2}};
  template <class S>
  static S f(const S& x) {
    return log_ndtr(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    // The density over the distribution function; beyond `far` it is 0, and the next order would overflow.
    constexpr double far = sizeof(typename S::value_type) == 4 ? 12 : 36;
    return ct * where(x > far, 0, 0.79788456080286535588 / erfcx(minimum(x, far) * -kernels::root_half));
  }
};

struct Lgamma {
  static constexpr auto name = "lgamma";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 4}};
  template <class S>
  static S f(const S& x) {
    return lgamma(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * digamma(x);
  }
};

struct Digamma {
  static constexpr auto name = "digamma";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 4}};
  template <class S>
  static S f(const S& x) {
    return digamma(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * polygamma(1, x);
  }
};

struct Polygamma {
  static constexpr auto name = "polygamma";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{1, 4}};
  int n = 1;
  friend bool operator==(const Polygamma&, const Polygamma&) = default;
  template <class S>
  S f(const S& x) const {
    return polygamma(n, x);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * polygamma(n + 1, x);
  }
};

struct LogBeta {
  static constexpr auto name = "betaln";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{0.5, 4}, {0.5, 4}};
  template <class S>
  static S f(const S& a, const S& b) {
    return betaln(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    return ct * (digamma(I == 0 ? a : b) - digamma(a + b));
  }
};

struct BesselI {
  static constexpr auto name = "bessel_i";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}};
  int n = 0;
  friend bool operator==(const BesselI&, const BesselI&) = default;
  template <class S>
  S f(const S& x) const {
    return bessel_i(n, x);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    if (n == 0) return ct * bessel_i(1, x);
    return ct * 0.5 * (bessel_i(n - 1, x) + bessel_i(n + 1, x));
  }
};

// clang-format off
#define AUTODIFF_SPECIAL(X) \
  X(Cbrt) X(Hypot) X(LogAddExp) X(Xlogy) X(Logit) X(Sinc) X(Erfc) X(Erfcx) X(Erfinv) X(Ndtr) X(LogNdtr) \
  X(Lgamma) X(Digamma) X(Polygamma) X(LogBeta) X(BesselI)
// clang-format on
AUTODIFF_SPECIAL(AUTODIFF_EXTERN)

}  // namespace autodiff
