#include "plan.hpp"

#include <algorithm>
#include <map>

namespace autodiff::detail {

std::size_t place(std::vector<Buffer>& buffers, const std::vector<std::pair<std::size_t, std::uint32_t>>& born) {
  constexpr std::size_t line = 16;          // elements that no two buffers share
  std::map<std::size_t, std::size_t> free;  // offset and length
  std::multimap<std::size_t, std::uint32_t> dying;
  std::size_t end = 0;
  const auto length = [&](std::uint32_t b) { return (buffers[b].size + line - 1) / line * line; };
  const auto release = [&](std::size_t offset, std::size_t n) {
    auto next = free.lower_bound(offset);
    if (next != free.end() && next->first == offset + n) n += next->second, next = free.erase(next);
    if (next != free.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) return void(before->second += n);
    }
    free.emplace(offset, n);
  };
  for (const auto& [moment, b] : born) {
    while (!dying.empty() && dying.begin()->first < moment) {
      release(buffers[dying.begin()->second].offset, length(dying.begin()->second));
      dying.erase(dying.begin());
    }
    const std::size_t n = length(b);
    auto best = free.end();
    for (auto f = free.begin(); f != free.end(); ++f)
      if (f->second >= n && (best == free.end() || f->second < best->second)) best = f;
    if (best == free.end()) {
      buffers[b].offset = end;
      end += n;
    } else {
      buffers[b].offset = best->first;
      if (best->second > n) free.emplace(best->first + n, best->second - n);
      free.erase(best);
    }
    dying.emplace(buffers[b].last_use, b);
  }
  return end;
}

template <Real T>
Plan<T>::Plan(Graph<T> graph, ProgramReport report) : graph_(std::move(graph)), report_(report) {
  for (auto node : graph_.states) states_.push_back(*graph_.nodes[node].recorded);
  for (auto node : graph_.outputs) outputs_.emplace_back(graph_.nodes[node].recorded->shape());
  choose_buffers();
  update_in_place();
  write_over_dead_operands();
  emit();
}

template <Real T>
std::uint32_t Plan<T>::new_buffer(std::size_t size, bool in_arena) {
  buffers_.push_back({size, 0, in_arena, 0});
  memory_.push_back(nullptr);
  return static_cast<std::uint32_t>(buffers_.size() - 1);
}

/// One for each value that is computed, but for values that are their operand in another shape.
template <Real T>
void Plan<T>::choose_buffers() {
  const std::size_t n = graph_.nodes.size();
  live_.assign(n, false), viewed_.assign(n, false), buffer_.resize(n), views_.resize(n);
  for (auto* roots : {&graph_.inputs, &graph_.states, &graph_.outputs, &graph_.nexts})
    for (auto node : *roots) live_[node] = true;
  for (std::size_t i = n; i-- > 0;)
    if (live_[i])
      for (auto j : graph_.nodes[i].inputs) live_[j] = true;

  for (std::size_t i = 0; i < n; ++i) {
    if (!live_[i]) continue;
    const auto& node = graph_.nodes[i];
    views_[i] = dense(node.recorded->shape());
    const std::size_t size = node.recorded->size();
    for (auto j : node.inputs) buffers_[buffer_[j]].last_use = i;
    if (node.source == Source::operation && node.inputs.size() == 1) {
      const auto view = node.operation->view(views_[node.inputs[0]]);
      viewed_[i] = view && view->offset == 0 && size == buffers_[buffer_[node.inputs[0]]].size &&
                   std::ranges::equal(view->strides, views_[i].strides);
    }
    buffer_[i] = viewed_[i] ? buffer_[node.inputs[0]] : new_buffer(size, node.source == Source::operation);
    report_.viewed += viewed_[i];
    if (node.source == Source::constant)
      memory_[buffer_[i]] = const_cast<T*>(node.recorded->data());  // is never written
  }
  for (auto* ends : {&graph_.outputs, &graph_.nexts})
    for (auto node : *ends) buffers_[buffer_[node]].last_use = Buffer::for_ever;
}

/// Whether the node, computed last of all that read the buffer, may be written over it: element by element.
template <Real T>
bool Plan<T>::may_write_over(std::size_t node, std::uint32_t buffer) const {
  const auto& [size, last_use, in_arena, offset] = buffers_[buffer];
  if (last_use > node) return false;
  if (last_use < node) return true;
  return graph_.nodes[node].operation->block() && size == buffers_[buffer_[node]].size;
}

