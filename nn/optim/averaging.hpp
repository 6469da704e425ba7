// Means of the weights along the way, which often do better than the last ones.
#pragma once

#include <nn/model/module.hpp>

namespace nn {

struct AveragingOptions {
  /// How much of the mean each update keeps, from 0 to below 1; without a value, update number t counts as t^power.
  std::optional<double> decay = 0.999;
  /// 0: all updates count alike; 4: most of the mean comes from the last third of them, however many there are. O.
  /// Shamir and T. Zhang, "Stochastic gradient descent for non-smooth optimization", ICML 2013, section 4.
  double power = 0;
};

/// A moving mean of all parameters of a model, to be evaluated and saved in their place. update() is called after
/// steps; the first one takes the weights as they are. States of layers are not averaged. B. Polyak and A. Juditsky,
/// "Acceleration of stochastic approximation by averaging", 1992; of all alike: P. Izmailov et al., "Averaging weights
/// leads to wider optima and better generalization", UAI 2018.
///
///   nn::WeightAverage<float> average(model, {.decay = 0.99});
///   for (...) step(x, y), average.update();
///   {
///     const auto in_place = average.swap_in();  // model has the means, until this ends
///     nn::save(model, "model.safetensors");
///   }
template <Real T>
class WeightAverage {
 public:
  /// Refers to the model, which must outlive it. Throws ValueError for a decay or a power out of range.
  explicit WeightAverage(Module<T>& model, AveragingOptions options = {});

  /// Takes up the weights that the model has now. Throws ValueError while the means are swapped in, and where a
  /// parameter has no value or another shape than before.
  void update();
  std::size_t updates() const { return updates_; }
  /// The means by full name, to be saved and restored; none before the first update.
  const std::map<std::string, Variable<T>>& means() const { return means_; }
  /// Goes on from means that were saved after so many updates.
  void restore(std::map<std::string, Variable<T>> means, std::size_t updates);

  /// While it lives, the parameters are the means; then again what they were.
  class [[nodiscard]] SwappedIn {
   public:
    explicit SwappedIn(WeightAverage& average);
    ~SwappedIn();
    SwappedIn(const SwappedIn&) = delete;

   private:
    WeightAverage& average_;
    std::vector<Variable<T>> before_;
  };
  /// Throws ValueError before the first update, and where they are already swapped in.
  SwappedIn swap_in() { return SwappedIn(*this); }

 private:
  Module<T>& model_;
  AveragingOptions options_;
  std::map<std::string, Variable<T>> means_;
  std::size_t updates_ = 0;
  bool swapped_in_ = false;
};

extern template class WeightAverage<float>;
extern template class WeightAverage<double>;

}  // namespace nn
