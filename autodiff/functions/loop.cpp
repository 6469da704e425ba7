#include "loop.hpp"

#include <algorithm>

#include "../ops/shape.hpp"
#include "call.hpp"

namespace autodiff::detail {

template <Real T>
std::vector<Shape> Loop<T>::shapes(std::span<const Dims>) const {
  std::vector<Shape> all;
  for (std::size_t k = 0; k < results(); ++k) {
    Shape shape = body_->function().result_shape(k);
    if (k >= body_->carries()) shape.insert(shape.begin(), length_);
    all.push_back(std::move(shape));
  }
  return all;
}

template <Real T>
LoopRun<T>::LoopRun(const LoopBody<T>& body, std::span<const Operand<T>> y, std::span<const Operand<const T>> x,
                    std::size_t length, bool reverse)
    : body_(body), lease_(body), executor_(*lease_) {
  const std::size_t carries = body.carries(), elements = body.elements();
  const std::ptrdiff_t first = reverse && length > 0 ? std::ptrdiff_t(length) - 1 : 0, direction = reverse ? -1 : 1;
  for (std::size_t k = 0; k < carries; ++k) {
    if (const auto output = body.output_of_carry(k); output != nowhere) {
      carried_.push_back({output - carries, nullptr, nullptr});
      inputs_.push_back(x[k].data), input_steps_.push_back(0);
    } else {
      T* state = executor_.states()[k - carried_.size()].cell->exclusive()->data();
      std::copy_n(x[k].data, count(x[k].shape), state);
    }
  }
  for (std::size_t i = carries; i < x.size(); ++i) {
    const bool moves = i < carries + elements;
    const auto size = moves ? std::ptrdiff_t(count(Dims(body.function().input_shape(i)))) : 0;
    inputs_.push_back(x[i].data + first * size);
    input_steps_.push_back(direction * size);
  }
  for (std::size_t k = carries; k < body.function().results().size(); ++k) {
    const std::size_t size = count(Dims(body.function().result_shape(k)));
    const bool left_out = length == 0 || count(y[k].shape) != size * length;
    outputs_.push_back(left_out ? executor_.output(k - carries) : y[k].data + first * std::ptrdiff_t(size));
    output_steps_.push_back(left_out ? 0 : direction * std::ptrdiff_t(size));
    for (auto& c : carried_)
      if (left_out && c.output == k - carries) c.other = std::make_unique<T[]>(size), c.next = c.other.get();
  }
}

template <Real T>
void LoopRun<T>::compute(std::size_t number) {
  try {
    executor_.run_on(inputs_, outputs_);
  } catch (const Error&) {
    // Once more, so that the error says where: what throws changes no state.
    const ErrorScope scope("step " + std::to_string(number));
    executor_.run_on(inputs_, outputs_);
    throw;
  }
}

template <Real T>
void LoopRun<T>::advance() {
  for (std::size_t i = carried_.size(); i < inputs_.size(); ++i) inputs_[i] += input_steps_[i];
  for (std::size_t i = 0; i < carried_.size(); ++i) inputs_[i] = outputs_[carried_[i].output];
  for (auto& c : carried_)
    if (c.next) std::swap(c.next, outputs_[c.output]);
  for (std::size_t k = 0; k < outputs_.size(); ++k) outputs_[k] += output_steps_[k];
}

template <Real T>
void LoopRun<T>::finish(std::span<const Operand<T>> y) {
  for (std::size_t k = 0, of_output = 0; k < body_.carries(); ++k) {
    const bool is_output = body_.output_of_carry(k) != nowhere;
    const T* end = is_output ? inputs_[of_output] : executor_.states()[k - of_output].cell->exclusive()->data();
    of_output += is_output;
    std::copy_n(end, count(y[k].shape), y[k].data);
  }
}

template <Real T>
void Loop<T>::forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
  LoopRun<T> run(*body_, y, x, length_, reverse_);
  for (std::size_t t = 0; t < length_; ++t) {
    run.compute(reverse_ ? length_ - 1 - t : t);
    run.advance();
  }
  run.finish(y);
}

