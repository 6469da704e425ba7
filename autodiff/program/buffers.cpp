#include "buffers.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace autodiff::detail {

template <Real T>
Fusion fuse_products(const Graph<T>& graph, const Schedule& schedule) {
  Fusion fusion;
  fusion.into.assign(graph.nodes.size(), nowhere);
  const auto uses = count_uses(graph);
  const auto is_product = [&](std::uint32_t i) {
    const auto& op = *graph.nodes[i].operation;
    return graph.nodes[i].arity == 2 && op.linear(0) == Linear::scales && op.linear(1) == Linear::scales;
  };
  for (const auto& group : schedule.groups) {
    if (!group.cluster) continue;
    for (auto i : group.nodes) {
      const auto& node = graph.nodes[i];
      if (node.arity != 2 || !is_sum(node)) continue;
      const bool both_minus = node.operation->linear(0) == Linear::minus && node.operation->linear(1) == Linear::minus;
      if (both_minus) continue;
      for (const auto& input : node.inputs) {
        const auto p = input.node;
        if (schedule.group_of[p] != schedule.group_of[i] || uses[p] != 1 || !graph.nodes[p].operation->block() ||
            !is_product(p) || graph.nodes[p].rounded)
          continue;
        fusion.into[p] = i;
        break;
      }
    }
  }
  return fusion;
}

namespace {

template <Real T>
class Chooser {
 public:
  Chooser(const Graph<T>& graph, const Schedule& schedule, const Fusion& fusion)
      : graph_(graph), schedule_(schedule), fusion_(fusion) {
    mark_roots();
    open_buffers();
    find_last_uses();
    for (std::uint32_t g = 0; g < schedule.groups.size(); ++g) put_in_place(g);
    finish_states();
    finish_outputs();
    memory_.after.insert(memory_.after.end(), after_states_.begin(), after_states_.end());
  }
  Memory take() { return std::move(memory_); }

 private:
  void mark_roots() {
    root_.assign(graph_.nodes.size(), false);
    for (const auto* roots : {&graph_.outputs, &graph_.nexts})
      for (const auto& root : *roots) root_[root.node] = true;
    for (std::size_t k = 0; k < graph_.nexts.size(); ++k) states_of_.emplace(graph_.nexts[k].node, k);
  }

  std::uint32_t open(std::size_t size, bool in_arena, std::size_t born = 0) {
    memory_.buffers.push_back({size, born, born, in_arena});
    return static_cast<std::uint32_t>(memory_.buffers.size() - 1);
  }

  /// Of all that is computed, those need memory that other groups read, or that clusters do not compute block by block.
  void open_buffers() {
    const auto n = static_cast<std::uint32_t>(graph_.nodes.size());
    std::vector<bool> stored(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto& node = graph_.nodes[i];
      if (!node.live) continue;
      const auto g = schedule_.group_of[i];
      stored[i] = stored[i] || root_[i] || g == nowhere || !schedule_.groups[g].cluster || !node.operation->block();
      for (const auto& input : node.inputs)
        if (schedule_.group_of[input.node] != g) stored[input.node] = true;
    }
    memory_.buffer_of.assign(n, nowhere);
    for (std::uint32_t i = 0; i < n; ++i) {
      const auto& node = graph_.nodes[i];
      if (!node.live || !stored[i]) continue;
      const bool computed = node.source == Source::operation;
      memory_.buffer_of[i] = open(node.size(), computed, computed ? schedule_.group_of[i] : 0);
    }
    for (auto i : graph_.states) memory_.states.push_back(memory_.buffer_of[i]);
  }

  Buffer& buffer(std::uint32_t node) { return memory_.buffers[memory_.buffer_of[node]]; }

  void find_last_uses() {
    for (std::uint32_t g = 0; g < schedule_.groups.size(); ++g)
      for (auto i : schedule_.groups[g].nodes)
        for (const auto& input : graph_.nodes[i].inputs)
          if (memory_.buffer_of[input.node] != nowhere)
            buffer(input.node).last_use = std::max<std::size_t>(buffer(input.node).last_use, g);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (root_[i]) buffer(i).last_use = Buffer::for_ever;
  }

  /// The last node of a cluster that reads a buffer, or never, if it is not read element by element.
  static constexpr std::uint32_t never = nowhere - 1;
  using LastReaders = std::unordered_map<std::uint32_t, std::uint32_t>;

