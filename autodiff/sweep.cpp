#include "sweep.hpp"

#include <algorithm>

#include "finite.hpp"
#include "ops/arithmetic.hpp"  // for += alone

namespace autodiff {

namespace {

template <Real T>
void check(std::string_view caller, const Variable<T>& y, const Variable<T>& cotangent,
           std::span<const Variable<T>> xs) {
  if (!y.recorded()) fail<TapeError>(caller, "y is a plain value, recorded on no tape: ", Dims(y.shape()));
  if (!std::ranges::equal(cotangent.shape(), y.shape()))
    fail<ShapeError>(caller, "the cotangent must have the shape of y: ", Dims(cotangent.shape()), " and ",
                     Dims(y.shape()));
  for (const auto& x : xs) {
    if (!x.recorded()) fail<TapeError>(caller, "x is a plain value, recorded on no tape: ", Dims(x.shape()));
    if (&x.tape() != &y.tape()) fail<TapeError>(caller, "x and y belong to two tapes");
    if (x.tape().node(x.index()).constant)
      fail<TapeError>(caller, "x is a constant, which has no gradient: enter it as a variable: ", Dims(x.shape()));
  }
}

}  // namespace

template <Real T>
std::vector<Variable<T>> sweep(std::string_view caller, Sweep mode, const Variable<T>& y, const Variable<T>& cotangent,
                               std::span<const Variable<T>> xs) {
  check(caller, y, cotangent, xs);
  Tape<T>& tape = y.tape();
  // A recorded sweep stays recorded, from its seed on, even where a rule meets or gives plain values.
  const auto entered = [&](const Variable<T>& v) {
    return mode == Sweep::recorded && tape.recording() && !v.recorded() ? tape.constant(v) : v;
  };
  const auto value_of = [&](std::size_t i) { return mode == Sweep::recorded ? tape.recorded(i) : tape.plain(i); };

  // Nodes below the earliest x, or above y, are not on a path between them.
  std::size_t first = y.index() + 1;
  for (const auto& x : xs) first = std::min(first, x.index());
  const std::size_t nodes = y.index() + 1 - first;
  std::vector<bool> wanted(nodes), leads(nodes);  // asked for; on a path from one that is
  for (const auto& x : xs)
    if (x.index() <= y.index()) wanted[x.index() - first] = leads[x.index() - first] = true;
  for (std::size_t i = first; i <= y.index(); ++i) {
    const auto inputs = tape.inputs(i);
    for (std::size_t j = 0; j < inputs.size() && !leads[i - first]; ++j)
      leads[i - first] = inputs[j] >= first && leads[inputs[j] - first] && tape.node(i).operation->differentiable(j);
  }

  std::vector<Variable<T>> cotangents(nodes);
  std::vector<bool> reached(nodes);
  if (nodes && leads.back()) {
    cotangents.back() = entered(cotangent);
    reached.back() = true;
  }
  std::vector<Variable<T>> x;
  for (std::size_t i = y.index() + 1; i-- > first;) {
    if (!reached[i - first]) continue;
    // A recorded sweep grows the tape, so nothing of it is held by reference across a pullback.
    const auto operation = tape.node(i).operation;
    const auto span = tape.inputs(i);
    const xt::svector<std::uint32_t, 4> inputs(span.begin(), span.end());
    const bool any = std::any_of(inputs.begin(), inputs.end(), [&](auto j) { return j >= first && leads[j - first]; });
    if (!any) continue;
    const Variable<T> ct = wanted[i - first] ? cotangents[i - first] : std::move(cotangents[i - first]);
    const Variable<T> output = value_of(i);
    x.clear();
    for (auto j : inputs) x.push_back(value_of(j));
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      if (inputs[j] < first || !leads[inputs[j] - first] || !operation->differentiable(j)) continue;
      const std::size_t to = inputs[j] - first;
      Variable<T> part = entered(operation->pullback(j, ct, output, x));
      if (!std::ranges::equal(part.shape(), x[j].shape()))
        fail<ShapeError>(operation->name(), "the gradient of argument ", j + 1,
                         " must have its shape: ", Dims(part.shape()), " and ", Dims(x[j].shape()));
      if (tape.stops_at_non_finite()) {
        const std::string where = tape.name(i).empty() ? tape.scope_of(i) : tape.name(i);
        const ErrorScope scope(where.empty() ? "gradient" : "gradient of " + where);
        const Dims from[] = {Dims(ct.shape())};
        require_finite<T>(operation->name(), "the result", operand(part.value()), from);
      }
      if (reached[to])
        cotangents[to] += part;
      else
        cotangents[to] = std::move(part), reached[to] = true;
    }
  }

  std::vector<Variable<T>> result;
  for (const auto& v : xs) {
    if (v.index() <= y.index() && reached[v.index() - first]) {
      result.push_back(cotangents[v.index() - first]);
    } else {
      const auto zeros = xt::zeros<T>(v.shape());
      result.push_back(entered(Variable<T>(Array<T>(zeros))));
    }
  }
  return result;
}

template std::vector<Variable<float>> sweep(std::string_view, Sweep, const Variable<float>&, const Variable<float>&,
                                            std::span<const Variable<float>>);
template std::vector<Variable<double>> sweep(std::string_view, Sweep, const Variable<double>&, const Variable<double>&,
                                             std::span<const Variable<double>>);

}  // namespace autodiff
