#include "loop.hpp"

#include <algorithm>

#include "../kernels/processors.hpp"
#include "../kernels/threads.hpp"
#include "../ops/arithmetic.hpp"  // for sums of cotangents
#include "../ops/shape.hpp"
#include "call.hpp"

namespace autodiff::detail {

template <Real T>
LoopBody<T>::LoopBody(std::shared_ptr<const RecordedFunction<T>> function, std::size_t carries, std::size_t elements)
    : function_(std::move(function)), carries_(carries), elements_(elements), output_of_carry_(carries, nowhere) {
  const auto& results = function_->results();
  for (std::size_t k = 0; k < carries_; ++k)
    if (const auto same = std::find(results.begin() + std::ptrdiff_t(carries_), results.end(), results[k]);
        same != results.end())
      output_of_carry_[k] = std::size_t(same - results.begin());
}

template <Real T>
Compilation<T> LoopBody<T>::compile() const {
  Tape<T> tape(TapeMode::abstract);
  std::vector<Variable<T>> all, inputs;
  for (std::size_t i = 0; i < function_->inputs(); ++i) {
    const Shape& shape = function_->input_shape(i);
    const bool state = i < carries_ && output_of_carry_[i] == nowhere;
    all.push_back(state ? tape.variable(Array<T>(shape, T(0))) : tape.input(shape));
    if (!state) inputs.push_back(all.back());
  }
  auto outputs = function_->results_of(function_->record(tape, all));
  std::vector<Update<T>> updates;
  for (std::size_t k = 0; k < carries_; ++k)
    if (output_of_carry_[k] == nowhere) updates.push_back({all[k], outputs[k]});
  outputs.erase(outputs.begin(), outputs.begin() + std::ptrdiff_t(carries_));
  CompileOptions options;
  options.threads = std::max(kernels::threads(), kernels::default_threads());  // each run says how many of them
  return compile_recording<T>(inputs, outputs, updates, options);
}

template <Real T>
LoopBody<T>::Lease::Lease(const LoopBody& body) : body_(body) {
  const std::lock_guard lock(body.mutex_);
  if (!body.free_.empty()) {
    executor_ = std::move(body.free_.back());
    body.free_.pop_back();
    return;
  }
  if (!body.compiled_) body.compiled_ = body.compile().compiled;
  auto states = std::make_shared<States<T>>();
  for (std::size_t k = 0; k < body.carries_; ++k)
    if (body.output_of_carry_[k] == nowhere)
      states->push_back({std::make_shared<Variable<T>>(Array<T>(body.function_->input_shape(k), T(0))), false});
  executor_ = std::make_unique<Executor<T>>(body.compiled_, std::move(states));
}

template <Real T>
LoopBody<T>::Lease::~Lease() {
  const std::lock_guard lock(body_.mutex_);
  body_.free_.push_back(std::move(executor_));
}

/// Whether an operation knows how to sum what it gives for samples like these.
template <Real T>
bool sums_at_once(const Primitive<T>& operation, const std::vector<Variable<T>>& x) {
  Tape<T> tape(TapeMode::abstract);
  std::vector<Variable<T>> twice;
  for (const auto& each : x) {
    Shape shape = each.shape();
    shape.insert(shape.begin(), 2);
    twice.push_back(tape.input(shape));
  }
  return operation.summed(twice).alive();
}

/// A step and its gradient, recorded: what of the one does the other need?
template <Real T>
struct LoopBody<T>::Sweeping {
  Tape<T> tape{TapeMode::abstract};
  std::vector<Variable<T>> inputs, nodes, results, cotangents;  // of the function; of its results, or empty
  std::vector<Variable<T>> sums;                                // of cotangents of what is shared, so far
  std::vector<Variable<T>> found;                               // next carries and outputs of the reverse step
  /// Of something shared, an operation whose results of all steps are summed behind the loop, and of what it is.
  struct AtOnce {
    std::size_t input;
    std::shared_ptr<const Primitive<T>> operation;
    std::vector<Variable<T>> from;
  };
  std::vector<AtOnce> at_once;
  std::size_t end_of_step = 0;
  std::vector<std::uint32_t> node_of;  // of what is recorded of the step, the node of the function

