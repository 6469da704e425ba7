#include "heap.hpp"

#include <atomic>

namespace {

std::atomic<std::size_t> count = 0;

}  // namespace

std::size_t test::allocations() { return count; }

// GCC and Clang say in two ways that the address sanitizer has functions of its own here.
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZES_ADDRESSES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZES_ADDRESSES
#endif
#endif

// The dynamic linker finds these before the C library's own, which they hand on to under its inner names.
#if defined(__GLIBC__) && !defined(SANITIZES_ADDRESSES)
#include <cerrno>

extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  ++count;
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  ++count;
  return __libc_calloc(n, size);
}
void* realloc(void* memory, std::size_t size) {
  ++count;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++count;
  void* const taken = __libc_memalign(alignment, size);
  if (!taken && size > 0) return ENOMEM;
  *memory = taken;
  return 0;
}
}
#endif
