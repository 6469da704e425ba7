// Executor<T>: runs what was compiled, on memory of its own.
#pragma once

#include <memory>
#include <optional>

#include "compiled.hpp"
#include "run_blocks.hpp"

namespace autodiff::detail {

template <Real T>
class Executor {
 public:
  /// The states have the shapes of those that were recorded.
  Executor(std::shared_ptr<const Compiled<T>> compiled, std::shared_ptr<States<T>> states);
  Executor(const Executor&) = delete;

  /// One run on inputs of the shapes that were compiled for.
  const std::vector<Array<T>>& run(std::span<const Array<T>* const> inputs);
  /// One run, inside an operation, of a program that has no cells and none of the options that watch runs: on plain
  /// memory, results where they are wanted. Uses no more threads than the operation may.
  void run_on(std::span<const T* const> inputs, std::span<T* const> outputs);
  /// Memory of its own for an output that nobody wants.
  T* output(std::size_t number) { return outputs_[number].data(); }
  const std::shared_ptr<const Compiled<T>>& compiled() const { return compiled_; }
  States<T>& states() const { return *states_; }
  /// That of the compiler, with the times of this executor's runs.
  const ProgramReport& report() const { return report_ ? *report_ : compiled_->report; }
  /// Sets what a report says of them.
  void compilations(std::size_t count) {
    if (count == report().compilations) return;
    if (!report_) report_ = compiled_->report;
    report_->compilations = count;
  }

 private:
  using Kind = Instruction::Kind;

  /// A factor of an accumulation: a number times what is found in memory, if anything. The place is looked up at each
  /// run, since it may be that of an input.
  struct Scale {
    T number = 1;
    const T* const* value = nullptr;
    T operator()() const { return value ? number * **value : number; }
  };
  /// An instruction with pointers into this memory.
  struct Bound {
    Kind kind;
    std::uint32_t node;
    const Primitive<T>* operation = nullptr;  // of a node alone
    Operand<T> y{};                           // of a node alone
    std::uint32_t first = 0, count = 0;       // its operands
    std::uint32_t code = 0;                   // of a cluster; of a block, its number; of several results, the first
    Scale alpha{}, beta{};                    // of an accumulation
    const T* const* addend = nullptr;         // where what is copied to y before it is, if it is not there already
  };
  struct BoundInput {
    Dims shape;
    std::uint32_t buffer;
  };
  /// A state that others may replace.
  struct BoundCell {
    Variable<T>* cell;
    std::uint32_t node, buffer;
    Shape shape;
    T* data = nullptr;  // at the last run
  };
  /// What points into buffers that may move from run to run, and whether any did since.
  struct Followers {
    std::vector<std::uint32_t> operands, blocks;
    std::vector<std::pair<T**, std::uint32_t>> results;  // with their buffers
    bool moved = true;
  };
  /// What a thread needs for itself.
  struct Worker {
    Array<T> scratch;
    std::vector<T*> bases;
  };

  void find_buffers();
  void open_workers();
  void bind_instructions();
  Bound bound(const Instruction& instruction);
  Scale scale(const Factor& factor, const GraphNode<T>& node) const;

  void bind(std::span<const Array<T>* const> inputs);
  void bind_states();
  Array<T>& value_to_change(const BoundCell& state) const;
  void point_input(std::uint32_t buffer, const T* data);
  void follow(Followers& followers);
  void check_cell(const Variable<T>& cell, std::uint32_t node) const;
  const Array<T>& value_of_cell(std::size_t number) const;
  const T* data_of(std::size_t input, const Array<T>& given);
  void run_instructions();
  void run(const Bound& instruction);
  void run_cluster(const BlockCode<T>& code);
  void run_watched(const Bound& instruction);
  void check_given(std::span<const Array<T>* const> inputs) const;
  void check_result(const Bound& instruction) const;
  void copy(const Move& move);

  std::shared_ptr<const Compiled<T>> compiled_;
  std::shared_ptr<States<T>> states_;
  std::vector<Array<T>> outputs_;
  Array<T> arena_;
  std::vector<T*> pointers_;    // of each buffer; of inputs and cells they are bound at each run
  std::vector<Array<T>> kept_;  // copies of inputs that the run itself writes over: its outputs, and states
  std::vector<Worker> workers_;

  std::vector<Bound> instructions_;
  std::vector<Operand<const T>> operands_;
  std::vector<Operand<T>> results_;
  std::vector<SingleBlock<T>> blocks_;
  std::vector<BoundInput> inputs_;
  std::vector<BoundCell> cells_;
  Followers of_inputs_, of_cells_, of_outputs_;

  std::optional<ProgramReport> report_;  // where it differs from the compiler's
};

}  // namespace autodiff::detail