  LastReaders last_readers(const Group& group) const {
    LastReaders last;
    for (auto i : group.nodes) {
      const auto& node = graph_.nodes[i];
      const auto at = fusion_.into[i] == nowhere ? i : fusion_.into[i];
      for (std::uint32_t k = 0; k < node.inputs.size(); ++k) {
        const auto b = memory_.buffer_of[node.inputs[k].node];
        if (b == nowhere) continue;
        bool elements = false;
        if (group.cluster && node.operation->block()) {
          const auto walked = walk_of(graph_, node, node.inputs[k]);
          elements = group.size == 1 || (walked && walked->walk == Walk::element && graph_.is_whole(node.inputs[k]));
        } else if (!group.cluster) {
          elements = k == node.addend;
        }
        auto& entry = last.try_emplace(b, at).first->second;
        entry = elements && entry != never ? std::max(entry, at) : never;
      }
    }
    return last;
  }

  bool may_write_over(std::uint32_t i, std::uint32_t b, std::uint32_t g, const LastReaders& last) const {
    const Buffer& old = memory_.buffers[b];
    if (old.size != graph_.nodes[i].size() || old.last_use > g) return false;
    const auto reader = last.find(b);
    return reader == last.end() || reader->second <= i;
  }

  void put_in_place(std::uint32_t g) {
    const Group& group = schedule_.groups[g];
    LastReaders last = last_readers(group);
    for (auto i : group.nodes) {
      const auto mine = memory_.buffer_of[i];
      if (mine == nowhere) continue;
      if (root_[i]) {
        put_in_its_state(i, g, last);
        continue;
      }
      const auto& node = graph_.nodes[i];
      for (std::uint32_t k = 0; k < node.inputs.size(); ++k) {
        const auto b = memory_.buffer_of[node.inputs[k].node];
        if (b == nowhere || !memory_.buffers[b].in_arena || !last.contains(b)) continue;
        if (!(group.cluster && node.operation->block()) && k != node.addend) continue;
        if (!may_write_over(i, b, g, last)) continue;
        write_over(i, b, last);
        break;
      }
    }
  }

  void put_in_its_state(std::uint32_t i, std::uint32_t g, LastReaders& last) {
    if (g < schedule_.safe_from) return;
    const auto [begin, end] = states_of_.equal_range(i);
    for (auto k = begin; k != end; ++k) {
      const auto b = memory_.states[k->second];
      if (may_write_over(i, b, g, last)) return write_over(i, b, last);
    }
  }

  void write_over(std::uint32_t i, std::uint32_t b, LastReaders& last) {
    auto& mine = buffer(i);
    memory_.buffers[b].last_use = mine.last_use;
    mine.in_arena = false, mine.size = 0;  // nobody's any more
    memory_.buffer_of[i] = b;
    last[b] = never;
    ++memory_.in_place;
  }

  void finish_states() {
    for (std::size_t k = 0; k < graph_.states.size(); ++k) {
      const auto next = memory_.buffer_of[graph_.nexts[k].node], state = memory_.states[k];
      if (next == state) continue;
      const bool old_value = graph_.nodes[graph_.nexts[k].node].source == Source::state;
      if (!old_value) {
        after_states_.push_back({next, state});
        continue;
      }
      const auto kept = open(memory_.buffers[next].size, true);  // by the end, the other state has its next value
      memory_.buffers[kept].last_use = Buffer::for_ever;
      memory_.before.push_back({next, kept});
      after_states_.push_back({kept, state});
    }
  }

  /// An output is computed into its array, or copied there in the end, before the states: it may be an old value.
  void finish_outputs() {
    for (const auto& root : graph_.outputs) {
      const auto b = memory_.buffer_of[root.node];
      if (memory_.buffers[b].in_arena) {
        memory_.buffers[b].in_arena = false;
        memory_.outputs.push_back(b);
      } else {
        memory_.outputs.push_back(open(memory_.buffers[b].size, false));
        memory_.after.push_back({b, memory_.outputs.back()});
      }
    }
  }

  const Graph<T>& graph_;
  const Schedule& schedule_;
  const Fusion& fusion_;
  Memory memory_;
  std::vector<Move> after_states_;
  std::vector<bool> root_;
  std::multimap<std::uint32_t, std::size_t> states_of_;  // by the node of their next value
};

}  // namespace

template <Real T>
Memory choose_buffers(const Graph<T>& graph, const Schedule& schedule, const Fusion& fusion) {
  return Chooser<T>(graph, schedule, fusion).take();
}

#define AUTODIFF_MEMORY(T)                                         \
  template Fusion fuse_products(const Graph<T>&, const Schedule&); \
  template Memory choose_buffers(const Graph<T>&, const Schedule&, const Fusion&);
AUTODIFF_MEMORY(float)
AUTODIFF_MEMORY(double)

}  // namespace autodiff::detail
