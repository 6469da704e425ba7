// Plan<T>: the instructions of a program, and the memory that they work on.
#pragma once

#include <deque>

#include "block_code.hpp"

namespace autodiff::detail {

/// The values of states; plans for other shapes of the same inputs share them.
template <Real T>
using States = std::vector<Array<T>>;

template <Real T>
class Plan {
 public:
  /// Takes states that are there already in place of those recorded; throws ShapeError if these have other shapes.
  Plan(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
       const std::vector<Update<T>>& updates, const CompileOptions& options,
       std::shared_ptr<States<T>> states = nullptr);
  Plan(const Plan&) = delete;

  /// One run on inputs of the shapes that the plan is made for.
  const std::vector<Array<T>>& run(std::span<const Array<T>* const> inputs);
  const std::shared_ptr<States<T>>& states() const { return states_; }
  const ProgramReport& report() const { return report_; }

 private:
  /// A factor of an accumulation: a number times what is found in memory, if anything. The place is looked up at each
  /// run, since it may be that of an input.
  struct Scale {
    T number = 1;
    const T* const* value = nullptr;
    T operator()() const { return value ? number * **value : number; }
  };
  /// One node alone, a cluster, or a copy.
  struct Instruction {
    enum class Kind : std::uint8_t { operation, accumulation, cluster, block, copy } kind;
    std::uint32_t node;                       // the last of a cluster
    const Primitive<T>* operation = nullptr;  // of a node alone
    Operand<T> y{};                           // of a node alone
    std::uint32_t first = 0, count = 0;       // its operands
    std::uint32_t code = 0;                   // of a cluster
    Scale alpha{}, beta{};                    // of an accumulation
    const T* const* addend = nullptr;         // where what is copied to y before it is, if it is not there already
  };
  /// What an instruction works on: a place in a buffer, laid out so.
  struct Slot {
    std::uint32_t buffer;
    std::ptrdiff_t offset;
  };

  void take_states(std::shared_ptr<States<T>> states);
  void emit();
  void emit_alone(std::uint32_t node);
  void add_operand(std::uint32_t node, View view);
  void allocate();
  void bind(std::span<const Array<T>* const> inputs);
  const T* data_of(std::size_t input, const Array<T>& given);
  void run(const Instruction& instruction);
  void run_timed(const Instruction& instruction);
  void run(const BlockCode<T>& code);
  void check_given(std::span<const Array<T>* const> inputs) const;
  void run_checked(const Instruction& instruction);
  void copy(const Move& move);
  Scale scale(const Factor& factor, const GraphNode<T>& node) const;
  void describe_instructions();

  Graph<T> graph_;
  CompileOptions options_;
  ProgramReport report_;
  Schedule schedule_;
  Memory memory_;
  std::shared_ptr<States<T>> states_;
  std::vector<Array<T>> outputs_;
  int threads_;

  std::vector<Instruction> instructions_;
  std::deque<View> views_;           // of the operands and results
  std::vector<Slot> operand_slots_;  // where the data of each operand is
  std::vector<Operand<const T>> operands_;
  std::vector<BlockCode<T>> code_;
  std::vector<std::vector<T*>> bases_;      // of each code that is one block
  std::vector<std::uint32_t> input_codes_;  // of these, which read inputs
  std::vector<std::uint32_t> binds_;        // operands that are inputs

  Array<T> arena_;
  std::vector<T*> pointers_;    // of each buffer; of inputs they are bound at each run
  std::vector<Array<T>> kept_;  // copies of inputs that the run itself writes over: its outputs, and states
  /// What a thread needs for itself.
  struct Worker {
    Array<T> scratch;
    std::vector<T*> bases;
  };
  std::vector<Worker> workers_;
};

}  // namespace autodiff::detail
