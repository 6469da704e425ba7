#include "layers.hpp"

#include "choice.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

template <Real T>
Linear<T>::Linear(std::size_t inputs, std::size_t outputs, Initialiser initialiser)
    : weight({inputs, outputs}, std::move(initialiser)), bias({outputs}, zeros()) {
  if (inputs == 0 || outputs == 0)
    fail<ValueError>("linear", "needs at least one input and one output: ", autodiff::Dims(weight.shape()));
}

template <Real T>
Variable<T> Linear<T>::forward(const Variable<T>& x) {
  return autodiff::linear(x, weight.beside(x), bias.beside(x)).named("a");
}

template <Real T>
void Linear<T>::members(Members<T>& m) {
  m("weight", weight);
  m("bias", bias);
}

namespace {

template <Real T>
using FunctionPointer = Variable<T> (*)(const Variable<T>&);

template <Real T>
constexpr Choice<FunctionPointer<T>> activations[] = {
    {"linear", [](const Variable<T>& x) { return x; }},
    {"logistic", autodiff::logistic<T>},
    {"tanh", autodiff::tanh<T>},
    {"relu", autodiff::relu<T>},
    {"leaky_relu", [](const Variable<T>& x) { return autodiff::leaky_relu(x); }},
    {"elu", [](const Variable<T>& x) { return autodiff::elu(x); }},
    {"selu", autodiff::selu<T>},
    {"gelu", autodiff::gelu<T>},
    {"silu", autodiff::silu<T>},
    {"softplus", autodiff::softplus<T>},
    {"softmax", [](const Variable<T>& x) { return autodiff::softmax(x); }},
    {"log_softmax", [](const Variable<T>& x) { return autodiff::log_softmax(x); }},
};

}  // namespace

template <Real T>
Function<T> activation(std::string_view name) {
  return choose("activation", std::span(activations<T>), name);
}

std::vector<std::string> activation_names() { return names(std::span(activations<float>)); }

template <Real T>
Sequential<T>& Sequential<T>::add(AnyModule<T> module) {
  modules_.push_back(std::move(module));
  return *this;
}

template <Real T>
Module<T>& Sequential<T>::operator[](std::size_t place) {
  if (place >= size()) fail<ValueError>("sequential", "has no module ", place, ", only ", size());
  return *modules_[place];
}

template <Real T>
Variable<T> Sequential<T>::forward(const Variable<T>& x) {
  Variable<T> h = x;
  for (auto& module : modules_) h = (*module)(h);
  return h;
}

template <Real T>
void Sequential<T>::members(Members<T>& m) {
  for (std::size_t i = 0; i < size(); ++i) m(std::to_string(i), *modules_[i]);
}

template Function<float> activation(std::string_view);
template Function<double> activation(std::string_view);
template class Linear<float>;
template class Linear<double>;
template class Activation<float>;
template class Activation<double>;
template class Sequential<float>;
template class Sequential<double>;

}  // namespace nn
