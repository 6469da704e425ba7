#include "graph.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "../function.hpp"

namespace autodiff::detail {

namespace {

/// "input 2 (layer1/W)": what a caller gave, by its name or the scope that it was recorded in, for errors.
template <Real T>
std::string describe(const char* role, std::size_t number, const Variable<T>& v) {
  std::string text = role + (" " + std::to_string(number));
  if (!v.alive() || !v.recorded()) return text;
  const std::string where = v.name().empty() ? v.tape().scope_of(v.index()) : v.name();
  return where.empty() ? text : text + " (" + where + ")";
}

template <Real T>
class Builder {
 public:
  Builder(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
          const std::vector<Update<T>>& updates) {
    for (std::size_t i = 0; i < outputs.size(); ++i)
      results_.push_back(index(describe("output", i, outputs[i]), outputs[i]));
    for (std::size_t i = 0; i < updates.size(); ++i) {
      const auto& [state, next] = updates[i];
      results_.push_back(index(describe("next value", i, next), next));
      leaf(describe("state", i, state), state, Source::state);
      if (const auto cell = tape_->state_cell(state.index()))
        if (!state_of_.emplace(cell.get(), state.index()).second)
          fail<TapeError>("compile", describe("state", i, state), " is in the cell of another state");
      if (!std::ranges::equal(state.shape(), next.shape()))
        fail<ShapeError>("compile", describe("state", i, state),
                         " and its next value must have one shape: ", Dims(state.shape()), " and ", Dims(next.shape()));
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) leaf(describe("input", i, inputs[i]), inputs[i], Source::input);
    if (!tape_) fail<TapeError>("compile", "there is nothing to compute: no outputs and no updates");
  }

  Graph<T> build(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                 const std::vector<Update<T>>& updates, ProgramReport& report) {
    // From the results backwards, what is needed; then forwards in the tape's order.
    std::vector<bool> needed(tape_->size());
    for (auto i : results_) needed[i] = true;
    for (std::size_t i = tape_->size(); i-- > 0;) {
      if (!needed[i]) continue;
      for (auto j : tape_->inputs(i)) needed[j] = true;
      for (auto [k, last] = results_of(i); k <= last; ++k) needed[k] = true;
    }
    for (const auto& [i, source] : leaves_) needed[i] = true;

    for (std::size_t i = 0; i < tape_->size(); ++i)
      if (needed[i]) plan_terms(i);
    place_.assign(tape_->size(), nowhere);
    graph_.nodes.reserve(std::size_t(std::ranges::count(needed, true)) + terms_at_.size());
    for (std::size_t i = 0; i < tape_->size(); ++i) {
      if (!needed[i]) continue;
      if (is_sum_of_terms(i))
        ;  // made of its terms, here or earlier
      else if (tape_->node(i).operation && tape_->node(i).operation->made_of())
        add_function(i);
      else if (tape_->node(i).operation)
        add_operation(i);
      else
        add_leaf(i);
      if (i == results_of(i).second)
        for (auto [begin, end] = terms_at_.equal_range(i); begin != end; ++begin) add_term(begin->second);
    }
    report.nodes = graph_.nodes.size();
    for (const auto& v : outputs) graph_.outputs.push_back({place_[v.index()]});
    for (const auto& [state, next] : updates)
      graph_.states.push_back(place_[state.index()]), graph_.nexts.push_back({place_[next.index()]}),
          graph_.state_cells.push_back(tape_->state_cell(state.index()));
    for (const auto& v : inputs) graph_.inputs.push_back(place_[v.index()]);
    for (const auto& [i, cell] : cells_) graph_.inputs.push_back(place_[i]), graph_.cells.push_back(cell);
    return std::move(graph_);
  }

 private:
  /// One term of an operation that is a sum of them, and which of the operation's inputs it has.
  struct PlannedTerm {
    std::size_t sum, number, first_input;
  };

  /// The first and the last node of the operation that a node is a result of.
  std::pair<std::size_t, std::size_t> results_of(std::size_t i) const {
    const auto& node = tape_->node(i);
    const std::size_t first = i - node.result;
    return {first, node.operation ? first + node.operation->results() - 1 : i};
  }
  bool is_sum_of_terms(std::size_t i) const {
    return tape_->node(i).operation && !tape_->node(i).operation->terms().empty();
  }

  /// Where the terms of a sum are added: one by one where the inputs of each are there, so that these need not wait; or
  /// all of them at its own place, where together they take no more memory than the sum.
  void plan_terms(std::size_t i) {
    if (!is_sum_of_terms(i)) return;
    const auto inputs = tape_->inputs(i);
    std::size_t waiting = 0, first = 0, number = 0, at = 0;
    for (auto j : inputs) waiting += count(Dims(tape_->node(j).value->shape()));
    const bool early = waiting > count(Dims(tape_->node(i).value->shape()));
    for (const auto& term : tape_->node(i).operation->terms()) {
      for (auto j : inputs.subspan(first, term.inputs)) at = std::max(at, results_of(j).second);
      terms_at_.emplace(early ? at : i, PlannedTerm{i, number++, first});
      first += term.inputs;
    }
  }

