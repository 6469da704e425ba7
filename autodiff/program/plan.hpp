// Plan<T>: of a graph, what is computed together and when, and where in memory; all that instructions are made of.
#pragma once

#include "block_code.hpp"

namespace autodiff::detail {

template <Real T>
struct Plan {
  Schedule schedule;
  Fusion fusion;
  Memory memory;                   // with places
  std::vector<BlockCode<T>> code;  // of the clusters, in order
  std::size_t arena = 0;           // elements
};

/// Runs the stages from the schedule to the places of buffers.
template <Real T>
Plan<T> make_plan(const Graph<T>& graph, const ClusterOptions& options);

}  // namespace autodiff::detail
