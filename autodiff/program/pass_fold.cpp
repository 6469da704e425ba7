// Passes that make the graph smaller: constants folded, equal nodes merged, dead ones dropped.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "../finite.hpp"
#include "passes.hpp"

namespace autodiff::detail {

namespace {

/// Node by node, which one stands for it: redirects what reads the others.
class Same {
 public:
  explicit Same(std::size_t nodes) : same_(nodes) { std::iota(same_.begin(), same_.end(), 0u); }
  void stands_for(std::uint32_t one, std::uint32_t other) { same_[other] = one; }
  void redirect(auto& inputs) const {
    for (auto& input : inputs) input.node = same_[input.node];
  }

 private:
  std::vector<std::uint32_t> same_;
};

template <Real T>
bool all_equal(const Value<T>& a) {
  const T* x = a.data();
  return a.size() > 0 && std::all_of(x, x + a.size(), [&](T v) { return std::memcmp(&v, x, sizeof(T)) == 0; });
}

template <Real T>
bool is_value(const GraphNode<T>& node, double value, bool exact) {
  if (node.source != Source::constant || !node.single || std::isnan(value)) return false;
  const T x = *node.recorded->data(), y = static_cast<T>(value);
  return exact ? std::memcmp(&x, &y, sizeof(T)) == 0 : x == y;
}

/// The argument that the node is nothing but a copy of, or nowhere.
template <Real T>
std::uint32_t idle(const Graph<T>& graph, const GraphNode<T>& node, bool exact) {
  if (!node.operation->block() || node.arity != 2) return nowhere;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint32_t kept = node.inputs[1 - i].node;
    if (std::ranges::equal(graph.nodes[kept].shape(), node.shape()) &&
        is_value(graph.nodes[node.inputs[i].node], node.operation->neutral(i), exact))
      return kept;
  }
  return nowhere;
}

}  // namespace

template <Real T>
void fold(Graph<T>& graph, bool exact, ProgramReport& report) {
  Same same(graph.nodes.size());
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    auto& node = graph.nodes[i];
    same.redirect(node.inputs);
    if (node.source == Source::operation) {
      const auto constant = [&](const Input& x) { return graph.nodes[x.node].source == Source::constant; };
      if (std::ranges::all_of(node.inputs, constant)) {
        compute(graph, i);
        node.source = Source::constant, node.operation = nullptr, node.inputs.clear(), node.arity = 0;
        ++report.folded;
      } else if (const auto kept = idle(graph, node, exact); kept != nowhere) {
        same.stands_for(kept, i);
        ++report.folded;
      }
    }
    if (node.source == Source::constant) node.single = all_equal(node.recorded);
    if (node.source != Source::constant && node.source != Source::state) node.recorded = nullptr;
  }
  same.redirect(graph.outputs), same.redirect(graph.nexts);
}

template <Real T>
void require_finite_constants(Graph<T>& graph) {
  std::vector<bool> constant(graph.nodes.size());
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    const bool result = node.source == Source::operation;
    constant[i] = result ? std::ranges::all_of(node.inputs, [&](const Input& x) { return constant[x.node]; })
                         : node.source == Source::constant;
    if (!constant[i] || !(result || node.variable)) continue;
    if (result) compute(graph, i);
    const ErrorScope scope(node.where);
    std::vector<Dims> shapes;
    for (const auto& input : node.inputs) shapes.emplace_back(graph.nodes[input.node].shape());
    require_finite<T>(result ? node.operation->name() : "variable", result ? "the result" : "the value",
                      operand(node.recorded), shapes);
  }
}

namespace {

/// What equal nodes have in common, as a number.
template <Real T>
std::size_t hash(const GraphNode<T>& node) {
  std::size_t h = 0;
  const auto mix = [&](std::size_t x) { h = (h ^ x) * 0x9e3779b97f4a7c15 + (h >> 29); };
  if (node.operation) mix(std::hash<std::string_view>()(node.operation->name()));
  mix(node.result), mix(node.apart);
  if (node.source == Source::constant) mix(node.recorded->size()), mix(std::hash<T>()(*node.recorded->data()));
  for (const auto& input : node.inputs) mix(input.node);
  return h;
}

/// Operations that compute the same, and constants: literals in rules come again and again.
template <Real T>
bool equal(const GraphNode<T>& a, const GraphNode<T>& b) {
  if (a.source != b.source || a.apart != b.apart || !std::ranges::equal(a.shape(), b.shape())) return false;
  if (a.result != b.result || a.arity != b.arity || a.addend != b.addend) return false;
  if (a.source == Source::constant)
    return std::memcmp(a.recorded->data(), b.recorded->data(), a.size() * sizeof(T)) == 0;
  const auto same_node = [](const Input& x, const Input& y) { return x.node == y.node; };
  return std::ranges::equal(a.inputs, b.inputs, same_node) && a.operation->equals(*b.operation);
}

/// Operations that differ in their parameters alone, such as many slices of one array, have one hash: of these no more
/// are kept.
constexpr std::size_t most_compared = 64;

}  // namespace

template <Real T>
void merge_equal(Graph<T>& graph, ProgramReport& report) {
  std::unordered_multimap<std::size_t, std::uint32_t> by_hash;
  Same same(graph.nodes.size());
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    auto& node = graph.nodes[i];
    same.redirect(node.inputs);
    if (!node.live) continue;
    const bool constant = node.source == Source::constant && node.recorded->size() > 0;
    if (node.source != Source::operation && !constant) continue;
    if (node.operation && node.operation->commutative() && node.inputs[1].node < node.inputs[0].node)
      std::swap(node.inputs[0], node.inputs[1]);
    const std::size_t h = hash(node);
    const auto [begin, end] = by_hash.equal_range(h);
    auto found = begin;
    std::size_t compared = 0;
    while (found != end && !equal(graph.nodes[found->second], node)) ++found, ++compared;
    if (found != end)
      same.stands_for(found->second, i), ++report.merged;
    else if (compared < most_compared)
      by_hash.emplace(h, i);
  }
  same.redirect(graph.outputs), same.redirect(graph.nexts);
}

template <Real T>
void drop_dead(Graph<T>& graph) {
  for (auto& node : graph.nodes) node.live = false;
  for (auto* leaves : {&graph.inputs, &graph.states})
    for (auto i : *leaves) graph.nodes[i].live = true;
  for (auto* roots : {&graph.outputs, &graph.nexts})
    for (const auto& root : *roots) graph.nodes[root.node].live = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const auto& node = graph.nodes[i];
    if (!node.live) continue;
    for (const auto& input : node.inputs) graph.nodes[input.node].live = true;
    if (node.source != Source::operation) continue;  // else its other results are computed, too
    for (std::size_t k = 0, first = i - node.result; k < node.operation->results(); ++k)
      graph.nodes[first + k].live = true;
  }
  for (auto& node : graph.nodes)
    if (!node.live) node.recorded = nullptr, node.operation = nullptr, node.inputs.clear();
  const auto uses = count_uses(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (auto& node = graph.nodes[i];
        node.live && uses[i] == 0 && node.operation && node.operation->leaves_out_results())
      node.layout = graph.interned->dense(Shape{0});  // takes no memory
}

#define AUTODIFF_FOLD(T)                                \
  template void fold(Graph<T>&, bool, ProgramReport&);  \
  template void require_finite_constants(Graph<T>&);    \
  template void merge_equal(Graph<T>&, ProgramReport&); \
  template void drop_dead(Graph<T>&);
AUTODIFF_FOLD(float)
AUTODIFF_FOLD(double)

}  // namespace autodiff::detail
