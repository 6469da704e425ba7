#include "executor.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "../finite.hpp"
#include "../kernels/copy.hpp"
#include "../kernels/denormals.hpp"
#include "../kernels/threads.hpp"

namespace autodiff::detail {

namespace {

constexpr std::size_t least_shared_work = 32768;  // element by element operations; less is done sooner than shared out
constexpr std::size_t parts_of_each = 8;          // so that all wait less for one that other work holds up

// std::ranges::equal calls memcmp, which takes as long as a small instruction.
bool same(Dims a, Dims b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = a[i] == b[i];
  return equal;
}

}  // namespace

template <Real T>
Executor<T>::Executor(std::shared_ptr<const Compiled<T>> compiled, std::shared_ptr<States<T>> states)
    : compiled_(std::move(compiled)), states_(std::move(states)) {
  arena_ = uninitialised<T>(std::array{compiled_->arena});
  if (compiled_->options.profile) report_ = compiled_->report;
  find_buffers();
  open_workers();
  bind_instructions();
}

template <Real T>
void Executor<T>::find_buffers() {
  const auto& graph = compiled_->graph;
  const auto& memory = compiled_->memory;
  pointers_.assign(memory.buffers.size(), nullptr);
  for (std::size_t b = 0; b < pointers_.size(); ++b)
    if (memory.buffers[b].in_arena) pointers_[b] = arena_.data() + memory.buffers[b].offset;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (const auto& node = graph.nodes[i]; node.live && node.source == Source::constant)
      pointers_[memory.buffer_of[i]] = const_cast<T*>(node.recorded->data());  // is never written
  for (std::size_t k = 0; k < states_->size(); ++k)
    if (const auto& [cell, shared] = (*states_)[k]; shared)
      cells_.push_back({cell.get(), graph.states[k], memory.states[k], graph.nodes[graph.states[k]].shape()});
    else
      pointers_[memory.states[k]] = cell->exclusive()->data();
  outputs_.reserve(graph.outputs.size());
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    outputs_.emplace_back(graph.view_of(graph.outputs[k]).shape);
    pointers_[memory.outputs[k]] = outputs_.back().data();
  }
  for (auto i : graph.inputs) inputs_.push_back({Dims(graph.nodes[i].shape()), memory.buffer_of[i]});
}

template <Real T>
void Executor<T>::open_workers() {
  std::size_t bases = 0;
  for (const auto& code : compiled_->code) bases = std::max(bases, code.bases.size() + code.most_operands);
  const std::size_t scratch = std::max<std::size_t>(compiled_->scratch, 64);
  for (int w = 0; w < compiled_->threads; ++w)
    workers_.push_back({uninitialised<T>(std::array{scratch}), std::vector<T*>(bases)});
}

template <Real T>
void Executor<T>::bind_instructions() {
  std::vector<Followers*> moving(pointers_.size());  // where each buffer stays, null
  for (const auto& input : inputs_) moving[input.buffer] = &of_inputs_;
  for (const auto& state : cells_) moving[state.buffer] = &of_cells_;
  for (auto buffer : compiled_->memory.outputs) moving[buffer] = &of_outputs_;
  for (const auto& [buffer, view] : compiled_->operands) {
    if (moving[buffer]) moving[buffer]->operands.push_back(static_cast<std::uint32_t>(operands_.size()));
    const bool known = !moving[buffer] && pointers_[buffer];  // without elements there is no memory
    const T* data = known ? pointers_[buffer] + view->offset : nullptr;
    operands_.push_back({data, Dims(view->shape), Steps(view->strides)});
  }
  const auto follow_result = [&](Operand<T>& y, std::uint32_t buffer) {
    if (moving[buffer]) moving[buffer]->results.emplace_back(&y.data, buffer);
  };
  results_.reserve(compiled_->results.size());  // so that they stay where they are, as instructions below
  for (const auto& [buffer, view] : compiled_->results)
    follow_result(results_.emplace_back(Operand<T>{pointers_[buffer], Dims(view->shape), Steps(view->strides)}),
                  buffer);
  instructions_.reserve(compiled_->instructions.size());
  for (const auto& instruction : compiled_->instructions) {
    auto& last = instructions_.emplace_back(bound(instruction));
    if (instruction.alone()) follow_result(last.y, compiled_->memory.buffer_of[instruction.node]);
    if (instruction.kind != Kind::block) continue;
    const auto& code = compiled_->code[instruction.code];
    auto& made = blocks_.emplace_back(code);
    std::set<Followers*> of_these;
    for (std::uint32_t b = 0; b < code.bases.size(); ++b)
      if (const auto buffer = code.bases[b].buffer; buffer != nowhere && moving[buffer])
        made.moves(b), of_these.insert(moving[buffer]);
    for (auto* followers : of_these) followers->blocks.push_back(last.code);
    if (of_these.empty()) made.resolve(pointers_.data(), workers_[0].scratch.data());
  }
}

