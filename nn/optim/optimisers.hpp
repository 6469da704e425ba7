// How parameters follow their gradients. Every rule is written once, for one parameter, as operations on variables.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <nn/model/module.hpp>
#include <optional>

#include "slots.hpp"

namespace nn {

/// What is different for some of the parameters.
struct GroupOptions {
  double rate = 1;                          // a factor of the learning rate, not negative
  std::optional<double> weight_decay = {};  // in place of that of the rule; not negative
};

/// A rule, its learning rate, and its slots for every parameter it has met. A value: a copy goes on independently. Each
/// model needs one of its own: slots go by the names of parameters, which two models share.
template <Real T>
class Optimiser {
 public:
  using value_type = T;

  /// Throws ValueError for a rate that is negative or not finite.
  explicit Optimiser(double learning_rate) { this->learning_rate(learning_rate); }
  virtual ~Optimiser() {
    for (auto& [parameter, slots] : slots_) slots.release();  // programs may go on without it
  }

  /// The new value of one parameter. On plain values nothing is recorded; recorded values record the rule, slots
  /// included: for a program put variables of the tape into the slots first, as those that are missing begin as
  /// constant zeros. Which slots there are shows after one update of plain values. `rate` is a single number.
  virtual Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                             Slots<T>& slots) const = 0;

  /// Updates all parameters of the model by their gradients, in the order of model.parameters(). Throws ShapeError,
  /// and changes nothing, when the gradients are not as many or not of the same shapes.
  void step(Module<T>& model, std::vector<Array<T>> gradients);

  /// How often groups were added or another optimiser was assigned: what was recorded before is of an older one.
  std::size_t changes() const { return changes_; }
  /// Parameters whose full names match the pattern, in which '*' stands for any text and '?' for any character, are
  /// treated so; of several groups, the one that was named last. '/' is as good as '.'. Throws ValueError for options
  /// out of range; a step throws for a pattern that matches no parameter of its model.
  Optimiser& group(std::string pattern, GroupOptions options);
  /// Throws ValueError, and lists names that are near, for a group that no parameter of the model belongs to.
  void check_groups(Module<T>& model) const;
  /// The options of the group of this full name.
  const GroupOptions& group_of(std::string_view parameter) const;
  /// update(), by the options of the parameter's group.
  Variable<T> update_in_group(std::string_view name, const Variable<T>& parameter, const Variable<T>& gradient,
                              const Variable<T>& rate, Slots<T>& slots) const;

  /// The rate of the next step.
  double learning_rate() const { return learning_rate_; }
  /// Where programs read it at each run: see Tape::constant.
  const autodiff::ValueCell<T>& rate_cell() const { return *rate_; }
  /// From the next step on. Throws ValueError for a rate that is negative or not finite.
  void learning_rate(double rate);
  /// The slots of the parameter of this full name.
  Slots<T>& slots(const std::string& parameter) { return slots_[parameter]; }
  /// The same, or where it has not met the parameter the zeros that its rule would begin with, which it does not keep.
  std::map<std::string, Variable<T>> first_slots(const std::string& parameter, const Shape& shape);
  /// The slots of all parameters that it has met, by full name: with the learning rate, all that it remembers.
  std::map<std::string, Slots<T>>& slots() { return slots_; }
  const std::map<std::string, Slots<T>>& slots() const { return slots_; }

 protected:
  Optimiser(const Optimiser&) = default;
  /// Slots take the values where they are, so that programs go on with them; those that `from` has not become zeros.
  Optimiser& operator=(const Optimiser& from);

  /// What a rule takes for its option weight_decay in update(): the group's, if that says another.
  double weight_decay(double of_rule) const { return decay_of_group_.value_or(of_rule); }

 private:
  /// The rate as programs read it; a copy has one of its own.
  class Rate {
   public:
    explicit Rate(double rate) { set(rate); }
    Rate(const Rate& from) : held_(std::make_shared<Variable<T>>(*from.held_)), cell_(held_) {}
    Rate& operator=(const Rate& from) { return *held_ = *from.held_, *this; }
    void set(double rate) { *held_ = Variable<T>(autodiff::to_array<T>(rate)); }
    const autodiff::ValueCell<T>& operator*() const { return cell_; }

   private:
    std::shared_ptr<Variable<T>> held_ = std::make_shared<Variable<T>>();
    autodiff::ValueCell<T> cell_ = held_;
  };