  GraphNode<T>& add(std::size_t i) {
    place_[i] = append(tape_->node(i).value->shape(), tape_->name(i).empty() ? tape_->scope_of(i) : tape_->name(i));
    return graph_.nodes.back();
  }

  /// Of a cell that is a state, all that was entered is the value before the run, and so one node.
  void add_leaf(std::size_t i) {
    const auto found = leaves_.contains(i) ? state_of_.end() : state_of_.find(tape_->cell(i).get());
    const std::size_t state = found == state_of_.end() ? i : found->second;
    if (place_[state] == nowhere) make_leaf(state);
    place_[i] = place_[state];
  }

  void make_leaf(std::size_t i) {
    const auto& node = tape_->node(i);
    auto& made = add(i);
    if (has_elements(node.value)) made.recorded = node.value;
    made.variable = !node.constant;
    if (const auto leaf = leaves_.find(i); leaf != leaves_.end())
      made.source = leaf->second;
    else if (const auto cell = tape_->cell(i))
      made.source = Source::input, cells_.emplace_back(i, cell);
    if (made.source == Source::state && !made.recorded)
      fail<TapeError>("compile",
                      "an input of the recording has no first value, and so is no state: ", tape_->origins(i), ": ",
                      Dims(made.shape()));
    if (made.source == Source::constant && !made.recorded)
      fail<TapeError>("compile",
                      "it depends on an input of the recording that is none of the program: ", tape_->origins(i), ": ",
                      Dims(made.shape()));
  }

  void add_operation(std::size_t i) {
    const auto& node = tape_->node(i);
    auto& made = add(i);
    if (has_elements(node.value)) made.recorded = node.value;
    for (auto j : tape_->inputs(i)) made.inputs.push_back({place_[j]});
    become(made, node.operation, node.result);
  }

  void become(GraphNode<T>& made, const std::shared_ptr<const Primitive<T>>& operation, std::uint32_t result) const {
    made.source = Source::operation, made.operation = operation, made.result = result;
    made.arity = static_cast<std::uint32_t>(made.inputs.size());
    if (made.arity != 1) return;
    if (const auto reduction = operation->reduction(graph_.nodes[made.inputs[0].node].shape()))
      check_reduction(operation->name(), reduction->kernel);
  }

  /// Puts what an operation is made of in its place.
  void add_function(std::size_t i) {
    const auto& node = tape_->node(i);
    if (node.result != 0) return;
    std::vector<std::uint32_t> inputs;
    for (auto j : tape_->inputs(i)) inputs.push_back(place_[j]);
    const auto results = expand(*node.operation, std::move(inputs), tape_->scope_of(i), 0);
    std::ranges::copy(results, place_.begin() + std::ptrdiff_t(i));
  }

  /// The nodes of the results.
  std::vector<std::uint32_t> expand(const Primitive<T>& call, std::vector<std::uint32_t> place,
                                    const std::string& scope, std::uint32_t apart) {
    if (call.apart()) apart = ++calls_apart_;
    const auto& nodes = call.made_of()->nodes();
    for (std::size_t k = place.size(); k < nodes.size(); ++k) {
      const auto& node = nodes[k];
      std::vector<std::uint32_t> inputs;
      for (auto j : node.inputs) inputs.push_back(place[j]);
      const std::string where = scope.empty() || node.where.empty() ? scope + node.where : scope + "/" + node.where;
      if (node.operation && node.operation->made_of()) {
        if (node.result != 0) continue;
        for (auto result : expand(*node.operation, inputs, where, apart)) place.push_back(result);
      } else if (node.operation && !node.operation->terms().empty()) {
        place.push_back(expand_terms(node, inputs, where, apart));
      } else {
        place.push_back(append(node.shape, where, apart));
        auto& made = graph_.nodes.back();
        for (auto input : inputs) made.inputs.push_back({input});
        if (node.operation)
          become(made, node.operation, node.result);
        else
          made.recorded = Value<T>(Array<T>(node.value.value()));
      }
    }
    std::vector<std::uint32_t> results;
    for (auto r : call.made_of()->results()) results.push_back(place[r]);
    return results;
  }

  std::uint32_t expand_terms(const typename RecordedFunction<T>::Node& node, std::span<const std::uint32_t> inputs,
                             const std::string& where, std::uint32_t apart) {
    std::uint32_t sum = nowhere;
    for (const auto& term : node.operation->terms()) {
      const auto before = std::exchange(sum, append(node.shape, where, apart));
      for (auto input : inputs.first(term.inputs)) graph_.nodes.back().inputs.push_back({input});
      accumulate(graph_.nodes.back(), term.operation, before);
      inputs = inputs.subspan(term.inputs);
    }
    return sum;
  }

  std::uint32_t append(const Shape& shape, std::string_view where, std::uint32_t apart = 0) {
    auto& made = graph_.nodes.emplace_back();
    made.layout = graph_.interned->dense(shape), made.where = graph_.interned->name(where), made.apart = apart;
    return static_cast<std::uint32_t>(graph_.nodes.size() - 1);
  }

