#include "loop.hpp"

#include <algorithm>

#include "../kernels/processors.hpp"
#include "../kernels/threads.hpp"
#include "../ops/arithmetic.hpp"  // for sums of cotangents

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
  static const int most = kernels::default_threads();
  options.threads = std::max(kernels::threads(), most);  // each run says how many of them
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

template class LoopBody<float>;
template class LoopBody<double>;

}  // namespace autodiff::detail
