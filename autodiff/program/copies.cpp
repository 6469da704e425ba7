#include "copies.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "passes.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
class Copier {
 public:
  Copier(const Graph<T>& graph, const Plan<T>& plan, const Copies& copies)
      : graph_(graph), plan_(plan), copies_(copies), made_(graph), place_(graph.nodes.size(), nowhere) {
    made_.nodes.clear();
    for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
      if (group(i) == nowhere) place_[i] = append(i, 0);
    for (const auto& group : plan.schedule.groups)
      for (auto i : group.nodes) {
        const auto number = copies.number(i);
        if (number != 0) copy_missing(i, number);
        place_[i] = append(i, number);
      }
    for (auto* list : {&made_.inputs, &made_.states})
      for (auto& i : *list) i = place_[i];
    for (auto* list : {&made_.outputs, &made_.nexts})
      for (auto& root : *list) root.node = place_[root.node];
    drop_dead(made_);
    // Where nobody reads an original any more, the first of its copies takes its place.
    for (const auto& [number_and_node, copy] : copy_)
      if (auto& original = made_.nodes[place_[number_and_node.second]]; !original.live && made_.nodes[copy].live)
        made_.nodes[copy].again = std::exchange(original.again, true);
  }
  Graph<T> take() { return std::move(made_); }

 private:
  std::uint32_t group(std::uint32_t i) const { return plan_.schedule.group_of[i]; }

  std::uint32_t append(std::uint32_t i, std::uint32_t number) {
    made_.nodes.push_back(graph_.nodes[i]);
    for (auto& input : made_.nodes.back().inputs) {
      const auto copy = number == 0 ? copy_.end() : copy_.find({number, input.node});
      input.node = copy == copy_.end() ? place_[input.node] : copy->second;
    }
    return static_cast<std::uint32_t>(made_.nodes.size() - 1);
  }

  void copy_missing(std::uint32_t reader, std::uint32_t number) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> missing;  // by group and in order; of several results the first
    std::vector<std::uint32_t> open{reader};
    while (!open.empty()) {
      const auto i = open.back();
      open.pop_back();
      for (const auto& [node, view] : graph_.nodes[i].inputs) {
        if (copy_.contains({number, node}) || !copies_.is_missing(node, number)) continue;
        if (missing.emplace(group(node), node - graph_.nodes[node].result).second) open.push_back(node);
      }
    }
    for (const auto& [group, first] : missing)
      for (auto i = first; i < first + graph_.nodes[first].operation->results(); ++i) {
        const auto copy = append(i, number);
        copy_.emplace(std::pair(number, i), copy);
        made_.nodes[copy].again = true;
        made_.nodes[copy].late = copies_.late;
        // Whether a product is added where it is computed depends on its cluster, and so must not matter.
        made_.nodes[place_[i]].rounded = made_.nodes[copy].rounded = true;
      }
  }

  const Graph<T>& graph_;
  const Plan<T>& plan_;
  const Copies& copies_;
  Graph<T> made_;
  std::vector<std::uint32_t> place_;                                       // of the originals
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> copy_;  // by number and original
};

/// What clusters may as well compute for themselves.
template <Real T>
class Cheap {
 public:
  Cheap(const Graph<T>& graph, const Plan<T>& plan) : graph_(graph), plan_(plan), is_cheap_(graph.nodes.size()) {
    std::vector<bool> needed(graph.nodes.size());  // as it is
    for (const auto* roots : {&graph.outputs, &graph.nexts})
      for (const auto& root : *roots) needed[root.node] = true;
    for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
      if (computed(i))
        for (const auto& input : graph.nodes[i].inputs)
          if (!is_read_by_element(i, input)) needed[input.node] = true;
    for (const auto& group : plan.schedule.groups)
      for (auto i : group.nodes) is_cheap_[i] = group.cluster && !needed[i] && stored(i) && is_cheap(i);
  }
  bool any() const { return std::ranges::count(is_cheap_, true) > 0; }
  bool is_cheap_and_stored(std::uint32_t i) const { return is_cheap_[i]; }
  bool stored(std::uint32_t i) const { return plan_.memory.buffer_of[i] != nowhere; }
  bool computed(std::uint32_t i) const { return plan_.schedule.group_of[i] != nowhere; }

