// Graph<T>: what passes work on, the part of a tape that a program needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "interned.hpp"
#include "recording.hpp"
#include "report.hpp"

namespace autodiff::detail {

inline constexpr std::uint32_t nowhere = std::uint32_t(-1);

/// Where the value of a node comes from.
enum class Source : std::uint8_t { operation, constant, input, state };

/// A value as a node reads it: all of another node, or a view of it.
struct Input {
  std::uint32_t node = nowhere;
  const View* view = nullptr;  // of the graph's; null: all of it, dense
};
using Inputs = xt::svector<Input, 2>;

/// One factor of what an operation accumulates: a number, times the single value of one of the node's inputs.
struct Factor {
  double number = 1;
  std::uint32_t input = nowhere;
};

inline const View of_nothing = {};

template <Real T>
struct GraphNode {
  std::shared_ptr<const Primitive<T>> operation = nullptr;  // of Source::operation
  Inputs inputs;                                            // of the operation, earlier nodes; then what follows below
  const View* layout = &of_nothing;                         // dense; the graph's
  Value<T> recorded;                                        // the value on the tape: of constants, and first of states
  std::string_view where;                                   // "layer1/h" or "layer1", for people; the graph's
  std::uint32_t result = 0;  // its number among those of the operation, which follow each other
  std::uint32_t apart = 0;   // not 0: stands for no equal node but of the same number
  Source source = Source::constant;
  bool live = true;       // whether anybody needs it
  bool single = false;    // a constant whose elements are all equal
  bool variable = false;  // of the tape; here a constant, unless it is an input or state
  bool again = false;     // a copy: what an earlier node computes, too
  bool late = false;      // one that is to be computed late
  bool rounded = false;   // a product that is not added where it is computed

  // alpha operation(inputs) + beta addend, where the addend is an input of the node behind those of the operation.
  std::uint32_t arity = 0;
  std::uint32_t addend = nowhere;
  Factor alpha, beta;

  const Shape& shape() const { return layout->shape; }
  std::size_t size() const { return count(Dims(shape())); }
  bool accumulated() const { return addend != nowhere || alpha.number != 1 || alpha.input != nowhere; }
};

template <Real T>
struct Graph {
  std::vector<GraphNode<T>> nodes;            // each after its inputs
  std::vector<std::uint32_t> inputs, states;  // inputs that a run is given, then those of the cells
  std::vector<ValueCell<T>> cells;
  std::vector<StateCell<T>> state_cells;  // of each state; null for one that is the program's own
  std::vector<Input> outputs, nexts;
  bool checked = false;  // every result is looked at, and a run may stop there
  std::shared_ptr<Interned> interned = std::make_shared<Interned>();  // also of graphs made from this one

  /// The layout in which an input of a node is read.
  const View& view_of(const Input& input) const { return input.view ? *input.view : *nodes[input.node].layout; }
  /// Whether an input is all of another node, element by element, if perhaps in another shape.
  bool is_whole(const Input& input) const {
    return !input.view || (input.view->offset == 0 && is_dense(*input.view) &&
                           count(Dims(input.view->shape)) == nodes[input.node].size());
  }
  /// Whether a run may throw where the node is computed.
  bool may_fail(const GraphNode<T>& node) const {
    return node.source == Source::operation && !node.again && (checked || node.operation->fails());
  }
  bool is_single(const Input& input) const { return nodes[input.node].single || nodes[input.node].size() == 1; }
};

/// The nodes that lead to the outputs and the next values of states. Throws what compile throws.
template <Real T>
Graph<T> build_graph(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                     const std::vector<Update<T>>& updates, ProgramReport& report);

/// "[mul] in layer1/h (3, 4)": a node, for errors and reports.
template <Real T>
std::string describe(const GraphNode<T>& node);

/// What an elementwise operation of one or two arguments makes of two numbers.
template <Real T>
T value_at(const Primitive<T>& operation, T a, T b) {
  const T* x[] = {&a, &b, nullptr};
  T y;
  operation.block()(operation.self(), &y, x, 0, 1);
  return y;
}

/// Whether the node is an elementwise sum or difference of all its arguments, one or two, and of nothing else:
/// x + 1 and x + y * y, too, depend on x as a sum does.
template <Real T>
bool is_sum(const GraphNode<T>& node) {
  if (node.source != Source::operation || !node.operation->block() || node.arity == 0 || node.arity > 2) return false;
  for (std::size_t k = 0; k < node.arity; ++k)
    if (const Linear how = node.operation->linear(k); how != Linear::plus && how != Linear::minus) return false;
  return value_at<T>(*node.operation, 0, 0) == 0;
}

/// Computes a node whose inputs are constants, with the other results of its operation, unless its value is known.
template <Real T>
void compute(Graph<T>& graph, std::uint32_t node);

/// How often each node is read; outputs and next values count, too.
template <Real T>
std::vector<std::uint32_t> count_uses(const Graph<T>& graph);

}  // namespace autodiff::detail