/// Next values are computed into their states, if by then nobody needs the old ones; outputs into their arrays.
template <Real T>
void Plan<T>::update_in_place() {
  std::vector<std::size_t> writer(buffers_.size());
  for (std::size_t i = graph_.nodes.size(); i-- > 0;)
    if (live_[i] && !viewed_[i]) writer[buffer_[i]] = i;
  for (std::size_t k = 0; k < states_.size(); ++k) memory_[buffer_[graph_.states[k]]] = states_[k].data();
  std::vector<Copy> states;
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const std::uint32_t old = buffer_[graph_.states[k]], next = buffer_[graph_.nexts[k]];
    if (old == next) continue;
    if (buffers_[next].in_arena && may_write_over(writer[next], old)) {
      buffers_[next].in_arena = false;
      memory_[next] = states_[k].data();
      ++report_.in_place;
    } else if (std::ranges::find(graph_.states, writer[next]) != graph_.states.end()) {
      // Another state's old value, which may be gone by the end.
      const std::uint32_t saved = new_buffer(buffers_[next].size, false);
      kept_.push_back(states_[k]);
      states.push_back({saved, &states_[k]});
      before_.push_back({next, nullptr});
    } else {
      states.push_back({next, &states_[k]});
    }
  }
  for (std::size_t k = 0; k < kept_.size(); ++k) before_[k].to = &kept_[k];
  for (std::size_t k = 0, b = buffers_.size() - kept_.size(); k < kept_.size(); ++k) memory_[b + k] = kept_[k].data();
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const std::uint32_t b = buffer_[graph_.outputs[k]];
    if (buffers_[b].in_arena)
      buffers_[b].in_arena = false, memory_[b] = outputs_[k].data();
    else
      after_.push_back({b, &outputs_[k]});  // before the states: it may be an old value
  }
  after_.insert(after_.end(), states.begin(), states.end());
}

template <Real T>
void Plan<T>::write_over_dead_operands() {
  std::vector<std::uint32_t> same(buffers_.size());
  for (std::uint32_t b = 0; b < same.size(); ++b) same[b] = b;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!live_[i]) continue;
    const auto& node = graph_.nodes[i];
    const std::uint32_t mine = buffer_[i];
    buffer_[i] = same[mine];
    if (node.source != Source::operation || viewed_[i] || !buffers_[mine].in_arena || !node.operation->block())
      continue;
    for (auto j : node.inputs) {
      Buffer& theirs = buffers_[buffer_[j]];
      if (!theirs.in_arena || theirs.last_use != i || theirs.size != buffers_[mine].size) continue;
      theirs.last_use = buffers_[mine].last_use;
      buffer_[i] = same[mine] = buffer_[j];
      ++report_.in_place;
      break;
    }
  }
  for (auto* copies : {&before_, &after_})
    for (auto& copy : *copies) copy.from = same[copy.from];
}

template <Real T>
void Plan<T>::emit() {
  std::vector<std::pair<std::size_t, std::uint32_t>> born;
  std::vector<bool> placed(buffers_.size());
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!live_[i] || graph_.nodes[i].source != Source::operation || viewed_[i]) continue;
    const std::uint32_t b = buffer_[i];
    report_.unplanned_bytes += graph_.nodes[i].recorded->size() * sizeof(T);
    if (!buffers_[b].in_arena || placed[b]) continue;
    placed[b] = true;
    born.emplace_back(i, b);
  }
  const std::size_t length = place(buffers_, born);
  arena_ = uninitialised<T>(std::array{length});
  report_.bytes = length * sizeof(T);
  for (std::size_t b = 0; b < buffers_.size(); ++b)
    if (buffers_[b].in_arena) memory_[b] = arena_.data() + buffers_[b].offset;

  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    auto& node = graph_.nodes[i];
    const auto operand = [&](std::size_t j) {
      return Operand<T>{memory_[buffer_[j]], Dims(views_[j].shape), Steps(views_[j].strides)};
    };
    if (live_[i] && node.source == Source::operation && !viewed_[i]) {
      instructions_.push_back({node.operation.get(), operand(i), operands_.size(), node.inputs.size()});
      for (auto j : node.inputs) {
        for (std::size_t k = 0; k < graph_.inputs.size(); ++k)
          if (buffer_[graph_.inputs[k]] == buffer_[j]) binds_.emplace_back(operands_.size(), k);
        const auto x = operand(j);
        operands_.push_back({x.data, x.shape, x.strides});
      }
    }
    if (node.source == Source::operation) node.recorded.reset();  // the value on the tape is not needed any more
  }
  report_.instructions = instructions_.size();
}

template <Real T>
const std::vector<Array<T>>& Plan<T>::run(const std::vector<Array<T>>& inputs) {
  if (inputs.size() != graph_.inputs.size())
    fail<ShapeError>("program", "takes ", graph_.inputs.size(), " inputs, not ", inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Dims expected(views_[graph_.inputs[k]].shape), given(inputs[k].shape());
    if (!std::ranges::equal(expected, given))
      fail<ShapeError>("program", "input ", k, " must have the shape that it was compiled for: ", given, " and ",
                       expected);
    memory_[buffer_[graph_.inputs[k]]] = const_cast<T*>(inputs[k].data());  // is never written
  }
  for (const auto& [operand, input] : binds_) operands_[operand].data = inputs[input].data();
  const auto copy = [&](const Copy& c) { std::copy_n(memory_[c.from], c.to->size(), c.to->data()); };
  for (const auto& c : before_) copy(c);
  for (const auto& [operation, y, first, count] : instructions_)
    operation->forward(y, std::span(operands_).subspan(first, count));
  for (const auto& c : after_) copy(c);
  return outputs_;
}

template <Real T>
Array<T>& Plan<T>::state(std::size_t number) {
  if (number >= states_.size())
    fail<ValueError>("program", "has ", states_.size(), " states, and none numbered ", number);
  return states_[number];
}

template class Plan<float>;
template class Plan<double>;

}  // namespace autodiff::detail
