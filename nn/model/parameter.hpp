// Parameter<T>: an array that training changes, or that a layer keeps from step to step.
#pragma once

#include <autodiff/autodiff.hpp>
#include <string>
#include <vector>

#include "initialisers.hpp"
#include "name.hpp"

namespace nn {

using autodiff::Array;
using autodiff::Real;
using autodiff::Shape;
using autodiff::Variable;

namespace detail {
template <Real T>
class Naming;
}  // namespace detail

/// Whether training descends on a parameter. Where it does not, the parameter is a state: what a layer itself sets from
/// step to step, such as running statistics. In training its forward pass reads state.beside(x) and ends with
/// state.assign(next); where that is recorded, state.beside(x) is then the next value.
enum class Trainable { no, yes };

/// What a parameter is called in PyTorch's layer of the same kind, and how it lies there. Where nothing is said, it is
/// called as here, and lies as here.
struct PyTorchLayout {
  std::string name = {};  // if it has another there
  /// Axis k here is axis axes[k] there, if their order differs: {1, 0} where one is the transpose of the other.
  std::vector<std::size_t> axes = {};
  std::string counter = {};  // a whole number that stands beside it there, and has no meaning here
  bool absent = false;       // there is nothing of the kind there: its files neither give nor get it
};

/// An array of fixed shape that training changes, and the one place where it is: programs that train it change it here,
/// in place where nobody shares the array. Copies are independent. Threads may record with it at once, each on a tape
/// of its own; one thread at a time may change it, be it by a step of training, while no other uses it.
template <Real T>
class Parameter {
 public:
  using value_type = T;

  /// Has no value until it is initialised or assigned. Throws ValueError for a layout whose axes are not an order of
  /// all.
  Parameter(Shape shape, Initialiser initialiser, Trainable trainable = Trainable::yes, PyTorchLayout in_pytorch = {});
  Parameter(Shape shape, Initialiser initialiser, PyTorchLayout in_pytorch)
      : Parameter(std::move(shape), std::move(initialiser), Trainable::yes, std::move(in_pytorch)) {}
  /// A copy is another variable on the same tape. Its name belongs to its place in a module, and so is not copied.
  Parameter(const Parameter& from);
  Parameter& operator=(const Parameter& from);
  Parameter(Parameter&&) noexcept = default;

  /// The shape, which never changes.
  const Shape& shape() const { return shape_; }
  /// What it is called in PyTorch's files, and how it lies there.
  const PyTorchLayout& in_pytorch() const { return in_pytorch_; }
  /// Gives it another name in PyTorch's files.
  void name_in_pytorch(std::string name) { in_pytorch_.name = std::move(name); }
  std::size_t size() const { return autodiff::count(shape_); }
  /// Whether it is what a layer itself sets from step to step, and not a parameter that training descends on.
  bool is_state() const { return trainable_ == Trainable::no; }
  /// Whether training descends on it: not on states, and not on parameters that are frozen.
  bool trainable() const { return !is_state() && !frozen_; }
  /// Freezes it, or lets training descend on it again; of no effect for a state. Copies are frozen, too.
  void trainable(bool on) { frozen_ = !on; }
  bool has_value() const { return value_ && value_->alive(); }
  /// To be read until the next step of training, or copied. Throws ValueError while it has none.
  const Array<T>& value() const { return plain().value(); }
  /// The value as a variable off any tape, sharing the array: a copy of the variable keeps this value. Throws
  /// ValueError while it has none.
  const Variable<T>& plain() const;

  /// Where programs read and change the value: see Tape::variable.
  const autodiff::StateCell<T>& cell() const { return value_; }

  /// Draws the first value from the stream. Throws what the initialiser throws.
  void initialise(Random random);
  /// Replaces the value. Throws ShapeError for another shape.
  void assign(Array<T> value) { assign(Variable<T>(std::move(value))); }
  /// Takes the value of a variable; beside others of its tape, if it has one, the parameter is that very variable. So
  /// a gradient can be taken through what it was computed from. Where only a run knows the value, what it is off that
  /// tape stays. Throws ShapeError for another shape.
  void assign(const Variable<T>& value);

  /// The parameter as a variable on x's tape (a state as a constant), entered there once for each value that it has in
  /// the life of the tape; plain when x is, or when its tape is paused, so that inference records nothing. A program
  /// reads the value that the parameter has at each run, and one of which it is a state changes it. Throws ValueError
  /// while it has no value. Where a module has put something else in its place, as WeightNorm does, it is that.
  Variable<T> beside(const Variable<T>& x);

 private:
  friend class detail::Naming<T>;

  Shape shape_;
  Initialiser initialiser_;
  Trainable trainable_;
  PyTorchLayout in_pytorch_;
  bool frozen_ = false;
  autodiff::StateCell<T> value_ = std::make_shared<Variable<T>>();  // plain; programs read and change it there
  std::vector<autodiff::detail::NodePlace<T>> entered_;             // one a tape
  detail::Name name_;                                               // that its module gives it
};

extern template class Parameter<float>;
extern template class Parameter<double>;

}  // namespace nn
