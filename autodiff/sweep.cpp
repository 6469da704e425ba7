#include "sweep.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>

#include "assembly.hpp"
#include "finite.hpp"
#include "kernels/copy.hpp"
#include "kernels/reduce.hpp"
#include "marks.hpp"
#include "memory.hpp"
#include "ops/arithmetic.hpp"  // for += alone

namespace autodiff {

namespace {

using detail::Marks;

template <Real T>
void check(std::string_view caller, Sweep mode, const Variable<T>& y, const Variable<T>& cotangent,
           std::span<const Variable<T>> xs) {
  if (const auto& node = y.tape().node(y.index()); node.operation && node.constant)
    fail<PlainError>(caller,
                     "y was recorded while the tape was paused: no gradient flows through it: ", Dims(y.shape()));
  if (!std::ranges::equal(cotangent.shape(), y.shape()))
    fail<ShapeError>(caller, "the cotangent must have the shape of y: ", Dims(cotangent.shape()), " and ",
                     Dims(y.shape()));
  if (mode == Sweep::plain && (y.abstract() || cotangent.abstract()))
    fail<TapeError>(caller,
                    "only a run of the program knows the derivatives, which functions named recorded_ record: y "
                    "depends on ",
                    y.tape().origins(y.index()), ": ", Dims(y.shape()));
  for (const auto& x : xs) {
    if (!x.recorded()) fail<PlainError>(caller, "x is a plain value, recorded on no tape: ", Dims(x.shape()));
    if (&x.tape() != &y.tape()) fail<TapeError>(caller, "x and y belong to two tapes");
    if (x.tape().node(x.index()).constant)
      fail<TapeError>(caller, "x is a constant, which has no gradient: enter it as a variable: ", Dims(x.shape()));
  }
}

/// The cotangents of the nodes between the earliest x and y that lie on a path from one to the other. Others cost next
/// to nothing: a long tape may hold much else.
template <Real T>
class Sweeper {
 public:
  Sweeper(Sweep mode, std::span<const Variable<T>> ys, std::span<const Variable<T>> xs)
      : mode_(mode),
        tape_(ys[0].tape()),
        last_(std::ranges::max(ys, {}, &Variable<T>::index).index()),
        first_(earliest(xs, last_ + 1)),
        marks_(last_ + 1 - first_),
        places_(new std::uint32_t[last_ + 1 - first_]) {
    for (const auto& y : ys)
      if (y.index() >= first_) marks_[y.index() - first_] = Marks::reached;
    for (const auto& x : xs)
      if (x.index() <= last_) marks_[x.index() - first_] = Marks::on_path | Marks::wanted;
    marks_.descend([&](std::size_t at) { reach(at + first_); });
    std::uint32_t places = 0;
    marks_.ascend([&](std::size_t at) {
      if (!(marks_[at] & Marks::wanted) && !leads(at + first_)) return;
      marks_[at] |= Marks::on_path;
      places_[at] = places++;
    });
    cotangents_.resize(places);
  }

  void run(std::span<const Variable<T>> ys, std::span<const Variable<T>> cotangents) {
    for (std::size_t k = 0; k < ys.size(); ++k) {
      if (!leads_to(ys[k].index())) continue;
      auto& sum = cotangent_of(ys[k].index());
      sum = sum.alive() ? sum + entered(cotangents[k]) : entered(cotangents[k]);
    }
    marks_.descend([&](std::size_t at) {
      const auto& node = tape_.node(at + first_);
      if (node.operation && node.result == 0 && !pull_back_at_once(at + first_)) pull_back(at + first_);
    });
  }

  /// Empty where y does not depend on the node.
  Variable<T> cotangent(std::size_t i) { return i > last_ ? Variable<T>() : settled(i); }

  /// A recorded sweep stays recorded, from its seed on, even where a rule meets or gives plain values.
  Variable<T> entered(const Variable<T>& v) const {
    return mode_ == Sweep::recorded && tape_.recording() && !v.recorded() ? tape_.constant(v) : v;
  }

