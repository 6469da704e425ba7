// Compiled<T>: what all runs of a program, and all its copies, have in common. It is not changed once it is there.
#pragma once

#include "block_code.hpp"
#include "options.hpp"

namespace autodiff::detail {

/// One node alone, a cluster, or a copy.
struct Instruction {
  enum class Kind : std::uint8_t { operation, several, accumulation, cluster, block, copy } kind;
  std::uint32_t node;                  // the last of a cluster, the first result of an operation
  std::uint32_t code = 0;              // of a cluster; of an operation of several results, where those begin
  std::uint32_t first = 0, count = 0;  // operands
  bool alone() const { return kind != Kind::cluster && kind != Kind::block; }
};

/// What an instruction works on: a buffer, laid out so.
struct BufferView {
  std::uint32_t buffer;
  const View* view;  // of the graph's
};

template <Real T>
struct Compiled {
  CompileOptions options;
  int threads = 1;
  Graph<T> graph;  // what instructions compute: operations, shapes, constants, names for people
  Memory memory;
  std::size_t arena = 0;    // elements
  std::size_t scratch = 0;  // elements, of each thread
  std::vector<Instruction> instructions;
  std::vector<BufferView> operands, results;  // results: of operations that have several
  std::vector<BlockCode<T>> code;
  std::shared_ptr<const kernels::Assembler<T>> loops;  // that were made for the code
  ProgramReport report;                                // but for times
};

/// Where a state has its value.
template <Real T>
struct State {
  StateCell<T> cell;
  bool shared;  // others may replace what it holds; else the cell is the program's own, and its array stays
};
/// Executors for several shapes of the same inputs share them.
template <Real T>
using States = std::vector<State<T>>;

template <Real T>
struct Compilation {
  std::shared_ptr<const Compiled<T>> compiled;
  std::vector<std::shared_ptr<const Array<T>>> first;  // values of the states, as recorded
  std::vector<StateCell<T>> cells;                     // that they were entered from, or null
};

/// From a tape to what runs. Throws what compile throws.
template <Real T>
Compilation<T> compile_recording(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                                 const std::vector<Update<T>>& updates, const CompileOptions& options);

}  // namespace autodiff::detail
