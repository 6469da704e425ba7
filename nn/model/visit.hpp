// What is asked of all modules below one: their modes, and which they are; and which are being called.
#pragma once

#include <utility>
#include <vector>

#include "module.hpp"

namespace nn::detail {

/// All modules below a module, itself first, how often each was assigned, and the cells of all parameters: one that is
/// made anew has another.
template <Real T>
class Everything final : public Members<T> {
 public:
  explicit Everything(Module<T>& module) { (*this)("", module); }
  void operator()(std::string_view, Parameter<T>& parameter) override { cells.push_back(parameter.cell()); }
  void operator()(std::string_view, Module<T>& module) override {
    modules.push_back(&module);
    assigned_.push_back(module.assigned_);
    module.members(*this);
  }
  /// Whether the module has the same below it now. Takes no memory.
  bool same(Module<T>& module) const { return compared(module).same; }
  /// Whether, besides, none of it was assigned meanwhile.
  bool still(Module<T>& module) const {
    const auto now = compared(module);
    return now.same && !now.assigned;
  }

  std::vector<Module<T>*> modules;
  std::vector<autodiff::StateCell<T>> cells;

 private:
  /// Goes through a module in step with what was found before.
  struct Comparison final : Members<T> {
    explicit Comparison(const Everything& of) : before(of) {}
    void operator()(std::string_view, Parameter<T>& parameter) override {
      same = same && cells < before.cells.size() && before.cells[cells] == parameter.cell();
      ++cells;
    }
    void operator()(std::string_view, Module<T>& module) override {
      same = same && modules < before.modules.size() && before.modules[modules] == &module;
      assigned = assigned || (same && before.assigned_[modules] != module.assigned_);
      ++modules;
      module.members(*this);
    }
    const Everything& before;
    bool same = true, assigned = false;
    std::size_t modules = 0, cells = 0;
  };
  Comparison compared(Module<T>& module) const {
    Comparison now{*this};
    now("", module);
    now.same = now.same && now.modules == modules.size() && now.cells == cells.size();
    return now;
  }

  std::vector<std::size_t> assigned_;
};

/// Throws ValueError, and says what to write, for what has no name within the forward of a module: its members() has
/// forgotten it. Not for frozen parameters, nor for models of their own.
template <Real T>
void check_listed(Parameter<T>& parameter);

/// While it lives, a parameter is another variable to the forwards of this thread: what a module makes of it.
template <Real T>
class [[nodiscard]] ReadAs {
 public:
  ReadAs(const Parameter<T>& parameter, Variable<T> value);
  ~ReadAs();
  ReadAs(const ReadAs&) = delete;
  /// What stands in the place of a parameter; null for nothing.
  static const Variable<T>* of(const Parameter<T>& parameter);

 private:
  const Parameter<T>& parameter_;
  const Variable<T> value_;
  const ReadAs* outer_;
};

/// While it lives, a module is being called by this thread.
template <Real T>
class [[nodiscard]] Call {
 public:
  explicit Call(Module<T>& module);
  ~Call();
  Call(const Call&) = delete;

 private:
  friend void check_listed<T>(Module<T>&);
  friend void check_listed<T>(Parameter<T>&);
  Module<T>& module_;
  const Call* outer_;
};

/// While it lives, a model works as in training, or in inference; afterwards each module as it did before.
template <Real T>
class InMode {
 public:
  InMode(Module<T>& model, bool training) {
    for (auto* module : Everything<T>(model).modules) before_.emplace_back(module, module->training());
    model.training(training);
  }
  ~InMode() {
    // From the outside in: setting the mode of one sets those below.
    for (auto& [module, training] : before_) module->training(training);
  }
  InMode(const InMode&) = delete;

 private:
  std::vector<std::pair<Module<T>*, bool>> before_;
};

}  // namespace nn::detail