 private:
  static std::size_t earliest(std::span<const Variable<T>> xs, std::size_t first) {
    for (const auto& x : xs) first = std::min(first, x.index());
    return first;
  }
  /// Goes on from a node that y depends on: to its inputs, and to the first result of its operation, where the sweep
  /// looks for it.
  void reach(std::size_t i) {
    const auto& node = tape_.node(i);
    if (!node.operation || node.constant) return;
    if (node.result > 0 && i - node.result >= first_) marks_[i - node.result - first_] |= Marks::reached;
    for (auto j : tape_.inputs(i))
      if (j >= first_) marks_[j - first_] |= Marks::reached;
  }
  /// Whether the node is on a path from an x.
  bool leads(std::size_t i) const {
    const auto& node = tape_.node(i);
    if (node.constant || !node.operation) return false;
    return (node.loops || node.operation->result_differentiable(node.result)) && inputs_lead(i);
  }
  bool inputs_lead(std::size_t i) const {
    const auto& node = tape_.node(i);
    const auto inputs = tape_.inputs(i);
    for (std::size_t j = 0; j < inputs.size(); ++j)
      if (leads_to(inputs[j]) && flows(node, j)) return true;
    return false;
  }
  static bool flows(const Node<T>& node, std::size_t j) {
    return node.loops ? node.loops->arguments[j].differentiable : node.operation->differentiable(j);
  }
  bool leads_to(std::size_t i) const { return i >= first_ && i <= last_ && marks_[i - first_] & Marks::on_path; }
  /// Of a node on a path.
  Variable<T>& cotangent_of(std::size_t i) { return cotangents_[places_[i - first_]]; }
  Variable<T> value_of(std::size_t i) const { return mode_ == Sweep::recorded ? tape_.recorded(i) : tape_.plain(i); }

  /// An elementwise operation, by its loops. Tells whether it is one.
  bool pull_back_at_once(std::size_t i) {
    const auto& node = tape_.node(i);
    if (mode_ != Sweep::plain || !node.loops || tape_.stops_at_non_finite()) return false;
    if (!leads_to(i) || !cotangent_of(i).alive()) return true;
    // Adding to a cotangent may grow the tape, where a rule has met a recorded variable: nothing of it is held by
    // reference then.
    std::array<std::uint32_t, Loops<T>::most_arguments> inputs;
    const auto listed = tape_.inputs(i);
    const std::size_t count = listed.size(), n = node.value.size();
    const auto arguments = node.loops->arguments;
    const void* const self = node.operation->self();
    const T* from[2 + Loops<T>::most_arguments];
    unsigned single = 0, repeated = 0, wanted = 0;
    bool walks = false;  // where more than single numbers are repeated
    for (std::size_t j = 0; j < count; ++j) {
      inputs[j] = listed[j];
      wanted |= unsigned(arguments[j].differentiable && leads_to(inputs[j])) << j;
      const Value<T>& x = tape_.node(inputs[j]).value;
      from[2 + j] = x.data();
      if (x.same_shape(node.value)) continue;
      repeated |= 1u << j;
      if (x.dimension() == 0)
        single |= 4u << j;
      else
        walks = true;
    }
    from[1] = node.value.data();
    Variable<T> ct = taken(i);
    from[0] = ct.elements().data;
    const auto apply = [&](kernels::Block<T> rule, T* to) {
      if (n == 0) return;
      if (!walks) return kernels::elementwise<T>(rule, self, to, {from, 2 + count}, single, n);
      const Operand<const T> y = tape_.node(i).value.elements();
      Operand<const T> x[2 + Loops<T>::most_arguments] = {{from[0], y.shape, y.strides}, y};
      for (std::size_t j = 0; j < count; ++j) x[2 + j] = tape_.node(inputs[j]).value.elements();
      kernels::elementwise<T>(rule, self, {to, y.shape, y.strides}, {x, 2 + count});
    };
    for (std::size_t j = 0; wanted != 0; ++j, wanted >>= 1) {
      if (!(wanted & 1)) continue;
      auto& sum = cotangent_of(inputs[j]);
      const bool last = wanted == 1, sums = repeated >> j & 1;
      const auto give = [&](Variable<T> part) {
        sums ? add(sum, total(part.elements().data, i, inputs[j])) : add(sum, std::move(part));
      };
      if (arguments[j].passes) {
        last ? give(std::move(ct)) : give(ct);
      } else if (last && ct.is_exclusive()) {  // in the memory of what it is computed from
        apply(arguments[j].rule, ct.exclusive_elements().data);
        give(std::move(ct));
      } else if (T few[64]; n <= std::size(few) && (sums || sum.is_exclusive())) {
        apply(arguments[j].rule, few);
        sums ? add(sum, total(few, i, inputs[j])) : add_elements(sum, few, n);
      } else {
        auto part = Value<T>::like(tape_.node(i).value);
        apply(arguments[j].rule, part.data());
        give(Variable<T>(std::move(part)));
      }
    }
    return true;
  }

