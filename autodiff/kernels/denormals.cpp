#include "denormals.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace autodiff::kernels {

#if defined(__SSE2__)
constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040, both = flush_to_zero | denormals_are_zero;
unsigned denormal_mode() { return _mm_getcsr() & both; }
void set_denormal_mode(unsigned mode) {
  const unsigned now = _mm_getcsr();
  if ((now & both) != mode) _mm_setcsr((now & ~both) | mode);
}
#else
constexpr unsigned both = 0;
unsigned denormal_mode() { return 0; }
void set_denormal_mode(unsigned) {}
#endif

FlushDenormals::FlushDenormals(bool flush) : before_(denormal_mode()) {
  if (flush) set_denormal_mode(both);
}
FlushDenormals::~FlushDenormals() { set_denormal_mode(before_); }

}  // namespace autodiff::kernels
