// The one tree in which what the shards of a batch give is added up, whoever has them.
#pragma once

#include <algorithm>
#include <cstddef>

#include <vector>

namespace nn::detail {

/// The sum of shards [begin, end): a node of the tree.
struct Node {
  std::size_t begin, end;
  bool operator==(const Node&) const = default;
};

/// Neighbours are added by pairs, then pairs of pairs, and so on; who has no neighbour goes up as it is.
class ShardTree {
 public:
  explicit ShardTree(std::size_t shards = 1) : shards_(shards) {}
  /// Of at most so many shards, each of two samples at least, which statistics of a shard need.
  ShardTree(std::size_t shards, std::size_t samples)
      : shards_(std::clamp<std::size_t>(samples / 2, 1, std::max<std::size_t>(shards, 1))) {}
  std::size_t shards() const { return shards_; }

  /// Shards of a rank: neighbours, as evenly as can be.
  Node part_of(std::size_t rank, std::size_t ranks) const {
    return {rank * shards_ / ranks, (rank + 1) * shards_ / ranks};
  }
  /// Samples of a shard, of all in a batch, likewise.
  Node samples_of(std::size_t shard, std::size_t samples) const {
    return {shard * samples / shards_, (shard + 1) * samples / shards_};
  }

  /// Whether the sum of the two is a node.
  bool are_siblings(const Node& left, const Node& right) const {
    const std::size_t size = left.end - left.begin;
    const bool power_of_two = (size & (size - 1)) == 0;
    return power_of_two && left.begin % (2 * size) == 0 && right.begin == left.end &&
           right.end == std::min(left.begin + 2 * size, shards_);
  }
  /// Puts a node behind those of a stack, whose last ones become one with it where they are siblings, each after
  /// merge(k): node k += node k + 1.
  template <class Merge>
  void push(std::vector<Node>& stack, const Node& node, Merge merge) const {
    stack.push_back(node);
    while (stack.size() > 1 && are_siblings(stack[stack.size() - 2], stack.back())) {
      merge(stack.size() - 2);
      stack[stack.size() - 2].end = stack.back().end;
      stack.pop_back();
    }
  }
  /// The largest nodes that neighbouring shards are made of.
  std::vector<Node> nodes_of(const Node& part) const {
    std::vector<Node> stack;
    for (std::size_t shard = part.begin; shard < part.end; ++shard) push(stack, {shard, shard + 1}, [](std::size_t) {});
    return stack;
  }

 private:
  std::size_t shards_;
};

}  // namespace nn::detail
