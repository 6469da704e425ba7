// Loss<T>: the number that training reduces.
#pragma once

#include <autodiff/autodiff.hpp>
#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace nn {

using autodiff::Real;
using autodiff::Variable;

/// What a loss may look at: what went into a model, what came out and what should have, samples along the first axis.
template <Real T>
struct Outcome {
  std::vector<Variable<T>> inputs, predictions, targets;
  /// (samples), not negative; none (not alive()) where all count alike.
  Variable<T> weights{};
  /// What weighted numbers are divided by: the weights together, or those of the batch that this is a part of.
  Variable<T> divisor{};
};

/// One number from predictions and targets, for their first axis of samples. Made of any function of
///
///   (prediction, target)      two variables, where a model gives one and has one target; or
///   (const Outcome<T>&)       whatever there is: inputs, several predictions, several targets;
///
/// which gives a number, or numbers a sample, (samples, ...), of which the loss is the mean over the samples, each of
/// them counting as its weight says where samples have weights. A number from a function of an Outcome is taken as it
/// is, so that such a function may weigh samples itself, or regularise; one from a function of two variables is refused
/// where samples have weights.
///
/// A step records the function once for each shape of batch. Plain numbers that it captures stay what they were then:
/// what changes from step to step, such as the factor of an annealed part, is a target, or a frozen nn::Parameter that
/// is read by `factor.beside(prediction)` and assigned between steps.
///
/// Or of the names of parts and a function that gives them all, each of them as above: the loss is their sum, and a
/// history shows each. The terms of a variational autoencoder, say:
///
///   nn::Loss<float> loss({"reconstruction", "divergence"}, [](const nn::Outcome<float>& o) {
///     return std::vector{reconstruction(o.predictions[0], o.targets[0]), divergence(o.predictions[1])};
///   });
template <Real T>
class Loss {
  using Variables = std::vector<Variable<T>>;
  template <class F>
  static constexpr bool compares =
      !std::derived_from<F, Loss> && std::is_invocable_r_v<Variable<T>, F&, const Variable<T>&, const Variable<T>&>;
  template <class F>
  static constexpr bool judges =
      !std::derived_from<F, Loss> && std::is_invocable_r_v<Variable<T>, F&, const Outcome<T>&>;

 public:
  Loss() = default;
  Loss(std::nullptr_t) {}
  template <class F>
  requires compares<F> Loss(F of_both)
      : judge_(
            [f = std::move(of_both)](const Outcome<T>& o) mutable { return Variables{f(prediction(o), target(o))}; }) {}
  template <class F>
  requires(!compares<F> && judges<F>) Loss(F of_all)
      : judge_([f = std::move(of_all)](const Outcome<T>& o) mutable { return Variables{f(o)}; }), sees_weights_(true) {}
  /// Throws ValueError for no names, and names that are empty or occur twice.
  Loss(std::vector<std::string> parts, std::function<Variables(const Outcome<T>&)> of_parts);
  /// A loss that is the mean of what another function says of each sample, if it were not done sooner. `check` throws
  /// for targets that the loss is not made for.
  template <class F, class Each>
  requires(compares<F>&& compares<Each>)
      Loss(F of_both, Each of_each, void (*check)(const autodiff::Array<T>& target) = nullptr)
      : Loss(std::move(of_both)) {
    judge_each_ = Loss(std::move(of_each)).judge_;
    check_ = check;
  }

  explicit operator bool() const { return bool(judge_); }
  /// The names of the parts; none where the loss is one whole.
  const std::vector<std::string>& parts() const { return parts_; }

  /// Throws for a target that the loss is not made for. A program that runs the loss does not look at values, so that
  /// whoever runs one asks first.
  void check(const autodiff::Array<T>& target) const {
    if (check_) check_(target);
  }

  /// The loss, and behind it each of its parts. Throws what the function throws, ShapeError for what is neither a
  /// number nor one a sample, and ValueError where the function takes one prediction and one target but there are
  /// others, or samples have weights and it gives a number alone.
  std::vector<Variable<T>> operator()(const Outcome<T>& outcome) const;
  Variable<T> operator()(const Variable<T>& prediction, const Variable<T>& target) const {
    return (*this)(Outcome<T>{{}, {prediction}, {target}})[0];
  }

 private:
  static const Variable<T>& prediction(const Outcome<T>& outcome);
  static const Variable<T>& target(const Outcome<T>& outcome) {
    return outcome.targets[0];
  }  // once prediction is known
  Variable<T> mean(const Variable<T>& of_samples, const Outcome<T>& outcome) const;

  std::vector<std::string> parts_;
  std::function<Variables(const Outcome<T>&)> judge_, judge_each_;
  void (*check_)(const autodiff::Array<T>&) = nullptr;
  bool sees_weights_ = false;  // its function does
};

extern template class Loss<float>;
extern template class Loss<double>;

}  // namespace nn
