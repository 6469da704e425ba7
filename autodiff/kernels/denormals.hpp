// What the processor makes of numbers below the smallest normal one.
#pragma once

namespace autodiff::kernels {

/// The mode of this thread: whether denormal numbers count, and come out, as zero, and how results are rounded. Of no
/// meaning but here; 0 where it is not known.
unsigned floating_mode();
void set_floating_mode(unsigned mode);

/// While it lives, operations called by the thread that made it, on whatever threads they run, take denormal numbers
/// for zero and give zero instead: processors compute with those up to a hundred times slower. Guards nest; one is
/// destroyed by the thread that made it, in reverse order.
class [[nodiscard]] FlushDenormals {
 public:
  explicit FlushDenormals(bool flush = true);
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned before_;
};

}  // namespace autodiff::kernels
