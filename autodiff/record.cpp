// How operations get onto a tape.
#include "finite.hpp"
#include "kernels/copy.hpp"
#include "memory.hpp"
#include "tape.hpp"

namespace autodiff {

namespace {

using detail::Few;

template <Real T>
struct Pointers : Few<const Variable<T>*> {
  explicit Pointers(std::span<const Variable<T>> variables) : Few<const Variable<T>*>(variables.size()) {
    for (std::size_t i = 0; i < variables.size(); ++i) (*this)[i] = &variables[i];
  }
};

/// Of shapes of which one is that of the result, if any is.
bool is_larger(Dims a, Dims b) { return a.size() != b.size() ? a.size() > b.size() : count(a) > count(b); }

template <Real T>
[[gnu::noinline]] bool all_broadcast_to(std::span<const Variable<T>* const> inputs, Dims to) {
  for (const auto* input : inputs) {
    const Dims from(input->shape());
    if (from.size() > to.size()) return false;
    const Dims last = to.last(from.size());
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i] != last[i] && from[i] != 1) return false;
  }
  return true;
}

/// Where operands repeat, or threads share the work.
template <Real T>
[[gnu::noinline]] void apply_operands(const Loops<T>& loops, const void* self, const Operand<T>& y,
                                      std::span<const Variable<T>* const> inputs) {
  Operand<const T> x[Loops<T>::most_arguments];
  for (std::size_t i = 0; i < inputs.size(); ++i) x[i] = inputs[i]->elements();
  kernels::elementwise<T>(loops.forward, self, y, {x, inputs.size()});
}

}  // namespace

template <Real T>
Tape<T>* Tape<T>::common(std::string_view operation, std::span<const Variable<T>> operands) {
  return common(operation, Pointers<T>(operands));
}

template <Real T>
Tape<T>* Tape<T>::common(std::string_view operation, std::span<const Variable<T>* const> operands) {
  Tape* tape = nullptr;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Variable<T>& x = *operands[i];
    if (!x.value_) fail<TapeError>(operation, "argument ", i + 1, " is an empty variable");
    if (!x.recorded()) continue;
    if (!x.alive())
      fail<TapeError>(operation, "argument ", i + 1,
                      " belongs to a tape that has been cleared or is gone: ", Dims(x.value_->shape()));
    Tape* const its_tape = x.anchor_->tape;
    if (tape && tape != its_tape && tape->depth_ == its_tape->depth_)
      fail<TapeError>(operation, "variables of two tapes cannot be mixed: ", Dims(operands[0]->value_->shape()),
                      " and ", Dims(x.value_->shape()));
    if (!tape || its_tape->depth_ > tape->depth_) tape = its_tape;  // the innermost function takes the others as inputs
  }
  return tape;
}

template <Real T>
void Tape<T>::check_operands(std::string_view operation, std::span<const Variable<T>> operands) {
  common(operation, operands);
}

template <Real T>
Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs) {
  return record(operation, Pointers<T>(inputs));
}

template <Real T>
Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation,
                            std::span<const Variable<T>* const> inputs) {
  Variable<T> result;
  if (!record_at_once(operation, inputs, result)) record(operation, inputs, std::span(&result, 1));
  return result;
}

template <Real T>
void Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs,
                     std::span<Variable<T>> results) {
  record(operation, Pointers<T>(inputs), results);
}

/// The usual case of a small operation, for which each nanosecond counts: elementwise, of values that are known, on one
/// tape or none, one of which has the shape of the result. Tells whether it is one.
template <Real T>
bool Tape<T>::record_at_once(const std::shared_ptr<const Primitive<T>>& operation,
                             std::span<const Variable<T>* const> inputs, Variable<T>& result) {
  const Loops<T>* const loops = operation->loops();
  if (!loops || loops->arguments.size() != inputs.size()) return false;
  const T* from[Loops<T>::most_arguments];
  unsigned single = 0;
  bool repeats = false;  // more than single numbers
  const Value<T>* shaped = nullptr;
  Tape* tape = nullptr;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Variable<T>& x = *inputs[i];
    if (!x.alive() || x.abstract_) return false;
    if (x.anchor_ && tape && x.anchor_ != tape->anchor_) return false;
    if (x.anchor_ && !tape) tape = x.anchor_->tape;
    from[i] = x.value_.data();
    if (x.value_.dimension() == 0)
      single |= 1u << i;
    else if (!shaped)
      shaped = &x.value_;
    else if (!x.value_.same_shape(*shaped)) {
      repeats = true;
      if (is_larger(x.value_.shape(), shaped->shape())) shaped = &x.value_;
    }
  }
  if (tape && tape->stop_at_non_finite_) return false;
  if ((repeats || single) && shaped && shaped->dimension() > 32) return false;  // to be refused
  if (repeats && !all_broadcast_to<T>(inputs, shaped->shape())) return false;
  Value<T> value = Value<T>::like(shaped ? *shaped : inputs[0]->value_);
  const std::size_t n = value.size();
  if (repeats || n > kernels::part_of_elements)
    apply_operands<T>(*loops, operation->self(), value.elements(), inputs);
  else if (n > 0)
    loops->forward(operation->self(), value.data(), from, single, n);
  if (!tape || !tape->recording_) {
    result = Variable<T>(std::move(value));
    return true;
  }
  std::uint32_t indices[Loops<T>::most_arguments];
  for (std::size_t i = 0; i < inputs.size(); ++i) indices[i] = tape->entered(*inputs[i]);
  const auto index = tape->append({.operation = operation, .value = value, .loops = loops});
  for (std::size_t i = 0; i < inputs.size(); ++i) tape->inputs_.push_back(indices[i]);
  result = Variable<T>(std::move(value), tape->anchor_, tape->anchor_->life, index);
  return true;
}

