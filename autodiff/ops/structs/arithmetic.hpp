// Arithmetic, comparison and choice, as operations.
#pragma once

#include <limits>

#include "../arithmetic.hpp"
#include "../lanes.hpp"
#include "listed.hpp"

namespace autodiff {

/// Where an argument has no neutral value, one that leaves the other argument as it is.
inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Add {
  static constexpr auto name = "add";
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::nothing;
  static constexpr Linear linear[] = {Linear::plus, Linear::plus};
  static constexpr double neutral[] = {-0.0, -0.0};
  static constexpr bool commutative = true;
  template <class S>
  static S f(const S& a, const S& b) {
    return a + b;
  }
};

struct Sub {
  static constexpr auto name = "sub";
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::nothing;
  static constexpr Linear linear[] = {Linear::plus, Linear::minus};
  static constexpr double neutral[] = {none, 0};
  template <class S>
  static S f(const S& a, const S& b) {
    return a - b;
  }
};

struct Neg {
  static constexpr auto name = "neg";
  static constexpr Domain domain[] = {{-2, 2}};
  static constexpr auto reads = Reads::nothing;
  static constexpr Linear linear[] = {Linear::minus};
  template <class S>
  static S f(const S& a) {
    return -a;
  }
};

struct Mul {
  static constexpr auto name = "mul";
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  static constexpr Linear linear[] = {Linear::scales, Linear::scales};
  static constexpr double neutral[] = {1, 1};
  static constexpr bool commutative = true;
  template <class S>
  static S f(const S& a, const S& b) {
    return a * b;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    return ct * (I == 0 ? b : a);
  }
};

struct Div {
  static constexpr auto name = "div";
  static constexpr Domain domain[] = {{-2, 2}, {0.5, 2}};
  static constexpr auto reads = Reads::both;
  static constexpr Linear linear[] = {Linear::scales, Linear::no};
  static constexpr double neutral[] = {none, 1};
  template <class S>
  static S f(const S& a, const S& b) {
    return a / b;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S&, const S& b) {
    if constexpr (I == 0)
      return ct / b;
    else
      return -ct * y / b;
  }
};

// y = a^b. Where a rule has its limit at a = 0, the base of the power is 1 instead: a power that is masked alone would
// still be differentiated, and 0 times infinity is NaN.
struct Pow {
  static constexpr auto name = "pow";
  static constexpr Domain domain[] = {{0.5, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  template <class S>
  static S f(const S& a, const S& b) {
    return pow(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    if constexpr (I == 0) {  // a^0 is constant in its base, also where 1 / a^2 overflows
      constexpr double tiny = sizeof(typename S::value_type) == 4 ? 0x1p-60 : 0x1p-510;
      return ct * (b * pow(where(b == 0, where(abs(a) > tiny, a, 1), a), b - 1));
    } else {  // 0^b is constant in its exponent, unless that is negative; as log(1) says
      const S base = where(a == 0, where(b >= 0, 1, a), a);
      return ct * (pow(base, b) * log(base));
    }
  }
};

struct Maximum {  // where both are equal, each gets half
  static constexpr auto name = "maximum";
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  template <class S>
  static S f(const S& a, const S& b) {
    return maximum(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    return where(a == b, ct * 0.5, where(I == 0 ? a > b : a < b, ct, 0));
  }
};

struct Minimum {
  static constexpr auto name = "minimum";
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  template <class S>
  static S f(const S& a, const S& b) {
    return minimum(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    return where(a == b, ct * 0.5, where(I == 0 ? a < b : a > b, ct, 0));
  }
};

struct Atan2 {  // the angle of the point (x, y)
  static constexpr auto name = "atan2";
  static constexpr Domain domain[] = {{0.5, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  template <class S>
  static S f(const S& y, const S& x) {
    return atan2(y, x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& y, const S& x) {
    if constexpr (I == 0)
      return ct * x / (x * x + y * y);
    else
      return -ct * y / (x * x + y * y);
  }
};

struct Where {  // a where the condition is not zero, else b
  static constexpr auto name = "where";
  static constexpr Domain domain[] = {{-1, 1}, {-2, 2}, {-2, 2}};
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[] = {false, true, true};
  template <class S>
  static S f(const S& condition, const S& a, const S& b) {
    return where(condition != 0, a, b);
  }
  template <int I, class S>
  requires(I > 0) static S vjp(const S& ct, const S&, const S& condition, const S&, const S&) {
    return I == 1 ? where(condition != 0, ct, 0) : where(condition != 0, 0, ct);
  }
};

struct StopGradient {
  static constexpr auto name = "stop_gradient";
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  std::optional<View> view(const View& x) const { return x; }
};

// Comparisons give 1 for true and 0 for false, and have no gradient.
struct Equal {
  static constexpr auto name = "equal";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return equal(a, b);
  }
};

struct NotEqual {
  static constexpr auto name = "not_equal";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return not_equal(a, b);
  }
};

struct Less {
  static constexpr auto name = "less";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return less(a, b);
  }
};

struct LessEqual {
  static constexpr auto name = "less_equal";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return less_equal(a, b);
  }
};

// clang-format off
#define AUTODIFF_ARITHMETIC(X) \
  X(Add) X(Sub) X(Neg) X(Mul) X(Div) X(Pow) X(Maximum) X(Minimum) X(Atan2) X(Where) X(StopGradient) \
  X(Equal) X(NotEqual) X(Less) X(LessEqual)
// clang-format on
AUTODIFF_ARITHMETIC(AUTODIFF_EXTERN)

}  // namespace autodiff