  /// What flows to an input that was repeated: the sum of what flows to each place that it was in.
  Variable<T> total(const T* elements, std::size_t result, std::size_t input) const {
    const Dims shape(tape_.node(result).value.shape()), to(tape_.node(input).value.shape());
    const std::size_t extra = shape.size() - to.size();
    std::uint32_t axes = 0;
    for (std::size_t i = 0; i < shape.size(); ++i)
      axes |= std::uint32_t(i < extra || (to[i - extra] == 1 && shape[i] != 1)) << i;
    auto sum = Value<T>::uninitialised(to);
    kernels::sum<T>(sum.data(), elements, shape, axes);
    return Variable<T>(std::move(sum));
  }

  /// A view: what flows to its elements is added in their places. Tells whether it is one, of places apart.
  bool pull_back_view(std::size_t i) {
    const auto& node = tape_.node(i);
    if (mode_ != Sweep::plain || !node.operation->transposes() || tape_.stops_at_non_finite()) return false;
    const std::size_t input = tape_.inputs(i)[0];
    if (!leads_to(i) || !cotangent_of(i).alive() || !inputs_lead(i)) return true;
    const Dims shape(tape_.node(input).value.shape());
    const auto view = node.operation->view(dense(shape));
    if (!view || !is_apart(*view)) return false;
    const Variable<T> ct = taken(i);
    auto& sum = cotangent_of(input);
    // Where the places are all there are, each is written once, and what was there is not read.
    const bool all = !sum.alive() && ct.size() == count(shape);
    if (all) sum = Variable<T>(Value<T>::uninitialised(shape));
    const Operand<T> to = own(sum, shape);
    if (ct.size() == 0) return true;
    const Operand<T> places{to.data + view->offset, Dims(view->shape), Steps(view->strides)};
    all ? kernels::copy<T>(places, ct.elements()) : kernels::add<T>(places, ct.elements(), 1);
    return true;
  }

  /// An operation of which views of what flows to the result flow to the inputs. Tells whether it is one.
  bool pull_back_by_views(std::size_t i) {
    const auto& node = tape_.node(i);
    if (mode_ != Sweep::plain || tape_.stops_at_non_finite()) return false;
    if (node.operation->results() > 1 || !leads_to(i) || !cotangent_of(i).alive()) return false;
    const auto inputs = tape_.inputs(i);
    detail::Few<Dims> shapes(inputs.size());
    for (std::size_t j = 0; j < inputs.size(); ++j) shapes[j] = Dims(tape_.node(inputs[j]).value.shape());
    const auto views = node.operation->cotangent_views(dense(node.value.shape()), shapes);
    if (views.empty()) return false;
    if (views.size() != inputs.size())
      fail<ShapeError>(node.operation->name(), "gives cotangents of ", views.size(), " arguments for ", inputs.size());
    const Variable<T> ct = taken(i);
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      check_shape_of(*node.operation, j, Dims(views[j].shape), shapes[j]);
      if (!leads_to(inputs[j]) || !flows(node, j) || count(shapes[j]) == 0) continue;
      auto& sum = cotangent_of(inputs[j]);
      const Operand<const T> part{ct.elements().data + views[j].offset, Dims(views[j].shape), Steps(views[j].strides)};
      if (sum.alive()) {
        kernels::add<T>(own(sum, shapes[j]), part, 1);
      } else {
        sum = Variable<T>(Value<T>::uninitialised(shapes[j]));
        kernels::copy<T>(sum.exclusive_elements(), part);
      }
    }
    return true;
  }

