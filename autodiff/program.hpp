// Program<T>: a recorded tape as a plan that runs again and again on new inputs, without recording and without memory
// of its own for every result.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tape.hpp"

namespace autodiff {

/// A value that a program keeps from run to run: it starts as the variable `state`, and each run makes it `next`.
template <Real T>
struct Update {
  Variable<T> state, next;
};

struct CompileOptions {
  /// How many threads a run uses, at most 256; 0: what the process is set to, usually one a core. Results do not depend
  /// on it.
  int threads = 0;
  /// Give the same bits as the tape: without the passes that round otherwise (scales and sums absorbed into products,
  /// multiply-adds, reductions by blocks, transposes read in place), and in which a factor that is zero at a run leaves
  /// out what it multiplies, be it NaN.
  bool exact = false;
  /// Stop a run at the first input, state or result that is not finite, with a ValueError that names it, its shape and
  /// index; compile() itself stops at a variable that keeps such a value, and at results that no run computes anew.
  /// Constants are let through, since an infinity may be meant, until a result is not finite. Slow; exact.
  bool stop_at_non_finite = false;
  /// Time each instruction, for the report.
  bool profile = false;
};

/// What was made of the tape.
struct ProgramReport {
  std::size_t nodes = 0;            // that lead to an output or an update
  std::size_t folded = 0;           // depend on no input and no state, or do nothing to their argument
  std::size_t merged = 0;           // equal to an earlier one
  std::size_t viewed = 0;           // move no data: another layout of the same memory
  std::size_t absorbed = 0;         // scales and sums that became part of a product
  std::size_t clusters = 0;         // run block by block in the cache,
  std::size_t clustered = 0;        // and nodes that do
  std::size_t multiply_adds = 0;    // products that are added where they are computed
  std::size_t in_place = 0;         // written over an operand that nobody reads any more
  std::size_t instructions = 0;     // run each time
  std::size_t bytes = 0;            // of the arena
  std::size_t peak_bytes = 0;       // that live in it at one time, at most
  std::size_t unplanned_bytes = 0;  // were every result to have memory of its own
  std::size_t scratch_bytes = 0;    // for blocks, all threads together
  struct Step {
    std::string text;
    double seconds;  // of all profiled runs
  };
  std::vector<Step> steps;  // the instructions, in order
  std::size_t profiled_runs = 0;
  /// The same as a table for people: what the passes did, the instructions, and how long each takes if that was asked
  /// for.
  std::string text() const;
};

namespace detail {
template <Real T>
class Executor;
template <Real T>
class ProgramCache;
}  // namespace detail

/// The ways to call a program, all of which come to its `run`: with a vector of arrays, or with the inputs one by one.
/// Those may be lazy expressions, arrays of other types, and numbers, too, which are copied into arrays at each call.
template <Real T, class P>
class Calls {
 public:
  const std::vector<Array<T>>& operator()(const std::vector<Array<T>>& inputs) {
    return static_cast<P*>(this)->run(pointers(inputs));
  }
  template <class... Inputs>
  requires((ArrayLike<Inputs> || Number<Inputs>)&&...) const std::vector<Array<T>>& operator()(
      const Inputs&... inputs) {
    const auto run = [this](const auto&... arrays) -> const auto& {
      const std::array<const Array<T>*, sizeof...(Inputs)> all{&arrays...};
      return static_cast<P*>(this)->run(all);
    };
    return run(as_array(inputs)...);
  }

 protected:
  std::span<const Array<T>* const> pointers(const std::vector<Array<T>>& inputs) {
    pointers_.clear();
    for (const auto& input : inputs) pointers_.push_back(&input);
    return pointers_;
  }

 private:
  static const Array<T>& as_array(const Array<T>& input) { return input; }
  template <class E>
  static Array<T> as_array(const E& input) {
    return to_array<T>(input);
  }

