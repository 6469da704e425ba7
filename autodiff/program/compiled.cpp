#include "compiled.hpp"

#include <algorithm>

#include "../kernels/threads.hpp"
#include "passes.hpp"
#include "recompute.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
class Compiler {
 public:
  Compiler(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
           const std::vector<Update<T>>& updates, const CompileOptions& options)
      : exact_(options.exact || options.stop_at_non_finite) {
    if (options.threads < 0 || options.threads > kernels::most_threads)
      fail<ValueError>("compile", "there must be 0 to ", kernels::most_threads, " threads: ", options.threads);
    made_.options = options;
    made_.threads = options.threads > 0 ? options.threads : kernels::threads();
    graph_ = build_graph(inputs, outputs, updates, report_);
    graph_.checked = options.stop_at_non_finite;
    rewrite();
    for (auto i : graph_.states) first_.push_back(std::exchange(graph_.nodes[i].recorded, nullptr));
    for (auto i : graph_.inputs) graph_.nodes[i].recorded = nullptr;  // what a cell holds now is not kept
    cells_ = std::move(graph_.state_cells);
    ClusterOptions clusters{exact_};
    if (options.stop_at_non_finite) clusters.most_nodes = 1;
    plan_ = make_plan(graph_, clusters);
    copy_cheap(graph_, plan_, clusters);
    if (options.memory_limit != 0 && plan_.arena > options.memory_limit / sizeof(T))
      plan_ = plan_within(graph_, clusters, options.memory_limit);
    count_copies(graph_, report_);
    made_.memory = std::move(plan_.memory);
    emit();
    measure();
    describe_instructions();
    for (auto& node : graph_.nodes)
      if (!node.live) node = {}, node.live = false;
  }

  Compilation<T> take() {
    return {std::make_shared<const Compiled<T>>(std::move(made_)), std::move(first_), std::move(cells_)};
  }

 private:
  void rewrite() {
    if (made_.options.stop_at_non_finite) require_finite_constants(graph_);
    fold(graph_, exact_, report_);
    merge_equal(graph_, report_);
    drop_dead(graph_);
    resolve_views(graph_, exact_, report_);
    if (!exact_) absorb(graph_, report_);
  }

  void emit() {
    made_.code = std::move(plan_.code);
    made_.loops = assemble(std::span(made_.code));
    std::uint32_t clusters = 0;
    for (const auto& group : plan_.schedule.groups) {
      if (!group.cluster) {
        emit_alone(group.nodes[0]);
        continue;
      }
      Instruction cluster{Instruction::Kind::cluster, group.nodes.back()};
      cluster.code = clusters++;
      if (made_.code[cluster.code].is_one_block()) cluster.kind = Instruction::Kind::block;
      made_.instructions.push_back(cluster);
      ++report_.clusters;
      report_.clustered += group.nodes.size();
    }
  }

  void emit_alone(std::uint32_t i) {
    const auto& node = graph_.nodes[i];
    Instruction alone{Instruction::Kind::operation, i};
    alone.first = static_cast<std::uint32_t>(made_.operands.size());
    std::optional<View> view;
    if (node.arity == 1 && !node.accumulated()) view = node.operation->view(graph_.view_of(node.inputs[0]));
    if (view) {
      alone.kind = Instruction::Kind::copy;
      add_operand(node.inputs[0].node, graph_.interned->layout(std::move(*view)));
    } else {
      for (std::uint32_t k = 0; k < node.arity; ++k) add_operand(node.inputs[k].node, &graph_.view_of(node.inputs[k]));
    }
    alone.count = static_cast<std::uint32_t>(made_.operands.size()) - alone.first;
    if (node.accumulated()) alone.kind = Instruction::Kind::accumulation;
    if (const std::size_t results = node.operation->results(); results > 1) {
      alone.kind = Instruction::Kind::several;
      alone.code = static_cast<std::uint32_t>(made_.results.size());
      for (std::size_t k = i; k < i + results; ++k)
        made_.results.push_back({memory_.buffer_of[k], graph_.nodes[k].layout});
    }
    made_.instructions.push_back(std::move(alone));
  }

