// Sweeps over several tapes: in the body of a function, gradients may be asked for with respect to variables of the
// tapes around it.
#include <algorithm>
#include <map>

#include "ops/arithmetic.hpp"  // for + alone
#include "sweep.hpp"

namespace autodiff {

namespace {

template <Real T>
bool is_same(const Variable<T>& a, const Variable<T>& b) {
  return &a.tape() == &b.tape() && a.index() == b.index();
}

template <Real T>
bool is_constant(const Variable<T>& v) {
  return v.tape().node(v.index()).constant;
}

/// Which variables of the body of a function, and of the tapes around it, are computed from some of them.
template <Real T>
class Dependence {
 public:
  explicit Dependence(const std::vector<Variable<T>>& xs) : xs_(xs) {}
  bool operator()(const Variable<T>& v) {
    const auto& found = of(v.tape());
    return v.index() < found.size() && found[v.index()];
  }

 private:
  const std::vector<bool>& of(const Tape<T>& tape) {
    const auto [place, is_new] = known_.try_emplace(&tape);
    auto& found = place->second;
    if (!is_new) return found;
    found.resize(tape.size());
    std::size_t first = tape.size();
    const auto add = [&](std::size_t i) { found[i] = true, first = std::min(first, i); };
    for (const auto& x : xs_)
      if (&x.tape() == &tape) add(x.index());
    for (const auto& [around, own] : tape.captured())
      if ((*this)(around)) add(own.index());
    for (std::size_t i = first; i < found.size(); ++i)
      if (const auto& node = tape.node(i); node.operation && !node.constant)
        for (const auto j : tape.inputs(i)) found[i] = found[i] || found[j];
    return found;
  }

  const std::vector<Variable<T>>& xs_;
  std::map<const Tape<T>*, std::vector<bool>> known_;
};

/// The sweep, from the innermost tape outwards: what flows to a variable that a body uses of the tapes around it flows
/// on there.
template <Real T>
class SeveralTapes {
 public:
  SeveralTapes(std::string_view caller, Sweep mode, std::span<const Variable<T>> xs, int depth)
      : caller_(caller), mode_(mode), found_(xs.size()), depends_(around_) {
    for (std::size_t i = 0; i < xs.size(); ++i)
      if (xs[i].tape().depth() <= depth) around_.push_back(xs[i]), place_.push_back(i);  // else nothing flows there
  }

  /// What flows to each x; empty where nothing does.
  std::vector<Variable<T>> run(std::vector<Variable<T>> ys, std::vector<Variable<T>> cotangents) {
    while (!ys.empty()) {
      Tape<T>& tape = std::ranges::max(ys, {}, [](const auto& y) { return y.tape().depth(); }).tape();
      std::vector<Variable<T>> here, of_here, left, of_left;
      for (std::size_t k = 0; k < ys.size(); ++k) {
        const bool is_here = &ys[k].tape() == &tape;
        (is_here ? here : left).push_back(ys[k]), (is_here ? of_here : of_left).push_back(cotangents[k]);
      }
      sweep(tape, here, of_here, left, of_left);
      ys = std::move(left), cotangents = std::move(of_left);
    }
    return std::move(found_);
  }

 private:
  void sweep(Tape<T>& tape, const std::vector<Variable<T>>& ys, const std::vector<Variable<T>>& cotangents,
             std::vector<Variable<T>>& outer_ys, std::vector<Variable<T>>& outer_cotangents) {
    std::vector<Variable<T>> xs, used;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < around_.size(); ++i)
      if (&around_[i].tape() == &tape && !is_constant(around_[i]))
        xs.push_back(around_[i]), places.push_back(place_[i]);
    for (const auto& [around, own] : tape.captured())
      if (depends_(around)) xs.push_back(own), used.push_back(around);
    const auto result = detail::sweep_tape<T>(caller_, mode_, ys, cotangents, xs);
    for (std::size_t i = 0; i < places.size(); ++i) add(places[i], result[i]);
    for (std::size_t i = 0; i < used.size(); ++i) {
      const auto& cotangent = result[places.size() + i];
      if (!cotangent.alive()) continue;
      if (!is_constant(used[i]))
        outer_ys.push_back(used[i]), outer_cotangents.push_back(cotangent);
      else
        for (std::size_t k = 0; k < around_.size(); ++k)
          if (is_same(around_[k], used[i])) add(place_[k], cotangent);
    }
  }
  void add(std::size_t place, const Variable<T>& part) {
    auto& sum = found_[place];
    if (part.alive()) sum = sum.alive() ? sum + part : part;
  }

  const std::string_view caller_;
  const Sweep mode_;
  std::vector<Variable<T>> around_;
  std::vector<std::size_t> place_;  // of those, among xs
  std::vector<Variable<T>> found_;
  Dependence<T> depends_;
};

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
  Tape<T>& tape = std::ranges::max(ys, {}, [](const auto& y) { return y.tape().depth(); }).tape();
  const typename Tape<T>::Attempt attempt({&ys[0]});
  const auto is_elsewhere = [&](const auto& v) { return v.recorded() && v.alive() && &v.tape() != &tape; };
  std::vector<Variable<T>> result;
  if (std::ranges::none_of(xs, is_elsewhere) && std::ranges::none_of(ys, is_elsewhere)) {
    result = detail::sweep_tape<T>(caller, mode, ys, cotangents, xs);
  } else {
    for (const auto& x : xs) {
      if (!x.recorded()) fail<PlainError>(caller, "x is a plain value, recorded on no tape: ", Dims(x.shape()));
      if (&x.tape() != &tape && x.tape().depth() == tape.depth())
        fail<TapeError>(caller, "x and y belong to two tapes");
      if (&x.tape() == &tape && is_constant(x))
        fail<TapeError>(caller, "x is a constant, which has no gradient: enter it as a variable: ", Dims(x.shape()));
    }
    result = SeveralTapes<T>(caller, mode, xs, tape.depth())
                 .run({ys.begin(), ys.end()}, {cotangents.begin(), cotangents.end()});
  }
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
