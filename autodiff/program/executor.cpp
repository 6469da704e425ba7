#include "executor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "../finite.hpp"
#include "../kernels/copy.hpp"
#include "../kernels/threads.hpp"
#include "passes.hpp"

namespace autodiff::detail {

namespace {

constexpr std::size_t least_shared_work = 32768;  // element by element operations; less is done sooner than shared out

// std::ranges::equal calls memcmp, which takes as long as a small instruction.
bool same(Dims a, Dims b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = a[i] == b[i];
  return equal;
}

}  // namespace

template <Real T>
Plan<T>::Plan(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
              const std::vector<Update<T>>& updates, const CompileOptions& options, std::shared_ptr<States<T>> states)
    : options_(options), threads_(options.threads > 0 ? options.threads : kernels::threads()) {
  if (options.threads < 0 || options.threads > kernels::most_threads)
    fail<ValueError>("compile", "there must be 0 to ", kernels::most_threads, " threads: ", options.threads);
  graph_ = build_graph(inputs, outputs, updates, report_);
  const bool exact = options.exact || options.stop_at_non_finite;
  if (options.stop_at_non_finite) require_finite_constants(graph_);
  fold(graph_, exact, report_);
  merge_equal(graph_, report_);
  drop_dead(graph_);
  resolve_views(graph_, exact, report_);
  if (!exact) absorb(graph_, report_);
  ClusterOptions clusters{exact};
  if (options.stop_at_non_finite) clusters.most_nodes = 1;
  schedule_ = make_schedule(graph_, clusters);
  take_states(std::move(states));
  emit();
  allocate();
  describe_instructions();
}

template <Real T>
void Plan<T>::take_states(std::shared_ptr<States<T>> states) {
  const auto recorded = [&](std::size_t k) -> const Array<T>& { return *graph_.nodes[graph_.states[k]].recorded; };
  const bool fresh = !states;
  states_ = fresh ? std::make_shared<States<T>>() : std::move(states);
  if (!fresh && states_->size() != graph_.states.size())
    fail<ShapeError>("compile", "there must be as many states as before: ", graph_.states.size(), " and ",
                     states_->size());
  for (std::size_t k = 0; k < graph_.states.size(); ++k) {
    if (fresh)
      states_->push_back(recorded(k));
    else if (!std::ranges::equal(recorded(k).shape(), (*states_)[k].shape()))
      fail<ShapeError>("compile", "state ", k, " must keep its shape: ", Dims(recorded(k).shape()), " and ",
                       Dims((*states_)[k].shape()));
    graph_.nodes[graph_.states[k]].recorded = nullptr;
  }
}

template <Real T>
void Plan<T>::emit() {
  Fusion fusion;
  if (options_.exact || options_.stop_at_non_finite)
    fusion.into.assign(graph_.nodes.size(), nowhere);
  else
    fusion = fuse_products(graph_, schedule_);
  report_.multiply_adds = graph_.nodes.size() - static_cast<std::size_t>(std::ranges::count(fusion.into, nowhere));
  memory_ = choose_buffers(graph_, schedule_, fusion);
  report_.in_place = memory_.in_place;
  for (std::uint32_t g = 0; g < schedule_.groups.size(); ++g) {
    const Group& group = schedule_.groups[g];
    if (!group.cluster) {
      emit_alone(group.nodes[0]);
      continue;
    }
    Instruction cluster{Instruction::Kind::cluster, group.nodes.back()};
    cluster.code = static_cast<std::uint32_t>(code_.size());
    code_.push_back(emit_blocks(graph_, schedule_, g, fusion, memory_));
    if (code_.back().is_one_block()) cluster.kind = Instruction::Kind::block;
    instructions_.push_back(cluster);
    ++report_.clusters;
    report_.clustered += group.nodes.size();
  }
}

template <Real T>
void Plan<T>::emit_alone(std::uint32_t i) {
  const auto& node = graph_.nodes[i];
  Instruction made{Instruction::Kind::operation, i, node.operation.get()};
  const auto& result = views_.emplace_back(dense(node.shape));
  made.y = {nullptr, Dims(result.shape), Steps(result.strides)};
  made.first = static_cast<std::uint32_t>(operands_.size());
  std::optional<View> view;
  if (node.arity == 1) view = node.operation->view(graph_.view_of(node.inputs[0]));
  if (view) {
    made.kind = Instruction::Kind::copy;
    add_operand(node.inputs[0].node, *view);
  } else {
    for (std::uint32_t k = 0; k < node.arity; ++k) add_operand(node.inputs[k].node, graph_.view_of(node.inputs[k]));
  }
  made.count = static_cast<std::uint32_t>(operands_.size()) - made.first;
  if (node.accumulated()) made.kind = Instruction::Kind::accumulation;
  instructions_.push_back(made);
}

template <Real T>
void Plan<T>::add_operand(std::uint32_t node, View view) {
  const auto& kept = views_.emplace_back(std::move(view));
  operand_slots_.push_back({memory_.buffer_of[node], kept.offset});
  operands_.push_back({nullptr, Dims(kept.shape), Steps(kept.strides)});
}

template <Real T>
void Plan<T>::allocate() {
  const std::size_t length = place(memory_.buffers);
  arena_ = uninitialised<T>(std::array{length});
  report_.bytes = length * sizeof(T);
  report_.peak_bytes = peak(memory_.buffers) * sizeof(T);
  pointers_.assign(memory_.buffers.size(), nullptr);
  for (std::size_t b = 0; b < pointers_.size(); ++b)
    if (memory_.buffers[b].in_arena) pointers_[b] = arena_.data() + memory_.buffers[b].offset;
  for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
    const auto& node = graph_.nodes[i];
    if (node.live && node.source == Source::operation) report_.unplanned_bytes += node.size() * sizeof(T);
    if (node.live && node.source == Source::constant)
      pointers_[memory_.buffer_of[i]] = const_cast<T*>(node.recorded->data());  // is never written
  }
  for (std::size_t k = 0; k < states_->size(); ++k) pointers_[memory_.states[k]] = (*states_)[k].data();
  outputs_.reserve(graph_.outputs.size());
  for (std::size_t k = 0; k < graph_.outputs.size(); ++k) {
    outputs_.emplace_back(graph_.view_of(graph_.outputs[k]).shape);
    pointers_[memory_.outputs[k]] = outputs_.back().data();
  }

