#include "recompute.hpp"

#include <algorithm>
#include <numeric>

namespace autodiff::detail {

namespace {

constexpr int most_rounds = 3;
constexpr std::size_t most_starts = 4;      // of a round
constexpr std::size_t smallest_share = 64;  // of the largest value that waits: smaller ones are not worth it
constexpr double most_nodes_planned = 4e6;  // in all plans of a search, of which there are a few at least
constexpr double least_target = 0.2, target_step = 0.95;
constexpr std::size_t most_at_hand = 8;  // elementwise nodes between a value and those that it is computed from

/// The group at which most of the arena is alive.
std::size_t fullest_moment(const std::vector<Buffer>& buffers, std::size_t groups) {
  if (groups == 0) return 0;
  std::vector<std::ptrdiff_t> change(groups + 1);
  for (const auto& buffer : buffers) {
    if (!buffer.in_arena || buffer.size == 0 || buffer.born >= groups) continue;
    change[buffer.born] += std::ptrdiff_t(padded(buffer.size));
    change[std::min(std::max(buffer.last_use, buffer.born), groups - 1) + 1] -= std::ptrdiff_t(padded(buffer.size));
  }
  change.pop_back();
  std::partial_sum(change.begin(), change.end(), change.begin());
  return std::size_t(std::ranges::max_element(change) - change.begin());
}

/// What a plan keeps over its fullest moment, and the graph without some of that.
template <Real T>
class Waiting {
 public:
  Waiting(const Graph<T>& graph, const Plan<T>& plan)
      : graph_(graph), plan_(plan), moment_(fullest_moment(plan.memory.buffers, plan.schedule.groups.size())) {
    last_read_.assign(graph.nodes.size(), 0);
    for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
      if (computed(i))
        for (const auto& input : graph.nodes[i].inputs)
          last_read_[input.node] = std::max<std::size_t>(last_read_[input.node], group(i));
    root_.assign(graph.nodes.size(), false);
    for (const auto* roots : {&graph.outputs, &graph.nexts})
      for (const auto& root : *roots) root_[root.node] = true;
    for (const auto& group : plan.schedule.groups)
      for (auto i : group.nodes)
        if (!late(i) && waits(i) && !root_[i] && graph.nodes[i].size() != 1 &&
            plan.memory.buffers[plan.memory.buffer_of[i]].in_arena)
          values_.push_back(i);
    std::size_t largest = 0;
    for (auto i : values_) largest = std::max(largest, size(i));
    std::erase_if(values_, [&](auto i) { return size(i) < largest / smallest_share; });
  }

  /// Those that take a few elementwise operations on what is kept anyway.
  std::vector<std::uint32_t> at_hand() const {
    std::vector<std::uint32_t> found;
    std::vector<bool> dropped(graph_.nodes.size());
    for (auto i : values_) {
      std::size_t nodes = 0;
      dropped[i] = is_at_hand(i, dropped, nodes);
      if (dropped[i]) found.push_back(i);
    }
    return found;
  }

  /// In segments, so that no more than the room is taken: neither by what is kept, nor by it and a segment.
  std::vector<std::uint32_t> segments(std::size_t room, std::vector<std::uint32_t> dropped) const {
    std::vector<bool> is_dropped(graph_.nodes.size());
    for (auto i : dropped) is_dropped[i] = true;
    std::size_t waiting = 0, kept = 0, segment = 0;
    for (auto i : values_) waiting += is_dropped[i] ? 0 : size(i);
    for (auto i : values_) {
      if (waiting <= room) break;
      if (is_dropped[i]) continue;
      if (kept + segment + size(i) > room && segment > 0) {
        kept += size(i), segment = 0;
        continue;
      }
      dropped.push_back(i);
      segment += size(i), waiting -= size(i);
    }
    return dropped;
  }

  /// The elements that wait.
  std::size_t total() const {
    return std::transform_reduce(values_.begin(), values_.end(), std::size_t(0), std::plus(),
                                 [&](auto i) { return size(i); });
  }

  /// The graph in which late readers of these values have them computed again.
  Graph<T> without(const std::vector<std::uint32_t>& values) const {
    std::vector<bool> dropped(graph_.nodes.size());
    for (auto i : values) dropped[i] = true;
    return with_copies<T>(
        graph_, plan_,
        {[&](std::uint32_t i) { return std::uint32_t(late(i)); },
         [&](std::uint32_t i, std::uint32_t) { return !late(i) && (!waits(i) || dropped[i]); }, true});
  }

 private:
  std::size_t size(std::uint32_t i) const { return padded(graph_.nodes[i].size()); }
  bool computed(std::uint32_t i) const { return plan_.schedule.group_of[i] != nowhere; }
  std::size_t group(std::uint32_t i) const { return plan_.schedule.group_of[i]; }
  bool late(std::uint32_t i) const { return computed(i) && group(i) > moment_; }
  /// Whether the value itself is there after the moment.
  bool waits(std::uint32_t i) const {
    if (!computed(i) || root_[i]) return true;
    if (plan_.memory.buffer_of[i] == nowhere) return false;
    return last_read_[i] > moment_ || graph_.nodes[i].size() == 1;  // one value is kept rather than summed again
  }

