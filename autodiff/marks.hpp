// What a sweep notes of nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace autodiff::detail {

/// What is known of each node of a range, most of which may be unmarked.
class Marks {
 public:
  enum : std::uint8_t { reached = 1, on_path = 2, wanted = 4 };  // from y; on a path there from an x; the xs

  explicit Marks(std::size_t nodes) : nodes_(nodes), marks_((nodes + step - 1) / step * step) {}
  std::uint8_t& operator[](std::size_t i) { return marks_[i]; }
  std::uint8_t operator[](std::size_t i) const { return marks_[i]; }
  /// Calls f for all that are marked, from the last to the first; it may mark others before.
  template <class F>
  void descend(F&& f) const {
    for (std::size_t i = nodes_; i-- > 0;) {
      if (marks_[i] != 0)
        f(i);
      else if (i % step == step - 1 && is_clear(i + 1 - step))
        i -= step - 1;
    }
  }
  template <class F>
  void ascend(F&& f) const {
    for (std::size_t i = 0; i < nodes_; ++i) {
      if (marks_[i] != 0)
        f(i);
      else if (i % step == 0 && is_clear(i))
        i += step - 1;
    }
  }

 private:
  static constexpr std::size_t step = 64;
  bool is_clear(std::size_t first) const {
    std::uint64_t words[step / 8], any = 0;
    std::memcpy(words, &marks_[first], step);
    for (std::uint64_t word : words) any |= word;
    return any == 0;
  }
  std::size_t nodes_;
  std::vector<std::uint8_t> marks_;
};

}  // namespace autodiff::detail
