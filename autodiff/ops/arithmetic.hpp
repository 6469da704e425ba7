// Arithmetic, comparison and choice: elementwise operations of two or three arguments, and the operators.
#pragma once

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

struct Pow {  // y = a^b; the exponent's gradient needs a > 0
  static constexpr auto name = "pow";
  static constexpr Domain domain[] = {{0.5, 2}, {-2, 2}};
  static constexpr auto reads = Reads::both;
  template <class S>
  static S f(const S& a, const S& b) {
    return pow(a, b);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S& y, const S& a, const S& b) {
    if constexpr (I == 0)
      return where(b == 0, 0, ct * b * pow(a, b - 1));  // 0^0 is constant in its base
    else
      return where(a == 0, 0, ct * y * log(where(a == 0, 1, a)));
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
    return where(a == b, S(1), S(0));
  }
};

struct NotEqual {
  static constexpr auto name = "not_equal";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return where(a != b, S(1), S(0));
  }
};

struct Less {
  static constexpr auto name = "less";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return where(a < b, S(1), S(0));
  }
};

struct LessEqual {
  static constexpr auto name = "less_equal";
  static constexpr bool differentiable[] = {false, false};
  static constexpr auto reads = Reads::nothing;
  static constexpr Domain domain[] = {{-2, 2}, {-2, 2}};
  template <class S>
  static S f(const S& a, const S& b) {
    return where(a <= b, S(1), S(0));
  }
};

// Arguments of the functions below are variables, arrays, lazy expressions and numbers, at least one a variable; shapes
// broadcast. They throw ShapeError when the shapes do not broadcast, TapeError when variables of two tapes are mixed.

/// The sum a + b.
template <class A, class B>
requires Operands<A, B>
auto operator+(A&& a, B&& b) { return listed_mixed(Add{}, std::forward<A>(a), std::forward<B>(b)); }
/// The difference a - b.
template <class A, class B>
requires Operands<A, B>
auto operator-(A&& a, B&& b) { return listed_mixed(Sub{}, std::forward<A>(a), std::forward<B>(b)); }
/// The product a * b, element by element.
template <class A, class B>
requires Operands<A, B>
auto operator*(A&& a, B&& b) { return listed_mixed(Mul{}, std::forward<A>(a), std::forward<B>(b)); }
/// The quotient a / b.
template <class A, class B>
requires Operands<A, B>
auto operator/(A&& a, B&& b) { return listed_mixed(Div{}, std::forward<A>(a), std::forward<B>(b)); }
template <class A>
requires AnyVariable<A>
auto operator-(A&& a) { return listed_mixed(Neg{}, std::forward<A>(a)); }

/// The sum a + b, and so on: the operators by name.
template <class A, class B>
requires Operands<A, B>
auto add(A&& a, B&& b) { return std::forward<A>(a) + std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto sub(A&& a, B&& b) { return std::forward<A>(a) - std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto mul(A&& a, B&& b) { return std::forward<A>(a) * std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto div(A&& a, B&& b) { return std::forward<A>(a) / std::forward<B>(b); }
template <Real T>
Variable<T> neg(const Variable<T>& a) {
  return -a;
}

/// a to the power of b. The gradient with respect to b needs a >= 0.
template <class A, class B>
requires Operands<A, B>
auto pow(A&& a, B&& b) { return listed_mixed(Pow{}, std::forward<A>(a), std::forward<B>(b)); }
/// The larger of a and b; where they are equal, each gets half of the gradient. NaN wins.
template <class A, class B>
requires Operands<A, B>
auto maximum(A&& a, B&& b) { return listed_mixed(Maximum{}, std::forward<A>(a), std::forward<B>(b)); }
/// The smaller of a and b; where they are equal, each gets half of the gradient. NaN wins.
template <class A, class B>
requires Operands<A, B>
auto minimum(A&& a, B&& b) { return listed_mixed(Minimum{}, std::forward<A>(a), std::forward<B>(b)); }
/// The angle of the point (x, y), in radians from -pi to pi.
template <class A, class B>
requires Operands<A, B>
auto atan2(A&& y, B&& x) { return listed_mixed(Atan2{}, std::forward<A>(y), std::forward<B>(x)); }
/// a where the condition is not zero, else b. No gradient flows to the condition.
template <class C, class A, class B>
requires Operands<C, A, B>
auto where(C&& condition, A&& a, B&& b) {
  return listed_mixed(Where{}, std::forward<C>(condition), std::forward<A>(a), std::forward<B>(b));
}

/// x itself, through which no gradient flows. It is recorded: a program computes it anew at each run. What shall stay as
/// it is now is entered as a value: tape.constant(x.value()).
template <Real T>
Variable<T> stop_gradient(const Variable<T>& x) {
  return listed(StopGradient{}, x);
}
/// PyTorch's name for it; a plain value is itself.
template <Real T>
Variable<T> detach(const Variable<T>& x) {
  return x.recorded() ? stop_gradient(x) : x;
}

/// Comparisons, element by element: 1 where true, 0 where false. They have no gradient.
template <class A, class B>
requires Operands<A, B>
auto operator==(A&& a, B&& b) { return listed_mixed(Equal{}, std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
requires Operands<A, B>
auto operator!=(A&& a, B&& b) { return listed_mixed(NotEqual{}, std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
requires Operands<A, B>
auto operator<(A&& a, B&& b) { return listed_mixed(Less{}, std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
requires Operands<A, B>
auto operator<=(A&& a, B&& b) { return listed_mixed(LessEqual{}, std::forward<A>(a), std::forward<B>(b)); }
template <class A, class B>
requires Operands<A, B>
auto operator>(A&& a, B&& b) { return std::forward<B>(b) < std::forward<A>(a); }
template <class A, class B>
requires Operands<A, B>
auto operator>=(A&& a, B&& b) { return std::forward<B>(b) <= std::forward<A>(a); }

/// The comparisons by name.
template <class A, class B>
requires Operands<A, B>
auto equal(A&& a, B&& b) { return std::forward<A>(a) == std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto not_equal(A&& a, B&& b) { return std::forward<A>(a) != std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto less(A&& a, B&& b) { return std::forward<A>(a) < std::forward<B>(b); }
template <class A, class B>
requires Operands<A, B>
auto less_equal(A&& a, B&& b) { return std::forward<A>(a) <= std::forward<B>(b); }

/// a += b: in place when the array is a plain value that nobody else shares, else a = a + b.
template <Real T>
Variable<T>& accumulate(Variable<T>& a, const Variable<T>& b);

template <Real T>
template <class A>
Variable<T>& Variable<T>::operator+=(A&& a) {
  return accumulate(*this, to_variable<T>(std::forward<A>(a)));
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator-=(A&& a) {
  return *this = *this - std::forward<A>(a);
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator*=(A&& a) {
  return *this = *this * std::forward<A>(a);
}
template <Real T>
template <class A>
Variable<T>& Variable<T>::operator/=(A&& a) {
  return *this = *this / std::forward<A>(a);
}

#define AUTODIFF_ARITHMETIC(X)                                                                              \
  X(Add)                                                                                                    \
  X(Sub)                                                                                                    \
  X(Neg)                                                                                                    \
  X(Mul) X(Div) X(Pow) X(Maximum) X(Minimum) X(Atan2) X(Where) X(StopGradient) X(Equal) X(NotEqual) X(Less) \
      X(LessEqual)
AUTODIFF_ARITHMETIC(AUTODIFF_EXTERN)

}  // namespace autodiff
