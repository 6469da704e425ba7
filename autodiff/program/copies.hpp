// Copies of nodes: a graph in which some readers have what they read computed for them.
#pragma once

#include <functional>

#include "plan.hpp"

namespace autodiff::detail {

/// Which copies a graph is given, each with a number above 0.
struct Copies {
  std::function<std::uint32_t(std::uint32_t reader)> number;  // that a node reads; 0: the originals alone
  std::function<bool(std::uint32_t node, std::uint32_t number)> is_missing;  // what it reads is not there but as a copy
  bool late = false;  // copies stay where they are: behind what the schedule might join them with
};

/// The graph with its nodes in the order of the plan, and copies in front of the first node that reads them: of what is
/// missing, and of what those copies read themselves. Copies give the same bits as the originals, as long as these are
/// no reductions to one value, whose order of summing depends on the cluster.
template <Real T>
Graph<T> with_copies(const Graph<T>& graph, const Plan<T>& plan, const Copies& copies);

/// Lets clusters compute for themselves what takes a few sums and products of values that are much shorter, where it
/// would be read from memory, and plans again; unless that takes more memory or more instructions.
template <Real T>
void copy_cheap(Graph<T>& graph, Plan<T>& plan, const ClusterOptions& options);

/// Says how many nodes are copies, and about how much work they are.
template <Real T>
void count_copies(const Graph<T>& graph, ProgramReport& report);

}  // namespace autodiff::detail
