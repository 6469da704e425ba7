// What is asked of all modules below one: their modes, and which they are.
#pragma once

#include <utility>
#include <vector>

#include "module.hpp"

namespace nn::detail {

/// All modules and parameters below a module, the module first.
template <Real T>
class Everything final : public Members<T> {
 public:
  explicit Everything(Module<T>& module) { (*this)("", module); }
  void operator()(std::string_view, Parameter<T>& parameter) override { parameters.push_back(&parameter); }
  void operator()(std::string_view, Module<T>& module) override {
    modules.push_back(&module);
    module.members(*this);
  }
  bool operator==(const Everything& other) const { return modules == other.modules && parameters == other.parameters; }

  std::vector<Module<T>*> modules;
  std::vector<Parameter<T>*> parameters;
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