  std::vector<const Array<T>*> pointers_;  // kept, so that the next call takes no memory
};

/// Runs in place of the operations that it was compiled from. Belongs to one thread at a time. Once moved from, all but
/// assignment throws ValueError.
template <Real T>
class Program : public Calls<T, Program<T>> {
 public:
  /// See compile().
  Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
          const std::vector<Update<T>>& updates, const CompileOptions& options);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  /// One run: takes the inputs in order, updates the states, and gives the outputs in order, to be read until the next
  /// run. Throws ShapeError for inputs of another number or shape, before anything is changed, and whatever the
  /// operations throw for the values they meet, such as a class out of range; updates that came before it are made.
  const std::vector<Array<T>>& run(std::span<const Array<T>* const> inputs);

  /// The value of the state of this number, in the order of the updates. Throws ValueError for one that is not there.
  const Array<T>& state(std::size_t number) const;
  /// Sets it. Throws ShapeError for another shape.
  void state(std::size_t number, const Array<T>& value);

  const ProgramReport& report() const;

 private:
  std::unique_ptr<detail::Executor<T>> executor_;
};

/// Makes a program of what a tape holds: how the outputs and the next values of states follow from inputs and states,
/// gradients included where they were recorded. Inputs and states are variables or constants of the tape, not results;
/// other variables keep their recorded values. The tape is not needed any more. Throws TapeError for plain values,
/// other tapes, results as inputs, and what is named twice; ShapeError for a next value that has not the shape of its
/// state; ValueError for a number of threads that cannot be.
inline Program<float> compile(const std::vector<Variable<float>>& inputs, const std::vector<Variable<float>>& outputs,
                              const std::vector<Update<float>>& updates = {}, const CompileOptions& options = {}) {
  return {inputs, outputs, updates, options};
}
inline Program<double> compile(const std::vector<Variable<double>>& inputs,
                               const std::vector<Variable<double>>& outputs,
                               const std::vector<Update<double>>& updates = {}, const CompileOptions& options = {}) {
  return {inputs, outputs, updates, options};
}

/// What a recording leaves to be compiled.
template <Real T>
struct Recording {
  std::vector<Variable<T>> outputs;
  std::vector<Update<T>> updates;
};

/// A program for each shape of the inputs that it meets, compiled at the first meeting, all with the same states: for
/// the last, smaller batch of an epoch. Belongs to one thread at a time. Once moved from, all but assignment throws
/// ValueError.
template <Real T>
class ShapedProgram : public Calls<T, ShapedProgram<T>> {
 public:
  /// Records a run on a fresh tape, for inputs of the shapes that are given; it is called again for other shapes.
  using Record = std::function<Recording<T>(Tape<T>& tape, const std::vector<Variable<T>>& inputs)>;

  /// Nothing is recorded yet. Keeps programs for `capacity` shapes, those used last.
  explicit ShapedProgram(Record record, const CompileOptions& options = {}, std::size_t capacity = 8);
  ~ShapedProgram();
  ShapedProgram(ShapedProgram&&) noexcept;
  ShapedProgram& operator=(ShapedProgram&&) noexcept;

  /// One run, as that of a Program. Throws what `record` and compile throw at the first meeting with a shape, and
  /// ShapeError when states would change their number or shapes then; the states stay as they are.
  const std::vector<Array<T>>& run(std::span<const Array<T>* const> inputs);

  /// Compiles for inputs of these shapes, without a run, if that was not done yet.
  void prepare(const std::vector<Array<T>>& inputs);
  /// How many states there are: none before the first program is compiled.
  std::size_t states() const;
  /// See Program::state.
  const Array<T>& state(std::size_t number) const;
  void state(std::size_t number, const Array<T>& value);

  /// How many programs were compiled so far, and what became of the tape of the one that ran last.
  std::size_t compiled() const;
  const ProgramReport& report() const;

 private:
  std::unique_ptr<detail::ProgramCache<T>> cache_;
};

extern template class Program<float>;
extern template class Program<double>;
extern template class ShapedProgram<float>;
extern template class ShapedProgram<double>;

}  // namespace autodiff
