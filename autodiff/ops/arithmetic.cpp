#include "structs/arithmetic.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ARITHMETIC(AUTODIFF_COMPILE)

AUTODIFF_FUNCTION(neg, Neg)
AUTODIFF_FUNCTION(stop_gradient, StopGradient)

namespace detail {

AUTODIFF_FUNCTION_OF_TWO(add, Add)
AUTODIFF_FUNCTION_OF_TWO(sub, Sub)
AUTODIFF_FUNCTION_OF_TWO(mul, Mul)
AUTODIFF_FUNCTION_OF_TWO(div, Div)
AUTODIFF_FUNCTION_OF_TWO(pow, Pow)
AUTODIFF_FUNCTION_OF_TWO(maximum, Maximum)
AUTODIFF_FUNCTION_OF_TWO(minimum, Minimum)
AUTODIFF_FUNCTION_OF_TWO(atan2, Atan2)
AUTODIFF_FUNCTION_OF_TWO(equal, Equal)
AUTODIFF_FUNCTION_OF_TWO(not_equal, NotEqual)
AUTODIFF_FUNCTION_OF_TWO(less, Less)
AUTODIFF_FUNCTION_OF_TWO(less_equal, LessEqual)

template <Real T>
Variable<T> where(const Variable<T>& condition, const Variable<T>& a, const Variable<T>& b) {
  return listed(Where{}, condition, a, b);
}
template Variable<float> where(const Variable<float>&, const Variable<float>&, const Variable<float>&);
template Variable<double> where(const Variable<double>&, const Variable<double>&, const Variable<double>&);

}  // namespace detail

template <Real T>
Variable<T> isnan(const Variable<T>& x) {
  return x != x;
}

template <Real T>
Variable<T> isinf(const Variable<T>& x) {
  return maximum(x, -x) == std::numeric_limits<T>::infinity();
}

template <Real T>
Variable<T> isfinite(const Variable<T>& x) {
  return maximum(x, -x) < std::numeric_limits<T>::infinity();
}

template <Real T>
Variable<T> nan_to_num(const Variable<T>& x, double nan, std::optional<double> positive,
                       std::optional<double> negative) {
  using Limits = std::numeric_limits<T>;
  const typename Tape<T>::Attempt attempt({&x});
  const auto number = where(x != x, nan, x);
  const auto bounded = where(x == Limits::infinity(), positive.value_or(Limits::max()), number);
  return where(x == -Limits::infinity(), negative.value_or(Limits::lowest()), bounded);
}

#define AUTODIFF_DERIVED(T)                          \
  template Variable<T> isnan(const Variable<T>&);    \
  template Variable<T> isinf(const Variable<T>&);    \
  template Variable<T> isfinite(const Variable<T>&); \
  template Variable<T> nan_to_num(const Variable<T>&, double, std::optional<double>, std::optional<double>);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

template <Real T>
Variable<T>& accumulate(Variable<T>& a, const Variable<T>& b) {
  if (!a.is_exclusive() || b.recorded() || !std::ranges::equal(a.shape(), b.shape())) return a = a + b;
  const Operand<const T> more = b.elements();  // throws where there are none
  const Operand<T> mine = a.exclusive_elements();
  const T* from[] = {mine.data, more.data};
  const auto add = primitive<Add, T>(Add{});
  add->block()(add->self(), mine.data, from, 0, a.size());
  return a;
}
template Variable<float>& accumulate(Variable<float>&, const Variable<float>&);
template Variable<double>& accumulate(Variable<double>&, const Variable<double>&);

}  // namespace autodiff
