#include "threads.hpp"

#include "error.hpp"
#include "kernels/threads.hpp"

namespace autodiff {

void set_threads(int count) {
  if (count < 1) fail<ValueError>("set_threads", "there must be at least one thread: ", count);
  kernels::set_threads(count);
}

int threads() { return kernels::threads(); }

}  // namespace autodiff
