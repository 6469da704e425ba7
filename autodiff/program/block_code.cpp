// From a cluster to the calls that compute it.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "../kernels/reduce.hpp"
#include "block_code.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
class Emitter {
 public:
  Emitter(const Graph<T>& graph, const Schedule& schedule, std::uint32_t group, const Fusion& fusion, Memory& memory)
      : graph_(graph), schedule_(schedule), group_(group), fusion_(fusion), memory_(memory) {
    const Group& cluster = schedule.groups[group];
    list_calls(cluster);
    list_totals(cluster);
    cut(cluster);
    code_.calls.reserve(calls_.size());
    find_last_readers();
    for (std::uint32_t at = 0; at < calls_.size(); ++at)
      calls_[at].size() == 1 && !total_of_.contains(calls_[at][0]) ? emit(at) : emit_formula(at);
    for (auto i : cluster.nodes)
      if (!graph.nodes[i].operation->block()) emit_reduction(i);
    list_streams();
  }
  BlockCode<T> take() { return std::move(code_); }

 private:
  static constexpr std::size_t block_elements = 2048 / sizeof(T);
  static constexpr std::size_t most_chunks = 256;
  static constexpr std::size_t calls_a_stream = 2;

  /// How the space is cut into chunks and blocks.
  void cut(const Group& cluster) {
    code_.size = cluster.size, code_.columns = cluster.columns;
    bool reduces = false, reduces_rows = false;  // at all; by rows or columns
    for (auto i : cluster.nodes) {
      if (graph_.nodes[i].operation->block()) continue;
      reduces = true;
      reduces_rows = reduces_rows || space_of(graph_, graph_.nodes[i], false).reduced != Walk::single;
    }
    const std::size_t chunk = std::max((reduces ? 4096 : 8192) * sizeof(float) / sizeof(T), code_.size / most_chunks);
    const std::size_t columns = cluster.columns;
    code_.whole_rows = columns != 0 && (reduces_rows || columns <= block_elements);
    if (!code_.whole_rows) {
      // Where nothing waits between calls, there is nothing to keep in the cache. But blocks end where long rows do.
      const bool waits = calls_.size() > 1 || columns != 0 || (!total_of_.empty() && code_.size > chunk);
      code_.block = std::min(waits ? block_elements : chunk, code_.size);
      code_.chunk = std::min((chunk + code_.block - 1) / code_.block * code_.block, code_.size);
      return place_totals();
    }
    // Rows for a block: as many as keep it a multiple of any register.
    const std::size_t even = 16 / std::gcd(columns, std::size_t{16});
    std::size_t rows = std::max<std::size_t>(block_elements / columns, 1);
    if (rows > even) rows -= rows % even;
    rows = std::min(rows, code_.size / columns);
    code_.block = rows * columns;
    code_.chunk = std::min(std::max<std::size_t>(chunk / (rows * columns), 1) * rows * columns, code_.size);
    place_totals();
  }

  /// What loops add up on their way, of what is computed in them.
  void list_totals(const Group& cluster) {
    for (auto i : cluster.nodes) {
      if (!is_total(i)) continue;
      const auto x = graph_.nodes[i].inputs[0].node;
      const auto call =
          std::ranges::find_if(calls_, [&](const auto& nodes) { return std::ranges::find(nodes, x) != nodes.end(); });
      if (call == calls_.end() || !is_formula(x)) continue;
      const auto totals = std::ranges::count_if(*call, [&](auto y) { return total_of_.contains(y); });
      if (std::size_t(totals) < kernels::Formula::most_totals) total_of_.try_emplace(x);
    }
  }
  bool is_total(std::uint32_t i) const {
    const auto& node = graph_.nodes[i];
    if (node.operation->block() || space_of(graph_, node, false).reduced != Walk::single) return false;
    return node.operation->reduction(graph_.view_of(node.inputs[0]).shape)->kernel == kernels::sum_middle<T>;
  }
  void place_totals() {
    if (code_.is_one_block()) return total_of_.clear();
    code_.totals = kernels::Assembler<T>::lanes();
    // Where rows are longer than blocks, each ends with one that may be short.
    const std::size_t most_blocks = 2 * (code_.chunk / code_.block + 1);
    for (auto& [node, place] : total_of_) place = {scratch(most_blocks * code_.totals), At::total};
  }

  /// What follows each other and can be written as a formula is one call.
  void list_calls(const Group& cluster) {
    bool open = false;
    for (auto i : cluster.nodes) {
      if (!graph_.nodes[i].operation->block() || fusion_.into[i] != nowhere) continue;
      const bool fits = is_formula(i);
      if (!fits || !open) calls_.emplace_back();
      calls_.back().push_back(i);
      open = fits;
    }
  }