  bool is_at_hand(std::uint32_t i, const std::vector<bool>& dropped, std::size_t& nodes) const {
    const auto& node = graph_.nodes[i];
    if (!node.operation->block() || ++nodes > most_at_hand) return false;
    return std::ranges::all_of(node.inputs, [&](const Input& input) {
      return (waits(input.node) && !dropped[input.node]) ||
             (computed(input.node) && is_at_hand(input.node, dropped, nodes));
    });
  }

  const Graph<T>& graph_;
  const Plan<T>& plan_;
  const std::size_t moment_;
  std::vector<std::size_t> last_read_;
  std::vector<bool> root_;
  std::vector<std::uint32_t> values_;  // that could be computed again, in the order in which they are computed
};

template <Real T>
struct Candidate {
  Graph<T> graph;
  Plan<T> plan;
};

/// Rounds of giving up values at the fullest moment: each begins with the best plans of the one before.
template <Real T>
class Search {
 public:
  Search(Graph<T>& graph, const ClusterOptions& options, std::size_t limit) : options_(options), limit_(limit) {
    keep(std::move(graph));
    for (int round = 0; round < most_rounds && !fits(); ++round) {
      const auto starts = std::exchange(found_, {});
      for (const auto& start : starts) {
        give_up(start);
        if (fits()) break;
      }
      found_.push_back(starts[0]);
      sort();
      if (found_[0].plan.arena >= starts[0].plan.arena) break;
    }
  }

  bool fits() const { return !found_.empty() && found_[0].plan.arena <= limit_; }
  Candidate<T>& best() { return found_[0]; }

 private:
  void give_up(const Candidate<T>& start) {
    const Waiting<T> waiting(start.graph, start.plan);
    const auto at_hand = waiting.at_hand();
    if (!at_hand.empty() && try_at_hand(waiting, at_hand)) return;
    const std::size_t others = start.plan.arena - std::min(start.plan.arena, waiting.total());
    std::size_t given_up = at_hand.size();
    for (double share = 1; share > least_target;
         share *= target_step) {  // what is computed again has values of its own
      const auto target = std::max(others, std::size_t(share * double(limit_)));
      const auto values = waiting.segments(target - others, at_hand);
      if (values.size() != std::exchange(given_up, values.size()) && keep(waiting.without(values))) return;
      if (target == others) return;
    }
  }

  /// As few of them as suffice.
  bool try_at_hand(const Waiting<T>& waiting, const std::vector<std::uint32_t>& all) {
    if (!keep(waiting.without(all))) return false;
    std::size_t enough = all.size(), too_few = 0;
    while (enough - too_few > 1) {
      const std::size_t some = (enough + too_few) / 2;
      (keep(waiting.without({all.begin(), all.begin() + std::ptrdiff_t(some)})) ? enough : too_few) = some;
    }
    return true;
  }

  /// Keeps a graph and its plan: the last that fits, in front of all; else the shortest, one of each length. Returns
  /// whether it fits.
  bool keep(Graph<T> graph) {
    if (planned_ > std::max(most_nodes_planned, 10 * double(graph.nodes.size()))) return fits();
    planned_ += double(graph.nodes.size());
    auto plan = make_plan(graph, options_);
    const bool enough = plan.arena <= limit_;
    if (!enough && fits()) return false;
    if (enough) found_.clear();
    found_.push_back({std::move(graph), std::move(plan)});
    sort();
    return enough;
  }
  void sort() {
    std::ranges::stable_sort(found_, {}, [](const auto& one) { return one.plan.arena; });
    const auto as_long = [](const auto& a, const auto& b) { return a.plan.arena == b.plan.arena; };
    found_.erase(std::unique(found_.begin(), found_.end(), as_long), found_.end());
    if (found_.size() > most_starts) found_.resize(most_starts);
  }

  const ClusterOptions& options_;
  const std::size_t limit_;
  std::vector<Candidate<T>> found_;
  double planned_ = 0;  // nodes
};

}  // namespace

template <Real T>
Plan<T> plan_within(Graph<T>& graph, const ClusterOptions& options, std::size_t limit) {
  Search<T> search(graph, options, limit / sizeof(T));
  auto& [made, plan] = search.best();
  if (!search.fits()) {
    const auto& groups = plan.schedule.groups;
    const std::string where =
        groups.empty() ? "states change places"
                       : describe(made.nodes[groups[fullest_moment(plan.memory.buffers, groups.size())].nodes.back()]) +
                             " is computed";
    fail<ValueError>("compile", "memory_limit: ", limit, " bytes, but no plan was found with less than ",
                     plan.arena * sizeof(T), ", where ", where);
  }
  graph = std::move(made);
  return std::move(plan);
}

template Plan<float> plan_within(Graph<float>&, const ClusterOptions&, std::size_t);
template Plan<double> plan_within(Graph<double>&, const ClusterOptions&, std::size_t);

}  // namespace autodiff::detail