  /// The elements of a cotangent that is nobody else's.
  static Operand<T> own(Variable<T>& sum, Dims shape) {
    if (!sum.is_exclusive()) {
      auto own = Value<T>::uninitialised(shape);
      sum.alive() ? kernels::copy<T>(own.elements(), sum.elements()) : void(std::fill_n(own.data(), own.size(), T(0)));
      sum = Variable<T>(std::move(own));
    }
    return sum.exclusive_elements();
  }

  /// The cotangent of a node, which the sweep needs no more.
  Variable<T> taken(std::size_t i) {
    auto& kept = cotangent_of(i);
    return marks_[i - first_] & Marks::wanted ? kept : std::move(kept);
  }

  /// Adds a part, of the same shape, in the memory of one of the two, if that is nobody else's.
  static void add(Variable<T>& sum, Variable<T> part) {
    if (!sum.alive()) {
      sum = std::move(part);
    } else if (sum.recorded() || part.recorded() || sum.abstract() || part.abstract()) {
      sum += part;
    } else {
      if (!sum.is_exclusive()) std::swap(sum, part);
      if (sum.is_exclusive())
        add_elements(sum, part.elements().data, part.size());
      else
        sum += part;
    }
  }
  static void add_elements(Variable<T>& sum, const T* part, std::size_t n) {
    T* const to = sum.exclusive_elements().data;
    const std::ptrdiff_t one = 1;
    if (n > 64) return kernels::add<T>({to, {&n, 1}, {&one, 1}}, {part, {&n, 1}, {&one, 1}}, 1);
    for (std::size_t k = 0; k < n; ++k) to[k] += part[k];
  }

  void pull_back(std::size_t i) {
    if (pull_back_view(i) || pull_back_by_views(i)) return;
    // A recorded sweep grows the tape, so nothing of it is held by reference across a rule, but for the operation.
    const Primitive<T>& operation = *tape_.node(i).operation;
    const std::size_t results = std::min(operation.results(), last_ + 1 - i);
    bool reached = false;
    for (std::size_t k = i; k < i + results; ++k) reached |= leads_to(k) && settled(k).alive();
    if (!reached || !inputs_lead(i)) return;
    const auto span = tape_.inputs(i);
    detail::Few<std::uint32_t> inputs(span.size());
    for (std::size_t j = 0; j < span.size(); ++j) inputs[j] = span[j];
    cts_.clear(), ys_.clear(), xs_.clear();
    for (std::size_t k = i; k < i + operation.results(); ++k) {
      ys_.push_back(value_of(k));
      auto& ct = cts_.emplace_back();
      if (leads_to(k)) ct = taken(k);
    }
    for (auto j : inputs) xs_.push_back(value_of(j));
    step_.cotangents = cts_, step_.y = ys_, step_.x = xs_;
    step_.wanted.assign(inputs.size(), false), step_.found.clear(), step_.found.resize(inputs.size());
    for (std::size_t j = 0; j < inputs.size(); ++j) step_.wanted[j] = leads_to(inputs[j]) && flows(tape_.node(i), j);
    std::optional<typename Tape<T>::GradientScope> scope;
    if (mode_ == Sweep::recorded) scope.emplace(tape_, i);
    operation.pull_back(step_);
    for (std::size_t j = 0; j < inputs.size(); ++j)
      if (step_.wanted[j]) add(i, operation, j, inputs[j], step_.found[j]);
  }

