#include "graph.hpp"

#include <algorithm>
#include <map>

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
    for (std::size_t i = tape_->size(); i-- > 0;)
      if (needed[i])
        for (auto j : tape_->inputs(i)) needed[j] = true;
    for (const auto& [i, source] : leaves_) needed[i] = true;

    Graph<T> graph;
    std::vector<std::uint32_t> place(tape_->size());
    for (std::size_t i = 0; i < tape_->size(); ++i) {
      if (!needed[i]) continue;
      const auto& node = tape_->node(i);
      auto& made = graph.nodes.emplace_back();
      if (const auto leaf = leaves_.find(i); leaf != leaves_.end()) made.source = leaf->second;
      if (node.operation) made.source = Source::operation, made.operation = node.operation;
      made.shape = node.value->shape();
      made.recorded = node.value;
      made.variable = !node.operation && !node.constant;
      made.where = tape_->name(i).empty() ? tape_->scope_of(i) : tape_->name(i);
      for (auto j : tape_->inputs(i)) made.inputs.push_back({place[j]});
      made.arity = static_cast<std::uint32_t>(made.inputs.size());
      if (made.operation && made.arity == 1)
        if (const auto reduction = made.operation->reduction(graph.nodes[made.inputs[0].node].shape))
          check_reduction(made.operation->name(), reduction->kernel);
      place[i] = static_cast<std::uint32_t>(graph.nodes.size() - 1);
    }
    report.nodes = graph.nodes.size();
    for (const auto& v : inputs) graph.inputs.push_back(place[v.index()]);
    for (const auto& v : outputs) graph.outputs.push_back({place[v.index()]});
    for (const auto& [state, next] : updates)
      graph.states.push_back(place[state.index()]), graph.nexts.push_back({place[next.index()]});
    return graph;
  }

 private:
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
      fail<TapeError>("compile", what, " is the result of ", tape_->node(i).operation->name(), ": ", Dims(v.shape()));
    if (!leaves_.emplace(i, source).second) fail<TapeError>("compile", what, " is named twice");
  }

  Tape<T>* tape_ = nullptr;
  std::vector<std::size_t> results_;
  std::map<std::size_t, Source> leaves_;
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
  return text + (node.where.empty() ? "" : " in " + node.where) + " " + to_string(Dims(node.shape));
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
  template std::vector<std::uint32_t> count_uses(const Graph<T>&);
AUTODIFF_GRAPH(float)
AUTODIFF_GRAPH(double)

}  // namespace autodiff::detail