  Sweeping(const LoopBody& body, const std::vector<bool>& exists, const std::vector<bool>& wanted) {
    const auto& function = *body.function_;
    for (std::size_t i = 0; i < function.inputs(); ++i) inputs.push_back(tape.input(function.input_shape(i)));
    nodes = function.record(tape, inputs);
    results = function.results_of(nodes);
    end_of_step = tape.size();
    node_of.assign(end_of_step, nowhere);
    for (std::uint32_t k = 0; k < nodes.size(); ++k) node_of[nodes[k].index()] = k;
    std::vector<Variable<T>> ys, cts, xs;
    for (std::size_t k = 0; k < results.size(); ++k) {
      cotangents.emplace_back();
      if (k >= body.carries_ && !exists[k]) continue;
      cotangents.back() = tape.input(results[k].shape());
      if (results[k].abstract() && !tape.node(results[k].index()).constant)
        ys.push_back(results[k]), cts.push_back(cotangents.back());
    }
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (i < body.carries_ || wanted[i]) xs.push_back(inputs[i]);
    std::vector<Variable<T>> slopes;
    if (!ys.empty())
      slopes = sweep<T>("scan", Sweep::recorded, ys, cts, xs);
    else
      for (const auto& x : xs) slopes.push_back(tape.constant(Array<T>(x.shape(), T(0))));
    // In the order of the reverse step: carries, sums, elements.
    found.assign(slopes.begin(), slopes.begin() + std::ptrdiff_t(body.carries_));
    const auto of_elements = std::ptrdiff_t(
        body.carries_ + std::size_t(std::count(wanted.begin() + std::ptrdiff_t(body.carries_),
                                               wanted.begin() + std::ptrdiff_t(body.carries_ + body.elements_), true)));
    auto slope = slopes.begin() + of_elements;
    for (std::size_t i = body.carries_ + body.elements_; i < inputs.size(); ++i) {
      if (!wanted[i]) continue;
      if (!add_at_once(body, i, *slope)) {
        sums.push_back(tape.input(slope->shape()));
        found.push_back(sums.back() + *slope);
      }
      ++slope;
    }
    found.insert(found.end(), slopes.begin() + std::ptrdiff_t(body.carries_), slopes.begin() + of_elements);
  }

  /// Whether what is made of each step can be summed behind the loop. What is shared has no such steps.
  bool add_at_once(const LoopBody& body, std::size_t input, const Variable<T>& slope) {
    const auto& node = tape.node(slope.index());
    if (!node.operation || node.operation->results() != 1) return false;
    std::vector<Variable<T>> from;
    for (auto j : tape.inputs(slope.index())) {
      const bool shared = j >= body.carries_ + body.elements_ && j < body.function_->inputs();
      if (shared || !tape.node(j).abstract) return false;
      from.push_back(tape.recorded(j));
    }
    if (!sums_at_once(*node.operation, from)) return false;
    at_once.push_back({input, node.operation, std::move(from)});
    return true;
  }

