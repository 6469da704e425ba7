// Views: nodes read through operations that move no data, instead of what these would copy.
#include <algorithm>

#include "passes.hpp"
#include "space.hpp"

namespace autodiff::detail {

namespace {

/// A node's result as a view of its only input, of which it is given the layout. A reduction of axes of length one is
/// one, too.
template <Real T>
std::optional<View> view_of_input(const GraphNode<T>& node, const View& input) {
  if (node.source != Source::operation || node.arity != 1 || node.accumulated()) return std::nullopt;
  if (auto view = node.operation->view(input)) return view;
  if (!node.operation->reduction(input.shape) || count(Dims(input.shape)) != node.size() || !is_dense(input))
    return std::nullopt;
  View view = dense(node.shape());
  view.offset = input.offset;
  return view;
}

template <Real T>
class Resolver {
 public:
  Resolver(Graph<T>& graph, bool exact) : graph_(graph), exact_(exact) {}

  /// The input as far up as the reader takes it.
  template <class Takes>
  Input resolve(const Input& input, Takes takes) const {
    const auto& node = graph_.nodes[input.node];
    if (input.view || node.source != Source::operation || node.arity != 1) return input;
    const Input& above = node.inputs[0];  // resolved already
    const auto view = view_of_input(node, graph_.view_of(above));
    if (!view || !takes(above.node, *view)) return input;
    return {above.node, graph_.interned->layout(std::move(*view))};
  }

  bool takes(const GraphNode<T>& reader, std::size_t i, std::uint32_t from, const View& view) const {
    if (reader.operation->block()) {
      const auto walked = walk_of(view, reader.shape());
      // Both may come to run in one cluster, which has nothing but the same element ready: no row of it, say.
      const auto& above = graph_.nodes[from];
      const bool together = above.source == Source::operation && above.size() == reader.size();
      return walked && (walked->walk == Walk::element || !together || reader.size() == 1);
    }
    if (reader.arity == 1 && view_of_input(reader, view)) return true;
    if (is_dense(view)) return true;
    if (exact_) return false;
    std::vector<View> layouts;  // as they are by now: whether one is taken may depend on the others
    for (std::size_t k = 0; k < reader.arity; ++k) layouts.push_back(k == i ? view : graph_.view_of(reader.inputs[k]));
    return reader.operation->takes(layouts);
  }

 private:
  Graph<T>& graph_;
  bool exact_;
};

}  // namespace

template <Real T>
void resolve_views(Graph<T>& graph, bool exact, ProgramReport& report) {
  const Resolver<T> resolver(graph, exact);
  for (auto& node : graph.nodes) {
    // Of several results, one may be empty, and others not.
    if (node.source != Source::operation || !node.live || (node.size() == 0 && node.operation->results() == 1))
      continue;
    for (std::size_t i = 0; i < node.arity; ++i)
      node.inputs[i] =
          resolver.resolve(node.inputs[i], [&](auto from, const View& v) { return resolver.takes(node, i, from, v); });
  }
  for (auto* roots : {&graph.outputs, &graph.nexts})
    for (auto& root : *roots) {
      const std::size_t size = graph.nodes[root.node].size();
      const auto resolved = resolver.resolve(root, [](auto, const View& v) { return v.offset == 0 && is_dense(v); });
      const auto& node = graph.nodes[resolved.node];
      if (node.source == Source::operation && node.size() == size) root = resolved;
    }
  const auto before = std::ranges::count_if(graph.nodes, [](const auto& n) { return n.live; });
  drop_dead(graph);
  report.viewed =
      static_cast<std::size_t>(before - std::ranges::count_if(graph.nodes, [](const auto& n) { return n.live; }));
}

template void resolve_views(Graph<float>&, bool, ProgramReport&);
template void resolve_views(Graph<double>&, bool, ProgramReport&);

}  // namespace autodiff::detail
