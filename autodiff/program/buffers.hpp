// Where values live: in the arena, in states and outputs, or only in a cluster's blocks.
#pragma once

#include "arena.hpp"
#include "schedule.hpp"

namespace autodiff::detail {

/// A product that is computed together with the sum that alone reads it: y = a b + c, rounded once.
struct Fusion {
  std::vector<std::uint32_t> into;  // of each product, the sum; nowhere for all others
};

template <Real T>
Fusion fuse_products(const Graph<T>& graph, const Schedule& schedule);

/// A value that has to be brought to where it is expected, before the instructions or after them.
struct Move {
  std::uint32_t from, to;  // buffers
};

struct Memory {
  std::vector<Buffer> buffers;
  std::vector<std::uint32_t> buffer_of;        // of each node; nowhere for what lives in blocks only
  std::vector<std::uint32_t> states, outputs;  // their buffers
  std::vector<Move> before, after;
  std::size_t in_place = 0;  // results that are written over an operand nobody reads any more
};

/// Decides on buffers: next values in their states where by then nobody needs the old ones and nothing throws any more,
/// so that a run that throws changes no state; outputs in their arrays, other results over operands that die where that
/// is possible, else in the arena. Places are not given yet.
template <Real T>
Memory choose_buffers(const Graph<T>& graph, const Schedule& schedule, const Fusion& fusion);

}  // namespace autodiff::detail