  void add(std::size_t from, const Primitive<T>& operation, std::size_t argument, std::size_t to, Cotangent<T>& found) {
    const Dims expected(xs_[argument].shape());
    if (found.operation) {
      detail::Few<Dims> shapes(found.inputs.size());
      for (std::size_t k = 0; k < shapes.size(); ++k) shapes[k] = found.inputs[k].shape();
      check_shape_of(operation, argument, Dims(found.operation->shape(shapes)), expected);
      return mode_ == Sweep::recorded ? add_later(to, std::move(found)) : add_in_place(to, found, expected);
    }
    if (!found.value.alive() && operation.results() > 1) return;
    if (!found.value.alive())
      fail<TapeError>(operation.name(), "its rule gives no gradient of argument ", argument + 1, ": ", expected);
    Variable<T> part = mode_ == Sweep::recorded ? entered(found.value) : std::move(found.value);
    check_shape_of(operation, argument, Dims(part.shape()), expected);
    if (tape_.stops_at_non_finite() && !part.abstract()) require_finite_part(from, operation, part);
    add(cotangent_of(to), std::move(part));
  }

  void check_shape_of(const Primitive<T>& operation, std::size_t argument, Dims given, Dims expected) const {
    if (!std::ranges::equal(given, expected))
      fail<ShapeError>(operation.name(), "the gradient of argument ", argument + 1, " must have its shape: ", given,
                       " and ", expected);
  }

  void require_finite_part(std::size_t from, const Primitive<T>& operation, const Variable<T>& part) const {
    const std::string where = tape_.name(from).empty() ? tape_.scope_of(from) : tape_.name(from);
    const ErrorScope scope(where.empty() ? "gradient" : "gradient of " + where);
    std::vector<Dims> shapes;
    for (const auto& ct : cts_)
      if (ct.alive()) shapes.emplace_back(ct.shape());
    require_finite<T>(operation.name(), "the result", part.elements(), shapes);
  }

  void add_in_place(std::size_t to, const Cotangent<T>& part, Dims shape) {
    const Operand<T> sum = own(cotangent_of(to), shape);
    detail::Few<Operand<const T>> from(part.inputs.size());
    for (std::size_t k = 0; k < from.size(); ++k) from[k] = part.inputs[k].elements();
    part.operation->accumulate(sum, from, 1, 1);
  }

  void add_later(std::size_t to, Cotangent<T> part) {
    for (auto& input : part.inputs) input = entered(input);
    parts_[to].push_back(std::move(part));
  }

  /// The cotangent of a node on a path: its parts are put into one array, now that it is needed.
  Variable<T>& settled(std::size_t i) {
    auto& sum = cotangent_of(i);
    if (parts_.empty()) return sum;
    const auto found = parts_.find(i);
    if (found == parts_.end()) return sum;
    const auto parts = std::move(found->second);
    parts_.erase(found);
    auto all = entered(assemble(tape_.node(i).value->shape(), parts));
    sum = sum.alive() ? sum + all : std::move(all);
    return sum;
  }

  const Sweep mode_;
  Tape<T>& tape_;
  const std::size_t last_, first_;
  Marks marks_;
  const std::unique_ptr<std::uint32_t[]> places_;  // of those on a path, among the cotangents
  std::vector<Variable<T>> cotangents_;
  std::unordered_map<std::size_t, std::vector<Cotangent<T>>> parts_;  // to be added to them
  std::vector<Variable<T>> cts_, ys_, xs_;
  Pullback<T> step_;
};

}  // namespace

template <Real T>
std::vector<Variable<T>> detail::sweep_tape(std::string_view caller, Sweep mode, std::span<const Variable<T>> ys,
                                            std::span<const Variable<T>> cotangents, std::span<const Variable<T>> xs) {
  for (std::size_t k = 0; k < ys.size(); ++k) check<T>(caller, mode, ys[k], cotangents[k], xs);
  Sweeper<T> sweeper(mode, ys, xs);
  sweeper.run(ys, cotangents);
  std::vector<Variable<T>> result;
  for (const auto& x : xs) result.push_back(sweeper.cotangent(x.index()));
  return result;
}

#define AUTODIFF_SWEEP(T)                                                                                     \
  template std::vector<Variable<T>> detail::sweep_tape(std::string_view, Sweep, std::span<const Variable<T>>, \
                                                       std::span<const Variable<T>>, std::span<const Variable<T>>);
AUTODIFF_SWEEP(float)
AUTODIFF_SWEEP(double)

}  // namespace autodiff
