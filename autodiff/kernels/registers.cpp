#include "registers.hpp"

#include <algorithm>
#include <span>

namespace autodiff::kernels {

namespace {

using Code = Formula::Code;
using Kind = RegisterCode::Instruction::Kind;

constexpr std::uint32_t nowhere = ~std::uint32_t{0};

class Allocator {
 public:
  Allocator(const Formula& formula, unsigned registers) : formula_(formula), values_(formula.steps.size()) {
    find_uses();
    in_.assign(registers, nowhere);
    for (std::uint32_t r = registers; r-- > 0;) free_.push_back(r);
    hold_totals();
    hold_constants();
    for (Term i = 0; i < values_.size(); ++i) {
      const auto& step = formula.steps[i];
      if (is_computed(step) && (leaves_something(step) || !values_[i].uses.empty())) run(i);
    }
  }
  RegisterCode take() { return std::move(made_); }

 private:
  struct Value {
    std::vector<Term> uses;         // the steps that read it, the last one first; those that have run are gone
    std::uint32_t place = nowhere;  // its register
    std::uint32_t slot = nowhere;   // where it waits
    bool held = false;              // in its register all the time
  };

  static bool is_computed(const Formula::Step& step) { return step.code != Code::load && step.code != Code::number; }
  static bool leaves_something(const Formula::Step& step) {
    return step.code == Code::store || step.code == Code::total;
  }
  bool is_constant(Term i) const {
    const auto& step = formula_.steps[i];
    return step.code == Code::number || (step.code == Code::load && formula_.single[step.at]);
  }
  std::span<const Term> operands(Term i) const {
    const auto& step = formula_.steps[i];
    return {step.x, Formula::arity(step.code)};
  }

  void find_uses() {
    for (Term i = static_cast<Term>(values_.size()); i-- > 0;)
      if (leaves_something(formula_.steps[i]) || !values_[i].uses.empty())
        for (auto x : operands(i)) values_[x].uses.push_back(i);
  }

  void hold_totals() {
    for (Term i = 0; i < values_.size(); ++i) {
      const auto& step = formula_.steps[i];
      if (step.code != Code::total) continue;
      values_[i].held = true;
      put(i);
      const auto to = static_cast<std::uint8_t>(values_[i].place);
      made_.before.push_back({Kind::zero, step.code, to, {}, 0});
      made_.after.push_back({Kind::put, step.code, to, {}, step.at});
    }
  }

  /// The constants that are read most often stay in registers, in up to half of those that are free.
  void hold_constants() {
    std::vector<Term> constants;
    for (Term i = 0; i < values_.size(); ++i)
      if (is_constant(i) && !values_[i].uses.empty()) constants.push_back(i);
    std::ranges::stable_sort(constants, std::ranges::greater(), [&](Term i) { return values_[i].uses.size(); });
    constants.resize(std::min(constants.size(), free_.size() / 2));
    for (auto i : constants) {
      values_[i].held = true;
      into_register(i, made_.before);
    }
  }

  void run(Term i) {
    const auto& step = formula_.steps[i];
    RegisterCode::Instruction made{Kind::compute, step.code, 0, {}, step.at};
    const auto x = operands(i);
    pinned_ = x;
    for (std::size_t k = 0; k < x.size(); ++k) {
      if (values_[x[k]].place == nowhere) into_register(x[k], made_.body);
      made.x[k] = static_cast<std::uint8_t>(values_[x[k]].place);
    }
    for (auto v : x) {
      values_[v].uses.pop_back();
      if (values_[v].uses.empty() && !values_[v].held) release(v);
    }
    if (step.code == Code::store) {
      made.kind = Kind::store, made.to = made.x[0];
    } else if (step.code == Code::total) {
      made.kind = Kind::total, made.to = static_cast<std::uint8_t>(values_[i].place);
    } else {
      put(i);
      made.to = static_cast<std::uint8_t>(values_[i].place);
    }
    made_.body.push_back(made);
  }

  void release(Term v) {
    auto& value = values_[v];
    if (value.place != nowhere) in_[value.place] = nowhere, free_.push_back(value.place);
    if (value.slot != nowhere) free_slots_.push_back(value.slot);
    value.place = value.slot = nowhere;
  }

  /// Gives the value a register.
  void put(Term v) {
    if (free_.empty()) evict();
    values_[v].place = free_.back();
    in_[free_.back()] = v;
    free_.pop_back();
  }

  void into_register(Term v, std::vector<RegisterCode::Instruction>& code) {
    put(v);
    const auto& step = formula_.steps[v];
    const auto kind = values_[v].slot != nowhere  ? Kind::fetch
                      : step.code == Code::number ? Kind::number
                      : formula_.single[step.at]  ? Kind::broadcast
                                                  : Kind::load;
    code.push_back({kind,
                    step.code,
                    static_cast<std::uint8_t>(values_[v].place),
                    {},
                    kind == Kind::fetch ? values_[v].slot : step.at});
  }

  /// Makes the register free whose value is read last of all. What is not in memory waits in a slot.
  void evict() {
    std::uint32_t last = nowhere;
    for (std::uint32_t r = 0; r < in_.size(); ++r) {
      if (values_[in_[r]].held || std::ranges::find(pinned_, in_[r]) != pinned_.end()) continue;
      if (last == nowhere || values_[in_[r]].uses.back() > values_[in_[last]].uses.back()) last = r;
    }
    auto& value = values_[in_[last]];
    if (is_computed(formula_.steps[in_[last]]) && value.slot == nowhere) {
      if (free_slots_.empty()) free_slots_.push_back(made_.slots++);
      value.slot = free_slots_.back();
      free_slots_.pop_back();
      made_.body.push_back({Kind::keep, Code::store, static_cast<std::uint8_t>(last), {}, value.slot});
    }
    value.place = in_[last] = nowhere;
    free_.push_back(last);
  }

  const Formula& formula_;
  RegisterCode made_;
  std::vector<Value> values_;
  std::vector<Term> in_;  // what is in each register
  std::vector<std::uint32_t> free_, free_slots_;
  std::span<const Term> pinned_;  // operands of the step, which stay
};

}  // namespace

RegisterCode allocate_registers(const Formula& formula, unsigned registers) {
  return Allocator(formula, registers).take();
}

}  // namespace autodiff::kernels
