#include "function.hpp"

#include <algorithm>
#include <cstring>

namespace autodiff {

template <Real T>
RecordedFunction<T>::RecordedFunction(std::string_view caller, const Tape<T>& tape, std::span<const Variable<T>> inputs,
                                      std::span<const Variable<T>> results)
    : inputs_(inputs.size()) {
  constexpr auto none = std::uint32_t(-1);
  std::vector<std::uint32_t> place(tape.size(), none);
  for (const auto& input : inputs) {
    if (place[input.index()] == none) place[input.index()] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({.shape = input.shape(), .where = tape.name(input.index())});
  }
  std::vector<bool> needed(tape.size()), made(tape.size());
  for (const auto& result : results) needed[result.index()] = true;
  for (std::size_t i = tape.size(); i-- > 0;) {
    if (!needed[i] || place[i] != none) continue;
    const auto& node = tape.node(i);
    const std::size_t first = i - node.result;
    std::fill_n(made.begin() + std::ptrdiff_t(first), node.operation ? node.operation->results() : 1, true);
    for (auto j : tape.inputs(i)) needed[j] = true;
  }
  for (std::size_t i = 0; i < tape.size(); ++i)
    if (made[i]) {
      add(caller, tape, i, place);
      if (place[i] == none) place[i] = static_cast<std::uint32_t>(nodes_.size() - 1);
    }
  for (const auto& result : results) results_.push_back(place[result.index()]);
  last_use_.resize(nodes_.size());
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    last_use_[i] = i;
    for (auto j : nodes_[i].inputs) last_use_[j] = i;
  }
  trace_gradients();
}

template <Real T>
void RecordedFunction<T>::add(std::string_view caller, const Tape<T>& tape, std::size_t i,
                              const std::vector<std::uint32_t>& place) {
  const auto& node = tape.node(i);
  Node made{.operation = node.operation, .shape = node.value->shape(), .result = node.result};
  made.where = tape.name(i).empty() ? tape.scope_of(i) : tape.name(i);
  made.stops = node.operation && node.constant;
  if (node.operation)
    for (auto j : tape.inputs(i)) made.inputs.push_back(place[j]);
  else if (has_elements(node.value))
    made.value = tape.plain(i);
  else
    fail<TapeError>(caller, "a result depends on what is no input of it: ", tape.origins(i), ": ", Dims(made.shape));
  nodes_.push_back(std::move(made));
}

template <Real T>
void RecordedFunction<T>::trace_gradients() {
  std::vector<bool> leads(nodes_.size()), reached(nodes_.size());
  std::fill_n(leads.begin(), inputs_, true);
  const auto flows = [&](const Node& node, std::size_t k) {
    return !node.stops && node.operation->result_differentiable(node.result) && node.operation->differentiable(k);
  };
  for (std::size_t i = inputs_; i < nodes_.size(); ++i)
    for (std::size_t k = 0; k < nodes_[i].inputs.size() && !leads[i]; ++k)
      leads[i] = leads[nodes_[i].inputs[k]] && flows(nodes_[i], k);
  for (auto r : results_) from_result_.push_back(leads[r]), reached[r] = true;
  for (std::size_t i = nodes_.size(); i-- > inputs_;)
    for (std::size_t k = 0; k < nodes_[i].inputs.size(); ++k)
      if (reached[i] && flows(nodes_[i], k)) reached[nodes_[i].inputs[k]] = true;
  to_input_.assign(reached.begin(), reached.begin() + std::ptrdiff_t(inputs_));
}

template <Real T>
bool RecordedFunction<T>::fails() const {
  return std::ranges::any_of(nodes_, [](const Node& node) { return node.operation && node.operation->fails(); });
}

template <Real T>
void RecordedFunction<T>::run(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const {
  std::vector<Array<T>> values(nodes_.size());
  std::vector<Operand<const T>> found(nodes_.size());
  std::vector<bool> kept(nodes_.size());
  for (auto r : results_) kept[r] = true;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (i < inputs_) {
      found[i] = x[i];
    } else if (!node.operation) {
      found[i] = operand(node.value.value());
    } else if (node.result == 0) {
      const std::size_t results = node.operation->results();
      std::vector<Operand<T>> to;
      std::vector<Operand<const T>> from;
      for (std::size_t k = i; k < i + results; ++k) {
        values[k] = uninitialised<T>(nodes_[k].shape);
        to.push_back(operand(values[k]));
        found[k] = operand(std::as_const(values[k]));
      }
      for (auto j : node.inputs) from.push_back(found[j]);
      const ErrorScope scope(node.where);
      results == 1 ? node.operation->forward(to[0], from) : node.operation->forward(to, from);
    }
    for (auto j : node.inputs)
      if (last_use_[j] == i && !kept[j]) values[j] = Array<T>();
  }
  for (std::size_t k = 0; k < results_.size(); ++k)
    std::copy_n(found[results_[k]].data, count(found[results_[k]].shape), y[k].data);
}