  bool is_formula(std::uint32_t i) const {
    if (!kernels::Assembler<T>::works()) return false;
    if (product_of(i) != nowhere) return true;
    kernels::Formula formula;
    kernels::Term x[3];
    const std::uint32_t arity = graph_.nodes[i].arity;
    for (std::uint32_t k = 0; k < arity; ++k) x[k] = formula.load(k);
    // One that hands on an argument would read it where others of the formula may have written over it.
    const auto y = graph_.nodes[i].operation->write(formula, std::span(x, arity));
    return y && *y >= arity && !may_be_contracted(formula);
  }

  /// Whether compilers may have rounded a product of the operation's own loop together with a sum.
  static bool may_be_contracted(const kernels::Formula& formula) {
    using Code = kernels::Formula::Code;
    const auto has = [&](auto... codes) {
      return std::ranges::any_of(formula.steps, [&](const auto& step) { return ((step.code == codes) || ...); });
    };
    return has(Code::multiply) && has(Code::add, Code::subtract);
  }

  /// Whether a value lives in blocks only. A product that is computed together with its sum has no place at all.
  bool in_blocks(std::uint32_t node) const {
    return memory_.buffer_of[node] == nowhere && schedule_.group_of[node] == group_ && fusion_.into[node] == nowhere;
  }

  /// Which call reads each value that lives in blocks for the last time; a reduction reads it at the end of the chunk.
  void find_last_readers() {
    for (std::uint32_t at = 0; at < calls_.size(); ++at)
      each_input(at, [&](const Input& input) {
        if (in_blocks(input.node)) last_reader_[input.node] = at;
      });
    for (auto i : schedule_.groups[group_].nodes)
      if (!graph_.nodes[i].operation->block())
        if (const auto x = graph_.nodes[i].inputs[0].node; in_blocks(x) && !adds_up(i)) last_reader_[x] = for_chunk;
  }

  /// Whether a reduction reads what blocks have added up.
  bool adds_up(std::uint32_t i) const { return total_of_.contains(graph_.nodes[i].inputs[0].node) && is_total(i); }

  /// Calls f for all that a call reads.
  template <class F>
  void each_input(std::uint32_t at, F f) const {
    for (auto sum : calls_[at])
      for (auto i : {sum, product_of(sum)})
        if (i != nowhere)
          for (const auto& input : graph_.nodes[i].inputs) f(input);
  }

  /// The product that is computed together with a sum, or nowhere.
  std::uint32_t product_of(std::uint32_t sum) const {
    for (const auto& input : graph_.nodes[sum].inputs)
      if (fusion_.into[input.node] == sum) return input.node;
    return nowhere;
  }

  std::uint32_t base(std::uint32_t buffer, std::size_t offset) {
    const auto [entry, fresh] = base_of_.try_emplace({buffer, offset}, static_cast<std::uint32_t>(code_.bases.size()));
    if (fresh) code_.bases.push_back({buffer, offset});
    return entry->second;
  }
  std::uint32_t scratch(std::size_t size) {
    const std::size_t offset = code_.scratch;
    code_.scratch += padded(size);
    return base(nowhere, offset);
  }
  std::uint32_t slot() {
    if (free_.empty()) return scratch(code_.block);
    const auto found = free_.back();
    free_.pop_back();
    return found;
  }

  void emit(std::uint32_t at) {
    const std::uint32_t i = calls_[at][0], p = product_of(i);
    const auto& node = graph_.nodes[i];
    BlockCall<T> call = open_call(node.operation->block(), node.operation->self());
    if (p == nowhere) {
      for (const auto& input : node.inputs) add_operand(call, node, input);
    } else {
      const std::size_t k = node.inputs[0].node == p ? 0 : 1;
      for (const auto& input : graph_.nodes[p].inputs) add_operand(call, graph_.nodes[p], input);
      add_operand(call, node, node.inputs[1 - k]);
      call.block = kernels::multiply_add<T>(node.operation->linear(k) == Linear::minus,
                                            node.operation->linear(1 - k) == Linear::minus);
    }
    // A value that is read here for the last time leaves its place to the result.
    each_input(at, [&](const Input& input) { free_slot(input.node, at); });
    call.y = place_of_result(i);
    ++code_.steps;
    close(call);
  }

  BlockCall<T> open_call(kernels::Block<T> block, const void* self) const {
    return {block, self, 0, static_cast<std::uint32_t>(code_.operands.size()), 0, {}};
  }
  void close(const BlockCall<T>& call) {
    code_.most_operands = std::max<std::size_t>(code_.most_operands, call.count);
    code_.calls.push_back(call);
  }

