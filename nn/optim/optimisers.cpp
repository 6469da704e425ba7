#include "optimisers.hpp"

#include <cmath>
#include <limits>
#include <nn/base/choice.hpp>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

void check_decay(const char* rule, const char* option, double value) {
  if (!(value >= 0) || std::isinf(value)) fail<ValueError>(rule, option, " must be finite and not negative: ", value);
}

/// Of what a moving mean keeps.
void check_share(const char* rule, const char* option, double value) {
  if (!(value >= 0 && value < 1)) fail<ValueError>(rule, option, " must be at least 0 and below 1: ", value);
}

void check_eps(const char* rule, double value) {
  if (!(value > 0)) fail<ValueError>(rule, "eps must be above 0: ", value);
}

/// The gradient of the loss with weight_decay / 2 times the parameter's square added.
template <Real T>
Variable<T> with_decay(const Variable<T>& gradient, const Variable<T>& parameter, double weight_decay) {
  return weight_decay == 0 ? gradient : weight_decay * parameter + gradient;
}

/// The parameter, less what weight decay takes from it in one step.
template <Real T>
Variable<T> decayed(const Variable<T>& parameter, const Variable<T>& rate, double weight_decay) {
  return weight_decay == 0 ? parameter : parameter * (1 - rate * weight_decay);
}

/// What is left of a moving mean when each step keeps the share `keeps` and the rest is new.
template <Real T>
Variable<T> moved(const Variable<T>& mean, double keeps, const Variable<T>& value) {
  return keeps * mean + (1 - keeps) * value;
}

/// 1 - beta^step, what the weights of a moving mean that began at zero add up to; without the cancellation that costs a
/// float half of its digits at the first steps.
template <Real T>
Variable<T> weight_so_far(double beta, const Variable<T>& step) {
  return -autodiff::expm1(step * std::log(beta));
}

/// What Adam takes from a parameter. Numbers are brought together first: elements then cost five operations.
template <Real T>
Variable<T> adam_step(const std::array<double, 2>& betas, double eps, bool amsgrad, const Variable<T>& gradient,
                      const Variable<T>& rate, Slots<T>& slots) {
  auto& step = slots("step", rate);
  auto& mean = slots("mean", gradient);
  auto& square = slots("square", gradient);
  step += 1;
  mean = moved(mean, betas[0], gradient);
  square = moved(square, betas[1], autodiff::square(gradient));
  Variable<T> divisor = square;
  if (amsgrad) {
    auto& largest = slots("largest_square", gradient);
    divisor = largest = maximum(largest, square);
  }
  const auto scale = rsqrt(weight_so_far(betas[1], step));
  return rate / weight_so_far(betas[0], step) * mean / (sqrt(divisor) * scale + eps);
}

}  // namespace

template <Real T>
Variable<T> GradientDescent<T>::update(const Variable<T>& parameter, const Variable<T>& gradient,
                                       const Variable<T>& rate, Slots<T>&) const {
  return parameter - rate * gradient;
}

template <Real T>
Sgd<T>::Sgd(double learning_rate, SgdOptions options) : Optimiser<T>(learning_rate), options_(options) {
  check_share("sgd", "momentum", options.momentum);
  if (!(options.dampening >= 0 && options.dampening <= 1))
    fail<ValueError>("sgd", "dampening must be from 0 to 1: ", options.dampening);
  check_decay("sgd", "weight_decay", options.weight_decay);
  if (options.nesterov && !(options.momentum > 0 && options.dampening == 0))
    fail<ValueError>("sgd", "nesterov needs momentum and no dampening: ", options.momentum, " and ", options.dampening);
}