template <Real T>
std::vector<Variable<T>> RecordedFunction<T>::record(Tape<T>& tape, std::span<const Variable<T>> inputs,
                                                     const Adapt& adapt) const {
  std::vector<Variable<T>> made(inputs.begin(), inputs.end());
  std::vector<Variable<T>> results;
  for (std::size_t i = inputs_; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.operation) {
      made.push_back(tape.constant(node.value));
    } else if (node.result == 0) {
      std::vector<Variable<T>> from;
      for (auto j : node.inputs) from.push_back(made[j]);
      std::optional<typename Tape<T>::Scope> scope;
      if (!node.where.empty()) scope.emplace(tape, node.where);
      std::optional<typename Tape<T>::Pause> pause;
      if (node.stops) pause.emplace(tape);
      results.assign(node.operation->results(), {});
      Tape<T>::record(adapt ? adapt(node.operation, from) : node.operation, from, results);
      made.insert(made.end(), results.begin(), results.end());
    }
  }
  return made;
}

template <Real T>
std::vector<Variable<T>> RecordedFunction<T>::results_of(const std::vector<Variable<T>>& nodes) const {
  std::vector<Variable<T>> found;
  for (auto r : results_) found.push_back(nodes[r]);
  return found;
}

template <Real T>
std::shared_ptr<const RecordedFunction<T>> RecordedFunction<T>::vjp(const std::vector<bool>& exists,
                                                                    const std::vector<bool>& wanted) const {
  const std::lock_guard lock(mutex_);
  auto& kept = vjps_[{exists, wanted}];
  if (kept) return kept;
  Tape<T> tape(TapeMode::abstract);
  std::vector<Variable<T>> inputs, xs, ys, cotangents;
  for (std::size_t i = 0; i < inputs_; ++i) {
    inputs.push_back(tape.input(nodes_[i].shape));
    if (wanted[i]) xs.push_back(inputs.back());
  }
  const auto results = results_of(record(tape, inputs));
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (!exists[k]) continue;
    inputs.push_back(tape.input(results[k].shape()));
    // Of what follows from constants alone, and of what stops gradients, no gradient flows back.
    if (results[k].abstract() && !tape.node(results[k].index()).constant)
      ys.push_back(results[k]), cotangents.push_back(inputs.back());
  }
  std::vector<Variable<T>> found;
  if (!ys.empty()) {
    found = sweep<T>("vjp", Sweep::recorded, ys, cotangents, xs);
  } else {
    for (const auto& x : xs) found.push_back(tape.constant(Array<T>(x.shape(), T(0))));
  }
  kept = std::make_shared<const RecordedFunction>("vjp", tape, inputs, found);
  return kept;
}

template <Real T>
bool RecordedFunction<T>::operator==(const RecordedFunction& other) const {
  if (this == &other) return true;
  const auto same_value = [](const auto& a, const auto& b) {
    return a.alive() == b.alive() &&
           (!a.alive() || std::memcmp(a.value().data(), b.value().data(), a.size() * sizeof(T)) == 0);
  };
  return inputs_ == other.inputs_ && results_ == other.results_ &&
         std::ranges::equal(nodes_, other.nodes_, [&](const Node& a, const Node& b) {
           return std::ranges::equal(a.shape, b.shape) && a.inputs == b.inputs && a.result == b.result &&
                  a.stops == b.stops && same_value(a.value, b.value) && !a.operation == !b.operation &&
                  (!a.operation || a.operation->equals(*b.operation));
         });
}

namespace detail {

template <Real T>
BodyOf<T> record_body(std::string_view caller, const Body<T>& body, const std::vector<Shape>& shapes,
                      std::span<const Variable<T>> around) {
  Tape<T> tape(TapeMode::function, Tape<T>::common(caller, around));
  std::vector<Variable<T>> inputs, results;
  for (const auto& shape : shapes) inputs.push_back(tape.input(shape));
  for (auto& result : body(inputs)) {
    if (!result.alive()) fail<TapeError>(caller, "the body gives a result that is empty, or whose tape is gone");
    results.push_back(result.recorded() ? tape.own(result) : tape.constant(result));
  }
  BodyOf<T> made{nullptr, {}, results.size(), tape.replaced()};
  for (const auto& replaced : made.replaced) results.push_back(tape.own(replaced.next));
  for (const auto& [variable, input] : tape.captured()) made.captured.push_back(variable), inputs.push_back(input);
  made.function = std::make_shared<const RecordedFunction<T>>(caller, tape, inputs, results);
  return made;
}

#define AUTODIFF_RECORD_BODY(T)                                                               \
  template BodyOf<T> record_body(std::string_view, const Body<T>&, const std::vector<Shape>&, \
                                 std::span<const Variable<T>>);
AUTODIFF_RECORD_BODY(float)
AUTODIFF_RECORD_BODY(double)

}  // namespace detail

template class RecordedFunction<float>;
template class RecordedFunction<double>;

}  // namespace autodiff