  /// Several operations: what stays among them has no place, and results none that they read.
  void emit_formula(std::uint32_t at) {
    BlockCall<T> call = open_call(nullptr, nullptr);
    kernels::Formula formula;
    std::map<std::uint32_t, kernels::Term> computed;  // by node
    const auto term = [&](const GraphNode<T>& reader, const Input& input) {
      const auto here = computed.find(input.node);
      if (here != computed.end()) return here->second;
      const auto [place, single] = place_of(reader, input);
      return formula.load(array(call, formula, place, single));
    };
    for (auto i : calls_[at]) {
      const auto y = write(formula, i, term);
      computed.emplace(i, y);
      if (last_reader_.contains(i) ? last_reader_.at(i) != at : !in_blocks(i))
        formula.store(y, array(call, formula, place_of_result(i), false));
      if (const auto total = total_of_.find(i); total != total_of_.end())
        formula.total(y, array(call, formula, total->second, false));
    }
    each_input(at, [&](const Input& input) { free_slot(input.node, at); });
    call.y = code_.operands[call.first];
    code_.steps += 1 + formula.steps.size() / 4;
    code_.unassembled.push_back({static_cast<std::uint32_t>(code_.calls.size()), std::move(formula)});
    close(call);
  }

  /// The node as a term, the product that is computed with it included.
  template <class TermOf>
  kernels::Term write(kernels::Formula& formula, std::uint32_t i, TermOf term) const {
    using Code = kernels::Formula::Code;
    const auto& node = graph_.nodes[i];
    const auto p = product_of(i);
    if (p == nowhere) {
      kernels::Term x[3];
      for (std::uint32_t k = 0; k < node.arity; ++k) x[k] = term(node, node.inputs[k]);
      return *node.operation->write(formula, std::span(x, node.arity));
    }
    const std::size_t k = node.inputs[0].node == p ? 0 : 1;
    const auto& product = graph_.nodes[p];
    const auto a = term(product, product.inputs[0]), b = term(product, product.inputs[1]);
    const auto c = term(node, node.inputs[1 - k]);
    const Code code = node.operation->linear(k) == Linear::minus       ? Code::negated_multiply_add
                      : node.operation->linear(1 - k) == Linear::minus ? Code::multiply_subtract
                                                                       : Code::multiply_add;
    return formula.add(code, a, b, c);
  }

  /// The number of an array among those that a formula works on.
  std::uint32_t array(BlockCall<T>& call, kernels::Formula& formula, Place place, bool single) {
    for (std::uint32_t k = 0; k < call.count; ++k)
      if (code_.operands[call.first + k] == place && formula.single[k] == single) return k;
    code_.operands.push_back(place);
    formula.single.push_back(single);
    return call.count++;
  }

  void free_slot(std::uint32_t node, std::uint32_t at) {
    const auto last = last_reader_.find(node);
    if (last == last_reader_.end() || last->second != at) return;
    if (const auto place = place_.find(node); place != place_.end()) free_.push_back(place->second.base);
    last_reader_.erase(last);
  }

  Place place_of_result(std::uint32_t i) {
    if (!in_blocks(i)) return {base(memory_.buffer_of[i], 0), At::element};
    Place place{0, At::fixed};
    if (const auto last = last_reader_.find(i); last != last_reader_.end() && last->second == for_chunk)
      place = {scratch(code_.chunk), At::in_chunk};
    else
      place.base = slot();
    return place_[i] = place;
  }

  void add_operand(BlockCall<T>& call, const GraphNode<T>& reader, const Input& input) {
    const auto [place, single] = place_of(reader, input);
    code_.operands.push_back(place);
    call.single |= unsigned(single) << call.count++;
  }

  /// Where an operand is, and whether it is one value for all elements of a call.
  std::pair<Place, bool> place_of(const GraphNode<T>& reader, const Input& input) {
    const auto walked = walk_of(graph_, reader, input);
    if (in_blocks(input.node)) return {place_.at(input.node), walked->walk == Walk::single};
    const auto offset = input.view ? static_cast<std::size_t>(input.view->offset) : 0;
    const auto from = base(memory_.buffer_of[input.node], offset);
    const bool several_rows = code_.whole_rows && code_.block > code_.columns;
    const bool other_rows = walked->columns != 0 && walked->columns != code_.columns;
    switch (other_rows ? Walk::collected : walked->walk) {
      case Walk::single:
        return {{from, At::fixed}, true};
      case Walk::element:
        return {{from, At::element}, false};
      case Walk::column:
        return {several_rows ? spread(code_.rows, from) : Place{from, At::column}, false};
      case Walk::row:
        return {several_rows ? spread(code_.columns_of, from) : Place{from, At::row}, !several_rows};
      case Walk::collected:
        return {collect(from, merged(graph_.view_of(input), reader.shape())), false};
    }
    return {};
  }

  Place spread(std::vector<Spread>& spreads, std::uint32_t from) {
    const auto found = std::ranges::find(spreads, from, &Spread::from);
    if (found != spreads.end()) return {found->to, At::fixed};
    spreads.push_back({from, scratch(code_.block)});
    return {spreads.back().to, At::fixed};
  }

