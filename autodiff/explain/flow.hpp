// How the derivative by one element flows through a recording: forward products met by what flows back.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "../sweep.hpp"

namespace autodiff::detail {

/// The operation of a node as it was recorded, linearised there: from tangents of arguments to those of results.
template <Real T>
class Linearised {
 public:
  /// Told which arguments will be asked for.
  Linearised(const Tape<T>& tape, std::size_t node, const std::vector<bool>& asked);
  /// What the tangent of one argument makes of the results.
  std::vector<Variable<T>> push(std::size_t argument, const Variable<T>& tangent) const;

 private:
  Tape<T> tape_;
  std::vector<Variable<T>> seeds_, slopes_;
};

/// The nodes from a variable to a loss, and what flows through them. A derivative is carried along each edge: what
/// flows into a node flows out of it, and so all cuts of the recording carry the same.
template <Real T>
class Flow {
 public:
  struct Edge {
    std::uint32_t from, to;
    double flow;
  };

  /// Throws TapeError where nothing leads from the source to the loss.
  Flow(const Variable<T>& loss, const Variable<T>& source, std::size_t element);

  std::uint32_t source() const { return source_; }
  std::uint32_t loss() const { return loss_; }
  /// Whether the node is on a path.
  bool passes(std::size_t node) const { return cotangents_.contains(static_cast<std::uint32_t>(node)); }
  const std::vector<Edge>& edges() const { return edges_; }
  const Array<T>& cotangent(std::uint32_t node) const { return cotangents_.at(node).value(); }
  const Array<T>& tangent(std::uint32_t node) const { return tangents_.at(node).value(); }
  std::size_t products() const { return products_; }

  /// What a tangent of one node makes of the next nodes that are marked, each reached through others alone.
  std::map<std::uint32_t, Variable<T>> reach(std::uint32_t from, const Array<T>& tangent,
                                             const std::vector<bool>& marked);

 private:
  struct Step {
    std::uint32_t node;                    // the first result of an operation
    std::vector<std::uint32_t> arguments;  // that are on a path
    std::unique_ptr<Linearised<T>> linear;
  };
  void find_paths(const Variable<T>& loss, const Variable<T>& source);
  void sweep_back(const Variable<T>& loss);
  void push_forward(std::size_t element);
  template <class Found>
  void push(Step& step, std::uint32_t argument, const Variable<T>& tangent, Found&& found);

  const Tape<T>& tape_;
  std::uint32_t source_, loss_;
  std::vector<Step> steps_;
  std::map<std::uint32_t, Variable<T>> cotangents_, tangents_;
  std::map<std::uint32_t, std::uint32_t> last_reader_;
  std::vector<Edge> edges_;
  std::size_t products_ = 0;
};

}  // namespace autodiff::detail