  /// The first term is where the sum begins; each of the others is added to what is there.
  void add_term(const PlannedTerm& planned) {
    const auto before = place_[planned.sum];
    const auto& term = tape_->node(planned.sum).operation->terms()[planned.number];
    auto& made = add(planned.sum);
    for (auto j : tape_->inputs(planned.sum).subspan(planned.first_input, term.inputs))
      made.inputs.push_back({place_[j]});
    accumulate(made, term.operation, planned.number == 0 ? nowhere : before);
  }

  static void accumulate(GraphNode<T>& made, const std::shared_ptr<const Primitive<T>>& term, std::uint32_t before) {
    made.source = Source::operation, made.operation = term;
    made.arity = static_cast<std::uint32_t>(made.inputs.size());
    if (before == nowhere) return;
    made.addend = made.arity;
    made.inputs.push_back({before});
  }

  std::size_t index(const std::string& what, const Variable<T>& v) {
    if (!v.alive()) fail<TapeError>("compile", what, " is empty, or its tape is gone");
    if (!v.recorded()) fail<TapeError>("compile", what, " is a plain value, recorded on no tape: ", Dims(v.shape()));
    if (tape_ && tape_ != &v.tape()) fail<TapeError>("compile", what, " is of another tape");
    tape_ = &v.tape();
    return v.index();
  }
  void leaf(const std::string& what, const Variable<T>& v, Source source) {
    const std::size_t i = index(what, v);
    if (tape_->node(i).operation)
      fail<TapeError>("compile", what, " must be a variable or a constant, and is the result of ",
                      tape_->node(i).operation->name(), ": ", Dims(v.shape()));
    if (!leaves_.emplace(i, source).second) fail<TapeError>("compile", what, " is named twice");
  }

  Tape<T>* tape_ = nullptr;
  std::vector<std::size_t> results_;
  std::map<std::size_t, Source> leaves_;
  std::vector<std::pair<std::size_t, ValueCell<T>>> cells_;
  std::map<const Variable<T>*, std::size_t> state_of_;  // by its cell
  std::multimap<std::size_t, PlannedTerm> terms_at_;    // behind which node each is added
  std::vector<std::uint32_t> place_;                    // of each node of the tape in the graph
  std::uint32_t calls_apart_ = 0;
  Graph<T> graph_;
};

}  // namespace

template <Real T>
Graph<T> build_graph(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                     const std::vector<Update<T>>& updates, ProgramReport& report) {
  return Builder<T>(inputs, outputs, updates).build(inputs, outputs, updates, report);
}

template <Real T>
std::string describe(const GraphNode<T>& node) {
  std::string text;
  switch (node.source) {
    case Source::operation:
      text = "[" + std::string(node.operation->name()) + "]";
      break;
    case Source::constant:
      text = "constant";
      break;
    case Source::input:
      text = "input";
      break;
    case Source::state:
      text = "state";
      break;
  }
  return text + (node.where.empty() ? "" : " in " + std::string(node.where)) + " " + to_string(Dims(node.shape()));
}

template <Real T>
void compute(Graph<T>& graph, std::uint32_t i) {
  const auto& node = graph.nodes[i];
  if (node.recorded) return;
  const auto value_of = [&](std::size_t k) -> const Value<T>& { return graph.nodes[node.inputs[k].node].recorded; };
  std::vector<Operand<const T>> x;
  for (std::size_t k = 0; k < node.arity; ++k) x.push_back(operand(value_of(k)));
  std::vector<Value<T>> values;
  std::vector<Operand<T>> y;
  for (std::size_t k = 0; k < node.operation->results(); ++k) {
    values.push_back(Value<T>::uninitialised(Dims(graph.nodes[i + k].shape())));
    y.push_back(values.back().elements());
  }
  const ErrorScope scope(node.where);
  if (node.addend == nowhere) {
    node.operation->forward(y, x);
  } else {
    std::copy_n(value_of(node.addend).data(), node.size(), values[0].data());
    node.operation->accumulate(y[0], x, 1, 1);
  }
  for (std::size_t k = 0; k < values.size(); ++k) graph.nodes[i + k].recorded = std::move(values[k]);
}

template <Real T>
std::vector<std::uint32_t> count_uses(const Graph<T>& graph) {
  std::vector<std::uint32_t> uses(graph.nodes.size());
  for (const auto& node : graph.nodes)
    if (node.live)
      for (const auto& input : node.inputs) ++uses[input.node];
  for (const auto* roots : {&graph.outputs, &graph.nexts})
    for (const auto& root : *roots) ++uses[root.node];
  return uses;
}

#define AUTODIFF_GRAPH(T)                                                                         \
  template Graph<T> build_graph(const std::vector<Variable<T>>&, const std::vector<Variable<T>>&, \
                                const std::vector<Update<T>>&, ProgramReport&);                   \
  template std::string describe(const GraphNode<T>&);                                             \
  template void compute(Graph<T>&, std::uint32_t);                                                \
  template std::vector<std::uint32_t> count_uses(const Graph<T>&);
AUTODIFF_GRAPH(float)
AUTODIFF_GRAPH(double)

}  // namespace autodiff::detail
