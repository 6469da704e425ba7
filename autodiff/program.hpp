// Program<T>: a recorded tape as a plan that runs again and again on new inputs, without recording and without memory
// of its own for every result.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tape.hpp"

namespace autodiff {

/// A value that a program keeps from run to run: it starts as the variable `state`, and each run makes it `next`.
template <Real T>
struct Update {
  Variable<T> state, next;
};

/// What was made of the tape.
struct ProgramReport {
  std::size_t nodes = 0;            // that lead to an output or an update
  std::size_t folded = 0;           // depend on no input and no state: their recorded values are used
  std::size_t merged = 0;           // equal to an earlier one
  std::size_t viewed = 0;           // move no data: another shape of the same memory
  std::size_t in_place = 0;         // written over an operand that nobody reads any more
  std::size_t instructions = 0;     // run each time
  std::size_t bytes = 0;            // of the arena
  std::size_t unplanned_bytes = 0;  // were every result to have memory of its own
  /// The same as a table for people.
  std::string text() const;
};

namespace detail {
template <Real T>
class Plan;
}  // namespace detail

/// Runs in place of the operations that it was compiled from, with the same bits. Belongs to one thread at a time.
template <Real T>
class Program {
 public:
  /// See compile().
  Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
          const std::vector<Update<T>>& updates);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  /// One run: takes the inputs in order, updates the states, and gives the outputs in order, to be read until the next
  /// run. Throws ShapeError for inputs of another number or shape, before anything is changed, and whatever the
  /// operations throw for the values they meet, such as a class out of range; updates that came before it are made.
  const std::vector<Array<T>>& operator()(const std::vector<Array<T>>& inputs);

  /// The value of the state of this number, in the order of the updates. Throws ValueError for one that is not there.
  const Array<T>& state(std::size_t number) const;
  /// Sets it. Throws ShapeError for another shape.
  void state(std::size_t number, const Array<T>& value);

  const ProgramReport& report() const;

 private:
  std::unique_ptr<detail::Plan<T>> plan_;
};

/// Makes a program of what a tape holds: how the outputs and the next values of states follow from inputs and states,
/// gradients included where they were recorded. Inputs and states are variables or constants of the tape, not results;
/// other variables keep their recorded values. The tape is not needed any more. Throws TapeError for plain values,
/// other tapes, results as inputs, and what is named twice; ShapeError for a next value that has not the shape of its
/// state.
inline Program<float> compile(const std::vector<Variable<float>>& inputs, const std::vector<Variable<float>>& outputs,
                              const std::vector<Update<float>>& updates = {}) {
  return {inputs, outputs, updates};
}
inline Program<double> compile(const std::vector<Variable<double>>& inputs,
                               const std::vector<Variable<double>>& outputs,
                               const std::vector<Update<double>>& updates = {}) {
  return {inputs, outputs, updates};
}

extern template class Program<float>;
extern template class Program<double>;

}  // namespace autodiff
