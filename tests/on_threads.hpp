// How many threads a test uses, and whether they all give the same.
#pragma once

#include <autodiff/autodiff.hpp>
#include <cstring>

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

}  // namespace test
