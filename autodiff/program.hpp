// Program<T>: a recorded tape, compiled to run again and again on new inputs, without recording and without memory
// of its own for every result.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "program/options.hpp"
#include "program/recording.hpp"
#include "program/report.hpp"

namespace autodiff {

namespace detail {
template <Real T>
class Executor;
template <Real T>
class ProgramCache;

/// Lets one call at a time into a program.
class Turnstile {
 public:
  /// Throws ValueError while there is another one.
  class Pass {
   public:
    explicit Pass(Turnstile& turnstile) : taken_(turnstile.taken_) {
      if (taken_.exchange(true, std::memory_order_acquire)) refuse();
    }
    ~Pass() { taken_.store(false, std::memory_order_release); }
    Pass(const Pass&) = delete;

   private:
    [[noreturn]] static void refuse();
    std::atomic<bool>& taken_;
  };

 private:
  std::atomic<bool> taken_ = false;
};

}  // namespace detail

/// The ways to call a program, all of which come to its `run`: with a vector of arrays, or with the inputs one by one.
/// Those may be lazy expressions, arrays of other types, and numbers, too, which are copied into arrays at each call.
template <Real T, class P>
class Calls {
 public:
  /// One run with these inputs; gives the outputs, to be read until the next run.
  const std::vector<Array<T>>& operator()(const std::vector<Array<T>>& inputs) {
    const detail::Turnstile::Pass pass(turnstile_);
    return static_cast<P*>(this)->run_alone(pointers(inputs));
  }
  /// The same with the inputs one by one.
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
  Calls() = default;
  Calls(const Calls&) noexcept {}  // a copy is not being called
  Calls& operator=(const Calls&) noexcept { return *this; }

  /// Where the inputs are.
  std::span<const Array<T>* const> pointers(const std::vector<Array<T>>& inputs) {
    pointers_.clear();
    for (const auto& input : inputs) pointers_.push_back(&input);
    return pointers_;
  }

  /// Lets one call at a time pass.
  detail::Turnstile turnstile_;

 private:
  static const Array<T>& as_array(const Array<T>& input) { return input; }
  template <class E>
  static Array<T> as_array(const E& input) {
    return to_array<T>(input);
  }

  std::vector<const Array<T>*> pointers_;  // kept, so that the next call takes no memory
};

/// Runs in place of the operations that it was compiled from. One run at a time: what is called while another thread
/// runs it throws ValueError, and each thread takes a copy of its own. Copies share what was compiled and the
/// constants; memory and states are each one's own, also those that were in cells. One program may be copied by several
/// threads at once, while none runs it. Once moved from, all but assignment throws ValueError.
template <Real T>
class Program : public Calls<T, Program<T>> {
 public:
  /// See compile().
  Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
          const std::vector<Update<T>>& updates, const CompileOptions& options);
  ~Program();
  Program(const Program& other);
  Program& operator=(const Program& other);
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  /// One run: takes the inputs in order, updates the states, and gives the outputs in order, to be read until the next
  /// run. Throws ShapeError for inputs of another number or shape, and whatever the operations throw for the values
  /// they meet, such as a class out of range. A run that throws changes no state.
  const std::vector<Array<T>>& run(std::span<const Array<T>* const> inputs);

  /// The value of the state of this number, in the order of the updates: where it was entered from a StateCell, what is
  /// in the cell. To be read until the next run. Throws ValueError for one that is not there.
  const Array<T>& state(std::size_t number) const;
  /// Sets it. Throws ShapeError for another shape, and ValueError during a run.
  void state(std::size_t number, const Array<T>& value);

  /// What was compiled; times are those of this copy.
  const ProgramReport& report() const;

 private:
  friend Calls<T, Program<T>>;
  const std::vector<Array<T>>& run_alone(std::span<const Array<T>* const> inputs);

  std::unique_ptr<detail::Executor<T>> executor_;
};

/// Makes a program of what a tape holds: how the outputs and the next values of states follow from inputs and states,
/// gradients included where they were recorded. Inputs and states are variables or constants of the tape, not results;
/// variables of cells, such as parameters, are read at each run, others keep their recorded values. A state that was
/// entered from a StateCell stays there: a run goes on from what the cell holds, and changes it in place, unless others
/// share the array, which is then copied first. So programs with states in the same cells may take turns. What the
/// recording itself put into the cell, as layers in training do, is taken back, since it is no run. The tape is not
/// needed any more. Throws TapeError for plain values, other tapes, results as inputs, and what is named twice;
/// ShapeError for a next value that has not the shape of its state; ValueError for a number of threads that cannot be.
inline Program<float> compile(const std::vector<Variable<float>>& inputs, const std::vector<Variable<float>>& outputs,
                              const std::vector<Update<float>>& updates = {}, const CompileOptions& options = {}) {
  return {inputs, outputs, updates, options};
}
inline Program<double> compile(const std::vector<Variable<double>>& inputs,
                               const std::vector<Variable<double>>& outputs,
                               const std::vector<Update<double>>& updates = {}, const CompileOptions& options = {}) {
  return {inputs, outputs, updates, options};
}

/// A program for each shape of the inputs that it meets, compiled at the first meeting, all with the same states: for
/// the last, smaller batch of an epoch. Threads, copies and moves: as with a Program. What `record` refers to is not
/// copied, and has to bear that copies record at the same time.
template <Real T>
class ShapedProgram : public Calls<T, ShapedProgram<T>> {
 public:
  /// Records a run on a fresh tape, for inputs of the shapes that are given; it is called again for other shapes.
  using Record = std::function<Recording<T>(Tape<T>& tape, const std::vector<Variable<T>>& inputs)>;

  /// Nothing is recorded yet.
  explicit ShapedProgram(Record record, const CompileOptions& options = {});
  /// The same with a capacity apart from the other options.
  ShapedProgram(Record record, const CompileOptions& options, std::size_t capacity);
  ~ShapedProgram();
  ShapedProgram(const ShapedProgram& other);
  ShapedProgram& operator=(const ShapedProgram& other);
  ShapedProgram(ShapedProgram&&) noexcept;
  ShapedProgram& operator=(ShapedProgram&&) noexcept;

  /// One run, as that of a Program. Throws what `record` and compile throw at the first meeting with a shape, and
  /// ShapeError when states would change their number or shapes then, ValueError when they would be in other cells; the
  /// states stay as they are.
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
  friend Calls<T, ShapedProgram<T>>;
  const std::vector<Array<T>>& run_alone(std::span<const Array<T>* const> inputs);

  std::unique_ptr<detail::ProgramCache<T>> cache_;
};

extern template class Program<float>;
extern template class Program<double>;
extern template class ShapedProgram<float>;
extern template class ShapedProgram<double>;

}  // namespace autodiff
