#include "arena.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace autodiff::detail {

std::size_t padded(std::size_t size) {
  constexpr std::size_t line = 16;
  return (size + line - 1) / line * line;
}

namespace {

/// The buffers of the arena by birth, the larger first where they are born together.
std::vector<std::uint32_t> by_birth(const std::vector<Buffer>& buffers) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t b = 0; b < buffers.size(); ++b)
    if (buffers[b].in_arena && buffers[b].size > 0) order.push_back(b);
  std::ranges::stable_sort(order, [&](auto a, auto b) {
    return std::pair(buffers[a].born, buffers[b].size) < std::pair(buffers[b].born, buffers[a].size);
  });
  return order;
}

/// Free stretches, neighbours joined, by offset and by length.
class FreeList {
 public:
  void release(std::size_t offset, std::size_t length) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + length) length += next->second, next = erase(next);
    if (next != by_offset_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) offset = before->first, length += before->second, erase(before);
    }
    by_offset_.emplace(offset, length);
    by_length_.emplace(length, offset);
  }
  /// The shortest stretch that is long enough, else one at the end, which moves.
  std::size_t take(std::size_t length, std::size_t& end) {
    const auto best = by_length_.lower_bound({length, 0});
    if (best != by_length_.end()) {
      const auto [found, offset] = *best;
      erase(by_offset_.find(offset));
      if (found > length) release(offset + length, found - length);
      return offset;
    }
    // What is free at the end needs only to be prolonged.
    std::size_t offset = end;
    if (!by_offset_.empty()) {
      const auto last = std::prev(by_offset_.end());
      if (last->first + last->second == end) offset = last->first, erase(last);
    }
    end = offset + length;
    return offset;
  }

 private:
  using ByOffset = std::map<std::size_t, std::size_t>;
  ByOffset::iterator erase(ByOffset::iterator it) {
    by_length_.erase({it->second, it->first});
    return by_offset_.erase(it);
  }
  ByOffset by_offset_;
  std::set<std::pair<std::size_t, std::size_t>> by_length_;
};

/// Walks the buffers by birth: `dies` is told of each that was read for the last time before the next is born.
template <class Dies, class Born>
void live_through(const std::vector<Buffer>& buffers, Dies dies, Born born) {
  std::multimap<std::size_t, std::uint32_t> dying;
  for (const auto b : by_birth(buffers)) {
    while (!dying.empty() && dying.begin()->first < buffers[b].born) {
      dies(dying.begin()->second);
      dying.erase(dying.begin());
    }
    born(b);
    dying.emplace(std::max(buffers[b].last_use, buffers[b].born), b);
  }
}

std::size_t place_by_birth(std::vector<Buffer>& buffers) {
  FreeList free;
  std::size_t end = 0;
  live_through(
      buffers, [&](std::uint32_t b) { free.release(buffers[b].offset, padded(buffers[b].size)); },
      [&](std::uint32_t b) { buffers[b].offset = free.take(padded(buffers[b].size), end); });
  return end;
}

bool live_together(const Buffer& a, const Buffer& b) {
  return a.born <= std::max(b.last_use, b.born) && b.born <= std::max(a.last_use, a.born);
}

/// The largest first, each at the lowest place that is free for all its life. Rarely leaves gaps, but is quadratic.
std::size_t place_by_size(std::vector<Buffer>& buffers) {
  auto order = by_birth(buffers);
  std::ranges::stable_sort(order, std::greater(), [&](auto b) { return buffers[b].size; });
  std::size_t end = 0;
  std::vector<std::uint32_t> placed;  // by offset
  for (const auto b : order) {
    const std::size_t length = padded(buffers[b].size);
    std::size_t offset = 0;
    for (const auto other : placed) {
      if (!live_together(buffers[b], buffers[other])) continue;
      if (buffers[other].offset >= offset + length) break;
      offset = std::max(offset, buffers[other].offset + padded(buffers[other].size));
    }
    buffers[b].offset = offset;
    end = std::max(end, offset + length);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [&](auto other) { return buffers[other].offset; }), b);
  }
  return end;
}

}  // namespace

std::size_t place(std::vector<Buffer>& buffers) {
  constexpr std::size_t most_by_size = 2000;
  const std::size_t length = place_by_birth(buffers);
  if (length == peak(buffers) || by_birth(buffers).size() > most_by_size) return length;
  auto again = buffers;
  const std::size_t shorter = place_by_size(again);
  if (shorter >= length) return length;
  buffers = std::move(again);
  return shorter;
}

std::size_t peak(const std::vector<Buffer>& buffers) {
  std::size_t now = 0, most = 0;
  live_through(
      buffers, [&](std::uint32_t b) { now -= padded(buffers[b].size); },
      [&](std::uint32_t b) { most = std::max(most, now += padded(buffers[b].size)); });
  return most;
}

}  // namespace autodiff::detail
