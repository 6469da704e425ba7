// Graph<T>: what passes work on, the part of a tape that a program needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../program.hpp"

namespace autodiff::detail {

/// Where the value of a node comes from.
enum class Source : std::uint8_t { operation, constant, input, state };

template <Real T>
struct GraphNode {
  Source source;
  std::shared_ptr<const Primitive<T>> operation;  // of Source::operation
  std::vector<std::uint32_t> inputs;              // earlier nodes
  std::shared_ptr<const Array<T>> recorded;       // the value on the tape, the value of constants and first of states
};

template <Real T>
struct Graph {
  std::vector<GraphNode<T>> nodes;  // each after its inputs
  std::vector<std::uint32_t> inputs, outputs, states, nexts;
};

/// The nodes that lead to the outputs and the next values of states. Throws what compile throws.
template <Real T>
Graph<T> build_graph(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                     const std::vector<Update<T>>& updates, ProgramReport& report);

/// Lets one node stand for all that are equal: the same operation with the same parameters on the same inputs.
template <Real T>
void merge_equal(Graph<T>& graph, ProgramReport& report);

/// Makes constants of what depends on no input and no state: its value is on the tape already.
template <Real T>
void fold_constants(Graph<T>& graph, ProgramReport& report);

}  // namespace autodiff::detail
