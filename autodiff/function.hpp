// RecordedFunction<T>: what was recorded of shapes alone, to be run and recorded again.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "sweep.hpp"

namespace autodiff {

/// From arrays of some shapes to arrays: operations in order, which never change. Held by operations that are made of
/// others. May be run by several threads at once.
template <Real T>
class RecordedFunction {
 public:
  struct Node {
    std::shared_ptr<const Primitive<T>> operation = nullptr;  // null: an input or a constant
    std::vector<std::uint32_t> inputs = {};                   // earlier nodes
    Shape shape;
    Variable<T> value = {};    // of constants
    std::uint32_t result = 0;  // its number among those of its operation, which follow each other
    bool stops = false;        // no gradient flows through it
    std::string where = {};    // its name or scope
  };

  /// What leads on a tape from some of its variables to others: the inputs may be any, also results of operations.
  /// Throws TapeError, which names `caller`, where a result depends on anything else that only a run knows.
  RecordedFunction(std::string_view caller, const Tape<T>& tape, std::span<const Variable<T>> inputs,
                   std::span<const Variable<T>> results);

  /// The first of the nodes, in order.
  std::size_t inputs() const { return inputs_; }
  const std::vector<std::uint32_t>& results() const { return results_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Shape& input_shape(std::size_t i) const { return nodes_[i].shape; }
  const Shape& result_shape(std::size_t k) const { return nodes_[results_[k]].shape; }
  /// Whether any of its operations may throw for values.
  bool fails() const;
  /// Whether a gradient flows to an input from any result, and from a result to any input.
  bool input_differentiable(std::size_t i) const { return to_input_[i]; }
  bool result_differentiable(std::size_t k) const { return from_result_[k]; }

  /// Computes the results. Each value is let go as soon as it was read for the last time.
  void run(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const;
  /// What stands in for an operation, and for its inputs.
  using Adapt = std::function<std::shared_ptr<const Primitive<T>>(const std::shared_ptr<const Primitive<T>>& operation,
                                                                  std::vector<Variable<T>>& inputs)>;
  /// Records the operations, on these inputs, on a tape that is abstract: gives the variables of all nodes.
  std::vector<Variable<T>> record(Tape<T>& tape, std::span<const Variable<T>> inputs, const Adapt& adapt = {}) const;
  /// The variables of the results, of those of all nodes.
  std::vector<Variable<T>> results_of(const std::vector<Variable<T>>& nodes) const;

  /// The cotangents of those inputs that are wanted, from all inputs and those cotangents of results that exist.
  /// Made when it is first asked for, and kept.
  std::shared_ptr<const RecordedFunction> vjp(const std::vector<bool>& exists, const std::vector<bool>& wanted) const;

  /// Whether both compute the same in the same way.
  bool operator==(const RecordedFunction& other) const;

 private:
  void add(std::string_view caller, const Tape<T>& tape, std::size_t i, const std::vector<std::uint32_t>& place);
  void trace_gradients();

  std::size_t inputs_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> results_, last_use_;
  std::vector<bool> to_input_, from_result_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::vector<bool>, std::vector<bool>>, std::shared_ptr<const RecordedFunction>> vjps_;
};

namespace detail {

/// What a body makes of variables.
template <Real T>
using Body = std::function<std::vector<Variable<T>>(const std::vector<Variable<T>>&)>;

/// A body as a function. Its inputs are those of the body, then what it used of the tapes around it: `captured`. Its
/// results are those of the body, then what it replaces of what cells hold.
template <Real T>
struct BodyOf {
  std::shared_ptr<const RecordedFunction<T>> function;
  std::vector<Variable<T>> captured;
  std::size_t results;  // of the body
  std::vector<Replaced<T>> replaced;
};

/// Calls a body once, with variables that have these shapes and no values. `around` are variables of the tape around
/// it. Throws what the body throws, and TapeError where it reads values.
template <Real T>
BodyOf<T> record_body(std::string_view caller, const Body<T>& body, const std::vector<Shape>& shapes,
                      std::span<const Variable<T>> around);

/// An operation that is defined for any number of results; one is a case of that.
template <Real T>
class SeveralResults : public Primitive<T> {
 public:
  Shape shape(std::span<const Dims> x) const override { return this->shapes(x)[0]; }
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override { forward(std::span(&y, 1), x); }
  using Primitive<T>::forward;
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override = 0;
  Variable<T> pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                       std::span<const Variable<T>> x) const override {
    Pullback<T> step{std::span(&ct, 1), std::span(&y, 1), x, std::vector<bool>(x.size()), {}};
    step.wanted[i] = true;
    step.found.resize(x.size());
    this->pull_back(step);
    return step.found[i].value;
  }
  void pull_back(Pullback<T>& step) const override = 0;
};

}  // namespace detail

extern template class RecordedFunction<float>;
extern template class RecordedFunction<double>;

}  // namespace autodiff
