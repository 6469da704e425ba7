// Denormal numbers, those below the smallest normal one (1.2e-38 for float, 2.2e-308 for double), are computed with as
// IEEE 754 says, if slowly. Where they come up often, as behind a peaked softmax, a scope may take them for zero:
//
//   const autodiff::FlushDenormals flush;  // operations and sweeps of this thread, from here to the end of the block
//
// and a program by CompileOptions::flush_denormals. Off by default: programs and tapes give the same bits then, tiny
// numbers keep their logarithms, and without denormal numbers nothing is won.
#pragma once

#include "kernels/denormals.hpp"

namespace autodiff {

using kernels::FlushDenormals;

}  // namespace autodiff
