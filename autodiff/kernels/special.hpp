// Special functions of single numbers, for the registers of ops/lanes.hpp: all in double, so that a float is rounded
// once. Boost.Math would be a dependency, and compile for longer than the rest of the library; the C library's have no
// derivatives to any order, and its lgamma writes a global.
#pragma once

namespace autodiff::kernels::special {

/// The logarithm of |gamma(x)|; infinite at zero and the negative whole numbers. Any number of threads may call it.
double lgamma(double x);
/// Its n-th derivative but one: digamma for n = 0; by a fit on [1, 2] around the root, recurrence, reflection and the
/// asymptotic series. For n > 0 by the Hurwitz zeta function, summed by Euler and Maclaurin.
double polygamma(int n, double x);
/// The logarithm of the beta function of positive numbers, where large ones would cancel by Stirling's series; of
/// others, lgamma(a) + lgamma(b) - lgamma(a + b).
double betaln(double a, double b);
/// exp(x^2) erfc(x).
double erfcx(double x);
/// The number whose erf is y, by two steps of Halley's method.
double erfinv(double y);
/// The logarithm of the normal distribution function.
double log_ndtr(double x);
/// The modified Bessel function of the first kind of whole order n >= 0: its power series, whose terms are all of one
/// sign, or its asymptotic one.
double bessel_i(int n, double x);
/// The n-th derivative of sin(pi x) / (pi x).
double sinc(int n, double x);
/// The derivative by `shape` of a number z that a gamma distribution of that shape gave, its uniform number held: minus
/// the derivative of the distribution function by the shape over the density. M. Figurnov, S. Mohamed and A. Mnih,
/// "Implicit reparameterization gradients", NeurIPS 2018.
double gamma_slope(double shape, double z);

}  // namespace autodiff::kernels::special