template <Real T>
Variable<T> Sgd<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                           Slots<T>& slots) const {
  const auto [momentum, dampening, weight_decay, nesterov] = options_;
  // Linear in the parameter and the gradient, so that a program can add the gradient's matrix product in place.
  if (momentum == 0) return decayed(parameter, rate, this->weight_decay(weight_decay)) - rate * gradient;
  const auto slope = with_decay(gradient, parameter, this->weight_decay(weight_decay));
  auto& velocity = slots("velocity", parameter);
  if (dampening == 0) {
    velocity = momentum * velocity + slope;
  } else {
    auto& step = slots("step", rate);
    velocity = momentum * velocity + where(step == 0, 1, 1 - dampening) * slope;
    step += 1;
  }
  return parameter - rate * (nesterov ? slope + momentum * velocity : velocity);
}

template <Real T>
Adam<T>::Adam(double learning_rate, AdamOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : options.betas) check_share("adam", "betas", beta);
  check_eps("adam", options.eps);
  check_decay("adam", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> Adam<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                            Slots<T>& slots) const {
  const auto [betas, eps, weight_decay, amsgrad] = options_;
  return parameter -
         adam_step(betas, eps, amsgrad, with_decay(gradient, parameter, this->weight_decay(weight_decay)), rate, slots);
}

template <Real T>
AdamW<T>::AdamW(double learning_rate, AdamWOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : options.betas) check_share("adamw", "betas", beta);
  check_eps("adamw", options.eps);
  check_decay("adamw", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> AdamW<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                             Slots<T>& slots) const {
  const auto [betas, eps, weight_decay, amsgrad] = options_;
  return decayed(parameter, rate, this->weight_decay(weight_decay)) -
         adam_step(betas, eps, amsgrad, gradient, rate, slots);
}

template <Real T>
NAdam<T>::NAdam(double learning_rate, NAdamOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : options.betas) check_share("nadam", "betas", beta);
  check_eps("nadam", options.eps);
  check_decay("nadam", "weight_decay", options.weight_decay);
  check_decay("nadam", "momentum_decay", options.momentum_decay);
}

template <Real T>
Variable<T> NAdam<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                             Slots<T>& slots) const {
  const auto [betas, eps, weight_decay, momentum_decay] = options_;
  const auto slope = with_decay(gradient, parameter, this->weight_decay(weight_decay));
  auto& step = slots("step", rate);
  auto& bias = slots("bias", rate);
  auto& mean = slots("mean", parameter);
  auto& square = slots("square", parameter);
  const auto momentum = [&, beta = betas[0], log_decay = momentum_decay * std::log(0.96)](const Variable<T>& t) {
    return beta * (1 - 0.5 * exp(t * log_decay));
  };
  step += 1;
  const auto now = momentum(step), next = momentum(step + 1);
  // A slot begins at zero, and the product of all momenta at one: hence its distance from one is what is kept.
  bias = now * bias + (1 - now);
  mean = moved(mean, betas[0], slope);
  square = moved(square, betas[1], autodiff::square(slope));
  const auto share = (1 - now) / bias, next_share = next / (next * bias + (1 - next));
  const auto scale = rsqrt(weight_so_far(betas[1], step));
  return parameter - (rate * share * slope + rate * next_share * mean) / (sqrt(square) * scale + eps);
}

template <Real T>
RMSProp<T>::RMSProp(double learning_rate, RMSPropOptions options) : Optimiser<T>(learning_rate), options_(options) {
  check_share("rmsprop", "alpha", options.alpha);
  check_eps("rmsprop", options.eps);
  check_decay("rmsprop", "weight_decay", options.weight_decay);
  check_share("rmsprop", "momentum", options.momentum);
}

template <Real T>
Variable<T> RMSProp<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                               Slots<T>& slots) const {
  const auto [alpha, eps, weight_decay, momentum, centered] = options_;
  const auto slope = with_decay(gradient, parameter, this->weight_decay(weight_decay));
  auto& square = slots("square", parameter);
  square = moved(square, alpha, autodiff::square(slope));
  Variable<T> spread = square;
  if (centered) {
    auto& mean = slots("mean", parameter);
    mean = moved(mean, alpha, slope);
    spread = maximum(square - autodiff::square(mean), 0);  // below zero by rounding, once gradients stay the same
  }
  const auto step = slope / (sqrt(spread) + eps);
  if (momentum == 0) return parameter - rate * step;
  auto& velocity = slots("velocity", parameter);
  velocity = momentum * velocity + step;
  return parameter - rate * velocity;
}

