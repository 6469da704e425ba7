#include "space.hpp"

namespace autodiff::detail {

namespace {

constexpr std::size_t longest_reduced_row = 4096;  // what is reduced by rows or columns goes by whole rows

/// Neighbouring axes of one kind, as one; at most three are kept, the innermost first.
template <class Kind>
struct Runs {
  std::size_t count = 0;
  std::size_t length[3];
  Kind kind[3];
  void open(std::size_t n, Kind k) {
    if (count < 3) length[count] = n, kind[count] = k;
    ++count;
  }
};

/// Calls `open` for the runs of axes that are one as far as strides go, the innermost first.
template <class Open>
void each_run(const View& operand, Dims shape, Open open) {
  const std::size_t missing = shape.size() - operand.shape.size();
  std::size_t length = 1;
  std::ptrdiff_t stride = 0;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] == 1) continue;
    const bool repeats = axis < missing || operand.shape[axis - missing] == 1;
    const std::ptrdiff_t next = repeats ? 0 : operand.strides[axis - missing];
    if (length != 1 && next != stride * static_cast<std::ptrdiff_t>(length)) open(length, stride), length = 1;
    if (length == 1) stride = next;
    length *= shape[axis];
  }
  if (length != 1) open(length, stride);
}

}  // namespace

View merged(const View& operand, Dims shape) {
  View view;
  each_run(operand, shape, [&](std::size_t n, std::ptrdiff_t stride) {
    view.shape.insert(view.shape.begin(), n), view.strides.insert(view.strides.begin(), stride);
  });
  return view;
}

std::optional<Walked> walk_of(const View& operand, Dims shape) {
  Runs<std::ptrdiff_t> runs;  // by stride
  each_run(operand, shape, [&](std::size_t n, std::ptrdiff_t stride) { runs.open(n, stride); });
  const auto are = [&](std::ptrdiff_t inner, std::ptrdiff_t outer) {
    return runs.kind[0] == inner && runs.kind[1] == outer;
  };
  if (runs.count == 0 || (runs.count == 1 && runs.kind[0] == 0)) return Walked{Walk::single};
  if (runs.count == 1 && runs.kind[0] == 1) return Walked{Walk::element};
  if (runs.count == 2 && are(1, 0)) return Walked{Walk::column, runs.length[0]};
  if (runs.count == 2 && are(0, 1)) return Walked{Walk::row, runs.length[0]};
  if (runs.kind[0] == 0 || runs.kind[0] == 1) return Walked{Walk::collected};
  return std::nullopt;
}

std::optional<std::size_t> common_columns(std::size_t a, std::size_t b) {
  if (a == 0 || b == 0) return a + b;
  return a == b ? std::optional(a) : std::nullopt;
}

template <Real T>
Space space_of(const Graph<T>& graph, const GraphNode<T>& node, bool exact) {
  if (node.source != Source::operation || node.size() == 0 || node.accumulated()) return {};
  if (node.operation->block()) {
    Space space{Role::element, node.size()};
    for (const auto& input : node.inputs) {
      const auto walked = walk_of(graph, node, input);
      if (!walked) return {};
      if (space.columns == 0) space.columns = walked->columns;
    }
    return space;
  }
  if (exact || node.arity != 1) return {};
  const View& from = graph.view_of(node.inputs[0]);
  const auto reduction = node.operation->reduction(from.shape);
  if (!reduction || count(Dims(from.shape)) == 0) return {};
  Runs<bool> runs;  // by whether they are reduced
  for (std::size_t axis = from.shape.size(); axis-- > 0;) {
    if (from.shape[axis] == 1) continue;
    const bool reduced = reduction->axes >> axis & 1;
    if (runs.count == 0 || runs.count > 3 || runs.kind[runs.count - 1] != reduced)
      runs.open(from.shape[axis], reduced);
    else
      runs.length[runs.count - 1] *= from.shape[axis];
  }
  Space space{Role::reduction, count(Dims(from.shape))};
  if (runs.count == 0 || (runs.count == 1 && runs.kind[0])) return space;
  if (runs.count != 2 || runs.length[0] > longest_reduced_row) return {};
  space.columns = runs.length[0];
  space.reduced = runs.kind[0] ? Walk::row : Walk::column;
  return space;
}

template Space space_of(const Graph<float>&, const GraphNode<float>&, bool);
template Space space_of(const Graph<double>&, const GraphNode<double>&, bool);

}  // namespace autodiff::detail
