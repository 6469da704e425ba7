#include "memory.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <utility>

namespace autodiff::detail {

namespace {

// Sanitizers look for memory that is used after it was given back.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t grain = 32, most = 1024, sizes = most / grain, slab = 1 << 16;
constexpr std::size_t batch = 256;  // blocks that change hands between threads at once, 64 kB on average

struct Block {
  Block *next, *next_batch;
};
struct List {
  Block* first = nullptr;
  std::size_t count = 0;

  void push(Block* block) { block->next = first, first = block, ++count; }
  Block* pop() { return --count, std::exchange(first, first->next); }
};

/// What a thread keeps of one size: a list in use and a full or an empty one, so that a thread that takes and gives at
/// the edge of a batch does not hand it to and fro; and memory that was never used.
struct Kept {
  List list, spare;
  char *fresh = nullptr, *end = nullptr;
};
constinit thread_local Kept kept[sizes];
constinit thread_local bool entered = false;

/// Batches that threads have left over, or left when they ended. Never freed: values may outlive everything.
struct Shared {
  std::mutex mutex;
  Block* batches[sizes] = {};
};
constinit Shared shared;

void hand_over(std::size_t size, List& list) {
  if (!list.first) return;
  const std::scoped_lock lock(shared.mutex);
  list.first->next_batch = std::exchange(shared.batches[size], list.first);
  list = {};
}

/// Counted again as it is taken: a thread that ended may have left less than a batch.
bool take_over(std::size_t size, List& list) {
  {
    const std::scoped_lock lock(shared.mutex);
    if (!shared.batches[size]) return false;
    list.first = std::exchange(shared.batches[size], shared.batches[size]->next_batch);
  }
  for (Block* block = list.first; block; block = block->next) ++list.count;
  return true;
}

/// A thread that ends leaves what it keeps to others.
struct Leaving {
  ~Leaving() {
    for (std::size_t size = 0; size < sizes; ++size) {
      Kept& mine = kept[size];
      for (; mine.fresh != mine.end; mine.fresh += (size + 1) * grain)
        mine.list.push(reinterpret_cast<Block*>(mine.fresh));
      hand_over(size, mine.list), hand_over(size, mine.spare);
    }
  }
};
void enter_thread() {
  static thread_local Leaving leaving;
  static_cast<void>(leaving);
  entered = true;
}

[[gnu::noinline]] void* take_new(std::size_t size) {
  if (!entered) enter_thread();
  Kept& mine = kept[size];
  if (mine.spare.first) {
    std::swap(mine.list, mine.spare);
    return mine.list.pop();
  }
  if (take_over(size, mine.list)) return mine.list.pop();
  const std::size_t bytes = (size + 1) * grain;
  mine.fresh = static_cast<char*>(::operator new(slab / bytes * bytes));
  mine.end = mine.fresh + slab / bytes * bytes;
  return std::exchange(mine.fresh, mine.fresh + bytes);
}

[[gnu::noinline]] void make_room(std::size_t size) {
  if (!entered) enter_thread();
  Kept& mine = kept[size];
  if (mine.list.count < batch) return;
  hand_over(size, mine.spare);
  mine.spare = std::exchange(mine.list, {});
}

/// Large blocks that were given back, in lists of one size each, eight sizes to a doubling.
class LargeBlocks {
 public:
  static std::size_t list_of(std::size_t bytes) {
    const int shift = std::bit_width(bytes - 1) - 4;
    return std::size_t(shift) * 8 + ((bytes - 1) >> shift) - 8;
  }
  /// How many bytes a block of that list has.
  static std::size_t bytes_of(std::size_t list) { return (list % 8 + 9) << (list / 8); }