template <Real T>
Adagrad<T>::Adagrad(double learning_rate, AdagradOptions options) : Optimiser<T>(learning_rate), options_(options) {
  check_decay("adagrad", "lr_decay", options.lr_decay);
  check_decay("adagrad", "weight_decay", options.weight_decay);
  check_decay("adagrad", "initial_accumulator_value", options.initial_accumulator_value);
  check_eps("adagrad", options.eps);
}

template <Real T>
Variable<T> Adagrad<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                               Slots<T>& slots) const {
  const auto [lr_decay, weight_decay, initial, eps] = options_;
  const auto slope = with_decay(gradient, parameter, this->weight_decay(weight_decay));
  auto& sum = slots("sum", parameter);
  sum = sum + square(slope);
  Variable<T> rate_now = rate;
  if (lr_decay != 0) {
    auto& step = slots("step", rate);
    rate_now = rate / (1 + step * lr_decay);
    step += 1;
  }
  return parameter - rate_now * slope / (sqrt(initial == 0 ? sum : sum + initial) + eps);
}

template <Real T>
Adadelta<T>::Adadelta(double learning_rate, AdadeltaOptions options) : Optimiser<T>(learning_rate), options_(options) {
  check_share("adadelta", "rho", options.rho);
  check_eps("adadelta", options.eps);
  check_decay("adadelta", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> Adadelta<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                                Slots<T>& slots) const {
  const auto [rho, eps, weight_decay] = options_;
  const auto slope = with_decay(gradient, parameter, this->weight_decay(weight_decay));
  auto& square = slots("square", parameter);
  auto& step_square = slots("step_square", parameter);
  square = moved(square, rho, autodiff::square(slope));
  const auto step = sqrt((step_square + eps) / (square + eps)) * slope;
  step_square = moved(step_square, rho, autodiff::square(step));
  return parameter - rate * step;
}

template <Real T>
Lion<T>::Lion(double learning_rate, LionOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : options.betas) check_share("lion", "betas", beta);
  check_decay("lion", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> Lion<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                            Slots<T>& slots) const {
  auto& mean = slots("mean", parameter);
  const auto direction = sign(moved(mean, options_.betas[0], gradient));
  mean = moved(mean, options_.betas[1], gradient);
  return decayed(parameter, rate, this->weight_decay(options_.weight_decay)) - rate * direction;
}

template <Real T>
Adafactor<T>::Adafactor(double learning_rate, AdafactorOptions options)
    : Optimiser<T>(learning_rate), options_(options) {
  check_decay("adafactor", "-beta2_decay", -options.beta2_decay);
  for (const double above_zero : {options.eps2, options.d}) check_eps("adafactor", above_zero);
  check_decay("adafactor", "eps1", options.eps1);
  check_decay("adafactor", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> Adafactor<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                                 Slots<T>& slots) const {
  const auto [beta2_decay, eps1, eps2, d, weight_decay] = options_;
  const double least = eps1 == 0 ? double(std::numeric_limits<T>::epsilon()) : eps1;
  const auto root_mean_square = [](const Variable<T>& x) { return sqrt(mean(square(x))); };
  auto& step = slots("step", rate);
  step += 1;
  const auto is_new = exp(beta2_decay * log(step));
  const auto follow = [&](const char* slot, const Variable<T>& value) {
    auto& kept = slots(slot, value);
    return kept = kept + is_new * (value - kept);
  };
  const auto squares = square(gradient);
  Variable<T> scale;
  if (gradient.dimension() > 1) {
    const auto rows = follow("rows", mean(squares, -1, autodiff::keepdims)),
               columns = follow("columns", mean(squares, -2, autodiff::keepdims));
    scale = rows * columns / maximum(mean(rows, -2, autodiff::keepdims), least);
  } else {
    scale = follow("square", squares);
  }
  const auto direction = gradient * rsqrt(maximum(scale, least * least));
  const auto size = maximum(root_mean_square(parameter), eps2) * minimum(rate, rsqrt(step));
  return decayed(parameter, rate, this->weight_decay(weight_decay)) -
         size / maximum(root_mean_square(direction) / d, 1) * direction;
}

template <Real T>
Lamb<T>::Lamb(double learning_rate, LambOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : options.betas) check_share("lamb", "betas", beta);
  check_eps("lamb", options.eps);
  check_decay("lamb", "weight_decay", options.weight_decay);
}

template <Real T>
Variable<T> Lamb<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                            Slots<T>& slots) const {
  const auto [betas, eps, weight_decay] = options_;
  const Variable<T> one(autodiff::to_array<T>(1));
  const auto direction =
      with_decay(adam_step(betas, eps, false, gradient, one, slots), parameter, this->weight_decay(weight_decay));
  const auto length = sum(square(parameter)), of_step = sum(square(direction));
  const auto both = length > 0 && of_step > 0;
  return parameter - rate * where(both, sqrt(length / where(both, of_step, 1)), 1) * direction;
}

