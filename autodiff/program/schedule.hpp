// Clusters: what is computed element by element over one space goes block by block through the cache, and reductions of
// it along with it.
#pragma once

#include "space.hpp"

namespace autodiff::detail {

/// Nodes that run together: a cluster, or one node alone.
struct Group {
  std::vector<std::uint32_t> nodes;  // in order
  bool cluster = false;
  std::size_t size = 0, columns = 0;  // of the space of a cluster; columns 0: rows do not matter
  bool reduces_rows = false;          // or columns: then their length is settled
};

/// All live operations in groups, and the groups in an order in which each finds what it reads.
struct Schedule {
  std::vector<Group> groups;
  std::vector<std::uint32_t> group_of;  // of each node; nowhere for what is not computed
  std::uint32_t safe_from = 0;          // the first group from which on a run cannot throw any more
};

struct ClusterOptions {
  bool exact = false;           // reductions stay alone
  std::size_t most_nodes = 96;  // in a cluster: what their blocks need has to stay in the cache
};

/// Values are computed where they are first needed: clusters are put together from the end of the tape. Then those over
/// one space are joined where nothing between them stands in the way, and updates moved to where their operands are
/// still in the cache, but behind all that may throw: before that they must not be written over their states.
template <Real T>
Schedule make_schedule(const Graph<T>& graph, const ClusterOptions& options);

}  // namespace autodiff::detail