 private:
  static constexpr std::size_t shortest = 65536 / sizeof(T);  // what is shorter stays in the cache
  static constexpr std::size_t times_shorter = 4;             // than it, all that it is computed from
  static constexpr std::size_t most_nodes = 4;

  bool is_read_by_element(std::uint32_t reader, const Input& input) const {
    const auto& node = graph_.nodes[reader];
    if (!plan_.schedule.groups[plan_.schedule.group_of[reader]].cluster || !graph_.is_whole(input)) return false;
    if (!node.operation->block()) return true;  // a reduction
    const auto walked = walk_of(graph_, node, input);
    return walked && walked->walk == Walk::element;
  }

  bool is_cheap(std::uint32_t i) const {
    std::set<std::uint32_t> nodes, from;
    if (graph_.nodes[i].size() < shortest || !look_up(i, nodes, from)) return false;
    std::size_t size = 0;
    for (auto source : from) size += graph_.nodes[source].size();
    return size * times_shorter <= graph_.nodes[i].size();
  }

  /// Whether it is made of a few sums and products; of what, up to what is there.
  bool look_up(std::uint32_t i, std::set<std::uint32_t>& nodes, std::set<std::uint32_t>& from) const {
    const auto& node = graph_.nodes[i];
    nodes.insert(i);
    if (!node.operation->block() || nodes.size() > most_nodes) return false;
    for (std::uint32_t k = 0; k < node.arity; ++k) {
      const auto u = node.inputs[k].node;
      if (node.operation->linear(k) == Linear::no) return false;
      if (!computed(u) || (stored(u) && !is_cheap_[u]))
        from.insert(u);
      else if (!look_up(u, nodes, from))
        return false;
    }
    return true;
  }

  const Graph<T>& graph_;
  const Plan<T>& plan_;
  std::vector<bool> is_cheap_;
};

/// The arithmetic of a node.
template <Real T>
double work_of(const Graph<T>& graph, const GraphNode<T>& node) {
  std::vector<Dims> shapes;
  for (std::uint32_t k = 0; k < node.arity; ++k) shapes.emplace_back(graph.view_of(node.inputs[k]).shape);
  return node.operation->arithmetic(shapes);
}

}  // namespace

template <Real T>
Graph<T> with_copies(const Graph<T>& graph, const Plan<T>& plan, const Copies& copies) {
  return Copier<T>(graph, plan, copies).take();
}

template <Real T>
void copy_cheap(Graph<T>& graph, Plan<T>& plan, const ClusterOptions& options) {
  const Cheap<T> cheap(graph, plan);
  if (options.most_nodes == 1 || !cheap.any()) return;
  const auto number = [&](std::uint32_t i) { return plan.schedule.group_of[i] + 1; };  // one for each group
  auto made = with_copies<T>(graph, plan, {number, [&](std::uint32_t i, std::uint32_t reader) {
                                             return cheap.computed(i) && number(i) != reader &&
                                                    (cheap.is_cheap_and_stored(i) || !cheap.stored(i));
                                           }});
  auto other = make_plan(made, options);
  // Where clusters are full, copies have to be stored themselves.
  if (other.arena > plan.arena || other.schedule.groups.size() > plan.schedule.groups.size()) return;
  graph = std::move(made), plan = std::move(other);
}

template <Real T>
void count_copies(const Graph<T>& graph, ProgramReport& report) {
  double once = 0, again = 0;
  for (const auto& node : graph.nodes)
    if (node.live && node.source == Source::operation && node.result == 0)
      (node.again ? again : once) += work_of(graph, node);
  report.recomputed =
      std::size_t(std::ranges::count_if(graph.nodes, [](const auto& node) { return node.live && node.again; }));
  report.recomputed_work = once > 0 ? again / once : 0;
}

#define AUTODIFF_COPIES(T)                                                       \
  template Graph<T> with_copies(const Graph<T>&, const Plan<T>&, const Copies&); \
  template void copy_cheap(Graph<T>&, Plan<T>&, const ClusterOptions&);          \
  template void count_copies(const Graph<T>&, ProgramReport&);
AUTODIFF_COPIES(float)
AUTODIFF_COPIES(double)

}  // namespace autodiff::detail
