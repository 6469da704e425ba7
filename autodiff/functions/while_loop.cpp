#include <algorithm>

#include "../ops/arithmetic.hpp"  // for sums of cotangents
#include "control.hpp"
#include "loop.hpp"
#include "sides.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
using Variables = std::vector<Variable<T>>;

template <Real T>
Variable<T> zeros_like(const Variable<T>& x) {
  return Variable<T>(Array<T>(x.shape(), T(0)));
}

/// Condition and step, both functions of the carries and of what all steps share.
template <Real T>
struct WhileStep {
  std::shared_ptr<const RecordedFunction<T>> condition, step;
  std::size_t carries, most_steps;

  std::size_t shared() const { return step->inputs() - carries; }

  /// Runs to the end. Gives the carries before each step, and after the last; where only that is asked for, it alone.
  std::vector<std::vector<Array<T>>> run(std::span<const Operand<const T>> x, bool all, std::size_t& steps) const {
    std::vector<std::vector<Array<T>>> before(1);
    for (std::size_t k = 0; k < carries; ++k) {
      before[0].push_back(uninitialised<T>(step->input_shape(k)));
      std::copy_n(x[k].data, before[0][k].size(), before[0][k].data());
    }
    std::vector<Operand<const T>> from(x.begin(), x.end());
    const auto goes_on = [&] {
      for (std::size_t k = 0; k < carries; ++k) from[k] = operand(std::as_const(before.back()[k]));
      Array<T> flag(condition->result_shape(0));
      const auto to = operand(flag);
      condition->run(std::span(&to, 1), from);
      return *flag.data() != 0;
    };
    for (steps = 0; goes_on(); ++steps) {
      if (steps == most_steps)
        fail<ValueError>("while_loop", "takes more than ", most_steps, " steps, see WhileOptions::most_steps");
      std::vector<Array<T>> next;
      std::vector<Operand<T>> to;
      for (std::size_t k = 0; k < carries; ++k) next.push_back(uninitialised<T>(step->result_shape(k)));
      for (auto& array : next) to.push_back(operand(array));
      const ErrorScope scope("step " + std::to_string(steps));
      step->run(to, from);
      if (!all) before.clear();
      before.push_back(std::move(next));
    }
    return before;
  }

  /// The same number of steps as a loop of a known length, with all that its gradient needs.
  std::shared_ptr<const Loop<T>> unrolled(std::size_t steps) const {
    const LoopBody<T> body(step, carries, 0);
    return std::make_shared<const Loop<T>>(body.keeping(), steps, false);
  }

  bool operator==(const WhileStep& other) const {
    return carries == other.carries && most_steps == other.most_steps && *condition == *other.condition &&
           *step == *other.step;
  }
};

/// Whether values are known: on sweeps for arrays.
template <Real T>
bool all_plain(std::span<const Variable<T>> variables) {
  return std::ranges::none_of(variables, [](const auto& v) { return v.recorded() || v.abstract(); });
}

/// Results are the last carries, and how many steps it took.
template <Real T>
class While final : public SeveralResults<T> {
 public:
  explicit While(WhileStep<T> step) : step_(std::move(step)) {}

  std::string_view name() const override { return "while_loop"; }
  std::size_t results() const override { return step_.carries + 1; }
  std::vector<Shape> shapes(std::span<const Dims>) const override {
    std::vector<Shape> all;
    for (std::size_t k = 0; k < step_.carries; ++k) all.push_back(step_.step->result_shape(k));
    all.emplace_back();
    return all;
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override {
    std::size_t steps = 0;
    const auto last = step_.run(x, false, steps);
    for (std::size_t k = 0; k < step_.carries; ++k) std::copy_n(last[0][k].data(), last[0][k].size(), y[k].data);
    *y[step_.carries].data = static_cast<T>(steps);
  }
  void pull_back(Pullback<T>& step) const override;
  bool differentiable(std::size_t i) const override { return step_.step->input_differentiable(i); }
  bool result_differentiable(std::size_t k) const override {
    return k < step_.carries && step_.step->result_differentiable(k);
  }
  const void* kind() const override {
    static const char mark = 0;
    return &mark;
  }
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override {
    return kind() == other.kind() && step_ == static_cast<const While*>(other.self())->step_;
  }

 private:
  WhileStep<T> step_;
};

/// From carries, what steps share and the cotangents of the last carries, those of the inputs that are wanted.
template <Real T>
class WhileReverse final : public SeveralResults<T> {
 public:
  WhileReverse(WhileStep<T> step, const std::vector<bool>& wanted) : step_(std::move(step)), wanted_(wanted) {
    auto with_carries = wanted;
    std::fill_n(with_carries.begin(), step_.carries, true);
    vjp_ = step_.step->vjp(std::vector<bool>(step_.carries, true), with_carries);
  }