template <Real T>
typename Executor<T>::Bound Executor<T>::bound(const Instruction& instruction) {
  Bound made{instruction.kind, instruction.node};
  made.code = instruction.kind == Kind::block ? static_cast<std::uint32_t>(blocks_.size()) : instruction.code;
  if (!instruction.alone()) return made;
  const auto& node = compiled_->graph.nodes[instruction.node];
  const auto& memory = compiled_->memory;
  const auto result = memory.buffer_of[instruction.node];
  made.operation = node.operation.get();
  made.y = {pointers_[result], Dims(node.layout->shape), Steps(node.layout->strides)};
  made.first = instruction.first, made.count = instruction.count;
  made.alpha = scale(node.alpha, node);
  made.beta = Scale{0};
  if (node.addend == nowhere) return made;
  made.beta = scale(node.beta, node);
  const auto addend = memory.buffer_of[node.inputs[node.addend].node];
  if (addend != result) made.addend = &pointers_[addend];
  return made;
}

template <Real T>
typename Executor<T>::Scale Executor<T>::scale(const Factor& factor, const GraphNode<T>& node) const {
  Scale made{static_cast<T>(factor.number)};
  if (factor.input != nowhere) made.value = &pointers_[compiled_->memory.buffer_of[node.inputs[factor.input].node]];
  return made;
}

template <Real T>
void Executor<T>::bind(std::span<const Array<T>* const> inputs) {
  const auto& cells = compiled_->graph.cells;
  if (inputs.size() + cells.size() != inputs_.size())
    fail<ShapeError>("program", "takes ", inputs_.size() - cells.size(), " inputs, not ", inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Dims expected = inputs_[k].shape, given(inputs[k]->shape());
    if (!same(expected, given))
      fail<ShapeError>("program", "input ", k, " must have the shape that it was compiled for: ", given, " and ",
                       expected);
  }
  bind_states();
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (of_cells_.moved || inputs[k]->data() != pointers_[inputs_[k].buffer])
      point_input(inputs_[k].buffer, data_of(k, *inputs[k]));
  for (std::size_t k = 0; k < cells.size(); ++k)
    point_input(inputs_[inputs.size() + k].buffer, value_of_cell(k).data());
  // Only now, and if an error ends a call before that, at the next one.
  if (of_cells_.moved) follow(of_cells_);
  if (of_inputs_.moved) follow(of_inputs_);
  if (of_outputs_.moved) follow(of_outputs_);
}

/// Where states are that others may replace: each in an array that nobody shares.
template <Real T>
void Executor<T>::bind_states() {
  for (auto& state : cells_) {
    Array<T>* value = state.cell->exclusive();
    if (!value || !same(Dims(value->shape()), Dims(state.shape))) value = &value_to_change(state);
    if (value->data() == state.data) continue;
    pointers_[state.buffer] = state.data = value->data();
    of_cells_.moved = true;
  }
}

