// Random numbers that take one or several uniform ones each: of every element a stream of its own, so that each is a
// function of key, step and place alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace autodiff::kernels {

/// y_i from a gamma distribution of shape a_i > 0 and scale 1, at least the smallest normal number: by G. Marsaglia and
/// W. Tsang, "A simple method for generating gamma variables", 2000; for a < 1 from a + 1 and a power.
template <class T>
void random_gamma(T* y, const T* a, std::size_t n, std::uint64_t key, std::uint64_t step);

/// The derivative by the shape of special::gamma_slope, the number held.
double gamma_slope_by_shape(double shape, double z);

/// y_i from a Poisson distribution of rate a_i >= 0: by multiplication, from 10 on by W. Hoermann, "The transformed
/// rejection method for generating Poisson random variables", 1993.
template <class T>
void random_poisson(T* y, const T* rate, std::size_t n, std::uint64_t key, std::uint64_t step);

/// 0 to n - 1 in an order of which all are equally likely.
template <class T>
void random_permutation(T* y, std::size_t n, std::uint64_t key, std::uint64_t step);

}  // namespace autodiff::kernels