  std::string_view name() const override { return "while_loop"; }
  std::size_t results() const override { return std::size_t(std::ranges::count(wanted_, true)); }
  std::vector<Shape> shapes(std::span<const Dims>) const override {
    std::vector<Shape> all;
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i]) all.push_back(step_.step->input_shape(i));
    return all;
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override;
  void pull_back(Pullback<T>& step) const override;
  bool differentiable(std::size_t) const override { return true; }

 private:
  std::vector<bool> slopes_wanted(const Pullback<T>& step) const {
    return {step.wanted.begin(), step.wanted.begin() + std::ptrdiff_t(wanted_.size())};
  }
  void pull_back_plain(Pullback<T>& step) const;
  void pull_back_tangents(Pullback<T>& step) const;

  WhileStep<T> step_;
  std::vector<bool> wanted_;
  std::shared_ptr<const RecordedFunction<T>> vjp_;
};

template <Real T>
void While<T>::pull_back(Pullback<T>& step) const {
  Variables<T> cotangents;
  for (std::size_t k = 0; k < step_.carries; ++k)
    cotangents.push_back(step.cotangents[k].alive() ? step.cotangents[k] : zeros_like(step.y[k]));
  if (all_plain<T>(step.x) && all_plain<T>(step.y) && all_plain<T>(cotangents)) {
    const auto loop = step_.unrolled(static_cast<std::size_t>(step.y[step_.carries].item()));
    Variables<T> y(loop->results());
    Tape<T>::record(loop, step.x, y);
    cotangents.resize(y.size());
    Pullback<T> of_loop{cotangents, y, step.x, step.wanted, std::vector<Cotangent<T>>(step.x.size())};
    loop->pull_back(of_loop);
    step.found = std::move(of_loop.found);
    return;
  }
  Variables<T> inputs(step.x.begin(), step.x.end());
  inputs.insert(inputs.end(), cotangents.begin(), cotangents.end());
  const auto reverse = std::make_shared<const WhileReverse<T>>(step_, step.wanted);
  Variables<T> found(reverse->results());
  Tape<T>::record(reverse, inputs, found);
  for (std::size_t i = 0, k = 0; i < step.x.size(); ++i)
    if (step.wanted[i]) step.found[i] = found[k++];
}

template <Real T>
void WhileReverse<T>::forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
  const std::size_t carries = step_.carries, n = step_.step->inputs();
  std::size_t steps = 0;
  const auto before = step_.run(x.first(n), true, steps);
  std::vector<Operand<const T>> from(x.begin(), x.end());  // carries, what is shared, cotangents
  std::vector<Array<T>> sums, slopes, cotangents(carries);
  for (std::size_t k = 0; k < vjp_->results().size(); ++k) {
    sums.emplace_back(vjp_->result_shape(k), T(0));
    slopes.emplace_back(vjp_->result_shape(k));
  }
  for (std::size_t k = 0; k < carries; ++k) std::copy_n(x[n + k].data, sums[k].size(), sums[k].data());
  std::vector<Operand<T>> to;
  for (auto& slope : slopes) to.push_back(operand(slope));
  for (std::size_t t = steps; t-- > 0;) {
    for (std::size_t k = 0; k < carries; ++k)
      from[k] = operand(before[t][k]), from[n + k] = operand(std::as_const(sums[k]));
    vjp_->run(to, from);
    for (std::size_t k = 0; k < sums.size(); ++k)
      if (k < carries)
        sums[k] = slopes[k];
      else
        for (std::size_t e = 0; e < sums[k].size(); ++e) sums[k].data()[e] += slopes[k].data()[e];
  }
  std::size_t result = 0, slope = carries;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& sum = i < carries ? sums[i] : wanted_[i] ? sums[slope++] : sums[0];
    if (wanted_[i]) std::copy_n(sum.data(), sum.size(), y[result++].data);
  }
}

