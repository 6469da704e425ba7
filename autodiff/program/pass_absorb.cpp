// Absorbing: what is scaled and added after an accumulating operation becomes part of it. A step of gradient descent,
// W - rate * (h^T d), becomes one product into W.
#include <algorithm>
#include <cmath>

#include "passes.hpp"

namespace autodiff::detail {

namespace {

/// One term of a sum: number * [the single value of a node] * another node.
struct Term {
  Input input;
  double number = 1;
  Input scale;  // its node is nowhere if there is none
};

template <Real T>
class Absorber {
 public:
  explicit Absorber(Graph<T>& graph) : graph_(graph), uses_(count_uses(graph)) {
    for (const auto* roots : {&graph.outputs, &graph.nexts})
      for (const auto& root : *roots) ++uses_[root.node];  // never to be taken over
  }

  bool absorb(std::uint32_t i) {
    auto terms = terms_of(i);
    if (terms.empty()) return false;
    // Of two that can take over the sum, the later: the other one is ready by then.
    std::ranges::sort(terms, {}, [](const Term& t) { return t.input.node; });
    Term base = terms.back(), addend = terms.front();
    const bool sum = terms.size() == 2;
    if (!takes_over(i, base, sum)) {
      if (!sum || !takes_over(i, addend, sum)) return false;
      std::swap(base, addend);
    }
    auto made = graph_.nodes[base.input.node];
    const auto scale = [&](Factor& factor, const Term& by) {
      factor.number *= by.number;
      if (by.scale.node == nowhere) return true;
      if (factor.input != nowhere) return false;
      factor.input = static_cast<std::uint32_t>(made.inputs.size());
      made.inputs.push_back(by.scale);
      return true;
    };
    if (!scale(made.alpha, base)) return false;
    if (sum) {
      look_through_scales(addend);
      made.addend = static_cast<std::uint32_t>(made.inputs.size());
      made.inputs.push_back(addend.input);
      scale(made.beta, addend);
    } else if (made.addend != nowhere && !scale(made.beta, base)) {
      return false;
    }
    auto& node = graph_.nodes[i];
    release(node), release(graph_.nodes[base.input.node]);
    for (const auto& input : made.inputs) ++uses_[input.node];
    // The deeper place of both: a sum may name its layer's product, and an update is in no layer.
    const auto depth = [](std::string_view where) { return std::ranges::count(where, '/') + !where.empty(); };
    if (depth(node.where) >= depth(made.where)) made.where = node.where;
    node = std::move(made);
    return true;
  }

 private:
  /// What the argument contributes, if the node is the sum of its terms, or a product of one value and others.
  std::optional<Term> term(const GraphNode<T>& node, std::size_t k, bool sum) const {
    const Input& input = node.inputs[k];
    if (!graph_.is_whole(input) || graph_.nodes[input.node].size() != node.size()) return std::nullopt;
    switch (node.operation->linear(k)) {
      case Linear::plus:
        return sum ? std::optional(Term{input, 1, {}}) : std::nullopt;
      case Linear::minus:
        return sum ? std::optional(Term{input, -1, {}}) : std::nullopt;
      case Linear::scales: {
        if (node.arity != 2 || !graph_.is_single(node.inputs[1 - k])) return std::nullopt;
        const auto& by = graph_.nodes[node.inputs[1 - k].node];
        if (by.source == Source::constant) {
          const T value = *by.recorded->data();
          const T slope = k == 0 ? value_at<T>(*node.operation, 1, value) : value_at<T>(*node.operation, value, 1);
          if (!std::isfinite(slope)) return std::nullopt;  // 0 / tiny is 0, and 0 * (1 / tiny) is not
          return Term{input, static_cast<double>(slope), {}};
        }
        if (node.operation->linear(1 - k) != Linear::scales) return std::nullopt;
        return Term{input, 1, node.inputs[1 - k]};
      }
      default:
        return std::nullopt;
    }
  }

  /// The one or two terms that an elementwise node is the sum of; none if it is anything else.
  std::vector<Term> terms_of(std::uint32_t i) const {
    const auto& node = graph_.nodes[i];
    if (node.source != Source::operation || !node.live || !node.operation->block() || node.arity > 2) return {};
    std::vector<Term> terms;
    const bool sum = is_sum(node);
    for (std::size_t k = 0; k < node.arity; ++k)
      if (auto t = term(node, k, sum)) terms.push_back(std::move(*t));
    if (sum) return terms.size() == node.arity ? terms : std::vector<Term>();
    if (terms.size() > 1) terms.resize(1);  // one value times one value
    return terms;
  }

  bool takes_over(std::uint32_t i, const Term& term, bool sum) const {
    const auto& node = graph_.nodes[term.input.node];
    if (node.source != Source::operation || uses_[term.input.node] != 1 || (sum && node.addend != nowhere))
      return false;
    if (!std::ranges::equal(node.shape(), graph_.nodes[i].shape())) return false;
    if (term.scale.node != nowhere && node.alpha.input != nowhere) return false;
    std::vector<Dims> shapes;
    for (std::size_t k = 0; k < node.arity; ++k) shapes.emplace_back(graph_.view_of(node.inputs[k]).shape);
    return node.operation->accumulates(shapes);
  }

  /// Forgets the reads of a node that nobody needs any more.
  void release(const GraphNode<T>& node) {
    for (const auto& input : node.inputs) --uses_[input.node];
  }

  void look_through_scales(Term& term) {
    for (bool first = true;; first = false) {
      const auto above = terms_of(term.input.node);
      // What the first reads is released already when the next is looked at.
      if (above.size() != 1 || uses_[term.input.node] != (first ? 1 : 0)) return;
      if (above[0].scale.node != nowhere && term.scale.node != nowhere) return;
      release(graph_.nodes[term.input.node]);
      term.number *= above[0].number;
      if (above[0].scale.node != nowhere) term.scale = above[0].scale;
      term.input = above[0].input;
    }
  }

  Graph<T>& graph_;
  std::vector<std::uint32_t> uses_;
};

}  // namespace

template <Real T>
void absorb(Graph<T>& graph, ProgramReport& report) {
  Absorber<T> absorber(graph);
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) report.absorbed += absorber.absorb(i);
  drop_dead(graph);
}

template void absorb(Graph<float>&, ProgramReport&);
template void absorb(Graph<double>&, ProgramReport&);

}  // namespace autodiff::detail