/// The value of a state in an array of its own: whoever shares the old one keeps it as it is.
template <Real T>
Array<T>& Executor<T>::value_to_change(const BoundCell& state) const {
  check_cell(*state.cell, state.node);
  if (!state.cell->exclusive()) *state.cell = Variable<T>(Array<T>(state.cell->value()));
  return *state.cell->exclusive();
}

template <Real T>
void Executor<T>::point_input(std::uint32_t buffer, const T* data) {
  T* const to = const_cast<T*>(data);  // is never written
  if (std::exchange(pointers_[buffer], to) != to) of_inputs_.moved = true;
}

template <Real T>
void Executor<T>::follow(Followers& followers) {
  followers.moved = false;
  for (auto o : followers.operands) {
    const auto& [buffer, view] = compiled_->operands[o];
    operands_[o].data = pointers_[buffer] ? pointers_[buffer] + view->offset : nullptr;
  }
  for (auto& [data, buffer] : followers.results) *data = pointers_[buffer];
  for (auto b : followers.blocks) blocks_[b].resolve(pointers_.data(), workers_[0].scratch.data());
}

/// Whoever replaces what a cell holds keeps its shape.
template <Real T>
void Executor<T>::check_cell(const Variable<T>& cell, std::uint32_t node) const {
  const auto& shape = compiled_->graph.nodes[node].shape();
  const auto& where = compiled_->graph.nodes[node].where;
  if (!cell.alive()) fail<TapeError>("program", where, " has no value any more: give it one, or record anew");
  if (const Dims expected(shape), now(cell.shape()); !same(expected, now))
    fail<ShapeError>("program", where, " must keep the shape that it was compiled for: ", now, " and ", expected);
}

template <Real T>
const Array<T>& Executor<T>::value_of_cell(std::size_t number) const {
  const auto& graph = compiled_->graph;
  const auto node = graph.inputs[graph.inputs.size() - graph.cells.size() + number];
  check_cell(*graph.cells[number], node);
  return graph.cells[number]->value();
}

template <Real T>
const T* Executor<T>::data_of(std::size_t input, const Array<T>& given) {
  const auto is_given = [&](std::uint32_t buffer) { return pointers_[buffer] == given.data(); };
  const auto& memory = compiled_->memory;
  if (std::ranges::none_of(memory.outputs, is_given) && std::ranges::none_of(memory.states, is_given))
    return given.data();
  kept_.resize(inputs_.size());
  kept_[input] = given;
  return kept_[input].data();
}

// Inlined into the loop below: the call would take as long as a small instruction.
template <Real T>
[[gnu::always_inline]] inline void Executor<T>::run(const Bound& instruction) {
  const std::span<const Operand<const T>> x(operands_.data() + instruction.first, instruction.count);
  const Operand<T>& y = instruction.y;
  switch (instruction.kind) {
    case Kind::operation:
      return instruction.operation->forward(y, x);
    case Kind::several:
      return instruction.operation->forward(
          std::span(results_).subspan(instruction.code, instruction.operation->results()), x);
    case Kind::accumulation:
      if (instruction.addend) std::copy_n(*instruction.addend, count(y.shape), y.data);
      return instruction.operation->accumulate(y, x, instruction.alpha(), instruction.beta());
    case Kind::cluster:
      return run_cluster(compiled_->code[instruction.code]);
    case Kind::block:
      return blocks_[instruction.code].run();
    case Kind::copy:
      return kernels::copy(y, x[0]);
  }
}

template <Real T>
const std::vector<Array<T>>& Executor<T>::run(std::span<const Array<T>* const> inputs) {
  bind(inputs);
  if (compiled_->options.stop_at_non_finite) check_given(inputs);
  const kernels::UseThreads guard(compiled_->threads);
  const kernels::FlushDenormals flush(compiled_->options.flush_denormals);
  run_instructions();
  return outputs_;
}

template <Real T>
void Executor<T>::run_on(std::span<const T* const> inputs, std::span<T* const> outputs) {
  for (std::size_t k = 0; k < inputs.size(); ++k) point_input(inputs_[k].buffer, inputs[k]);
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (std::exchange(pointers_[compiled_->memory.outputs[k]], outputs[k]) != outputs[k]) of_outputs_.moved = true;
  if (of_inputs_.moved) follow(of_inputs_);
  if (of_outputs_.moved) follow(of_outputs_);
  const kernels::UseThreads guard(std::min(compiled_->threads, kernels::threads()));
  run_instructions();
}

