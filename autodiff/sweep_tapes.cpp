// Sweeps in the bodies of functions, which may ask for gradients with respect to variables of the tapes around them.
#include <algorithm>
#include <unordered_set>

#include "ops/arithmetic.hpp"  // for + alone
#include "sweep.hpp"

namespace autodiff {

namespace {

template <Real T>
bool is_same(const Variable<T>& a, const Variable<T>& b) {
  return &a.tape() == &b.tape() && a.index() == b.index();
}

/// Whether a variable is computed from one of others, on its tape or on those around it.
template <Real T>
bool depends(const Variable<T>& y, std::span<const Variable<T>> xs) {
  const Tape<T>& tape = y.tape();
  const auto leads = [&](const Variable<T>& v) {
    return std::ranges::any_of(xs, [&](const auto& x) { return is_same(x, v); }) || depends(v, xs);
  };
  std::unordered_set<std::uint32_t> seen;
  std::vector<std::uint32_t> left{static_cast<std::uint32_t>(y.index())};
  while (!left.empty()) {
    const auto i = left.back();
    left.pop_back();
    if (!seen.insert(i).second) continue;
    if (i != y.index() && std::ranges::any_of(xs, [&](const auto& x) { return is_same(x, tape.recorded(i)); }))
      return true;
    for (const auto& [around, own] : tape.captured())
      if (own.index() == i && leads(around)) return true;
    if (const auto& node = tape.node(i); node.operation && !node.constant)
      for (const auto j : tape.inputs(i)) left.push_back(j);
  }
  return false;
}

/// As detail::sweep_tape, and in the body of a function with respect to variables of the tapes around it, too: what
/// flows to others that the body uses, and that are computed from those out there, flows on to them.
template <Real T>
std::vector<Variable<T>> sweep_tapes(std::string_view caller, Sweep mode, std::span<const Variable<T>> ys,
                                     std::span<const Variable<T>> cotangents, std::span<const Variable<T>> xs) {
  Tape<T>& tape = ys[0].tape();
  if (!tape.of_function()) return detail::sweep_tape<T>(caller, mode, ys, cotangents, xs);
  std::vector<Variable<T>> own, around, used;
  std::vector<std::size_t> place;  // of those around, among xs
  for (const auto& x : xs) {
    const bool here = !x.recorded() || !x.alive() || &x.tape() == &tape;
    own.push_back(here ? x : tape.own(x));
    if (!here) around.push_back(x), place.push_back(own.size() - 1);
  }
  if (!around.empty())
    for (const auto& [outer, inner] : tape.captured())
      if (depends<T>(outer, around)) used.push_back(outer), own.push_back(inner);
  auto result = detail::sweep_tape<T>(caller, mode, ys, cotangents, own);
  for (std::size_t k = 0; k < used.size(); ++k) {
    const Variable<T>& cotangent = result[xs.size() + k];
    if (!cotangent.alive()) continue;
    std::vector<Variable<T>> others;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < around.size(); ++i)
      if (!is_same(around[i], used[k])) others.push_back(around[i]), places.push_back(place[i]);
    const auto found = sweep_tapes<T>(caller, mode, {&used[k], 1}, {&cotangent, 1}, others);
    for (std::size_t i = 0; i < found.size(); ++i) {
      auto& sum = result[places[i]];
      if (found[i].alive()) sum = sum.alive() ? sum + found[i] : found[i];
    }
  }
  result.resize(xs.size());
  return result;
}

}  // namespace

template <Real T>
std::vector<Variable<T>> sweep(std::string_view caller, Sweep mode, const Variable<T>& y, const Variable<T>& cotangent,
                               std::span<const Variable<T>> xs) {
  return sweep<T>(caller, mode, std::span(&y, 1), std::span(&cotangent, 1), xs);
}

template <Real T>
std::vector<Variable<T>> sweep(std::string_view caller, Sweep mode, std::span<const Variable<T>> ys,
                               std::span<const Variable<T>> cotangents, std::span<const Variable<T>> xs) {
  for (const auto& y : ys)
    if (!y.recorded()) fail<PlainError>(caller, "y is a plain value, recorded on no tape: ", Dims(y.shape()));
  const typename Tape<T>::Attempt attempt({&ys[0]});
  auto result = sweep_tapes<T>(caller, mode, ys, cotangents, xs);
  Tape<T>& tape = ys[0].tape();
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (result[i].alive()) continue;
    result[i] = Variable<T>(Array<T>(xs[i].shape(), T(0)));
    if (mode == Sweep::recorded && tape.recording()) result[i] = tape.constant(result[i]);
  }
  return result;
}

#define AUTODIFF_SWEEP(T)                                                                                  \
  template std::vector<Variable<T>> sweep(std::string_view, Sweep, const Variable<T>&, const Variable<T>&, \
                                          std::span<const Variable<T>>);                                   \
  template std::vector<Variable<T>> sweep(std::string_view, Sweep, std::span<const Variable<T>>,           \
                                          std::span<const Variable<T>>, std::span<const Variable<T>>);
AUTODIFF_SWEEP(float)
AUTODIFF_SWEEP(double)

}  // namespace autodiff
