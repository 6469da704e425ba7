// Keeps oneDNN to the thread that calls it.
#pragma once

#include <omp.h>

namespace autodiff::kernels {

/// oneDNN asks OpenMP how many threads to use, and its bits depend on the answer: one, while this lives.
class OneThread {
 public:
  OneThread() {
    if (before_ > 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

}  // namespace autodiff::kernels