  /// The nodes of the function that the gradient reads, where `stops` says at which to stop asking what they are
  /// computed from.
  template <class F>
  std::vector<std::uint32_t> reads(const F& stops) const {
    std::vector<bool> needed(tape.size());
    for (const auto& v : found) needed[v.index()] = true;
    for (const auto& sum : at_once)
      for (const auto& v : sum.from) needed[v.index()] = true;
    std::vector<std::uint32_t> read;
    for (std::size_t i = tape.size(); i-- > 0;) {
      if (!needed[i]) continue;
      if (i < end_of_step && node_of[i] != nowhere && stops(node_of[i]))
        read.push_back(node_of[i]);
      else
        for (auto j : tape.inputs(i)) needed[j] = true;
    }
    return read;
  }
};

template <Real T>
const typename LoopBody<T>::Lighter& LoopBody<T>::lighter() const {
  const std::lock_guard lock(mutex_);
  if (lighter_) return *lighter_;
  const auto hoisted = hoist("scan", *function_, carries_ + elements_);
  lighter_.emplace();
  if (hoisted.before) {
    auto body = std::make_shared<LoopBody>(hoisted.rest, carries_, elements_);
    body->lighter_.emplace();
    *lighter_ = {hoisted.before, body};
  }
  return *lighter_;
}

template <Real T>
std::shared_ptr<const LoopBody<T>> LoopBody<T>::keeping() const {
  const std::lock_guard lock(mutex_);
  if (keeping_) return keeping_;
  const auto& nodes = function_->nodes();
  const Sweeping swept(*this, std::vector<bool>(function_->results().size(), true),
                       std::vector<bool>(function_->inputs(), true));
  // Views cost nothing: what they are views of is kept.
  const auto worth_keeping = [&](std::uint32_t k) {
    const auto& node = nodes[k];
    if (!node.operation) return k < function_->inputs();
    return !(node.inputs.size() == 1 && node.operation->view(dense(nodes[node.inputs[0]].shape)));
  };
  auto results = swept.results;
  std::map<std::uint32_t, std::size_t> kept;
  for (std::size_t k = carries_; k < results.size(); ++k) kept.emplace(function_->results()[k], k - carries_);
  for (auto k : swept.reads(worth_keeping)) {
    if (k >= carries_ && k < function_->inputs()) continue;  // is there anyway
    if (kept.emplace(k, results.size() - carries_).second) results.push_back(swept.nodes[k]);
  }
  auto made = std::make_shared<LoopBody>(
      std::make_shared<const RecordedFunction<T>>("scan", swept.tape, swept.inputs, results), carries_, elements_);
  // The same values have other numbers there.
  for (const auto& [node, output] : kept) made->kept_[made->function_->results()[carries_ + output]] = output;
  return keeping_ = made;
}

template <Real T>
const typename LoopBody<T>::Reverse& LoopBody<T>::reverse(const std::vector<bool>& exists,
                                                          const std::vector<bool>& wanted) const {
  const std::lock_guard lock(mutex_);
  auto& made = reverses_[{exists, wanted}];
  if (!made) made = make_reverse(exists, wanted);
  return *made;
}

/// Where what is summed behind the loop can be found; what the reverse step has to give for that joins its outputs.
template <Real T>
std::vector<typename LoopBody<T>::Reverse::Sum> LoopBody<T>::find_sums(Sweeping& swept) const {
  using Sum = typename Reverse::Sum;
  using From = typename Sum::From;
  const auto place = [&](const Variable<T>& v) -> std::pair<From, std::size_t> {
    const auto k = v.index() < swept.end_of_step ? swept.node_of[v.index()] : nowhere;
    if (const auto kept = kept_.find(k); kept != kept_.end()) return {From::result, carries_ + kept->second};
    if (k >= carries_ && k < carries_ + elements_) return {From::element, k};
    auto& found = swept.found;
    auto at = carries_ + swept.sums.size();
    while (at < found.size() && found[at].index() != v.index()) ++at;
    if (at == found.size()) found.push_back(v);
    return {From::found, at};
  };
  std::vector<Sum> sums;
  for (const auto& each : swept.at_once) {
    Sum sum{each.input, each.operation, {}};
    for (const auto& v : each.from) sum.from.push_back(place(v));
    sums.push_back(std::move(sum));
  }
  swept.at_once.clear();
  return sums;
}

template <Real T>
std::unique_ptr<typename LoopBody<T>::Reverse> LoopBody<T>::make_reverse(const std::vector<bool>& exists,
                                                                         const std::vector<bool>& wanted) const {
  Sweeping swept(*this, exists, wanted);
  auto made = std::make_unique<Reverse>();
  made->sums = find_sums(swept);
  auto read = swept.reads([&](std::uint32_t k) { return k < function_->inputs() || kept_.contains(k); });
  std::ranges::sort(read);
  std::vector<Variable<T>> inputs;
  for (std::size_t k = 0; k < carries_; ++k) inputs.push_back(swept.cotangents[k]);
  inputs.insert(inputs.end(), swept.sums.begin(), swept.sums.end());
  const std::size_t carries = inputs.size();
  for (auto k : read)
    if (const auto found = kept_.find(k); found != kept_.end())
      made->kept.push_back(carries_ + found->second), inputs.push_back(swept.nodes[k]);
  for (auto k : read)
    if (k < carries_ && !kept_.contains(k)) made->carries.push_back(k), inputs.push_back(swept.nodes[k]);
  for (auto k : read)
    if (k >= carries_ && k < carries_ + elements_ && !kept_.contains(k))
      made->elements.push_back(k), inputs.push_back(swept.nodes[k]);
  for (std::size_t k = carries_; k < swept.cotangents.size(); ++k)
    if (swept.cotangents[k].alive()) made->cotangents.push_back(k), inputs.push_back(swept.cotangents[k]);
  const std::size_t elements = inputs.size() - carries;
  for (auto k : read)
    if (k >= carries_ + elements_ && k < function_->inputs() && !kept_.contains(k))
      made->shared.push_back(k), inputs.push_back(swept.nodes[k]);
  made->body = std::make_shared<const LoopBody>(
      std::make_shared<const RecordedFunction<T>>("scan", swept.tape, inputs, swept.found), carries, elements);
  if (!made->carries.empty()) {
    std::vector<Variable<T>> results(swept.results.begin(), swept.results.begin() + std::ptrdiff_t(carries_));
    for (auto k : made->carries) results.push_back(swept.inputs[k]);
    made->of_carries = std::make_shared<const LoopBody>(
        std::make_shared<const RecordedFunction<T>>("scan", swept.tape, swept.inputs, results), carries_, elements_);
  }
  return made;
}

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
void Loop<T>::forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
  const std::size_t carries = body_->carries(), elements = body_->elements();
  const typename LoopBody<T>::Lease lease(*body_);
  Executor<T>& executor = *lease;
  const std::ptrdiff_t first = reverse_ && length_ > 0 ? std::ptrdiff_t(length_) - 1 : 0, direction = reverse_ ? -1 : 1;

