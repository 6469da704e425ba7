// Plan<T>: a graph with a place in memory for every value, and the instructions that fill them in order.
#pragma once

#include "graph.hpp"

namespace autodiff::detail {

/// Memory that values live in, one after the other. Values are known by their node, moments by the node computed then.
struct Buffer {
  static constexpr std::size_t for_ever = std::size_t(-1);
  std::size_t size = 0;      // elements
  std::size_t last_use = 0;  // when it is read for the last time
  bool in_arena = false;     // else an input, a constant, a state or an output
  std::size_t offset = 0;    // in the arena
};

/// Gives each buffer of the arena a place where nothing else lives at the same time; `born` are the buffers, none
/// twice, in the order in which they are first written, with that moment. Returns the length of the arena.
std::size_t place(std::vector<Buffer>& buffers, const std::vector<std::pair<std::size_t, std::uint32_t>>& born);

template <Real T>
class Plan {
 public:
  Plan(Graph<T> graph, ProgramReport report);
  Plan(const Plan&) = delete;

  const std::vector<Array<T>>& run(const std::vector<Array<T>>& inputs);
  Array<T>& state(std::size_t number);
  const ProgramReport& report() const { return report_; }

 private:
  struct Instruction {
    const Primitive<T>* operation;
    Operand<T> y;
    std::size_t first, count;  // of its inputs, among operands_
  };
  struct Copy {
    std::uint32_t from;  // a buffer
    Array<T>* to;
  };

  void choose_buffers();
  void update_in_place();
  void write_over_dead_operands();
  void emit();
  bool may_write_over(std::size_t node, std::uint32_t buffer) const;
  std::uint32_t new_buffer(std::size_t size, bool in_arena);

  Graph<T> graph_;
  ProgramReport report_;
  std::vector<bool> live_;
  std::vector<View> views_;            // of each node: dense, of its shape
  std::vector<std::uint32_t> buffer_;  // of each node
  std::vector<bool> viewed_;           // nodes that are their input in another shape
  std::vector<Buffer> buffers_;
  std::vector<T*> memory_;  // of each buffer; of inputs it is bound at each run
  std::vector<Array<T>> states_, outputs_, kept_;
  Array<T> arena_;

  std::vector<Instruction> instructions_;
  std::vector<Operand<const T>> operands_;
  std::vector<std::pair<std::size_t, std::size_t>> binds_;  // operands that are inputs, and which
  std::vector<Copy> before_, after_;  // old values of states that become others; results that were not put in place
};

}  // namespace autodiff::detail