  std::vector<bool> is_input(memory_.buffers.size());
  for (auto i : graph_.inputs) is_input[memory_.buffer_of[i]] = true;
  for (std::uint32_t o = 0; o < operands_.size(); ++o) {
    const auto [buffer, offset] = operand_slots_[o];
    if (is_input[buffer])
      binds_.push_back(o);
    else
      operands_[o].data = pointers_[buffer] + offset;
  }
  for (auto& instruction : instructions_) {
    if (!instruction.operation) continue;
    const auto& node = graph_.nodes[instruction.node];
    instruction.y.data = pointers_[memory_.buffer_of[instruction.node]];
    instruction.alpha = scale(node.alpha, node);
    instruction.beta = Scale{0};
    if (node.addend == nowhere) continue;
    instruction.beta = scale(node.beta, node);
    const auto addend = memory_.buffer_of[node.inputs[node.addend].node];
    if (addend != memory_.buffer_of[instruction.node]) instruction.addend = &pointers_[addend];
  }
  std::size_t scratch = 0, bases = 0;
  for (const auto& code : code_) {
    scratch = std::max(scratch, code.scratch);
    bases = std::max(bases, code.bases.size());
  }
  for (int w = 0; w < threads_; ++w)
    workers_.push_back({uninitialised<T>(std::array{std::max<std::size_t>(scratch, 64)}), std::vector<T*>(bases)});
  report_.scratch_bytes = scratch * sizeof(T) * workers_.size();
  bases_.resize(code_.size());
  for (std::uint32_t c = 0; c < code_.size(); ++c) {
    if (!code_[c].is_one_block()) continue;
    bases_[c].resize(code_[c].bases.size());
    const auto at_input = [&](const Base& base) { return base.buffer != nowhere && is_input[base.buffer]; };
    if (std::ranges::any_of(code_[c].bases, at_input))
      input_codes_.push_back(c);
    else
      code_[c].resolve(pointers_.data(), workers_[0].scratch.data(), bases_[c].data());
  }
}

