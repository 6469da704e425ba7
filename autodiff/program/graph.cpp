#include "graph.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

namespace autodiff::detail {

namespace {

/// "input 2 (layer1/W)": what a caller gave, for errors.
template <Real T>
std::string describe(const char* role, std::size_t number, const Variable<T>& v) {
  std::string text = role + (" " + std::to_string(number));
  if (const std::string name = v.alive() ? v.name() : ""; !name.empty()) text += " (" + name + ")";
  return text;
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
      GraphNode<T> made{Source::constant, nullptr, {}, node.value};
      if (const auto leaf = leaves_.find(i); leaf != leaves_.end()) made.source = leaf->second;
      if (node.operation) made.source = Source::operation, made.operation = node.operation;
      for (auto j : tape_->inputs(i)) made.inputs.push_back(place[j]);
      place[i] = static_cast<std::uint32_t>(graph.nodes.size());
      graph.nodes.push_back(std::move(made));
    }
    report.nodes = graph.nodes.size();
    for (const auto& v : inputs) graph.inputs.push_back(place[v.index()]);
    for (const auto& v : outputs) graph.outputs.push_back(place[v.index()]);
    for (const auto& [state, next] : updates)
      graph.states.push_back(place[state.index()]), graph.nexts.push_back(place[next.index()]);
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

namespace {

/// What equal nodes have in common, as a number.
template <Real T>
std::size_t hash(const GraphNode<T>& node) {
  std::size_t h = 0;
  const auto mix = [&](std::size_t x) { h = (h ^ x) * 0x9e3779b97f4a7c15 + (h >> 29); };
  if (node.operation) mix(std::hash<std::string_view>()(node.operation->name()));
  if (node.source == Source::constant) mix(std::hash<T>()(*node.recorded->data()));
  for (auto input : node.inputs) mix(input);
  return h;
}

/// Operations that compute the same, and constants that are one number each: literals in rules come again and again.
template <Real T>
bool equal(const GraphNode<T>& a, const GraphNode<T>& b) {
  if (a.source != b.source || a.inputs != b.inputs) return false;
  if (a.source == Source::operation) return a.operation->equals(*b.operation);
  return std::memcmp(a.recorded->data(), b.recorded->data(), sizeof(T)) == 0 &&
         std::ranges::equal(a.recorded->shape(), b.recorded->shape());
}

}  // namespace

template <Real T>
void merge_equal(Graph<T>& graph, ProgramReport& report) {
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash;
  std::vector<std::uint32_t> same(graph.nodes.size());
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    auto& node = graph.nodes[i];
    same[i] = i;
    for (auto& input : node.inputs) input = same[input];
    if (node.source != Source::operation && !(node.source == Source::constant && node.recorded->size() == 1)) continue;
    const std::size_t h = hash(node);
    const auto [begin, end] = by_hash.equal_range(h);
    const auto found =
        std::find_if(begin, end, [&](const auto& entry) { return equal(graph.nodes[entry.second], node); });
    if (found == end) {
      by_hash.emplace(h, i);
      continue;
    }
    same[i] = found->second;
    node = {Source::constant, nullptr, {}, node.recorded};  // nobody reads it any more
    ++report.merged;
  }
  for (auto* list : {&graph.outputs, &graph.nexts})
    for (auto& i : *list) i = same[i];
}

template <Real T>
void fold_constants(Graph<T>& graph, ProgramReport& report) {
  for (auto& node : graph.nodes) {
    if (node.source != Source::operation) continue;
    const auto constant = [&](auto i) { return graph.nodes[i].source == Source::constant; };
    if (!std::ranges::all_of(node.inputs, constant)) continue;
    node = {Source::constant, nullptr, {}, node.recorded};
    ++report.folded;
  }
}

#define AUTODIFF_GRAPH(T)                                                                         \
  template Graph<T> build_graph(const std::vector<Variable<T>>&, const std::vector<Variable<T>>&, \
                                const std::vector<Update<T>>&, ProgramReport&);                   \
  template void merge_equal(Graph<T>&, ProgramReport&);                                           \
  template void fold_constants(Graph<T>&, ProgramReport&);
AUTODIFF_GRAPH(float)
AUTODIFF_GRAPH(double)

}  // namespace autodiff::detail
