#include <algorithm>
#include <limits>

#include "../kernels/copy.hpp"
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

/// Condition and step, both functions of the carries and of what all steps share; compiled once for all that run them.
template <Real T>
class WhileStep {
 public:
  WhileStep(std::shared_ptr<const RecordedFunction<T>> condition, std::shared_ptr<const RecordedFunction<T>> step,
            std::size_t carries, std::size_t most_steps)
      : condition_(std::move(condition)),
        body_(std::make_shared<const LoopBody<T>>(step, carries, 0)),
        step_(std::move(step)),
        ahead_(with_next_condition(), carries, 0),
        most_steps_(most_steps) {}

  const RecordedFunction<T>& condition() const { return *condition_; }
  const RecordedFunction<T>& step() const { return *step_; }
  std::size_t carries() const { return body_->carries(); }
  std::size_t shared() const { return body_->shared(); }
  std::size_t most_steps() const { return most_steps_; }

  /// Runs to the end, and gives the number of steps. y are the last carries.
  std::size_t run(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
    Array<T> flag(condition_->result_shape(0));
    const auto to = operand(flag);
    condition_->run(std::span(&to, 1), x);
    bool goes_on = *flag.data() != 0;
    if (!goes_on) {
      for (std::size_t k = 0; k < carries(); ++k) kernels::copy<T>(y[k], x[k]);
      return 0;
    }
    LoopRun<T> run(ahead_, y, x, 0, false);
    std::size_t steps = 0;
    for (; goes_on; ++steps) {
      if (steps == most_steps_)
        fail<ValueError>("while_loop", "takes more than ", most_steps_, " steps, see WhileOptions::most_steps");
      run.compute(steps);
      goes_on = *run.output(0) != 0;
      run.advance();
    }
    run.finish(y);
    return steps;
  }

  /// So many steps as a loop of a known length, with all that its gradient needs: compiled once if it `stays`, for
  /// programs, or for this time alone. Throws ValueError where a T cannot count so far.
  std::shared_ptr<const Loop<T>> unrolled(const Variable<T>& steps, bool stays) const {
    const T number = steps.item();
    if (number >= static_cast<T>(std::size_t{1} << std::numeric_limits<T>::digits))
      fail<ValueError>("while_loop", "takes too many steps for a gradient: ", number);
    const auto body = stays ? body_->keeping() : LoopBody<T>(step_, carries(), 0).keeping();
    return std::make_shared<const Loop<T>>(body, static_cast<std::size_t>(number), false);
  }

  bool operator==(const WhileStep& other) const {
    return carries() == other.carries() && most_steps_ == other.most_steps_ && condition() == other.condition() &&
           step() == other.step();
  }

 private:
  /// A step whose one output says whether another one follows.
  std::shared_ptr<const RecordedFunction<T>> with_next_condition() const {
    Tape<T> tape(TapeMode::abstract);
    Variables<T> x;
    for (std::size_t i = 0; i < step().inputs(); ++i) x.push_back(tape.input(step().input_shape(i)));
    auto results = step().results_of(step().record(tape, x));
    auto next = results;
    next.insert(next.end(), x.begin() + std::ptrdiff_t(carries()), x.end());
    results.push_back(condition_->results_of(condition_->record(tape, next))[0]);
    return std::make_shared<const RecordedFunction<T>>("while_loop", tape, x, results);
  }

  std::shared_ptr<const RecordedFunction<T>> condition_;
  std::shared_ptr<const LoopBody<T>> body_;
  std::shared_ptr<const RecordedFunction<T>> step_;
  LoopBody<T> ahead_;
  std::size_t most_steps_;
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
  explicit While(std::shared_ptr<const WhileStep<T>> step) : step_(std::move(step)) {}

  std::string_view name() const override { return "while_loop"; }
  std::size_t results() const override { return step_->carries() + 1; }
  std::vector<Shape> shapes(std::span<const Dims>) const override {
    std::vector<Shape> all;
    for (std::size_t k = 0; k < step_->carries(); ++k) all.push_back(step_->step().result_shape(k));
    all.emplace_back();
    return all;
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override {
    *y[step_->carries()].data = static_cast<T>(step_->run(y, x));
  }
  void pull_back(Pullback<T>& step) const override;
  /// Of no step, the last carries are the first ones, whatever a step makes of them.
  bool differentiable(std::size_t i) const override {
    return i < step_->carries() || step_->step().input_differentiable(i);
  }
  bool result_differentiable(std::size_t k) const override { return k < step_->carries(); }
  const void* kind() const override {
    static const char mark = 0;
    return &mark;
  }
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override {
    return kind() == other.kind() && *step_ == *static_cast<const While*>(other.self())->step_;
  }

 private:
  std::shared_ptr<const WhileStep<T>> step_;
};

/// The cotangents of a loop of known length, as its own rule gives them; those that are not wanted are empty.
template <Real T>
std::vector<Cotangent<T>> cotangents_of(const Loop<T>& loop, std::span<const Variable<T>> x,
                                        std::span<const Variable<T>> y, Variables<T> cotangents,
                                        const std::vector<bool>& wanted) {
  cotangents.resize(y.size());
  Pullback<T> step{cotangents, y, x, wanted, std::vector<Cotangent<T>>(x.size())};
  loop.pull_back(step);
  return std::move(step.found);
}

/// From carries, what steps share, the cotangents of the last carries and the number of steps, the cotangents of the
/// inputs that are wanted.
template <Real T>
class WhileReverse final : public SeveralResults<T> {
 public:
  WhileReverse(std::shared_ptr<const WhileStep<T>> step, const std::vector<bool>& wanted)
      : step_(std::move(step)), wanted_(wanted) {}

