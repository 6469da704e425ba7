// How parameters follow their gradients. Every rule is written once, for one parameter, as operations on variables.
#pragma once

#include <map>
#include <memory>

#include "module.hpp"

namespace nn {

/// What a rule remembers about one parameter from step to step, by name.
template <Real T>
class Slots {
 public:
  /// The slot of this name, to be read and assigned; at first zeros of the shape of `like`.
  Variable<T>& operator()(const std::string& name, const Variable<T>& like);
  /// All slots so far, to be saved and restored.
  std::map<std::string, Variable<T>>& all() { return slots_; }

 private:
  std::map<std::string, Variable<T>> slots_;
};

/// A rule, its learning rate, and its slots for every parameter it has met. A value: a copy goes on independently.
template <Real T>
class Optimiser {
 public:
  using value_type = T;

  /// Throws ValueError for a rate that is negative or not finite.
  explicit Optimiser(double learning_rate) { this->learning_rate(learning_rate); }
  virtual ~Optimiser() = default;

  /// The new value of one parameter. On plain values nothing is recorded; recorded values record the rule. `rate` is a
  /// single number.
  virtual Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                             Slots<T>& slots) const = 0;

  /// Updates all parameters of the model by their gradients, in the order of model.parameters(). Throws ShapeError,
  /// and changes nothing, when the gradients are not as many or not of the same shapes.
  void step(Module<T>& model, std::vector<Array<T>> gradients);

  double learning_rate() const { return learning_rate_; }
  /// From the next step on. Throws ValueError for a rate that is negative or not finite.
  void learning_rate(double rate);
  /// The slots of the parameter of this full name.
  Slots<T>& slots(const std::string& parameter) { return slots_[parameter]; }

 protected:
  Optimiser(const Optimiser&) = default;
  Optimiser& operator=(const Optimiser&) = default;

 private:
  double learning_rate_;
  std::map<std::string, Slots<T>> slots_;
};

/// Gradient descent as in the lecture: theta <- theta - eta gradient.
template <Real T = float>
class GradientDescent : public Optimiser<T> {
 public:
  using Optimiser<T>::Optimiser;
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;
};
GradientDescent(double)->GradientDescent<float>;

struct SgdOptions {
  double momentum = 0.9;
};

/// Stochastic gradient descent with momentum, by PyTorch's definition (torch.optim.SGD): velocity <- momentum velocity
/// + gradient; theta <- theta - eta velocity. B. Polyak, 1964. Slot "velocity". Throws ValueError for a momentum below
/// 0, or not below 1.
template <Real T = float>
class Sgd : public Optimiser<T> {
 public:
  explicit Sgd(double learning_rate, SgdOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  SgdOptions options_;
};

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999;  // how much of the means of gradients and of their squares a step keeps
  double epsilon = 1e-8;
};

/// Steps of the size of eta, whatever that of the gradients. D. Kingma and J. Ba, "Adam: a method for stochastic
/// optimization", ICLR 2015, algorithm 1. Slots "mean", "square" and "step". Throws ValueError for a beta below 0 or
/// not below 1, and for an epsilon that is not above 0.
template <Real T = float>
class Adam : public Optimiser<T> {
 public:
  explicit Adam(double learning_rate = 0.001, AdamOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdamOptions options_;
};

/// "gradient-descent", "momentum" (0.9) or "adam". Throws ValueError for another name, and for a rate that is negative
/// or not finite.
template <Real T>
std::unique_ptr<Optimiser<T>> optimiser(std::string_view name, double learning_rate);
std::vector<std::string> optimiser_names();

extern template class Slots<float>;
extern template class Slots<double>;
extern template class Optimiser<float>;
extern template class Optimiser<double>;
extern template class GradientDescent<float>;
extern template class GradientDescent<double>;
extern template class Sgd<float>;
extern template class Sgd<double>;
extern template class Adam<float>;
extern template class Adam<double>;

}  // namespace nn
