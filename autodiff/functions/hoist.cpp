#include "hoist.hpp"

#include <algorithm>

namespace autodiff::detail {

namespace {

/// The recording of a function, in which operations are given what was prepared for them.
template <Real T>
class Hoisting {
 public:
  Hoisting(const RecordedFunction<T>& function, std::size_t first_fixed) : first_fixed_(first_fixed) {
    for (std::size_t i = 0; i < function.inputs(); ++i) inputs_.push_back(tape_.input(function.input_shape(i)));
    const auto nodes = function.record(tape_, inputs_, [this](const auto& operation, auto& from) {
      const auto prepared = prepare(*operation, from);
      return prepared ? prepared : operation;
    });
    results_ = function.results_of(nodes);
    find_fixed();
    for (const auto& v : prepared_) wanted_[v.index()] = true;
    for (std::size_t i = inputs_.size(); i < tape_.size(); ++i)
      if (!fixed_[i])
        for (const auto j : tape_.inputs(i)) want(j);
    for (const auto& v : results_) want(v.index());
  }

  Hoisted<T> split(std::string_view caller) const {
    auto inputs = inputs_;
    std::vector<Variable<T>> before;
    for (std::uint32_t i = 0; i < tape_.size(); ++i)
      if (wanted_[i]) before.push_back(tape_.recorded(i));
    if (before.empty()) return {};
    inputs.insert(inputs.end(), before.begin(), before.end());
    const std::span fixed(inputs_.begin() + std::ptrdiff_t(first_fixed_), inputs_.end());
    return {std::make_shared<const RecordedFunction<T>>(caller, tape_, fixed, before),
            std::make_shared<const RecordedFunction<T>>(caller, tape_, inputs, results_)};
  }

 private:
  std::shared_ptr<const Primitive<T>> prepare(const Primitive<T>& operation, std::vector<Variable<T>>& from) {
    find_fixed();
    std::vector<bool> fixed;
    for (const auto& v : from) fixed.push_back(v.recorded() && fixed_[v.index()]);
    if (std::ranges::find(fixed, false) == fixed.end()) return nullptr;
    const auto given = from;
    auto prepared = operation.prepared(fixed, from);
    for (std::size_t i = 0; i < from.size(); ++i)
      if (from[i].index() != given[i].index()) prepared_.push_back(from[i]);
    return prepared;
  }

  /// Of all that was recorded so far.
  void find_fixed() {
    for (std::size_t i = fixed_.size(); i < tape_.size(); ++i) {
      const auto& operation = tape_.node(i).operation;
      const auto inputs = tape_.inputs(i);
      fixed_.push_back(operation ? !operation->fails() && std::ranges::all_of(inputs, [&](auto j) { return fixed_[j]; })
                                 : i >= inputs_.size() || i >= first_fixed_);
    }
    wanted_.resize(tape_.size());
  }

  /// Views cost nothing: what they are views of is computed before.
  void want(std::uint32_t i) {
    const auto& operation = tape_.node(i).operation;
    if (!fixed_[i] || !operation || wanted_[i]) return;
    const auto inputs = tape_.inputs(i);
    if (inputs.size() == 1 && operation->view(dense(Dims(tape_.node(inputs[0]).value->shape()))))
      want(inputs[0]);
    else
      wanted_[i] = true;
  }

  std::size_t first_fixed_;
  Tape<T> tape_{TapeMode::abstract};
  std::vector<Variable<T>> inputs_, results_, prepared_;
  std::vector<bool> fixed_, wanted_;  // by node
};

}  // namespace

template <Real T>
Hoisted<T> hoist(std::string_view caller, const RecordedFunction<T>& function, std::size_t first_fixed) {
  if (first_fixed == function.inputs()) return {};
  return Hoisting<T>(function, first_fixed).split(caller);
}

template Hoisted<float> hoist(std::string_view, const RecordedFunction<float>&, std::size_t);
template Hoisted<double> hoist(std::string_view, const RecordedFunction<double>&, std::size_t);

}  // namespace autodiff::detail