  std::string_view name() const override { return "while_loop"; }
  std::size_t results() const override { return std::size_t(std::ranges::count(wanted_, true)); }
  std::vector<Shape> shapes(std::span<const Dims>) const override {
    std::vector<Shape> all;
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i]) all.push_back(step_->step().input_shape(i));
    return all;
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override;
  void pull_back(Pullback<T>& step) const override;
  bool differentiable(std::size_t i) const override { return i < wanted_.size() + step_->carries(); }

 private:
  void pull_back_plain(Pullback<T>& step) const;
  void pull_back_tangents(Pullback<T>& step) const;

  std::shared_ptr<const WhileStep<T>> step_;
  std::vector<bool> wanted_;
};

template <Real T>
void While<T>::pull_back(Pullback<T>& step) const {
  const std::size_t carries = step_->carries();
  Variables<T> cotangents;
  for (std::size_t k = 0; k < carries; ++k)
    cotangents.push_back(step.cotangents[k].alive() ? step.cotangents[k] : zeros_like(step.y[k]));
  if (all_plain<T>(step.x) && all_plain<T>(step.y) && all_plain<T>(cotangents)) {
    const auto loop = step_->unrolled(step.y[carries], false);
    Variables<T> y(loop->results());
    Tape<T>::record(loop, step.x, y);
    step.found = cotangents_of<T>(*loop, step.x, y, cotangents, step.wanted);
    return;
  }
  Variables<T> inputs(step.x.begin(), step.x.end());
  inputs.insert(inputs.end(), cotangents.begin(), cotangents.end());
  inputs.push_back(step.y[carries]);
  const auto reverse = std::make_shared<const WhileReverse<T>>(step_, step.wanted);
  Variables<T> found(reverse->results());
  Tape<T>::record(reverse, inputs, found);
  for (std::size_t i = 0, k = 0; i < step.x.size(); ++i)
    if (step.wanted[i]) step.found[i] = found[k++];
}

template <Real T>
void WhileReverse<T>::forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
  Variables<T> all;
  for (const auto& each : x) {
    auto value = Value<T>::uninitialised(each.shape);
    kernels::copy<T>(value.elements(), each);
    all.emplace_back(std::move(value));
  }
  const std::span<const Variable<T>> given(all), inputs = given.first(wanted_.size());
  const auto loop = step_->unrolled(all.back(), true);
  Variables<T> results(loop->results());
  Tape<T>::record(loop, inputs, results);
  const auto of_carries = given.subspan(inputs.size(), step_->carries());
  const auto found = cotangents_of<T>(*loop, inputs, results, {of_carries.begin(), of_carries.end()}, wanted_);
  for (std::size_t i = 0, k = 0; i < wanted_.size(); ++i) {
    if (!wanted_[i]) continue;
    const auto cotangent = whole(found[i]);
    if (cotangent.alive())
      kernels::copy<T>(y[k++], cotangent.elements());
    else
      std::fill_n(y[k].data, count(y[k].shape), T(0)), ++k;
  }
}

template <Real T>
void WhileReverse<T>::pull_back(Pullback<T>& step) const {
  if (all_plain<T>(step.x) && all_plain<T>(step.cotangents)) return pull_back_plain(step);
  if (std::find(step.wanted.begin(), step.wanted.begin() + std::ptrdiff_t(wanted_.size()), true) !=
      step.wanted.begin() + std::ptrdiff_t(wanted_.size()))
    fail<TapeError>("while_loop",
                    "its second derivatives are there for arrays alone, as gradient, hvp and hessian give them, not "
                    "recorded: use scan where the number of steps is known");
  pull_back_tangents(step);
}

/// By the loop of as many steps, on a tape for this alone.
template <Real T>
void WhileReverse<T>::pull_back_plain(Pullback<T>& step) const {
  const std::size_t carries = step_->carries(), n = wanted_.size();
  const auto loop = step_->unrolled(step.x.back(), false);
  Tape<T> tape;
  Variables<T> all, y(loop->results()), xs, slopes, cotangents, wanted;
  for (const auto& x : step.x.first(n + carries)) all.push_back(tape.variable(x));
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
  const std::size_t carries = step_->carries(), n = wanted_.size(), shared = step_->shared();
  // Carries and their tangents, then what is shared and its tangents.
  Tape<T> tape(TapeMode::abstract);
  Variables<T> x, tangents, units;
  for (std::size_t i = 0; i < n; ++i) x.push_back(tape.input(step_->step().input_shape(i)));
  for (std::size_t i = 0; i < n; ++i) tangents.push_back(tape.input(step_->step().input_shape(i)));
  const auto next = step_->step().results_of(step_->step().record(tape, x));
  const auto flag = step_->condition().results_of(step_->condition().record(tape, x));
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
  const auto function = [&](const Variables<T>& of) {
    return std::make_shared<const RecordedFunction<T>>("while_loop", tape, inputs, of);
  };
  const auto loop = std::make_shared<const While<T>>(
      std::make_shared<const WhileStep<T>>(function(flag), function(results), 2 * carries, step_->most_steps()));
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
      std::make_shared<const WhileStep<T>>(sides.functions[0], sides.functions[1], carry.size(), options.most_steps));
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
