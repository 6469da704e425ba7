#include "structs/special.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_SPECIAL(AUTODIFF_COMPILE)

AUTODIFF_FUNCTION(cbrt, Cbrt)
AUTODIFF_FUNCTION(logit, Logit)
AUTODIFF_FUNCTION(erfc, Erfc)
AUTODIFF_FUNCTION(erfcx, Erfcx)
AUTODIFF_FUNCTION(erfinv, Erfinv)
AUTODIFF_FUNCTION(ndtr, Ndtr)
AUTODIFF_FUNCTION(log_ndtr, LogNdtr)
AUTODIFF_FUNCTION(lgamma, Lgamma)
AUTODIFF_FUNCTION(digamma, Digamma)

namespace {

void check_order(std::string_view operation, int n) {
  if (n < 0) fail<ValueError>(operation, "the order must not be negative: ", n);
}

}  // namespace

template <Real T>
Variable<T> sinc(const Variable<T>& x, int derivative) {
  check_order(Sinc::name, derivative);
  return listed(Sinc{derivative}, x);
}

template <Real T>
Variable<T> polygamma(int n, const Variable<T>& x) {
  check_order(Polygamma::name, n);
  return n == 0 ? digamma(x) : listed(Polygamma{n}, x);
}

template <Real T>
Variable<T> bessel_i(int n, const Variable<T>& x) {
  check_order(BesselI::name, n);
  return listed(BesselI{n}, x);
}

namespace detail {

AUTODIFF_FUNCTION_OF_TWO(hypot, Hypot)
AUTODIFF_FUNCTION_OF_TWO(logaddexp, LogAddExp)
AUTODIFF_FUNCTION_OF_TWO(xlogy, Xlogy)
AUTODIFF_FUNCTION_OF_TWO(betaln, LogBeta)

template <Real T>
Variable<T> beta(const Variable<T>& a, const Variable<T>& b) {
  return exp(betaln(a, b));
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                \
  template Variable<T> sinc(const Variable<T>&, int);      \
  template Variable<T> polygamma(int, const Variable<T>&); \
  template Variable<T> bessel_i(int, const Variable<T>&);  \
  template Variable<T> detail::beta(const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
