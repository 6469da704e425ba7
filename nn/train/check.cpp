#include "check.hpp"

#include "judge.hpp"

namespace nn {

namespace {

/// Values of parameters and states, which are put back in the end.
class Restored {
 public:
  explicit Restored(Module<double>& model) : parameters_(model.parameters()), states_(model.states()) {
    for (const auto& list : {parameters_, states_})
      for (const auto& [name, parameter] : list) values_.push_back(parameter.plain());
  }
  ~Restored() { put_back(0); }
  Restored(const Restored&) = delete;

  const std::vector<Named<double>>& parameters() const { return parameters_; }
  void put_states_back() { put_back(parameters_.size()); }

 private:
  void put_back(std::size_t first) {
    for (std::size_t i = first; i < values_.size(); ++i)
      (i < parameters_.size() ? parameters_[i] : states_[i - parameters_.size()]).parameter.assign(values_[i]);
  }

  std::vector<Named<double>> parameters_, states_;
  std::vector<Variable<double>> values_;
};

}  // namespace

autodiff::CheckReport check_gradient(Module<double>& model, const Loss<double>& loss, const Array<double>& inputs,
                                     const Array<double>& targets, const autodiff::CheckOptions& options) {
  return check_gradient(model, loss, {{inputs}, {targets}}, options);
}

autodiff::CheckReport check_gradient(Module<double>& model, const Loss<double>& loss, const Batch<double>& batch,
                                     const autodiff::CheckOptions& options) {
  detail::check_batch("check_gradient", batch);
  Restored restored(model);
  std::vector<Array<double>> at;
  for (const auto& [name, parameter] : restored.parameters()) at.push_back(parameter.value());
  return autodiff::check_gradient(
      [&](const std::vector<Variable<double>>& variables) {
        restored.put_states_back();  // the function must be the same each time
        for (std::size_t i = 0; i < variables.size(); ++i) {
          const auto& [name, parameter] = restored.parameters()[i];
          parameter.assign(variables[i].named(name));
        }
        auto& tape = variables[0].tape();
        std::vector<Variable<double>> given;
        for (const auto* array : batch.arrays()) given.push_back(tape.constant(*array));
        return detail::judge(model, loss, given, batch.inputs.size(), batch.weights.has_value())[0];
      },
      at, options);
}

}  // namespace nn