template <Real T>
void WhileReverse<T>::pull_back(Pullback<T>& step) const {
  if (all_plain<T>(step.x) && all_plain<T>(step.cotangents)) return pull_back_plain(step);
  if (const auto of_inputs = slopes_wanted(step); std::ranges::find(of_inputs, true) != of_inputs.end())
    fail<TapeError>("while_loop",
                    "its second derivatives are there for arrays alone, as gradient, hvp and hessian give them, not "
                    "recorded: use scan where the number of steps is known");
  pull_back_tangents(step);
}

/// By the loop of as many steps, on a tape for this alone.
template <Real T>
void WhileReverse<T>::pull_back_plain(Pullback<T>& step) const {
  const std::size_t carries = step_.carries, n = step_.step->inputs();
  std::vector<Operand<const T>> operands;
  for (const auto& x : step.x) operands.push_back(operand(x.value()));
  std::size_t steps = 0;
  step_.run(std::span<const Operand<const T>>(operands).first(n), false, steps);
  const auto loop = step_.unrolled(steps);
  Tape<T> tape;
  Variables<T> all, y(loop->results()), xs, slopes, cotangents, wanted;
  for (const auto& x : step.x) all.push_back(tape.variable(x));
  Tape<T>::record(loop, std::span<const Variable<T>>(all).first(n), y);
  for (std::size_t i = 0; i < n; ++i)
    if (wanted_[i]) xs.push_back(all[i]);
  const auto found = sweep<T>("while_loop", Sweep::recorded, std::span<const Variable<T>>(y).first(carries),
                              std::span<const Variable<T>>(all).subspan(n), xs);
  for (std::size_t k = 0; k < found.size(); ++k)
    if (step.cotangents[k].alive()) slopes.push_back(found[k]), cotangents.push_back(step.cotangents[k]);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (step.wanted[i]) wanted.push_back(all[i]);
  auto second = sweep<T>("while_loop", Sweep::plain, slopes, cotangents, wanted);
  for (std::size_t i = 0, k = 0; i < all.size(); ++i)
    if (step.wanted[i]) step.found[i] = second[k++];
}

