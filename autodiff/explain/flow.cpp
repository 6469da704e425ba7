#include "flow.hpp"

#include <algorithm>

#include "labels.hpp"

namespace autodiff::detail {

template <Real T>
Linearised<T>::Linearised(const Tape<T>& tape, std::size_t node, const std::vector<bool>& asked) {
  const auto& operation = tape.node(node).operation;
  std::vector<Variable<T>> x, y(operation->results()), ys, wanted;
  for (auto j : tape.inputs(node)) x.push_back(tape_.variable(tape.plain(j)));
  Tape<T>::record(operation, x, y);
  for (std::size_t k = 0; k < y.size(); ++k)
    if (operation->result_differentiable(k)) {
      ys.push_back(y[k]);
      seeds_.push_back(tape_.variable(Array<T>(y[k].shape(), T(0))));
    } else {
      seeds_.emplace_back();
    }
  std::vector<Variable<T>> seeds;
  std::ranges::copy_if(seeds_, std::back_inserter(seeds), &Variable<T>::alive);
  for (std::size_t j = 0; j < x.size(); ++j)
    if (asked[j]) wanted.push_back(x[j]);
  const auto slopes = sweep<T>("explain", Sweep::recorded, ys, seeds, wanted);
  slopes_.resize(x.size());
  for (std::size_t j = 0, k = 0; j < x.size(); ++j)
    if (asked[j]) slopes_[j] = slopes[k++];
}

/// The vjp is linear in its seed, and its derivative by that is the transposed map: see jvp.
template <Real T>
std::vector<Variable<T>> Linearised<T>::push(std::size_t argument, const Variable<T>& tangent) const {
  std::vector<Variable<T>> seeds, result(seeds_.size());
  std::ranges::copy_if(seeds_, std::back_inserter(seeds), &Variable<T>::alive);
  auto found = sweep<T>("explain", Sweep::plain, slopes_[argument], tangent, seeds);
  for (std::size_t k = 0, n = 0; k < result.size(); ++k)
    if (seeds_[k].alive()) result[k] = std::move(found[n++]);
  return result;
}

namespace {

template <Real T>
double dot(const Array<T>& a, const Array<T>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a.data()[i] != 0 && b.data()[i] != 0) total += double(a.data()[i]) * double(b.data()[i]);
  return total;
}

template <Real T>
void add(std::map<std::uint32_t, Variable<T>>& to, std::uint32_t node, const Variable<T>& part) {
  const auto [entry, fresh] = to.try_emplace(node, part);
  if (fresh) return;
  Array<T> total(entry->second.value());
  for (std::size_t i = 0; i < total.size(); ++i) total.data()[i] += part.value().data()[i];
  entry->second = Variable<T>(std::move(total));
}

}  // namespace

template <Real T>
Flow<T>::Flow(const Variable<T>& loss, const Variable<T>& source, std::size_t element)
    : tape_(loss.tape()),
      source_(static_cast<std::uint32_t>(source.index())),
      loss_(static_cast<std::uint32_t>(loss.index())) {
  find_paths(loss, source);
  sweep_back(loss);
  push_forward(element);
}