template <Real T>
void Loop<T>::pull_back(Pullback<T>& step) const {
  const std::size_t carries = body_->carries(), elements = body_->elements();
  std::vector<bool> exists;
  for (const auto& ct : step.cotangents) exists.push_back(ct.alive());
  const auto& reverse = body_->reverse(exists, step.wanted);
  const auto zeros = [](const Shape& shape) { return Variable<T>(Array<T>(shape, T(0))); };
  std::vector<Variable<T>> inputs;
  for (std::size_t k = 0; k < carries; ++k)
    inputs.push_back(exists[k] ? step.cotangents[k] : zeros(body_->function().result_shape(k)));
  std::vector<bool> in_loop = step.wanted;
  for (const auto& sum : reverse.sums) in_loop[sum.input] = false;
  for (std::size_t i = carries + elements; i < step.x.size(); ++i)
    if (in_loop[i]) inputs.push_back(zeros(step.x[i].shape()));
  for (auto k : reverse.kept) inputs.push_back(step.y[k]);
  if (reverse.of_carries) {
    const std::vector<Variable<T>> again(step.x.begin(), step.x.end());
    const auto found = record(reverse.of_carries, length_, reverse_, again);
    inputs.insert(inputs.end(), found.begin() + std::ptrdiff_t(carries), found.end());
  }
  for (auto i : reverse.elements) inputs.push_back(step.x[i]);
  for (auto k : reverse.cotangents) inputs.push_back(step.cotangents[k]);
  for (auto i : reverse.shared) inputs.push_back(step.x[i]);
  const auto found = record(reverse.body, length_, !reverse_, inputs);
  // Cotangents of the carries, of what is shared, and of the elements.
  std::size_t next = carries;
  for (std::size_t k = 0; k < carries; ++k)
    if (step.wanted[k]) step.found[k] = found[k];
  for (std::size_t i = carries + elements; i < step.x.size(); ++i)
    if (in_loop[i]) step.found[i] = found[next++];
  for (std::size_t i = carries; i < carries + elements; ++i)
    if (step.wanted[i]) step.found[i] = found[next++];
  for (const auto& sum : reverse.sums) {
    using From = typename LoopBody<T>::Reverse::Sum::From;
    std::vector<Variable<T>> all;
    for (const auto& [from, k] : sum.from)
      all.push_back(from == From::result ? step.y[k] : from == From::element ? step.x[k] : found[k]);
    step.found[sum.input] = sum.operation->summed(all);
  }
}

template <Real T>
const void* Loop<T>::kind() const {
  static const char mark = 0;
  return &mark;
}

template <Real T>
bool Loop<T>::equals(const Primitive<T>& other) const {
  if (this == &other) return true;
  if (kind() != other.kind()) return false;
  const auto& that = *static_cast<const Loop*>(other.self());
  return length_ == that.length_ && reverse_ == that.reverse_ && body_->carries() == that.body_->carries() &&
         body_->elements() == that.body_->elements() && body_->function() == that.body_->function();
}

template <Real T>
std::vector<Variable<T>> Loop<T>::record(const std::shared_ptr<const LoopBody<T>>& body, std::size_t length,
                                         bool reverse, const std::vector<Variable<T>>& inputs) {
  if (const auto& lighter = body->lighter(); lighter.body && length > 0) {
    auto all = inputs;
    const std::vector<Variable<T>> shared(all.end() - std::ptrdiff_t(body->shared()), all.end());
    std::vector<Variable<T>> before(lighter.before->results().size());
    Tape<T>::record(std::make_shared<const Call<T>>("scan", lighter.before), shared, before);
    all.insert(all.end(), before.begin(), before.end());
    return record(lighter.body, length, reverse, all);
  }
  const bool differentiable = std::ranges::any_of(
      inputs, [](const auto& v) { return v.recorded() && v.tape().recording() && !v.tape().node(v.index()).constant; });
  const auto loop = std::make_shared<const Loop>(differentiable ? body->keeping() : body, length, reverse);
  std::vector<Variable<T>> results(loop->results());
  Tape<T>::record(loop, inputs, results);
  results.resize(body->function().results().size());
  return results;
}

template <Real T>
Variable<T> with_axis_in_front(const Variable<T>& x, std::size_t axis, bool back) {
  if (axis == 0) return x;
  std::vector<int> order;
  for (std::size_t a = 0; a < x.dimension(); ++a)
    order.push_back(static_cast<int>(back ? (a < axis    ? a + 1
                                             : a == axis ? 0
                                                         : a)
                                          : (a == 0      ? axis
                                             : a <= axis ? a - 1
                                                         : a)));
  return permute(x, order);
}

#define AUTODIFF_LOOP(T)     \
  template class LoopRun<T>; \
  template class Loop<T>;    \
  template Variable<T> with_axis_in_front(const Variable<T>&, std::size_t, bool);
AUTODIFF_LOOP(float)
AUTODIFF_LOOP(double)

}  // namespace autodiff::detail
