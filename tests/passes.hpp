// A graph on its way through the passes, for tests of single passes.
#pragma once

#include <autodiff/program/passes.hpp>
#include <autodiff/program/schedule.hpp>

#include "cases.hpp"

namespace test {

/// A graph on its way through the passes.
struct Passes {
  Passes(const Variables<double>& inputs, const Variables<double>& outputs,
         const std::vector<ad::Update<double>>& updates = {}, bool exact = false)
      : graph(ad::detail::build_graph(inputs, outputs, updates, report)), exact(exact) {}
  Passes& fold() {
    ad::detail::fold(graph, exact, report);
    drop_dead(graph);
    return *this;
  }
  Passes& merge() {
    merge_equal(graph, report);
    drop_dead(graph);
    return *this;
  }
  Passes& views() {
    drop_dead(graph);
    resolve_views(graph, exact, report);
    return *this;
  }
  Passes& absorb() {
    ad::detail::absorb(graph, report);
    return *this;
  }
  Passes& all() {
    fold().merge().views();
    return exact ? *this : absorb();
  }
  ad::detail::Schedule schedule(std::size_t most_nodes = 96) const { return make_schedule(graph, {exact, most_nodes}); }

  /// "mul add": the operations that are left, in order.
  std::string operations() const {
    std::string text;
    for (const auto& node : graph.nodes)
      if (node.live && node.operation) text += (text.empty() ? "" : " ") + std::string(node.operation->name());
    return text;
  }
  const ad::detail::GraphNode<double>& output(std::size_t k = 0) const { return graph.nodes[graph.outputs[k].node]; }
  const ad::detail::GraphNode<double>& next(std::size_t k = 0) const { return graph.nodes[graph.nexts[k].node]; }
  const ad::detail::GraphNode<double>& input_of(const ad::detail::GraphNode<double>& node, std::size_t k) const {
    return graph.nodes[node.inputs[k].node];
  }

  ad::ProgramReport report;
  ad::detail::Graph<double> graph;
  bool exact;
};

/// "mul add | matmul | tanh sum": the groups of a schedule.
inline std::string text(const ad::detail::Graph<double>& graph, const ad::detail::Schedule& schedule) {
  std::string all;
  for (const auto& group : schedule.groups) {
    if (!all.empty()) all += " |";
    for (auto i : group.nodes) all += (all.empty() ? "" : " ") + std::string(graph.nodes[i].operation->name());
  }
  return all;
}

}  // namespace test
