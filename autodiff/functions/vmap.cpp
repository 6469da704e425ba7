#include "vmap.hpp"

#include <algorithm>

#include "../axes.hpp"
#include "../ops/shape.hpp"
#include "call.hpp"
#include "loop.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
using Variables = std::vector<Variable<T>>;

/// The body of a loop over samples that runs one operation.
template <Real T>
std::shared_ptr<const LoopBody<T>> each_alone(const std::shared_ptr<const Primitive<T>>& operation,
                                              const std::vector<bool>& stacked, const Variables<T>& x) {
  Tape<T> tape(TapeMode::abstract);
  Variables<T> elements, shared, inputs, results(operation->results());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Shape& shape = x[i].shape();
    inputs.push_back(tape.input(stacked[i] ? Shape(shape.begin() + 1, shape.end()) : shape));
    (stacked[i] ? elements : shared).push_back(inputs.back());
  }
  Tape<T>::record(operation, inputs, results);
  const std::size_t moving = elements.size();
  elements.insert(elements.end(), shared.begin(), shared.end());
  return std::make_shared<const LoopBody<T>>(
      std::make_shared<const RecordedFunction<T>>("vmap", tape, elements, results), 0, moving);
}

/// An operation of n samples: at once if it knows how, else one by one.
template <Real T>
Variables<T> of_samples(const std::shared_ptr<const Primitive<T>>& operation, std::size_t n,
                        const std::vector<bool>& stacked, const Variables<T>& x);

/// All nodes of a function, of n samples of some of its inputs; `stacked` becomes that of all nodes.
template <Real T>
Variables<T> record_samples(const RecordedFunction<T>& function, std::size_t n, Variables<T> made,
                            std::vector<bool>& stacked) {
  const auto& nodes = function.nodes();
  for (std::size_t i = function.inputs(); i < nodes.size(); ++i) {
    const auto& node = nodes[i];
    if (node.operation && node.result != 0) continue;
    if (!node.operation) {
      made.push_back(node.value), stacked.push_back(false);
      continue;
    }
    Variables<T> x;
    std::vector<bool> of_x;
    for (auto j : node.inputs) x.push_back(made[j]), of_x.push_back(stacked[j]);
    const bool any = std::ranges::find(of_x, true) != of_x.end();
    std::optional<typename Tape<T>::Pause> pause;
    if (node.stops) {  // on the tape that it is recorded on, the innermost
      const auto depth = [](const auto& v) { return v.recorded() ? v.tape().depth() : -1; };
      if (const auto& innermost = std::ranges::max(x, {}, depth); innermost.recorded()) pause.emplace(innermost.tape());
    }
    Variables<T> results(node.operation->results());
    if (any)
      results = of_samples(node.operation, n, of_x, x);
    else
      Tape<T>::record(node.operation, x, results);
    made.insert(made.end(), results.begin(), results.end());
    stacked.insert(stacked.end(), results.size(), any);
  }
  return made;
}

template <Real T>
Variables<T> of_samples(const std::shared_ptr<const Primitive<T>>& operation, std::size_t n,
                        const std::vector<bool>& stacked, const Variables<T>& x) {
  if (auto found = operation->batched(n, stacked, x); !found.empty()) return found;
  const auto body = each_alone<T>(operation, stacked, x);
  Variables<T> inputs;
  for (const bool moving : {true, false})
    for (std::size_t i = 0; i < x.size(); ++i)
      if (stacked[i] == moving) inputs.push_back(x[i]);
  return Loop<T>::record(body, n, false, inputs);
}

}  // namespace

template <Real T>
std::vector<Variable<T>> vmap(const Body<T>& f, const std::vector<Variable<T>>& inputs, const VmapOptions& options) {
  Tape<T>::check_operands("vmap", inputs);
  if (inputs.empty()) fail<ValueError>("vmap", "needs an input, of which there are many samples");
  Variables<T> x;
  std::vector<Shape> shapes;
  for (const auto& input : inputs) {
    x.push_back(with_axis_in_front(input, resolve_axis("vmap", options.axis, input.dimension(), input.shape())));
    shapes.emplace_back(x.back().shape().begin() + 1, x.back().shape().end());
    if (x.back().shape(0) != x[0].shape(0))
      fail<ShapeError>("vmap", "all inputs must have as many samples: ", x[0].shape(0), " and ", x.back().shape(0));
  }
  const std::size_t n = x[0].shape(0);
  const auto body = record_body<T>("vmap", f, shapes, x);
  if (!body.replaced.empty())
    fail<TapeError>("vmap", "the function replaces ", body.replaced[0].name,
                    ", which each sample would do: call its module in inference");
  std::vector<bool> stacked(x.size(), true);
  x.insert(x.end(), body.captured.begin(), body.captured.end());
  stacked.resize(x.size(), false);
  const auto nodes = record_samples(*body.function, n, x, stacked);
  Variables<T> results;
  for (std::size_t k = 0; k < body.results; ++k) {
    const auto r = body.function->results()[k];
    Shape shape = nodes[r].shape();
    shape.insert(shape.begin(), n);
    results.push_back(stacked[r] ? nodes[r] : broadcast_to(nodes[r], shape));
  }
  return results;
}

#define AUTODIFF_VMAP(T) \
  template std::vector<Variable<T>> vmap(const Body<T>&, const std::vector<Variable<T>>&, const VmapOptions&);
AUTODIFF_VMAP(float)
AUTODIFF_VMAP(double)

}  // namespace autodiff::detail
