// Whole numbers and remainders, as operations. The f of each is the function that registers have, in ops/lanes.hpp.
#pragma once

#include "../arithmetic.hpp"
#include "../lanes.hpp"
#include "../rounding.hpp"
#include "listed.hpp"

namespace autodiff {

/// Steps: their slope is zero wherever there is one.
struct Step {
  static constexpr bool differentiable[] = {false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-3, 3}};
};

struct Floor : Step {
  static constexpr auto name = "floor";
  template <class S>
  static S f(const S& x) {
    return floor(x);
  }
};

struct Ceil : Step {
  static constexpr auto name = "ceil";
  template <class S>
  static S f(const S& x) {
    return ceil(x);
  }
};

struct Round : Step {
  static constexpr auto name = "round";
  template <class S>
  static S f(const S& x) {
    return round(x);
  }
};

struct Trunc : Step {
  static constexpr auto name = "trunc";
  template <class S>
  static S f(const S& x) {
    return trunc(x);
  }
};

struct Fmod {
  static constexpr auto name = "fmod";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}, {0.5, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return fmod(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    if constexpr (I == 0)
      return ct;
    else
      return -ct * trunc(a / b);
  }
};

struct Remainder {
  static constexpr auto name = "remainder";
  static constexpr auto reads = Reads::inputs;
  static constexpr Domain domain[] = {{-3, 3}, {0.5, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return remainder(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& a, const S& b) {
    if constexpr (I == 0)
      return ct;
    else
      return -ct * floor(a / b);
  }
};

#define AUTODIFF_ROUNDING(X) X(Floor) X(Ceil) X(Round) X(Trunc) X(Fmod) X(Remainder)
AUTODIFF_ROUNDING(AUTODIFF_EXTERN)

}  // namespace autodiff
