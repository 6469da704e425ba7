// Memory for what a kernel needs for a moment, kept from call to call.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace autodiff::kernels {

/// Elements that are not set, aligned for registers. It grows and never shrinks, so that programs that run again
/// allocate nothing.
template <class T>
class Scratch {
 public:
  Scratch() = default;
  // Static objects may use one of a thread that has ended: it is empty then, not broken.
  ~Scratch() { static_cast<volatile std::size_t&>(size_) = 0; }
  Scratch(const Scratch&) = delete;
  T* get(std::size_t n) {
    if (n > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(static_cast<T*>(::operator new(n * sizeof(T), alignment)));
      size_ = n;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(T* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace autodiff::kernels