/// The index of an operand, which becomes a constant if it is a plain value.
template <Real T>
std::uint32_t Tape<T>::entered(const Variable<T>& x) {
  if (x.anchor_ == anchor_) return x.index_;
  return x.recorded() ? own(x).index_ : append({.value = x.value_, .constant = true});
}

template <Real T>
void Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>* const> inputs,
                     std::span<Variable<T>> results) {
  Tape* tape = common(operation->name(), inputs);
  Few<Dims> shapes(inputs.size());
  Few<Operand<const T>> operands(inputs.size());
  bool abstract = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands[i] = operand(inputs[i]->value_);
    shapes[i] = Dims(inputs[i]->value_.shape());  // not of what was just written: loads wait for stores of other widths
    abstract |= inputs[i]->abstract_ || (inputs[i]->recorded() && inputs[i]->anchor_ != tape->anchor_);
  }
  Few<Value<T>> values(results.size());
  const auto make = [&](std::size_t k, const Shape& shape) {
    check_shape(operation->name(), shape);
    values[k] = abstract ? Value<T>::without_elements(shape) : Value<T>::uninitialised(shape);
  };
  const bool moves_nothing = operation->is_view() && inputs.size() == 1;
  if (moves_nothing) {
    const auto view = operation->view(dense(shapes[0]));
    make(0, view->shape);
    if (!abstract && values[0].size() > 0)
      kernels::copy<T>(values[0].elements(),
                       {operands[0].data + view->offset, Dims(view->shape), Steps(view->strides)});
  } else if (results.size() == 1) {
    make(0, operation->shape(shapes));
  } else {
    const auto all = operation->shapes(shapes);
    for (std::size_t k = 0; k < results.size(); ++k) make(k, all[k]);
  }
  const bool computes = !abstract && !moves_nothing;
  if (computes && results.size() == 1) {
    operation->forward(values[0].elements(), operands);
  } else if (computes) {
    Few<Operand<T>> ys(results.size());
    for (std::size_t k = 0; k < results.size(); ++k) ys[k] = values[k].elements();
    operation->forward(ys, operands);
  }
  if (tape && tape->stop_at_non_finite_ && !abstract)
    for (std::size_t k = 0; k < results.size(); ++k)
      require_finite<T>(operation->name(), "the result", operand(values[k]), shapes);
  if (!tape || !(tape->recording_ || abstract)) {
    for (std::size_t k = 0; k < results.size(); ++k)
      results[k] = Variable<T>(std::move(values[k]), nullptr, 0, 0, abstract);
    return;
  }
  // Plain values become constants here, after all that can fail; then the node's own inputs follow each other.
  Few<std::uint32_t> indices(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) indices[i] = tape->entered(*inputs[i]);
  for (std::uint32_t k = 0; k < results.size(); ++k) {
    const auto index = tape->append({.operation = operation,
                                     .value = std::move(values[k]),
                                     .loops = operation->loops(),
                                     .result = k,
                                     .constant = !tape->recording_,
                                     .abstract = abstract});
    const std::span<const std::uint32_t> all = indices;
    if (k == 0) tape->inputs_.insert(tape->inputs_.end(), all.begin(), all.end());
    results[k] = tape->recorded(index);
  }
}

#define AUTODIFF_RECORD(T)                                                                                        \
  template Tape<T>* Tape<T>::common(std::string_view, std::span<const Variable<T>>);                              \
  template Tape<T>* Tape<T>::common(std::string_view, std::span<const Variable<T>* const>);                       \
  template void Tape<T>::check_operands(std::string_view, std::span<const Variable<T>>);                          \
  template bool Tape<T>::record_at_once(const std::shared_ptr<const Primitive<T>>&,                               \
                                        std::span<const Variable<T>* const>, Variable<T>&);                       \
  template std::uint32_t Tape<T>::entered(const Variable<T>&);                                                    \
  template Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>&, std::span<const Variable<T>>); \
  template Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>&,                                \
                                       std::span<const Variable<T>* const>);                                      \
  template void Tape<T>::record(const std::shared_ptr<const Primitive<T>>&, std::span<const Variable<T>>,         \
                                std::span<Variable<T>>);                                                          \
  template void Tape<T>::record(const std::shared_ptr<const Primitive<T>>&, std::span<const Variable<T>* const>,  \
                                std::span<Variable<T>>);
AUTODIFF_RECORD(float)
AUTODIFF_RECORD(double)

}  // namespace autodiff