  double learning_rate_ = 0;
  Rate rate_{0};
  std::map<std::string, Slots<T>> slots_;
  std::vector<std::pair<std::string, GroupOptions>> groups_;
  std::size_t changes_ = 0;
  mutable std::optional<double> decay_of_group_;  // while a rule is asked
};

// The rules. Options have the names, the defaults and the meaning of PyTorch's torch.optim. A weight_decay adds
// weight_decay * parameter to the gradient, where nothing else is said. Options out of their range throw ValueError.

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
  double momentum = 0;      // from 0 to below 1
  double dampening = 0;     // how much of each gradient but the first is left out of the velocity, from 0 to 1
  double weight_decay = 0;  // not negative, here and everywhere below
  bool nesterov = false;    // needs momentum, and no dampening
};

/// Stochastic gradient descent: velocity <- momentum velocity + gradient; theta <- theta - eta velocity. B. Polyak,
/// 1964. With nesterov, theta <- theta - eta (gradient + momentum velocity): Y. Nesterov, 1983, in the form of I.
/// Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013. Slots "velocity",
/// with momentum, and "step", with dampening.
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
  std::array<double, 2> betas{0.9, 0.999};  // how much of the means of gradients and of their squares a step keeps
  double eps = 1e-8;                        // above 0, here and everywhere below
  double weight_decay = 0;                  // of the parameter, added to its gradient
  bool amsgrad = false;                     // divides by the largest mean of squares so far
};

/// Steps of the size of eta, whatever that of the gradients. D. Kingma and J. Ba, "Adam: a method for stochastic
/// optimization", ICLR 2015, algorithm 1; amsgrad: S. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and
/// beyond", ICLR 2018. Slots "mean", "square", "step", and "largest_square" with amsgrad.
template <Real T = float>
class Adam : public Optimiser<T> {
 public:
  explicit Adam(double learning_rate = 0.001, AdamOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdamOptions options_;
};

struct AdamWOptions {
  std::array<double, 2> betas{0.9, 0.999};  // as of AdamOptions
  double eps = 1e-8;                        // as of AdamOptions
  double weight_decay = 0.01;               // by what share of it, times the rate, a parameter shrinks in a step
  bool amsgrad = false;                     // as of AdamOptions
};

/// Adam whose weight decay does not pass through its means: theta shrinks by the factor 1 - eta weight_decay instead.
/// I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2. Slots as Adam.
template <Real T = float>
class AdamW : public Optimiser<T> {
 public:
  explicit AdamW(double learning_rate = 0.001, AdamWOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdamWOptions options_;
};

struct NAdamOptions {
  std::array<double, 2> betas{0.9, 0.999};  // as of AdamOptions
  double eps = 1e-8;                        // as of AdamOptions
  double weight_decay = 0;                  // as of AdamOptions
  double momentum_decay = 0.004;  // how fast the momentum grows from half of the first beta to all of it; not negative
};

/// Adam with Nesterov's momentum. T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016. Slots
/// "mean", "square", "step", and "bias" for 1 less the product of all momenta.
template <Real T = float>
class NAdam : public Optimiser<T> {
 public:
  explicit NAdam(double learning_rate = 0.002, NAdamOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  NAdamOptions options_;
};

struct RMSPropOptions {
  double alpha = 0.99;      // how much of the mean of squares a step keeps
  double eps = 1e-8;        // added to the root
  double weight_decay = 0;  // of the parameter, added to its gradient
  double momentum = 0;      // as of SgdOptions
  bool centered = false;    // divides by the deviation from the mean gradient
};

/// Gradients over the root of their mean square. G. Hinton, "Neural networks for machine learning", lecture 6e, 2012;
/// centred: A. Graves, "Generating sequences with recurrent neural networks", 2013. Slots "square", "mean" when
/// centred, and "velocity" with momentum.
template <Real T = float>
class RMSProp : public Optimiser<T> {
 public:
  explicit RMSProp(double learning_rate = 0.01, RMSPropOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  RMSPropOptions options_;
};

struct AdagradOptions {
  double lr_decay = 0;                   // step t has the rate eta / (1 + (t - 1) lr_decay); not negative
  double weight_decay = 0;               // as of AdamOptions
  double initial_accumulator_value = 0;  // of the sum of squares; not negative
  double eps = 1e-10;                    // as of AdamOptions
};

/// Gradients over the root of the sum of all squares so far. J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient
/// methods for online learning and stochastic optimization", JMLR 2011. Slots "sum", and "step" with lr_decay.
template <Real T = float>
class Adagrad : public Optimiser<T> {
 public:
  explicit Adagrad(double learning_rate = 0.01, AdagradOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdagradOptions options_;
};

struct AdadeltaOptions {
  double rho = 0.9;         // how much of the means of squares a step keeps
  double eps = 1e-6;        // as of AdamOptions
  double weight_decay = 0;  // as of AdamOptions
};

/// Gradients in the unit of the parameter: times the root mean square of past steps, over that of gradients. M. Zeiler,
/// "Adadelta: an adaptive learning rate method", 2012. Slots "square" and "step_square".
template <Real T = float>
class Adadelta : public Optimiser<T> {
 public:
  explicit Adadelta(double learning_rate = 1, AdadeltaOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdadeltaOptions options_;
};

struct LionOptions {
  std::array<double, 2> betas{0.9, 0.99};  // how much of the mean the step sees, and how much of it a step keeps
  double weight_decay = 0;                 // as in AdamW
};

/// Steps of one size in each direction, that of the sign of a mean of gradients: rates are a third to a tenth of
/// Adam's. X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023. Slot "mean".
template <Real T = float>
class Lion : public Optimiser<T> {
 public:
  explicit Lion(double learning_rate = 1e-4, LionOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  LionOptions options_;
};

struct AdafactorOptions {
  double beta2_decay = -0.8;  // step t keeps 1 - t^beta2_decay of the means of squares; not above 0
  double eps1 = 0;            // of the squares; 0: the distance from 1 to the next number of the type
  double eps2 = 1e-3;         // the least root mean square that a parameter counts with
  double d = 1;               // what the root mean square of a step is held to, before the rate; above 0
  double weight_decay = 0;    // as in AdamW
};

/// Adam without means of gradients, whose means of squares are kept by rows and columns of the last two axes, so that
/// it remembers little; steps are relative to the size of the parameter, and at most 1 / sqrt(t). N. Shazeer and M.
/// Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018. Slots "step", and "rows" and
/// "columns" or, of vectors and numbers, "square".
template <Real T = float>
class Adafactor : public Optimiser<T> {
 public:
  explicit Adafactor(double learning_rate = 0.01, AdafactorOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  AdafactorOptions options_;
};

struct LambOptions {
  std::array<double, 2> betas{0.9, 0.999};  // as of AdamOptions
  double eps = 1e-6;                        // added to the root
  double weight_decay = 0.01;               // in the step, before it is scaled
};

/// Adam whose step, of each parameter as a whole, is as long as the parameter times the rate: for large batches. Y. You
/// et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2. Slots as Adam.
template <Real T = float>
class Lamb : public Optimiser<T> {
 public:
  explicit Lamb(double learning_rate = 0.001, LambOptions options = {});
  Variable<T> update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                     Slots<T>& slots) const override;