  void add_operand(std::uint32_t node, const View* view) { made_.operands.push_back({memory_.buffer_of[node], view}); }

  /// Adds up what memory there is.
  void measure() {
    made_.arena = plan_.arena;
    report_.in_place = memory_.in_place;
    report_.multiply_adds = graph_.nodes.size() - std::size_t(std::ranges::count(plan_.fusion.into, nowhere));
    for (const auto& code : made_.code) made_.scratch = std::max(made_.scratch, code.scratch);
    report_.bytes = made_.arena * sizeof(T);
    report_.peak_bytes = peak(memory_.buffers) * sizeof(T);
    report_.scratch_bytes = made_.scratch * sizeof(T) * static_cast<std::size_t>(made_.threads);
    for (const auto& node : graph_.nodes)
      if (node.live && !node.again) {
        auto& bytes = node.source == Source::operation  ? report_.unplanned_bytes
                      : node.source == Source::constant ? report_.constant_bytes
                                                        : report_.state_bytes;
        if (node.source != Source::input) bytes += node.size() * sizeof(T);
      }
  }

  /// For what is computed outside of any scope, what it is for: the number of a node, whose place that is, behind all
  /// nodes that of an output, and then that of an update.
  std::vector<std::uint32_t> purposes() const {
    const auto nodes = static_cast<std::uint32_t>(graph_.nodes.size());
    std::vector<std::uint32_t> purposes(nodes, nowhere);
    for (std::uint32_t k = 0; k < graph_.outputs.size(); ++k) purposes[graph_.outputs[k].node] = nodes + k;
    for (std::uint32_t k = 0; k < graph_.nexts.size(); ++k)
      purposes[graph_.nexts[k].node] = nodes + static_cast<std::uint32_t>(graph_.outputs.size()) + k;
    for (std::uint32_t i = nodes; i-- > 0;) {
      const auto& node = graph_.nodes[i];
      if (!node.where.empty()) purposes[i] = i;
      for (const auto& input : node.inputs)  // of several readers, the first is the last to say
        if (auto& its = purposes[input.node]; node.live && (its == nowhere || its < nodes)) its = purposes[i];
    }
    return purposes;
  }
  std::string place_of(std::uint32_t purpose) const {
    const auto nodes = static_cast<std::uint32_t>(graph_.nodes.size());
    if (purpose == nowhere) return {};
    if (purpose < nodes) return std::string(graph_.nodes[purpose].where);
    const std::size_t k = purpose - nodes, outputs = graph_.outputs.size();
    if (k < outputs) return "output " + std::to_string(k);
    const auto& state = graph_.nodes[graph_.states[k - outputs]].where;
    return "update of " + (state.empty() ? "state " + std::to_string(k - outputs) : std::string(state));
  }

  /// Whether a node is read outside of what it is computed with, or is a result.
  std::vector<bool> read_elsewhere() const {
    std::vector<bool> escapes(graph_.nodes.size());
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      for (const auto& input : graph_.nodes[i].inputs)
        if (graph_.nodes[i].live && plan_.schedule.group_of[input.node] != plan_.schedule.group_of[i])
          escapes[input.node] = true;
    for (const auto* roots : {&graph_.outputs, &graph_.nexts})
      for (const auto& root : *roots) escapes[root.node] = true;
    return escapes;
  }

