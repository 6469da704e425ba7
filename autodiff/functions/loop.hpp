// Loop<T>: the operation behind scan, and the bodies that it shares with its gradients.
#pragma once

#include <map>
#include <mutex>

#include "../function.hpp"
#include "../program/executor.hpp"
#include "hoist.hpp"

namespace autodiff::detail {

/// One step of a loop. Of its function, inputs are carries, elements, and what all steps share; results are the next
/// carries, then outputs.
template <Real T>
class LoopBody {
 public:
  LoopBody(std::shared_ptr<const RecordedFunction<T>> function, std::size_t carries, std::size_t elements);

  const RecordedFunction<T>& function() const { return *function_; }
  std::size_t carries() const { return carries_; }
  std::size_t elements() const { return elements_; }
  std::size_t shared() const { return function_->inputs() - carries_ - elements_; }
  std::size_t outputs() const { return function_->results().size() - carries_; }
  /// The output that is the carry of the next step, too, so that none has to be kept; or nowhere.
  std::size_t output_of_carry(std::size_t k) const { return output_of_carry_[k]; }

  /// The same step without what can be computed before the loop, which is given to it behind what is shared; null where
  /// there is nothing. `before` computes that from what is shared.
  struct Lighter {
    std::shared_ptr<const RecordedFunction<T>> before;
    std::shared_ptr<const LoopBody> body;
  };
  const Lighter& lighter() const;

  /// The same step with further outputs: the values that the gradients need.
  std::shared_ptr<const LoopBody> keeping() const;

  /// The step of the loop that runs the other way and gives cotangents. Its carries are the cotangents of the carries,
  /// then the sums of those that are shared and wanted, and not among `sums`; its elements and what it shares are
  /// listed, by their places among results, inputs and cotangents of the loop; its outputs are the cotangents of the
  /// elements that are wanted.
  struct Reverse {
    /// The cotangent of something shared that is the sum of what an operation gives at each step: all at once, behind
    /// the loop. Its inputs are results of this loop, elements, or results of the reverse one.
    struct Sum {
      enum class From { result, element, found };
      std::size_t input;
      std::shared_ptr<const Primitive<T>> operation;
      std::vector<std::pair<From, std::size_t>> from;
    };
    std::shared_ptr<const LoopBody> body;
    std::vector<std::size_t> kept, elements, cotangents, shared;
    std::vector<std::size_t> carries;  // of which each step's are needed and were not kept: another loop gives them
    std::shared_ptr<const LoopBody> of_carries;
    std::vector<Sum> sums;
  };
  /// `exists` is by result, `wanted` by input. Made when it is first asked for, and kept.
  const Reverse& reverse(const std::vector<bool>& exists, const std::vector<bool>& wanted) const;

  /// An executor of the step, for as long as it lives. Carries that are outputs are its first inputs, the others its
  /// states.
  class Lease {
   public:
    explicit Lease(const LoopBody& body);
    ~Lease();
    Lease(const Lease&) = delete;
    Executor<T>& operator*() const { return *executor_; }

   private:
    const LoopBody& body_;
    std::unique_ptr<Executor<T>> executor_;
  };

 private:
  struct Sweeping;
  std::vector<typename Reverse::Sum> find_sums(Sweeping& swept) const;
  std::unique_ptr<Reverse> make_reverse(const std::vector<bool>& exists, const std::vector<bool>& wanted) const;
  Compilation<T> compile() const;

  std::shared_ptr<const RecordedFunction<T>> function_;
  std::size_t carries_, elements_;
  std::vector<std::size_t> output_of_carry_;
  std::map<std::uint32_t, std::size_t> kept_;  // of nodes of the function, the output
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Compiled<T>> compiled_;
  mutable std::vector<std::unique_ptr<Executor<T>>> free_;
  mutable std::shared_ptr<const LoopBody> keeping_;
  mutable std::optional<Lighter> lighter_;
  mutable std::map<std::pair<std::vector<bool>, std::vector<bool>>, std::unique_ptr<Reverse>> reverses_;
};

/// A loop at work, step after step: where what each reads and writes is. x and y are those of a Loop.
template <Real T>
class LoopRun {
 public:
  /// Outputs of `length` steps, or of none: then they are left out, as are those for which y has another size.
  LoopRun(const LoopBody<T>& body, std::span<const Operand<T>> y, std::span<const Operand<const T>> x,
          std::size_t length, bool reverse);

  /// Computes step `number`. Its outputs can be read until advance(), which makes its carries those of the next one.
  void compute(std::size_t number);
  const T* output(std::size_t k) const { return outputs_[k]; }
  void advance();
  /// The carries as they are now, into y.
  void finish(std::span<const Operand<T>> y);

 private:
  /// A carry that is an output. Those are the first inputs.
  struct Carried {
    std::size_t output;
    std::unique_ptr<T[]> other;  // the place to write to while one is read, where outputs are left out
    T* next;
  };
  const LoopBody<T>& body_;
  const typename LoopBody<T>::Lease lease_;
  Executor<T>& executor_;
  std::vector<const T*> inputs_;
  std::vector<T*> outputs_;
  std::vector<std::ptrdiff_t> input_steps_, output_steps_;
  std::vector<Carried> carried_;
};

/// Runs a step so many times. Inputs are the first carries, sequences of elements, and what all steps share; results
/// the last carries, then the outputs of all steps.
template <Real T>
class Loop final : public SeveralResults<T> {
 public:
  Loop(std::shared_ptr<const LoopBody<T>> body, std::size_t length, bool reverse)
      : body_(std::move(body)), length_(length), reverse_(reverse) {}

  std::string_view name() const override { return "scan"; }
  std::size_t results() const override { return body_->function().results().size(); }
  std::vector<Shape> shapes(std::span<const Dims>) const override;
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override;
  void pull_back(Pullback<T>& step) const override;
  bool differentiable(std::size_t i) const override { return body_->function().input_differentiable(i); }
  bool result_differentiable(std::size_t k) const override { return body_->function().result_differentiable(k); }
  bool fails() const override { return body_->function().fails(); }
  const void* kind() const override;
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override;
  bool leaves_out_results() const override { return true; }
  const LoopBody<T>& body() const { return *body_; }
  bool reverse() const { return reverse_; }

  /// Records a loop, and what its gradient needs along with it where there can be one.
  static std::vector<Variable<T>> record(const std::shared_ptr<const LoopBody<T>>& body, std::size_t length,
                                         bool reverse, const std::vector<Variable<T>>& inputs);

 private:
  std::shared_ptr<const LoopBody<T>> body_;
  std::size_t length_;
  bool reverse_;
};

/// With an axis of x in front, or the other way round.
template <Real T>
Variable<T> with_axis_in_front(const Variable<T>& x, std::size_t axis, bool back = false);

}  // namespace autodiff::detail