 private:
  LambOptions options_;
};

/// The rule of this name with its default options but for the weight decay, if one is given; "momentum" and "nesterov"
/// are Sgd with a momentum of 0.9. Throws ValueError for a name that is not one of optimiser_names(), and for a rate or
/// a weight decay that is negative or not finite.
template <Real T>
std::unique_ptr<Optimiser<T>> optimiser(std::string_view name, double learning_rate,
                                        std::optional<double> weight_decay = {});
/// gradient-descent, momentum, nesterov, adam, adamw, nadam, rmsprop, adagrad, adadelta, lion, adafactor, lamb.
std::vector<std::string> optimiser_names();

extern template class Optimiser<float>;
extern template class Optimiser<double>;
extern template class GradientDescent<float>;
extern template class GradientDescent<double>;
extern template class Sgd<float>;
extern template class Sgd<double>;
extern template class Adam<float>;
extern template class Adam<double>;
extern template class AdamW<float>;
extern template class AdamW<double>;
extern template class NAdam<float>;
extern template class NAdam<double>;
extern template class RMSProp<float>;
extern template class RMSProp<double>;
extern template class Adagrad<float>;
extern template class Adagrad<double>;
extern template class Adadelta<float>;
extern template class Adadelta<double>;
extern template class Lion<float>;
extern template class Lion<double>;
extern template class Adafactor<float>;
extern template class Adafactor<double>;
extern template class Lamb<float>;
extern template class Lamb<double>;

}  // namespace nn