  void* take(std::size_t list) {
    {
      const std::scoped_lock lock(mutex_);
      if (Block* block = lists_[list].newest) return remove(list, block), block;
      drop(bytes_of(list));
    }
    try {
      return allocate(list);
    } catch (const std::bad_alloc&) {
      const std::scoped_lock lock(mutex_);
      drop(kept_);
    }
    return allocate(list);
  }
  void give(std::size_t list, void* memory) noexcept {
    const std::scoped_lock lock(mutex_);
    auto& [newest, oldest] = lists_[list];
    newest = new (memory) Block{++time_, nullptr, newest};
    (newest->older ? newest->older->newer : oldest) = newest;
    kept_ += bytes_of(list);
    trim();
  }
  void hold() noexcept { ++holders_; }
  void let_go() noexcept {
    if (--holders_ > 0) return;
    const std::scoped_lock lock(mutex_);
    trim();
  }
  auto& mutex() { return mutex_; }

 private:
  struct Block {
    std::size_t time;
    Block *newer, *older;
  };
  struct List {
    Block *newest = nullptr, *oldest = nullptr;
  };
  static constexpr std::size_t most_at_any_time = std::size_t{64} << 20;

  static void* allocate(std::size_t list) { return ::operator new(bytes_of(list), std::align_val_t(64)); }
  void remove(std::size_t list, Block* block) {
    (block->newer ? block->newer->older : lists_[list].newest) = block->older;
    (block->older ? block->older->newer : lists_[list].oldest) = block->newer;
    kept_ -= bytes_of(list);
  }
  void trim() {
    if (holders_ == 0 && kept_ > most_at_any_time) drop(kept_ - most_at_any_time);
  }
  /// Gives at least so many bytes back to the system, if they are there: those that nobody took for the longest time.
  void drop(std::size_t bytes) {
    for (const std::size_t wanted = kept_ - std::min(kept_, bytes); kept_ > wanted;) {
      std::size_t from = 0;
      for (std::size_t list = 0; list < std::size(lists_); ++list)
        if (const Block* block = lists_[list].oldest;
            block && (!lists_[from].oldest || block->time < lists_[from].oldest->time))
          from = list;
      Block* const block = lists_[from].oldest;
      remove(from, block);
      ::operator delete(block, std::align_val_t(64));
    }
  }

  std::mutex mutex_;
  List lists_[8 * 60];
  std::size_t kept_ = 0, time_ = 0;
  std::atomic<int> holders_ = 0;
};
constinit LargeBlocks large;

// Nobody is in the middle of it when a process forks, so that the child can go on.
void lock_all() { shared.mutex.lock(), large.mutex().lock(); }
void unlock_all() { large.mutex().unlock(), shared.mutex.unlock(); }
[[maybe_unused]] const int at_fork = pthread_atfork(lock_all, unlock_all, unlock_all);

}  // namespace

void* take_large_memory(std::size_t bytes) {
  if (!pooled) return ::operator new(bytes, std::align_val_t(64));
  return large.take(LargeBlocks::list_of(bytes));
}
void give_large_memory(void* memory, std::size_t bytes) noexcept {
  if (!pooled) return ::operator delete(memory, std::align_val_t(64));
  large.give(LargeBlocks::list_of(bytes), memory);
}
KeepMemory::KeepMemory() noexcept { large.hold(); }
KeepMemory::~KeepMemory() { large.let_go(); }

void* take_memory(std::size_t bytes) {
  if (!pooled || bytes > most) return ::operator new(bytes);
  const std::size_t size = (bytes - (bytes != 0)) / grain;
  Kept& mine = kept[size];
  if (mine.list.first) return mine.list.pop();
  if (mine.fresh != mine.end) return std::exchange(mine.fresh, mine.fresh + (size + 1) * grain);
  return take_new(size);
}

void give_memory(void* memory, std::size_t bytes) noexcept {
  if (!pooled || bytes > most) return ::operator delete(memory);
  const std::size_t size = (bytes - (bytes != 0)) / grain;
  Kept& mine = kept[size];
  if (mine.list.count >= batch || !entered) make_room(size);
  mine.list.push(static_cast<Block*>(memory));
}

}  // namespace autodiff::detail
