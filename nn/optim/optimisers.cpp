#include "optimisers.hpp"

#include <algorithm>
#include <cmath>
#include <nn/base/choice.hpp>

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
Optimiser<T>& Optimiser<T>::operator=(const Optimiser& from) {
  if (this == &from) return *this;
  ++changes_;
  learning_rate_ = from.learning_rate_, rate_ = from.rate_, groups_ = from.groups_;
  for (auto& [parameter, slots] : slots_)
    if (!from.slots_.contains(parameter))
      for (auto& [name, value] : slots) value = Variable<T>(Array<T>(xt::zeros<T>(value.shape())));
  for (const auto& [parameter, slots] : from.slots_) slots_[parameter] = slots;
  return *this;
}

template <Real T>
void Optimiser<T>::learning_rate(double rate) {
  if (!(rate >= 0) || std::isinf(rate))
    fail<ValueError>("optimiser", "the learning rate must be finite and not negative: ", rate);
  learning_rate_ = rate;
  rate_.set(rate);
}

namespace {

/// Whether the text is as the pattern says, in which '*' stands for any text and '?' for any character.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') return matches(pattern.substr(1), text) || (!text.empty() && matches(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && matches(pattern.substr(1), text.substr(1));
}

}  // namespace

template <Real T>
Optimiser<T>& Optimiser<T>::group(std::string pattern, GroupOptions options) {
  for (const double option : {options.rate, options.weight_decay.value_or(0)})
    if (!(option >= 0) || std::isinf(option))
      fail<ValueError>("optimiser", "options of the group \"", pattern, "\" must be finite and not negative: ", option);
  std::ranges::replace(pattern, '/', '.');
  groups_.emplace_back(std::move(pattern), options);
  ++changes_;
  return *this;
}

template <Real T>
void Optimiser<T>::check_groups(Module<T>& model) const {
  if (groups_.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.parameters()) names.push_back(name);
  for (const auto& [pattern, options] : groups_)
    if (std::ranges::none_of(names, [&pattern = pattern](const auto& name) { return matches(pattern, name); }))
      fail<ValueError>("optimiser", "no parameter of the model belongs to the group \"", pattern, '"',
                       autodiff::names_near(pattern, names));
}

template <Real T>
const GroupOptions& Optimiser<T>::group_of(std::string_view parameter) const {
  static const GroupOptions all;
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group)
    if (matches(group->first, parameter)) return group->second;
  return all;
}

template <Real T>
Variable<T> Optimiser<T>::update_in_group(std::string_view name, const Variable<T>& parameter,
                                          const Variable<T>& gradient, const Variable<T>& rate, Slots<T>& slots) const {
  const auto& options = group_of(name);
  decay_of_group_ = options.weight_decay;
  struct Reset {
    std::optional<double>& decay;
    ~Reset() { decay.reset(); }
  } const reset{decay_of_group_};
  return update(parameter, gradient, options.rate == 1 ? rate : rate * options.rate, slots);
}

template <Real T>
std::map<std::string, Variable<T>> Optimiser<T>::first_slots(const std::string& parameter, const Shape& shape) {
  // The rule itself knows best what it keeps: it is asked by an update that nobody sees.
  const Variable<T> zero(Array<T>(xt::zeros<T>(shape)));
  Slots<T> fresh;
  update(zero, zero, Variable<T>(autodiff::to_array<T>(0)), fresh);
  const auto kept = slots_.find(parameter);
  for (auto& [slot, value] : fresh) {
    if (kept == slots_.end() || !kept->second.contains(slot) || !kept->second.at(slot).alive()) {
      value = Variable<T>(Array<T>(xt::zeros<T>(value.shape())));
      continue;
    }
    const auto& before = kept->second.at(slot);
    if (!std::ranges::equal(before.shape(), value.shape()))
      fail<ShapeError>("optimiser", "the slot \"", slot, "\" that it keeps for ", parameter,
                       " is of a parameter of another shape, so clear it, or take another optimiser: ",
                       Dims(before.shape()), " and ", Dims(value.shape()));
    value = before;
  }
  return fresh;
}

template <Real T>
void Optimiser<T>::step(Module<T>& model, std::vector<Array<T>> gradients) {
  check_groups(model);
  const auto parameters = model.parameters();
  if (parameters.size() != gradients.size())
    fail<ShapeError>("step", parameters.size(), " parameters and ", gradients.size(), " gradients");
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (!std::ranges::equal(parameters[i].parameter.shape(), gradients[i].shape()))
      fail<ShapeError>("step", "the gradient of ", parameters[i].name,
                       " must have its shape: ", Dims(parameters[i].parameter.shape()), " and ",
                       Dims(gradients[i].shape()));
  const Variable<T> rate(autodiff::to_array<T>(learning_rate_));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    auto& [name, parameter] = parameters[i];
    if (!parameter.trainable()) continue;
    parameter.assign(
        update_in_group(name, parameter.plain(), Variable<T>(std::move(gradients[i])), rate, slots_[name]));
  }
}

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
};

}  // namespace

template <Real T>
std::unique_ptr<Optimiser<T>> optimiser(std::string_view name, double learning_rate,
                                        std::optional<double> weight_decay) {
  return choose("optimiser", std::span(optimisers<T>), name)(learning_rate, weight_decay);
}

std::vector<std::string> optimiser_names() { return names(std::span(optimisers<float>)); }

#define NN_OPTIMISERS(T)             \
  template class Optimiser<T>;       \
  template class GradientDescent<T>; \
  template class Sgd<T>;             \
  template class Adam<T>;            \
  template class AdamW<T>;           \
  template class NAdam<T>;           \
  template class RMSProp<T>;         \
  template class Adagrad<T>;         \
  template class Adadelta<T>;        \
  template std::unique_ptr<Optimiser<T>> optimiser(std::string_view, double, std::optional<double>);
NN_OPTIMISERS(float)
NN_OPTIMISERS(double)

}  // namespace nn
