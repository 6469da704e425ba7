#include "allocations.hpp"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count, largest;
std::atomic<std::ptrdiff_t> held, before, peak;

template <class N>
void raise(std::atomic<N>& most, N n) {
  for (N now = most; now < n && !most.compare_exchange_weak(now, n);) {
  }
}

void* taken(void* memory, std::size_t bytes) {
  if (memory == nullptr) throw std::bad_alloc();
  ++count;
  raise(largest, bytes);
  raise(peak, held += static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr) held -= static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void start_counting() {
  count = largest = 0;
  before = held.load();
  peak = held.load();
}

Allocations allocations() { return {count, largest, static_cast<std::size_t>(peak - before)}; }

// Forms that call one another in the standard library are replaced one by one by sanitizers, so here, too.
void* operator new(std::size_t bytes) { return taken(std::malloc(bytes), bytes); }
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  const std::size_t whole = (bytes + unit - 1) / unit * unit;
  return taken(whole < bytes ? nullptr : std::aligned_alloc(unit, whole), bytes);
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
