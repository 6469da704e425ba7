// How many threads a test uses, whether they all give the same, and what memory they take.
#pragma once

#include <autodiff/autodiff.hpp>
#include <cstring>
#include <fstream>

namespace test {

/// So many threads while it lives, whatever this machine has.
struct Threads {
  int before = autodiff::threads();
  explicit Threads(int now) { autodiff::set_threads(now); }
  ~Threads() { autodiff::set_threads(before); }
};

template <class T>
bool same_bits(const autodiff::Array<T>& a, const autodiff::Array<T>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// The memory of this process that is in use, in megabytes.
inline double resident() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1e6;
}

}  // namespace test