template <Real T>
void Plan<T>::describe_instructions() {
  report_.instructions = instructions_.size();
  for (const auto& instruction : instructions_) {
    std::string text;
    if (!instruction.operation) {
      const auto& code = code_[instruction.code];
      for (auto i : schedule_.groups[schedule_.group_of[instruction.node]].nodes) {
        const auto& node = graph_.nodes[i];
        text += (text.empty() ? "" : " ") + std::string(node.operation->name());
      }
      text = "cluster of " + std::to_string(code.size) + ": " + text;
    } else {
      const auto& node = graph_.nodes[instruction.node];
      text = describe(node);
      if (instruction.kind == Instruction::Kind::copy) text += ", copied";
      if (instruction.kind == Instruction::Kind::accumulation) text += ", accumulated";
    }
    report_.steps.push_back({std::move(text), 0});
  }
  for (auto& node : graph_.nodes)
    if (!node.live) node = {};
}

template <Real T>
void Plan<T>::bind(std::span<const Array<T>* const> inputs) {
  if (inputs.size() != graph_.inputs.size())
    fail<ShapeError>("program", "takes ", graph_.inputs.size(), " inputs, not ", inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Dims expected(graph_.nodes[graph_.inputs[k]].shape), given(inputs[k]->shape());
    if (!same(expected, given))
      fail<ShapeError>("program", "input ", k, " must have the shape that it was compiled for: ", given, " and ",
                       expected);
  }
  bool moved = false;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    T* data = const_cast<T*>(data_of(k, *inputs[k]));  // is never written
    moved |= std::exchange(pointers_[memory_.buffer_of[graph_.inputs[k]]], data) != data;
  }
  if (!moved) return;
  for (auto o : binds_) operands_[o].data = pointers_[operand_slots_[o].buffer] + operand_slots_[o].offset;
  for (auto c : input_codes_) code_[c].resolve(pointers_.data(), workers_[0].scratch.data(), bases_[c].data());
}

template <Real T>
const T* Plan<T>::data_of(std::size_t input, const Array<T>& given) {
  const auto among = [&](const std::vector<Array<T>>& arrays) {
    const std::less<const Array<T>*> before;
    return !before(&given, arrays.data()) && before(&given, arrays.data() + arrays.size());
  };
  if (!among(outputs_) && !among(*states_)) return given.data();
  kept_.resize(graph_.inputs.size());
  kept_[input] = given;
  return kept_[input].data();
}

// Inlined into the loop below: the call would take as long as a small instruction.
template <Real T>
[[gnu::always_inline]] inline void Plan<T>::run(const Instruction& instruction) {
  const std::span<const Operand<const T>> x(operands_.data() + instruction.first, instruction.count);
  const Operand<T>& y = instruction.y;
  switch (instruction.kind) {
    case Instruction::Kind::operation:
      return instruction.operation->forward(y, x);
    case Instruction::Kind::accumulation:
      if (instruction.addend) std::copy_n(*instruction.addend, count(y.shape), y.data);
      return instruction.operation->accumulate(y, x, instruction.alpha(), instruction.beta());
    case Instruction::Kind::cluster:
      return run(code_[instruction.code]);
    case Instruction::Kind::block:
      return code_[instruction.code].run_one_block(bases_[instruction.code].data());
    case Instruction::Kind::copy:
      return kernels::copy(y, x[0]);
  }
}