  /// Of an instruction alone, its operation; else of all nodes of the cluster, but for what stays within.
  ProgramReport::Cost cost_of(const Instruction& instruction, const std::vector<bool>& escapes,
                              const std::vector<std::uint32_t>& purposes) {
    ProgramReport::Cost cost{{}, 0, 0};
    const auto group = plan_.schedule.group_of[instruction.node];
    const auto nodes =
        instruction.alone() ? std::span(&instruction.node, 1) : std::span(plan_.schedule.groups[group].nodes);
    auto& [read, places, shapes] = counted_;
    read.clear(), places.clear();
    for (auto i : nodes) {
      const auto& node = graph_.nodes[i];
      places.push_back(purposes[i]);
      shapes.clear();
      for (std::size_t k = 0; k < node.arity; ++k) shapes.emplace_back(graph_.view_of(node.inputs[k]).shape);
      if (node.operation) cost.arithmetic += node.operation->arithmetic(shapes);
      const std::size_t results = instruction.alone() && node.operation ? node.operation->results() : 1;
      for (std::size_t k = 0; k < results; ++k)
        if (instruction.alone() || escapes[i + k]) cost.bytes += double(graph_.nodes[i + k].size() * sizeof(T));
      for (const auto& input : node.inputs)
        if (instruction.alone() || plan_.schedule.group_of[input.node] != group) read.push_back(input.node);
    }
    for (auto* all : {&read, &places}) {
      std::ranges::sort(*all);
      all->erase(std::unique(all->begin(), all->end()), all->end());
    }
    for (auto i : read) cost.bytes += double(graph_.nodes[i].size() * sizeof(T));
    for (auto purpose : places)
      if (auto where = place_of(purpose); std::ranges::find(cost.where, where) == cost.where.end())
        cost.where.push_back(std::move(where));
    return cost;
  }

  /// " for layer1/a, layer1/h and 2 more".
  static std::string places(const std::vector<std::string>& where) {
    std::string text;
    for (std::size_t k = 0; k < where.size() && k < 3; ++k) text += (k ? ", " : " for ") + where[k];
    return where.size() > 3 ? text + " and " + std::to_string(where.size() - 3) + " more" : text;
  }

  void describe_instructions() {
    report_.instructions = made_.instructions.size();
    report_.costs.reserve(report_.instructions), report_.steps.reserve(report_.instructions);
    const auto escapes = read_elsewhere();
    const auto purposes = this->purposes();
    for (const auto& instruction : made_.instructions) {
      const auto& node = graph_.nodes[instruction.node];
      std::string text;
      report_.costs.push_back(cost_of(instruction, escapes, purposes));
      if (instruction.alone()) {
        text = describe(node);
        if (node.where.empty()) text += places(report_.costs.back().where);
        if (instruction.kind == Instruction::Kind::copy) text += ", copied";
        if (instruction.kind == Instruction::Kind::accumulation) text += ", accumulated";
        if (node.again) text += ", again";
      } else {
        for (auto i : plan_.schedule.groups[plan_.schedule.group_of[instruction.node]].nodes)
          text += (text.empty() ? "" : " ") + std::string(graph_.nodes[i].operation->name()) +
                  (graph_.nodes[i].again ? " again" : "");
        text = "cluster of " + std::to_string(made_.code[instruction.code].size) + ": " + text +
               places(report_.costs.back().where);
      }
      report_.steps.push_back({std::move(text), 0});
    }
  }

  const bool exact_;
  Compiled<T> made_;
  Graph<T>& graph_ = made_.graph;
  Memory& memory_ = made_.memory;
  ProgramReport& report_ = made_.report;
  Plan<T> plan_;  // but for memory and code, which runs need
  struct {
    std::vector<std::uint32_t> read, places;
    std::vector<Dims> shapes;
  } counted_;  // kept from instruction to instruction, to take no memory
  std::vector<std::shared_ptr<const Array<T>>> first_;
  std::vector<StateCell<T>> cells_;
};

}  // namespace

template <Real T>
Compilation<T> compile_recording(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                                 const std::vector<Update<T>>& updates, const CompileOptions& options) {
  return Compiler<T>(inputs, outputs, updates, options).take();
}

#define AUTODIFF_COMPILED(T)                                                                                  \
  template Compilation<T> compile_recording(const std::vector<Variable<T>>&, const std::vector<Variable<T>>&, \
                                            const std::vector<Update<T>>&, const CompileOptions&);
AUTODIFF_COMPILED(float)
AUTODIFF_COMPILED(double)

}  // namespace autodiff::detail
