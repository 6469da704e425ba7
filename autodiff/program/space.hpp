// How clusters walk their operands: every space of elements is rows of columns, and what does not follow these is
// collected for each block.
#pragma once

#include <optional>

#include "graph.hpp"

namespace autodiff::detail {

/// What an operand's place follows: nothing (one value), the element, its column (a row that repeats) or its row; or
/// more than these, so that its elements are collected for each block.
enum class Walk : std::uint8_t { single, element, column, row, collected };

/// A walk, and how long the rows must be for it; 0 where it does not matter.
struct Walked {
  Walk walk;
  std::size_t columns = 0;
};

/// An operand that is broadcast to this shape, with as few axes as it takes, and from where it starts.
View merged(const View& operand, Dims shape);

/// How an operand is walked that is broadcast to this shape; nothing where neighbours lie apart in memory.
std::optional<Walked> walk_of(const View& operand, Dims shape);

/// The length of rows that both need, where 0 needs none in particular.
std::optional<std::size_t> common_columns(std::size_t a, std::size_t b);

/// How an elementwise node walks an input by itself; where rows have another length in its cluster, it is collected.
template <Real T>
std::optional<Walked> walk_of(const Graph<T>& graph, const GraphNode<T>& node, const Input& input) {
  if (graph.is_single(input)) return Walked{Walk::single};
  return walk_of(graph.view_of(input), node.shape());
}

/// What a cluster does with a node: nothing, computes it element by element, or reduces an input of it.
enum class Role : std::uint8_t { alone, element, reduction };

/// The elements that a node of a cluster is computed from.
struct Space {
  Role role = Role::alone;
  std::size_t size = 0, columns = 0;  // columns: of a reduction by rows or columns; else those that save collecting
  Walk reduced = Walk::single;  // what is left of a reduction: one value, a row (Walk::column) or a column (Walk::row)
};

/// The space of a node; in an exact program reductions stay alone, since clusters reduce in another order.
template <Real T>
Space space_of(const Graph<T>& graph, const GraphNode<T>& node, bool exact);

}  // namespace autodiff::detail
