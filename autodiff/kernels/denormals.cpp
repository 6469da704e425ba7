#include "denormals.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace autodiff::kernels {

#if defined(__SSE2__)
constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040, both = flush_to_zero | denormals_are_zero,
                   rounding = 0x6000;
unsigned floating_mode() { return _mm_getcsr() & (both | rounding); }
void set_floating_mode(unsigned mode) {
  const unsigned now = _mm_getcsr();
  if ((now & (both | rounding)) != mode) _mm_setcsr((now & ~(both | rounding)) | mode);
}
#else
constexpr unsigned both = 0;
unsigned floating_mode() { return 0; }
void set_floating_mode(unsigned) {}
#endif

FlushDenormals::FlushDenormals(bool flush) : before_(floating_mode() & both) {
  if (flush) set_floating_mode(floating_mode() | both);
}
FlushDenormals::~FlushDenormals() { set_floating_mode((floating_mode() & ~both) | before_); }

}  // namespace autodiff::kernels
