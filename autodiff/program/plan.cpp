#include "plan.hpp"

namespace autodiff::detail {

template <Real T>
Plan<T> make_plan(const Graph<T>& graph, const ClusterOptions& options) {
  Plan<T> plan;
  plan.schedule = make_schedule(graph, options);
  if (options.exact)
    plan.fusion.into.assign(graph.nodes.size(), nowhere);
  else
    plan.fusion = fuse_products(graph, plan.schedule);
  plan.memory = choose_buffers(graph, plan.schedule, plan.fusion);
  for (std::uint32_t g = 0; g < plan.schedule.groups.size(); ++g)
    if (plan.schedule.groups[g].cluster)
      plan.code.push_back(emit_blocks(graph, plan.schedule, g, plan.fusion, plan.memory));
  plan.arena = place(plan.memory.buffers);
  return plan;
}

template Plan<float> make_plan(const Graph<float>&, const ClusterOptions&);
template Plan<double> make_plan(const Graph<double>&, const ClusterOptions&);

}  // namespace autodiff::detail
