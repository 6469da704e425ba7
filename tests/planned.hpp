// Programs up to the choice of their buffers.
#pragma once

#include <autodiff/program/passes.hpp>
#include <autodiff/program/plan.hpp>

#include "cases.hpp"

namespace test {

using Updates = std::vector<ad::Update<double>>;

/// A program up to the choice of its buffers.
struct Planned {
  Planned(const Variables<double>& inputs, const Variables<double>& outputs, const Updates& updates = {},
          bool exact = false, std::size_t most_nodes = 96) {
    graph = ad::detail::build_graph(inputs, outputs, updates, report);
    fold(graph, exact, report);
    merge_equal(graph, report);
    drop_dead(graph);
    resolve_views(graph, exact, report);
    if (!exact) absorb(graph, report);
    auto plan = make_plan(graph, {exact, most_nodes});
    schedule = std::move(plan.schedule), fusion = std::move(plan.fusion), memory = std::move(plan.memory);
  }
  std::uint32_t next(std::size_t k) const { return memory.buffer_of[graph.nexts[k].node]; }
  bool updated_in_place(std::size_t k) const { return next(k) == memory.states[k]; }

  ad::ProgramReport report;
  ad::detail::Graph<double> graph;
  ad::detail::Schedule schedule;
  ad::detail::Fusion fusion;
  ad::detail::Memory memory;
};

}  // namespace test
