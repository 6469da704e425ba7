// Programs up to the choice of their buffers.
#pragma once

#include <autodiff/program/block_code.hpp>
#include <autodiff/program/passes.hpp>

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
    schedule = make_schedule(graph, {exact, most_nodes});
    fusion = fuse_products(graph, schedule);
    if (exact) fusion.into.assign(graph.nodes.size(), ad::detail::nowhere);
    memory = choose_buffers(graph, schedule, fusion);
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