template <Real T>
const std::vector<Array<T>>& Plan<T>::run(std::span<const Array<T>* const> inputs) {
  bind(inputs);
  if (options_.stop_at_non_finite) check_given(inputs);
  const kernels::UseThreads guard(threads_);
  for (const auto& move : memory_.before) copy(move);
  const Instruction* at = nullptr;
  try {
    for (const auto& instruction : instructions_) {
      at = &instruction;
      if (options_.stop_at_non_finite)
        run_checked(instruction);
      else
        options_.profile ? run_timed(instruction) : run(instruction);
    }
  } catch (const Error&) {
    const auto& where = graph_.nodes[at->node].where;
    if (where.empty() || options_.stop_at_non_finite) throw;
    // Once more, so that the error says where. What throws writes over none of its operands.
    const ErrorScope scope(where);
    run(*at);
    throw;
  }
  report_.profiled_runs += options_.profile;
  for (const auto& move : memory_.after) copy(move);
  return outputs_;
}

template <Real T>
void Plan<T>::run_timed(const Instruction& instruction) {
  const auto start = std::chrono::steady_clock::now();
  run(instruction);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  report_.steps[static_cast<std::size_t>(&instruction - instructions_.data())].seconds += elapsed.count();
}

template <Real T>
typename Plan<T>::Scale Plan<T>::scale(const Factor& factor, const GraphNode<T>& node) const {
  Scale made{static_cast<T>(factor.number)};
  if (factor.input != nowhere) made.value = &pointers_[memory_.buffer_of[node.inputs[factor.input].node]];
  return made;
}

template <Real T>
void Plan<T>::run(const BlockCode<T>& code) {
  const std::size_t chunks = code.chunks();
  const std::size_t team = code.work() < least_shared_work ? 1 : std::min(chunks, workers_.size());
  if (team == 1) {
    code.run(pointers_.data(), workers_[0].scratch.data(), workers_[0].bases.data(), 0, chunks);
  } else {
    kernels::parallel_for(team, [&](std::size_t w) {
      code.run(pointers_.data(), workers_[w].scratch.data(), workers_[w].bases.data(), w * chunks / team,
               (w + 1) * chunks / team);
    });
  }
  code.finish(pointers_.data());
}

template <Real T>
void Plan<T>::check_given(std::span<const Array<T>* const> inputs) const {
  const auto check = [&](const char* role, std::size_t number, std::uint32_t node, const Array<T>& value) {
    const ErrorScope scope(graph_.nodes[node].where);
    require_finite<T>("program", role + std::to_string(number), operand(value));
  };
  for (std::size_t k = 0; k < inputs.size(); ++k) check("input ", k, graph_.inputs[k], *inputs[k]);
  for (std::size_t k = 0; k < states_->size(); ++k) check("state ", k, graph_.states[k], (*states_)[k]);
}

template <Real T>
void Plan<T>::run_checked(const Instruction& instruction) {
  const auto& node = graph_.nodes[instruction.node];
  const ErrorScope scope(node.where);
  options_.profile ? run_timed(instruction) : run(instruction);
  std::vector<View> views;
  std::vector<Dims> shapes;
  for (const auto& input : node.inputs) views.push_back(graph_.view_of(input));
  for (const auto& view : views) shapes.emplace_back(view.shape);
  require_finite<T>(node.operation->name(), "the result",
                    {pointers_[memory_.buffer_of[instruction.node]], Dims(node.shape), {}}, shapes);
}

template <Real T>
void Plan<T>::copy(const Move& move) {
  std::copy_n(pointers_[move.from], memory_.buffers[move.to].size, pointers_[move.to]);
}

template class Plan<float>;
template class Plan<double>;

}  // namespace autodiff::detail