template <Real T>
void Flow<T>::find_paths(const Variable<T>& loss, const Variable<T>& source) {
  const auto leads = [&](std::size_t i, std::size_t j) {
    const auto& node = tape_.node(i);
    return !node.constant && node.operation->differentiable(j) && node.operation->result_differentiable(node.result);
  };
  std::vector<bool> from(loss_ + 1), to(loss_ + 1);
  if (source_ <= loss_) from[source_] = true;
  for (std::size_t i = source_ + 1; i <= loss_; ++i) {
    const auto inputs = tape_.inputs(i);
    for (std::size_t j = 0; tape_.node(i).operation && j < inputs.size(); ++j)
      if (from[inputs[j]] && leads(i, j)) from[i] = true;
  }
  if (!from[loss_])
    fail<TapeError>("explain", "the loss does not depend on ", Labels<T>(tape_)(source_), ": ", Dims(source.shape()));
  to[loss_] = true;
  for (std::size_t i = loss_ + 1; i-- > source_ + 1;) {
    const auto inputs = tape_.inputs(i);
    for (std::size_t j = 0; to[i] && from[i] && j < inputs.size(); ++j)
      if (from[inputs[j]] && leads(i, j)) to[inputs[j]] = true;
  }
  for (std::uint32_t i = source_; i <= loss_; ++i) {
    if (!from[i] || !to[i]) continue;
    cotangents_[i] = Variable<T>();
    if (i == source_) continue;
    const auto first = i - tape_.node(i).result;
    if (!steps_.empty() && steps_.back().node == first) continue;
    Step step{first, {}, nullptr};
    const auto inputs = tape_.inputs(i);
    for (std::uint32_t j = 0; j < inputs.size(); ++j)
      if (from[inputs[j]] && inputs[j] >= source_ && tape_.node(i).operation->differentiable(j))
        step.arguments.push_back(j), last_reader_[inputs[j]] = first;
    steps_.push_back(std::move(step));
  }
  (void)loss;
}

template <Real T>
void Flow<T>::sweep_back(const Variable<T>& loss) {
  std::vector<Variable<T>> xs;
  for (const auto& [node, ct] : cotangents_) xs.push_back(tape_.recorded(node));
  const Variable<T> one(Array<T>(loss.shape(), T(1)));
  auto found = sweep<T>("explain", Sweep::plain, loss, one, xs);
  for (std::size_t k = 0; auto& [node, ct] : cotangents_) ct = std::move(found[k++]);
}

template <Real T>
template <class Found>
void Flow<T>::push(Step& step, std::uint32_t argument, const Variable<T>& tangent, Found&& found) {
  if (!step.linear) {
    std::vector<bool> asked(tape_.inputs(step.node).size());
    for (auto j : step.arguments) asked[j] = true;
    step.linear = std::make_unique<Linearised<T>>(tape_, step.node, asked);
  }
  ++products_;
  const auto results = step.linear->push(argument, tangent);
  for (std::uint32_t k = 0; k < results.size(); ++k)
    if (results[k].alive() && passes(step.node + k)) found(step.node + k, results[k]);
}

template <Real T>
void Flow<T>::push_forward(std::size_t element) {
  Array<T> unit(tape_.node(source_).value->shape(), T(0));
  unit.data()[element] = 1;
  tangents_[source_] = Variable<T>(std::move(unit));
  for (auto& step : steps_)
    for (auto j : step.arguments) {
      const auto from = tape_.inputs(step.node)[j];
      const auto tangent = tangents_.find(from);
      if (tangent == tangents_.end()) continue;
      push(step, j, tangent->second, [&](std::uint32_t to, const Variable<T>& part) {
        edges_.push_back({from, to, dot(part.value(), cotangent(to))});
        add(tangents_, to, part);
      });
    }
}

template <Real T>
std::map<std::uint32_t, Variable<T>> Flow<T>::reach(std::uint32_t from, const Array<T>& tangent,
                                                    const std::vector<bool>& marked) {
  std::map<std::uint32_t, Variable<T>> here{{from, Variable<T>(tangent)}}, found;
  auto last = last_reader_[from];
  auto step = std::ranges::upper_bound(steps_, from, {}, &Step::node);
  for (; step != steps_.end() && step->node <= last; ++step)
    for (auto j : step->arguments) {
      const auto its = here.find(tape_.inputs(step->node)[j]);
      if (its == here.end()) continue;
      push(*step, j, its->second, [&](std::uint32_t to, const Variable<T>& part) {
        add(marked[to] ? found : here, to, part);
        if (!marked[to]) last = std::max(last, last_reader_[to]);
      });
    }
  return found;
}

template class Linearised<float>;
template class Linearised<double>;
template class Flow<float>;
template class Flow<double>;

}  // namespace autodiff::detail
