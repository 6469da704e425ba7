// Layers: the modules that networks are put together from.
#pragma once

#include <nn/model/module.hpp>

namespace nn {

/// The pre-activation a = x W + b of a layer: x (..., inputs) gives (..., outputs).
///
/// `weight` is W (inputs, outputs), `bias` is b (outputs). Samples are rows here, so W is the transpose of the matrix
/// in the lecture's a = b + W h, whose h is a column; weight(i, j) leads from unit i to unit j. PyTorch's is
/// (outputs, inputs), as load_pytorch and save_pytorch know. The node is named "a", the parameters on tapes also "W"
/// and "b". Throws ValueError without inputs or outputs; calling it throws what matmul throws.
template <Real T = float>
class Linear : public Module<T> {
 public:
  /// What weights and biases start from.
  Linear(std::size_t inputs, std::size_t outputs, Initialiser weights = xavier_uniform(), Initialiser biases = zeros());
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> weight, bias;  // W and b
};

/// A function of one variable, such as autodiff's tanh.
template <Real T>
using Function = std::function<Variable<T>(const Variable<T>&)>;

/// The activation function of this name. Throws ValueError for a name that is not one of activation_names().
template <Real T>
Function<T> activation(std::string_view name);
/// linear, logistic, tanh, relu, ...: the activation functions of the engine, with its own defaults where they have a
/// parameter, and its clip as hard_tanh (to -1..1) and relu6 (to 0..6).
std::vector<std::string> activation_names();

/// A function of every unit, without parameters: h = f(a). The node is named "h".
template <Real T = float>
class Activation : public Module<T> {
 public:
  /// By name. Throws ValueError for a name that is not one of activation_names().
  explicit Activation(const char* name) : function_(activation<T>(name)), kind_(name) {}
  explicit Activation(const std::string& name) : Activation(name.c_str()) {}
  /// Any function, or operations put together in a lambda.
  explicit Activation(Function<T> function) : function_(std::move(function)), kind_("Activation") {}
  Variable<T> forward(const Variable<T>& x) override {
    const Variable<T> h = function_(x);
    return h.recorded() && h.index() == x.index() ? h : h.named("h");  // the identity leaves x its name
  }
  std::string kind() const override { return kind_; }

 private:
  Function<T> function_;
  std::string kind_;
};

/// All features of a sample along one axis: x (samples, ...) gives (samples, features). Throws AxisError without a
/// second axis.
template <Real T = float>
class Flatten : public Module<T> {
 public:
  Variable<T> forward(const Variable<T>& x) override { return autodiff::flatten(x, 1); }
};

/// A row of numbers of its own for each of `count` words, classes or other things, which are numbered from 0: x (...)
/// of whole numbers gives (..., width).
///
/// `weight` is (count, width). Throws ValueError without things or numbers; calling it throws what gather throws.
template <Real T = float>
class Embedding : public Module<T> {
 public:
  Embedding(std::size_t count, std::size_t width, Initialiser initialiser = normal(0, 1));
  Variable<T> forward(const Variable<T>& x) override { return autodiff::gather(weight.beside(x), x); }
  void members(Members<T>& m) override { m("weight", weight); }

  Parameter<T> weight;  // a row for each thing
};

/// Modules one after the other, each fed with the output of the one before. They are named "0", "1", ...; tapes know
/// them also by the lecture's layers, which begin with a Linear: of a Linear, a function and a Linear, "layer1/W",
/// "layer1/b", "layer1/a", "layer1/h" and "layer2/W" are "0/weight", "0/bias", "0/a", "1/h" and "2/weight".
template <Real T = float>
class Sequential : public Module<T> {
 public:
  Sequential() = default;
  template <std::derived_from<Module<T>>... Modules>
  requires(sizeof...(Modules) > 0) explicit Sequential(Modules... modules) { (add(std::move(modules)), ...); }

  Sequential(const Sequential&) = default;
  Sequential(Sequential&&) = default;
  /// Modules of the same classes take the values where they are: see AnyModule.
  Sequential& operator=(const Sequential& from);

  /// Puts a copy of a module of any kind at the end.
  Sequential& add(AnyModule<T> module);
  std::size_t size() const { return modules_.size(); }
  /// Throws ValueError for a place that does not exist.
  Module<T>& operator[](std::size_t place);

  Variable<T> forward(const Variable<T>& x) override;
  /// The first module is given all inputs, each other one all that the one before gives.
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;

 private:
  std::vector<AnyModule<T>> modules_;
  std::vector<std::string> layers_;  // their second names, "layer1"; "" before the first Linear
};

template <class First, class... Rest>
Sequential(First, Rest...) -> Sequential<typename First::value_type>;

/// x + inner(x), a way around the inner module: what it adds is learnt. K. He, X. Zhang, S. Ren and J. Sun, "Deep
/// residual learning for image recognition", CVPR 2016. Throws ShapeError when inner changes the shape.
///
/// One around another must be said with AnyModule, Residual(AnyModule<float>(Residual(f))): C++ takes
/// Residual(Residual(f)) for Residual(f), as it does with any class.
template <Real T = float>
class Residual : public Module<T> {
 public:
  explicit Residual(AnyModule<T> inner) : inner_(std::move(inner)) {}
  /// What is added to x.
  Module<T>& inner() { return *inner_; }
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override { m("inner", *inner_); }

 private:
  AnyModule<T> inner_;
};

template <class Inner>
Residual(Inner) -> Residual<typename Inner::value_type>;

extern template class Linear<float>;
extern template class Linear<double>;
extern template class Activation<float>;
extern template class Activation<double>;
extern template class Flatten<float>;
extern template class Flatten<double>;
extern template class Embedding<float>;
extern template class Embedding<double>;
extern template class Sequential<float>;
extern template class Sequential<double>;
extern template class Residual<float>;
extern template class Residual<double>;

}  // namespace nn
