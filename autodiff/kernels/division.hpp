// Quotients and square roots of SIMD registers, rounded as IEEE 754 asks. In float, xsimd approximates both on ARM, as
// processors of 32 bits there must; 64 bits have instructions.
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

}  // namespace autodiff::kernels
