#include "schedule.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace autodiff::detail {

namespace {

template <Real T>
class Scheduler {
 public:
  Scheduler(const Graph<T>& graph, const ClusterOptions& options)
      : graph_(graph),
        options_(options),
        group_of_(graph.nodes.size(), nowhere),
        update_of_(graph.nodes.size(), nowhere),
        spaces_(graph.nodes.size()) {
    list_readers();
    for (std::uint32_t i = static_cast<std::uint32_t>(graph.nodes.size()); i-- > 0;) {
      if (!computed(i)) continue;
      spaces_[i] = space_of(graph, graph.nodes[i], options.exact);
      if (graph.nodes[i].result + 1 < graph.nodes[i].operation->results())
        put(i, group_of_[i + 1]);  // one operation gives both
      else
        place(i);
    }
    join();
    move_updates();
  }

  Schedule take() {
    Schedule schedule;
    schedule.group_of.assign(graph_.nodes.size(), nowhere);
    std::vector<std::uint32_t> order;
    for (std::uint32_t g = 0; g < groups_.size(); ++g)
      if (!groups_[g].nodes.empty()) order.push_back(g);
    std::ranges::sort(order, {}, [&](std::uint32_t g) { return order_[g]; });
    for (auto g : order) {
      std::ranges::sort(groups_[g].nodes);
      for (auto i : groups_[g].nodes) schedule.group_of[i] = static_cast<std::uint32_t>(schedule.groups.size());
      schedule.groups.push_back(std::move(groups_[g]));
      if (may_fail(schedule.groups.back())) schedule.safe_from = static_cast<std::uint32_t>(schedule.groups.size());
    }
    return schedule;
  }

 private:
  // A moment of the run: groups run in ascending order. Those that are moved come between others, by their tick.
  using Moment = std::pair<std::int64_t, std::int64_t>;

  bool computed(std::uint32_t i) const { return graph_.nodes[i].live && graph_.nodes[i].source == Source::operation; }

  bool may_fail(const Group& group) const {
    return std::ranges::any_of(group.nodes, [&](auto i) { return graph_.may_fail(graph_.nodes[i]); });
  }

  void list_readers() {
    first_reader_.assign(graph_.nodes.size() + 1, 0);
    for (const auto& node : graph_.nodes)
      for (const auto& input : node.inputs) ++first_reader_[input.node + 1];
    for (std::size_t i = 1; i < first_reader_.size(); ++i) first_reader_[i] += first_reader_[i - 1];
    readers_.resize(first_reader_.back());
    auto next = first_reader_;
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      for (const auto& input : graph_.nodes[i].inputs) readers_[next[input.node]++] = i;
  }
  std::span<const std::uint32_t> readers(std::uint32_t i) const {
    return std::span(readers_).subspan(first_reader_[i], first_reader_[i + 1] - first_reader_[i]);
  }

  /// Operands of elements are collected where rows have another length.
  bool fits(const Group& group, const Space& space) const {
    return group.cluster && group.size == space.size && group.nodes.size() < options_.most_nodes &&
           (!group.reduces_rows || !reduces_rows(space) || group.columns == space.columns);
  }
  static bool reduces_rows(const Space& space) { return space.role == Role::reduction && space.columns != 0; }

  void put(std::uint32_t i, std::uint32_t g) {
    group_of_[i] = g;
    groups_[g].nodes.push_back(i);
    if (groups_[g].columns == 0 || reduces_rows(spaces_[i])) groups_[g].columns = spaces_[i].columns;
    groups_[g].reduces_rows = groups_[g].reduces_rows || reduces_rows(spaces_[i]);
  }

  std::uint32_t open(std::uint32_t i) {
    const auto g = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back({{}, spaces_[i].role != Role::alone, spaces_[i].size, spaces_[i].columns, false});
    order_.push_back({-static_cast<std::int64_t>(g), 0});
    put(i, g);
    return g;
  }

  /// Into the earliest group that reads the node, or one of its own in front of all so far.
  void place(std::uint32_t i) {
    std::uint32_t earliest = nowhere;
    for (auto reader : readers(i))
      if (earliest == nowhere || order_[group_of_[reader]] < order_[earliest]) earliest = group_of_[reader];
    if (spaces_[i].role != Role::element) return void(open(i));
    std::uint32_t mine = earliest;
    if (earliest != nowhere && fits(groups_[earliest], spaces_[i]))
      put(i, earliest);
    else
      mine = open(i);
    // Reductions of it that stand alone later can as well run here.
    for (auto reader : readers(i)) {
      const std::uint32_t g = group_of_[reader];
      if (g == mine || spaces_[reader].role != Role::reduction || groups_[g].nodes.size() != 1) continue;
      if (!fits(groups_[mine], spaces_[reader])) continue;
      groups_[g].nodes.clear();
      put(reader, mine);
    }
  }

