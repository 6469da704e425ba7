// Memory of small things, values, operations and what a call needs on its stack; and of large arrays.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <vector>

namespace autodiff::detail {

/// Memory for `bytes`, at 16 of them aligned. What is small comes from lists that each thread keeps of blocks that were
/// given back, which takes a tenth of malloc's time, and stays with the process. Throws std::bad_alloc.
void* take_memory(std::size_t bytes);
/// Gives it back, in any thread.
void give_memory(void* memory, std::size_t bytes) noexcept;

/// From how many bytes on memory is taken and given back here. The system clears new pages, which takes longer than an
/// operation on them.
inline constexpr std::size_t large_memory = 1 << 16;
/// Memory for so many bytes, at 64 of them aligned. What was given back before is taken first: it is kept while any
/// KeepMemory lives, and 64 MB of it at any time. What is kept and what is in use are never more than was in use at
/// once: where nothing that is kept fits, as much is given back to the system as is taken. Throws std::bad_alloc.
void* take_large_memory(std::size_t bytes);
void give_large_memory(void* memory, std::size_t bytes) noexcept;

/// What each tape has, as it will soon take again what it gives back.
class KeepMemory {
 public:
  KeepMemory() noexcept;
  ~KeepMemory();
  KeepMemory(const KeepMemory&) = delete;
};

/// The same as take_memory for std::allocate_shared.
template <class E>
struct SmallAllocator {
  using value_type = E;
  SmallAllocator() = default;
  template <class U>
  SmallAllocator(const SmallAllocator<U>&) noexcept {}
  static constexpr bool aligned = alignof(E) > 16;  // more than the lists give
  E* allocate(std::size_t n) {
    if constexpr (aligned) return static_cast<E*>(::operator new(n * sizeof(E), std::align_val_t(alignof(E))));
    return static_cast<E*>(take_memory(n * sizeof(E)));
  }
  void deallocate(E* p, std::size_t n) noexcept {
    if constexpr (aligned)
      ::operator delete(p, std::align_val_t(alignof(E)));
    else
      give_memory(p, n * sizeof(E));
  }
  friend bool operator==(SmallAllocator, SmallAllocator) { return true; }
};

/// Room on the stack for what belongs to the inputs of most operations, on the heap for any number.
template <class E>
class Few {
 public:
  explicit Few(std::size_t n) : all_(reinterpret_cast<E*>(here_), n) {
    if (n > most)
      more_.resize(n), all_ = more_;
    else
      std::uninitialized_value_construct_n(all_.data(), n);
  }
  Few(const Few&) = delete;
  ~Few() {
    if (more_.empty()) std::destroy_n(all_.data(), all_.size());
  }
  operator std::span<const E>() const { return all_; }
  std::size_t size() const { return all_.size(); }
  const E* begin() const { return all_.data(); }
  const E* end() const { return all_.data() + all_.size(); }
  E& operator[](std::size_t i) { return all_[i]; }

 private:
  static constexpr std::size_t most = 4;
  alignas(E) std::byte here_[most * sizeof(E)];
  std::vector<E> more_;
  std::span<E> all_;
};

}  // namespace autodiff::detail