  std::vector<const T*> inputs;
  std::vector<T*> outputs;
  std::vector<std::ptrdiff_t> input_steps, output_steps;
  struct Carried {
    std::size_t output;
    std::unique_ptr<T[]> other;  // the place to write to while one is read, where outputs are left out
    T* next;
  };
  std::vector<Carried> carried;  // the first inputs
  for (std::size_t k = 0; k < carries; ++k) {
    if (const auto output = body_->output_of_carry(k); output != nowhere) {
      carried.push_back({output - carries, nullptr, nullptr});
      inputs.push_back(x[k].data), input_steps.push_back(0);
    } else {
      T* state = executor.states()[k - carried.size()].cell->exclusive()->data();
      std::copy_n(x[k].data, count(x[k].shape), state);
    }
  }
  for (std::size_t i = carries; i < x.size(); ++i) {
    const bool moves = i < carries + elements;
    const auto size = moves ? std::ptrdiff_t(count(Dims(body_->function().input_shape(i)))) : 0;
    inputs.push_back(x[i].data + first * size);
    input_steps.push_back(direction * size);
  }
  for (std::size_t k = carries; k < y.size(); ++k) {
    const std::size_t size = count(Dims(body_->function().result_shape(k)));
    const bool left_out = count(y[k].shape) != size * length_;
    outputs.push_back(left_out ? executor.output(k - carries) : y[k].data + first * std::ptrdiff_t(size));
    output_steps.push_back(left_out ? 0 : direction * std::ptrdiff_t(size));
    for (auto& c : carried)
      if (left_out && c.output == k - carries) c.other = std::make_unique<T[]>(size), c.next = c.other.get();
  }
  for (std::size_t t = 0; t < length_; ++t) {
    try {
      executor.run_on(inputs, outputs);
    } catch (const Error&) {
      // Once more, so that the error says where: what throws changes no state.
      const ErrorScope scope("step " + std::to_string(reverse_ ? length_ - 1 - t : t));
      executor.run_on(inputs, outputs);
      throw;
    }
    for (std::size_t i = carried.size(); i < inputs.size(); ++i) inputs[i] += input_steps[i];
    for (std::size_t i = 0; i < carried.size(); ++i) inputs[i] = outputs[carried[i].output];
    for (auto& c : carried)
      if (c.next) std::swap(c.next, outputs[c.output]);
    for (std::size_t k = 0; k < outputs.size(); ++k) outputs[k] += output_steps[k];
  }
  for (std::size_t k = 0, of_output = 0; k < carries; ++k) {
    const bool is_output = body_->output_of_carry(k) != nowhere;
    const T* end = is_output ? inputs[of_output] : executor.states()[k - of_output].cell->exclusive()->data();
    of_output += is_output;
    std::copy_n(end, count(y[k].shape), y[k].data);
  }
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

#define AUTODIFF_LOOP(T)      \
  template class LoopBody<T>; \
  template class Loop<T>;     \
  template Variable<T> with_axis_in_front(const Variable<T>&, std::size_t, bool);
AUTODIFF_LOOP(float)
AUTODIFF_LOOP(double)

}  // namespace autodiff::detail