  /// Whether all that a cluster reads is there when the other runs, whose element by element results count.
  bool can_move_up(const Group& from, std::uint32_t to) const {
    for (auto i : from.nodes) {
      if (graph_.nodes[i].late) return false;
      for (const auto& input : graph_.nodes[i].inputs) {
        const std::uint32_t g = group_of_[input.node];
        if (g == nowhere || group_of_[i] == g) continue;
        if (g == to ? spaces_[input.node].role == Role::reduction : !(order_[g] < order_[to])) return false;
      }
    }
    return true;
  }

  /// Whether nobody before the other needs what a cluster computes.
  bool can_move_down(const Group& from, std::uint32_t to) const {
    for (auto i : from.nodes)
      for (auto reader : readers(i)) {
        const std::uint32_t g = group_of_[reader];
        if (g == group_of_[i]) continue;
        if (g == to ? spaces_[i].role == Role::reduction : !(order_[to] < order_[g])) return false;
      }
    return true;
  }

  void join() {
    std::unordered_map<std::size_t, std::uint32_t> latest;                          // cluster of each size
    for (std::uint32_t g = static_cast<std::uint32_t>(groups_.size()); g-- > 0;) {  // in the order in which they run
      Group& group = groups_[g];
      if (!group.cluster || group.nodes.empty()) continue;
      const auto [entry, fresh] = latest.try_emplace(group.size, g);
      if (fresh) continue;
      const std::uint32_t before = entry->second;
      entry->second = g;
      Group& other = groups_[before];
      // Nothing that passes between them would be worth collecting operands.
      if (!common_columns(group.columns, other.columns) ||
          group.nodes.size() + other.nodes.size() > options_.most_nodes)
        continue;
      if (can_move_up(group, before))
        move(g, before), entry->second = before;
      else if (can_move_down(other, g))
        move(before, g);
    }
  }

  void move(std::uint32_t from, std::uint32_t to) {
    for (auto i : groups_[from].nodes) put(i, to);
    groups_[from].nodes.clear();
  }

  /// Updates go to where their operands are still in the cache, but behind all that may throw.
  void move_updates() {
    for (std::size_t k = 0; k < graph_.nexts.size(); ++k) update_of_[graph_.nexts[k].node] = graph_.states[k];
    std::vector<std::uint32_t> sequence;
    for (std::uint32_t g = static_cast<std::uint32_t>(groups_.size()); g-- > 0;)
      if (!groups_[g].nodes.empty()) sequence.push_back(g);
    Moment last_failure{std::numeric_limits<std::int64_t>::min(), 0};
    for (auto g : sequence)
      if (may_fail(groups_[g])) last_failure = std::max(last_failure, order_[g]);
    std::int64_t tick = 0;
    for (auto g : sequence) {
      if (!is_update(groups_[g])) continue;
      const Moment earliest = std::max(last_failure, earliest_for(g));
      const bool comes_too_soon = order_[g] < last_failure && !may_fail(groups_[g]) && !is_read_elsewhere(groups_[g]);
      if (earliest < order_[g] || comes_too_soon) order_[g] = {earliest.first, ++tick};
    }
  }

  bool is_read_outside(std::uint32_t i) const {
    return std::ranges::any_of(readers(i), [&](auto r) { return group_of_[r] != group_of_[i]; });
  }
  bool is_read_elsewhere(const Group& group) const {
    return std::ranges::any_of(group.nodes, [&](auto i) { return is_read_outside(i); });
  }
  /// Whether next values are all that comes of a group.
  bool is_update(const Group& group) const {
    return std::ranges::all_of(group.nodes, [&](auto i) { return update_of_[i] != nowhere || !is_read_outside(i); });
  }
  /// Behind what it reads, and what reads the states that it has next values for.
  Moment earliest_for(std::uint32_t g) const {
    Moment earliest{std::numeric_limits<std::int64_t>::min(), 0};
    const auto behind = [&](std::uint32_t node) {
      if (const auto other = group_of_[node]; other != nowhere && other != g)
        earliest = std::max(earliest, order_[other]);
    };
    for (auto i : groups_[g].nodes) {
      for (const auto& input : graph_.nodes[i].inputs) behind(input.node);
      if (update_of_[i] == nowhere) continue;
      for (auto reader : readers(update_of_[i])) behind(reader);
    }
    return earliest;
  }

  const Graph<T>& graph_;
  const ClusterOptions& options_;
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> update_of_;  // of next values, the state
  std::vector<Space> spaces_;
  std::vector<std::size_t> first_reader_;
  std::vector<std::uint32_t> readers_;
  std::vector<Group> groups_;
  std::vector<Moment> order_;
};

}  // namespace

template <Real T>
Schedule make_schedule(const Graph<T>& graph, const ClusterOptions& options) {
  return Scheduler<T>(graph, options).take();
}

template Schedule make_schedule(const Graph<float>&, const ClusterOptions&);
template Schedule make_schedule(const Graph<double>&, const ClusterOptions&);

}  // namespace autodiff::detail