  Place collect(std::uint32_t from, View view) {
    const auto found = std::ranges::find_if(code_.collections, [&](const Collection& other) {
      return other.from == from && other.view.shape == view.shape && other.view.strides == view.strides;
    });
    if (found != code_.collections.end()) return {found->to, At::fixed};
    code_.collections.push_back({from, scratch(code_.block), std::move(view)});
    return {code_.collections.back().to, At::fixed};
  }

  void emit_reduction(std::uint32_t i) {
    const auto& node = graph_.nodes[i];
    const Input& x = node.inputs[0];
    const View& view = graph_.view_of(x);
    const Walk kept = space_of(graph_, node, false).reduced;
    ReduceCall<T> call{
        node.operation->reduction(view.shape)->kernel, kept, {}, base(memory_.buffer_of[i], 0), nowhere, 1};
    call.of_totals = adds_up(i);
    call.value = call.of_totals ? total_of_.at(x.node)
                 : in_blocks(x.node)
                     ? place_.at(x.node)
                     : Place{base(memory_.buffer_of[x.node], static_cast<std::size_t>(view.offset)), At::element};
    if (kept == Walk::column) call.width = code_.columns;
    if (kept != Walk::row && code_.chunks() > 1) {
      memory_.buffers.push_back({code_.chunks() * call.width, group_, group_, true});
      call.partials = base(static_cast<std::uint32_t>(memory_.buffers.size() - 1), 0);
    }
    code_.reductions.push_back(call);
  }

  /// What calls read and write element by element in buffers. Where calls are many, it pauses between blocks for so
  /// long that the processor itself does not look ahead; and what is written may have to be taken from another one's
  /// cache, which has read it: that takes longer yet.
  void list_streams() {
    std::set<std::uint32_t> read, written;
    for (const auto& call : code_.calls)
      if (call.y.at == At::element) written.insert(call.y.base);
    for (const auto& call : code_.calls)
      for (const auto& x : std::span(code_.operands).subspan(call.first, call.count))
        if (x.at == At::element && !written.contains(x.base)) read.insert(x.base);
    if (code_.calls.size() < calls_a_stream * (read.size() + written.size())) return;
    code_.read.assign(read.begin(), read.end());
    code_.written.assign(written.begin(), written.end());
  }

  static constexpr std::uint32_t for_chunk = nowhere;

  const Graph<T>& graph_;
  const Schedule& schedule_;
  std::uint32_t group_;
  const Fusion& fusion_;
  Memory& memory_;
  BlockCode<T> code_;
  std::vector<std::vector<std::uint32_t>> calls_;       // the nodes that calls are emitted for
  std::map<std::uint32_t, std::uint32_t> last_reader_;  // of values in blocks: the number of a call
  std::map<std::uint32_t, Place> place_;                // of values in blocks
  std::map<std::uint32_t, Place> total_of_;             // of values that loops add up: where each block leaves it
  std::map<std::pair<std::uint32_t, std::size_t>, std::uint32_t> base_of_;
  std::vector<std::uint32_t> free_;  // slots
};

}  // namespace

template <Real T>
BlockCode<T> emit_blocks(const Graph<T>& graph, const Schedule& schedule, std::uint32_t group, const Fusion& fusion,
                         Memory& memory) {
  return Emitter<T>(graph, schedule, group, fusion, memory).take();
}

template <Real T>
std::shared_ptr<const kernels::Assembler<T>> assemble(std::span<BlockCode<T>> codes) {
  if (std::ranges::all_of(codes, [](const auto& code) { return code.unassembled.empty(); })) return nullptr;
  const auto assembler = std::make_shared<kernels::Assembler<T>>();
  std::vector<std::size_t> begins;
  for (const auto& code : codes)
    for (const auto& [call, formula] : code.unassembled)
      begins.push_back(assembler->add(formula, code.is_one_block() ? code.size : 0));
  if (!assembler->finish())
    fail<ValueError>("compile", "memory may not be executed any more, which was allowed at first");
  auto begin = begins.begin();
  for (auto& code : codes) {
    for (const auto& [call, formula] : code.unassembled) {
      code.numbers.emplace_back(formula.numbers.begin(), formula.numbers.end());
      code.calls[call].self = code.numbers.back().data();
      code.calls[call].block = assembler->loop(*begin++);
    }
    code.unassembled = {};
  }
  return assembler;
}

#define AUTODIFF_EMIT(T)                                                                                      \
  template BlockCode<T> emit_blocks(const Graph<T>&, const Schedule&, std::uint32_t, const Fusion&, Memory&); \
  template std::shared_ptr<const kernels::Assembler<T>> assemble(std::span<BlockCode<T>>);
AUTODIFF_EMIT(float)
AUTODIFF_EMIT(double)

}  // namespace autodiff::detail
