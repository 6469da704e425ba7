#include "optimisers.hpp"

#include <algorithm>
#include <cmath>

#include "choice.hpp"

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
Variable<T>& Slots<T>::operator()(const std::string& name, const Variable<T>& like) {
  const auto [slot, fresh] = slots_.try_emplace(name);
  if (fresh) slot->second = Variable<T>(Array<T>(xt::zeros<T>(like.shape())));
  return slot->second;
}

template <Real T>
void Optimiser<T>::learning_rate(double rate) {
  if (!(rate >= 0) || std::isinf(rate))
    fail<ValueError>("optimiser", "the learning rate must be finite and not negative: ", rate);
  learning_rate_ = rate;
}

template <Real T>
void Optimiser<T>::step(Module<T>& model, std::vector<Array<T>> gradients) {
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
    parameter.assign(update(parameter.plain(), Variable<T>(std::move(gradients[i])), rate, slots_[name]));
  }
}

template <Real T>
Variable<T> GradientDescent<T>::update(const Variable<T>& parameter, const Variable<T>& gradient,
                                       const Variable<T>& rate, Slots<T>&) const {
  return parameter - rate * gradient;
}

template <Real T>
Sgd<T>::Sgd(double learning_rate, SgdOptions options) : Optimiser<T>(learning_rate), options_(options) {
  if (!(options.momentum >= 0 && options.momentum < 1))
    fail<ValueError>("sgd", "the momentum must be at least 0 and below 1: ", options.momentum);
}

template <Real T>
Variable<T> Sgd<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                           Slots<T>& slots) const {
  auto& velocity = slots("velocity", parameter);
  velocity = options_.momentum * velocity + gradient;
  return parameter - rate * velocity;
}

template <Real T>
Adam<T>::Adam(double learning_rate, AdamOptions options) : Optimiser<T>(learning_rate), options_(options) {
  for (const double beta : {options.beta1, options.beta2})
    if (!(beta >= 0 && beta < 1)) fail<ValueError>("adam", "the betas must be at least 0 and below 1: ", beta);
  if (!(options.epsilon > 0)) fail<ValueError>("adam", "epsilon must be above 0: ", options.epsilon);
}

template <Real T>
Variable<T> Adam<T>::update(const Variable<T>& parameter, const Variable<T>& gradient, const Variable<T>& rate,
                            Slots<T>& slots) const {
  const auto [beta1, beta2, epsilon] = options_;
  auto& mean = slots("mean", parameter);
  auto& square = slots("square", parameter);
  auto& step = slots("step", rate);
  step += 1;
  mean = beta1 * mean + (1 - beta1) * gradient;
  square = beta2 * square + (1 - beta2) * autodiff::square(gradient);
  // 1 - beta^step, without the cancellation that costs a float half of its digits at the first steps.
  const auto bias = [&](double beta) { return -autodiff::expm1(step * std::log(beta)); };
  return parameter - rate * (mean / bias(beta1)) / (autodiff::sqrt(square / bias(beta2)) + epsilon);
}

namespace {

template <Real T>
constexpr Choice<std::unique_ptr<Optimiser<T>> (*)(double)> optimisers[] = {
    {"gradient-descent",
     [](double rate) -> std::unique_ptr<Optimiser<T>> { return std::make_unique<GradientDescent<T>>(rate); }},
    {"momentum", [](double rate) -> std::unique_ptr<Optimiser<T>> { return std::make_unique<Sgd<T>>(rate); }},
    {"adam", [](double rate) -> std::unique_ptr<Optimiser<T>> { return std::make_unique<Adam<T>>(rate); }},
};

}  // namespace

template <Real T>
std::unique_ptr<Optimiser<T>> optimiser(std::string_view name, double learning_rate) {
  return choose("optimiser", std::span(optimisers<T>), name)(learning_rate);
}

std::vector<std::string> optimiser_names() { return names(std::span(optimisers<float>)); }

#define NN_OPTIMISERS(T)             \
  template class Slots<T>;           \
  template class Optimiser<T>;       \
  template class GradientDescent<T>; \
  template class Sgd<T>;             \
  template class Adam<T>;            \
  template std::unique_ptr<Optimiser<T>> optimiser(std::string_view, double);
NN_OPTIMISERS(float)
NN_OPTIMISERS(double)

}  // namespace nn