namespace {

/// Makes an optimiser: its rate, and its weight decay if that is not the rule's own.
template <Real T>
using Make = std::unique_ptr<Optimiser<T>> (*)(double, std::optional<double>);

/// A rule of the class O with these options, but for a given weight decay.
template <class O, auto options>
std::unique_ptr<Optimiser<typename O::value_type>> make(double rate, std::optional<double> weight_decay) {
  auto chosen = options;
  chosen.weight_decay = weight_decay.value_or(options.weight_decay);
  return std::make_unique<O>(rate, chosen);
}

template <Real T>
constexpr Choice<Make<T>> optimisers[] = {
    {"gradient-descent", make<Sgd<T>, SgdOptions{}>},
    {"momentum", make<Sgd<T>, SgdOptions{.momentum = 0.9}>},
    {"nesterov", make<Sgd<T>, SgdOptions{.momentum = 0.9, .nesterov = true}>},
    {"adam", make<Adam<T>, AdamOptions{}>},
    {"adamw", make<AdamW<T>, AdamWOptions{}>},
    {"nadam", make<NAdam<T>, NAdamOptions{}>},
    {"rmsprop", make<RMSProp<T>, RMSPropOptions{}>},
    {"adagrad", make<Adagrad<T>, AdagradOptions{}>},
    {"adadelta", make<Adadelta<T>, AdadeltaOptions{}>},
    {"lion", make<Lion<T>, LionOptions{}>},
    {"adafactor", make<Adafactor<T>, AdafactorOptions{}>},
    {"lamb", make<Lamb<T>, LambOptions{}>},
};

}  // namespace

template <Real T>
std::unique_ptr<Optimiser<T>> optimiser(std::string_view name, double learning_rate,
                                        std::optional<double> weight_decay) {
  return choose("optimiser", std::span(optimisers<T>), name)(learning_rate, weight_decay);
}

std::vector<std::string> optimiser_names() { return names(std::span(optimisers<float>)); }

#define NN_OPTIMISERS(T)             \
  template class GradientDescent<T>; \
  template class Sgd<T>;             \
  template class Adam<T>;            \
  template class AdamW<T>;           \
  template class NAdam<T>;           \
  template class RMSProp<T>;         \
  template class Adagrad<T>;         \
  template class Adadelta<T>;        \
  template class Lion<T>;            \
  template class Adafactor<T>;       \
  template class Lamb<T>;            \
  template std::unique_ptr<Optimiser<T>> optimiser(std::string_view, double, std::optional<double>);
NN_OPTIMISERS(float)
NN_OPTIMISERS(double)

}  // namespace nn