/// By the cotangents of the last carries it is linear: there the tangents of the carries flow, forwards.
template <Real T>
void WhileReverse<T>::pull_back_tangents(Pullback<T>& step) const {
  const std::size_t carries = step_.carries, n = step_.step->inputs(), shared = step_.shared();
  // Carries and their tangents, then what is shared and its tangents.
  Tape<T> tape(TapeMode::abstract);
  Variables<T> x, tangents, units;
  for (std::size_t i = 0; i < n; ++i) x.push_back(tape.input(step_.step->input_shape(i)));
  for (std::size_t i = 0; i < n; ++i) tangents.push_back(tape.input(step_.step->input_shape(i)));
  const auto next = step_.step->results_of(step_.step->record(tape, x));
  const auto flag = step_.condition->results_of(step_.condition->record(tape, x));
  Variables<T> differentiable;
  for (std::size_t k = 0; k < carries; ++k)
    if (next[k].abstract() && !tape.node(next[k].index()).constant)
      differentiable.push_back(next[k]), units.push_back(tape.variable(Array<T>(next[k].shape(), T(0))));
  Variables<T> results(next);
  const auto slopes =
      differentiable.empty() ? Variables<T>() : sweep<T>("while_loop", Sweep::recorded, differentiable, units, x);
  const auto along =
      differentiable.empty() ? Variables<T>() : sweep<T>("while_loop", Sweep::recorded, slopes, tangents, units);
  for (std::size_t k = 0, found = 0; k < carries; ++k)
    results.push_back(found < differentiable.size() && differentiable[found].index() == next[k].index()
                          ? along[found++]
                          : tape.constant(Array<T>(next[k].shape(), T(0))));
  Variables<T> inputs(x.begin(), x.begin() + std::ptrdiff_t(carries));
  inputs.insert(inputs.end(), tangents.begin(), tangents.begin() + std::ptrdiff_t(carries));
  inputs.insert(inputs.end(), x.begin() + std::ptrdiff_t(carries), x.end());
  inputs.insert(inputs.end(), tangents.begin() + std::ptrdiff_t(carries), tangents.end());
  const auto loop = std::make_shared<const While<T>>(WhileStep<T>{
      std::make_shared<const RecordedFunction<T>>("while_loop", tape, inputs, flag),
      std::make_shared<const RecordedFunction<T>>("while_loop", tape, inputs, results), 2 * carries, step_.most_steps});
  Variables<T> given(step.x.begin(), step.x.begin() + std::ptrdiff_t(carries)), of(n), last(loop->results());
  for (std::size_t i = 0, k = 0; i < n; ++i)
    of[i] = wanted_[i] && step.cotangents[k].alive() ? step.cotangents[k] : zeros_like(step.x[i]), k += wanted_[i];
  given.insert(given.end(), of.begin(), of.begin() + std::ptrdiff_t(carries));
  given.insert(given.end(), step.x.begin() + std::ptrdiff_t(carries),
               step.x.begin() + std::ptrdiff_t(carries + shared));
  given.insert(given.end(), of.begin() + std::ptrdiff_t(carries), of.end());
  Tape<T>::record(loop, given, last);
  for (std::size_t k = 0; k < carries; ++k)
    if (step.wanted[n + k]) step.found[n + k] = last[carries + k];
}

}  // namespace

template <Real T>
std::vector<Variable<T>> while_loop(const Body<T>& condition, const Body<T>& body,
                                    const std::vector<Variable<T>>& carry, const WhileOptions& options) {
  if (carry.empty()) fail<ValueError>("while_loop", "needs a carry, on which the condition can depend");
  const auto sides = record_sides<T>("while_loop", {condition, body}, carry);
  const auto &flag = *sides.functions[0], &step = *sides.functions[1];
  if (flag.results().size() != 1 || count(Dims(flag.result_shape(0))) != 1)
    fail<ShapeError>("while_loop", "the condition must give one element");
  if (step.results().size() != carry.size())
    fail<ValueError>("while_loop", "the body must give as many carries as it is given: ", step.results().size(),
                     " and ", carry.size());
  for (std::size_t k = 0; k < carry.size(); ++k)
    if (const Dims before(carry[k].shape()), after(step.result_shape(k)); !std::ranges::equal(before, after))
      fail<ShapeError>("while_loop", "the body must not change the shape of carry ", k, ": ", before, " and ", after);
  Variables<T> inputs(carry), results(carry.size() + 1);
  inputs.insert(inputs.end(), sides.captured.begin(), sides.captured.end());
  const auto loop = std::make_shared<const While<T>>(
      WhileStep<T>{sides.functions[0], sides.functions[1], carry.size(), options.most_steps});
  Tape<T>::record(loop, inputs, results);
  results.pop_back();
  return results;
}

#define AUTODIFF_WHILE_LOOP(T)                                                                                  \
  template std::vector<Variable<T>> while_loop(const Body<T>&, const Body<T>&, const std::vector<Variable<T>>&, \
                                               const WhileOptions&);
AUTODIFF_WHILE_LOOP(float)
AUTODIFF_WHILE_LOOP(double)

}  // namespace autodiff::detail
