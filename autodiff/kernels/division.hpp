// Quotients, square roots and opposites of SIMD registers as IEEE 754 asks. In float, xsimd approximates the first two
// on ARM, as processors of 32 bits there must; 64 bits have instructions. With AVX-512 it takes -0 for 0.
#pragma once

#include <type_traits>
#include <xsimd/xsimd.hpp>

namespace autodiff::kernels {

#ifdef __aarch64__
template <class B>
constexpr bool is_float_of_neon =
    std::is_same_v<typename B::value_type, float>&& std::is_base_of_v<xsimd::neon64, typename B::arch_type>;
#endif

template <class B>
B divide(B a, B b) {
#ifdef __aarch64__
  if constexpr (is_float_of_neon<B>) return vdivq_f32(a, b);
#endif
  return a / b;
}

template <class B>
B square_root(B a) {
#ifdef __aarch64__
  if constexpr (is_float_of_neon<B>) return vsqrtq_f32(a);
#endif
  return xsimd::sqrt(a);
}

template <class B>
B opposite(B a) {
#ifdef __AVX512F__
  return a ^ B(-0.0);
#else
  return -a;
#endif
}

}  // namespace autodiff::kernels
