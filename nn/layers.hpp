// Layers: the modules that networks are put together from.
#pragma once

#include "module.hpp"

namespace nn {

/// The pre-activation a = x W + b of a layer: x (..., inputs) gives (..., outputs).
///
/// `weight` is W (inputs, outputs), `bias` is b (outputs). Samples are rows here, so W is the transpose of the matrix
/// in the lecture's a = b + W h, whose h is a column; weight(i, j) leads from unit i to unit j. The node is named "a".
/// Biases start at zero. Throws ValueError without inputs or outputs; calling it throws what matmul throws.
template <Real T = float>
class Linear : public Module<T> {
 public:
  Linear(std::size_t inputs, std::size_t outputs, Initialiser initialiser = xavier_uniform());
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> weight, bias;
};

/// A function of one variable, such as autodiff's tanh.
template <Real T>
using Function = std::function<Variable<T>(const Variable<T>&)>;

/// The activation function of this name. Throws ValueError for a name that is not one of activation_names().
template <Real T>
Function<T> activation(std::string_view name);
/// linear, logistic, tanh, relu, ...: the activation functions of the engine.
std::vector<std::string> activation_names();

/// A function of every unit, without parameters: h = f(a). The node is named "h".
template <Real T = float>
class Activation : public Module<T> {
 public:
  /// By name. Throws ValueError for a name that is not one of activation_names().
  explicit Activation(const char* name) : Activation(activation<T>(name)) {}
  explicit Activation(const std::string& name) : Activation(activation<T>(name)) {}
  /// Any function, or operations put together in a lambda.
  explicit Activation(Function<T> function) : function_(std::move(function)) {}
  Variable<T> forward(const Variable<T>& x) override {
    const Variable<T> h = function_(x);
    return h.recorded() && h.index() == x.index() ? h : h.named("h");  // the identity leaves x its name
  }

 private:
  Function<T> function_;
};

/// Modules one after the other, each fed with the output of the one before. They are named "0", "1", ...
template <Real T = float>
class Sequential : public Module<T> {
 public:
  Sequential() = default;
  template <std::derived_from<Module<T>>... Modules>
  requires(sizeof...(Modules) > 0) explicit Sequential(Modules... modules) { (add(std::move(modules)), ...); }

  /// Puts a copy of a module of any kind at the end.
  Sequential& add(AnyModule<T> module);
  std::size_t size() const { return modules_.size(); }
  /// Throws ValueError for a place that does not exist.
  Module<T>& operator[](std::size_t place);

  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

 private:
  std::vector<AnyModule<T>> modules_;
};

template <class First, class... Rest>
Sequential(First, Rest...) -> Sequential<typename First::value_type>;

extern template class Linear<float>;
extern template class Linear<double>;
extern template class Activation<float>;
extern template class Activation<double>;
extern template class Sequential<float>;
extern template class Sequential<double>;

}  // namespace nn
