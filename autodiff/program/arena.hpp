// Places in one arena for values that live one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace autodiff::detail {

/// Memory for values, one after the other. Moments are the numbers of groups.
struct Buffer {
  static constexpr std::size_t for_ever = std::size_t(-1);
  std::size_t size = 0;      // elements
  std::size_t born = 0;      // when it is written first
  std::size_t last_use = 0;  // when it is read for the last time
  bool in_arena = false;     // else an input, a constant, a state or an output
  std::size_t offset = 0;    // in the arena
};

/// How much of the arena a buffer takes: whole cache lines, so that no two threads write one.
std::size_t padded(std::size_t size);

/// Gives each buffer of the arena a place where nothing else lives at the same time, and returns the length of the
/// arena. In the order of birth, each where it fits best, or the largest first, which takes longer and is tried where
/// buffers are few and the former wastes something.
std::size_t place(std::vector<Buffer>& buffers);

/// The most that lives at any one time: no arena is shorter.
std::size_t peak(const std::vector<Buffer>& buffers);

}  // namespace autodiff::detail