template <Real T>
void Executor<T>::run_instructions() {
  const auto& options = compiled_->options;
  const bool watched = options.stop_at_non_finite || options.profile;
  for (const auto& move : compiled_->memory.before) copy(move);
  const Bound* at = nullptr;
  try {
    for (const auto& instruction : instructions_) {
      at = &instruction;
      watched ? run_watched(instruction) : run(instruction);
    }
  } catch (const Error&) {
    const auto& where = compiled_->graph.nodes[at->node].where;
    if (where.empty() || options.stop_at_non_finite) throw;
    // Once more, so that the error says where. What throws writes over none of its operands.
    const ErrorScope scope(where);
    run(*at);
    throw;
  }
  if (options.profile) ++report_->profiled_runs;
  for (const auto& move : compiled_->memory.after) copy(move);
}

template <Real T>
void Executor<T>::run_watched(const Bound& instruction) {
  const auto& options = compiled_->options;
  std::optional<ErrorScope> scope;
  if (options.stop_at_non_finite) scope.emplace(compiled_->graph.nodes[instruction.node].where);
  const auto start = std::chrono::steady_clock::now();
  run(instruction);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (options.profile)
    report_->steps[static_cast<std::size_t>(&instruction - instructions_.data())].seconds += elapsed.count();
  if (scope) check_result(instruction);
}

template <Real T>
void Executor<T>::run_cluster(const BlockCode<T>& code) {
  const std::size_t chunks = code.chunks();
  const std::size_t team = workers_.size(), shares = code.work() / least_shared_work;
  const std::size_t parts =
      team == 1 || shares == 0 ? 1 : std::min(chunks, std::clamp(shares, team, parts_of_each * team));
  kernels::parallel_for(parts, [&](std::size_t part, std::size_t thread) {
    auto& worker = workers_[thread];
    run_chunks(code, pointers_.data(), worker.scratch.data(), worker.bases.data(), part * chunks / parts,
               (part + 1) * chunks / parts);
  });
  finish_chunks(code, pointers_.data());
}

template <Real T>
void Executor<T>::check_given(std::span<const Array<T>* const> inputs) const {
  const auto& graph = compiled_->graph;
  const auto check = [&](const char* role, std::size_t number, std::uint32_t node, const Array<T>& value) {
    const ErrorScope scope(graph.nodes[node].where);
    require_finite<T>("program", role + std::to_string(number), operand(value));
  };
  for (std::size_t k = 0; k < inputs.size(); ++k) check("input ", k, graph.inputs[k], *inputs[k]);
  for (std::size_t k = 0; k < graph.cells.size(); ++k)
    check("variable ", k, graph.inputs[inputs.size() + k], value_of_cell(k));
  for (std::size_t k = 0; k < states_->size(); ++k) check("state ", k, graph.states[k], (*states_)[k].cell->value());
}

template <Real T>
void Executor<T>::check_result(const Bound& instruction) const {
  const auto& graph = compiled_->graph;
  const auto& node = graph.nodes[instruction.node];
  std::vector<Dims> shapes;
  for (const auto& input : node.inputs) shapes.emplace_back(graph.view_of(input).shape);
  for (std::size_t k = instruction.node; k < instruction.node + node.operation->results(); ++k)
    require_finite<T>(node.operation->name(), "the result",
                      {pointers_[compiled_->memory.buffer_of[k]], Dims(graph.nodes[k].shape()), {}}, shapes);
}

template <Real T>
void Executor<T>::copy(const Move& move) {
  std::copy_n(pointers_[move.from], compiled_->memory.buffers[move.to].size, pointers_[move.to]);
}

template class Executor<float>;
template class Executor<double>;

}  // namespace autodiff::detail
