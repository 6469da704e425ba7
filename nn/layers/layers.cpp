#include "layers.hpp"

#include <algorithm>
#include <nn/base/choice.hpp>

namespace nn {

using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
Linear<T>::Linear(std::size_t inputs, std::size_t outputs, Initialiser weights, Initialiser biases)
    : weight({inputs, outputs}, std::move(weights), PyTorchLayout{.axes = {1, 0}}), bias({outputs}, std::move(biases)) {
  if (inputs == 0 || outputs == 0)
    fail<ValueError>("linear", "needs at least one input and one output: ", autodiff::Dims(weight.shape()));
}

template <Real T>
Variable<T> Linear<T>::forward(const Variable<T>& x) {
  return autodiff::linear(x, weight.beside(x), bias.beside(x)).named("a");
}

template <Real T>
void Linear<T>::members(Members<T>& m) {
  m("weight", weight, "W");
  m("bias", bias, "b");
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
    {"hard_tanh", [](const Variable<T>& x) { return autodiff::clip(x, -1, 1); }},
    {"hard_sigmoid", autodiff::hard_sigmoid<T>},
    {"hard_swish", autodiff::hard_swish<T>},
    {"mish", autodiff::mish<T>},
    {"softsign", autodiff::softsign<T>},
    {"gelu_tanh", autodiff::gelu_tanh<T>},
    {"softmin", [](const Variable<T>& x) { return autodiff::softmin(x); }},
    {"sparsemax", [](const Variable<T>& x) { return autodiff::sparsemax(x); }},
    {"relu6", [](const Variable<T>& x) { return autodiff::clip(x, 0, 6); }},
};

}  // namespace

template <Real T>
Function<T> activation(std::string_view name) {
  return choose("activation", std::span(activations<T>), name);
}

std::vector<std::string> activation_names() { return names(std::span(activations<float>)); }

template <Real T>
Embedding<T>::Embedding(std::size_t count, std::size_t width, Initialiser initialiser)
    : weight({count, width}, std::move(initialiser)) {
  if (count == 0 || width == 0)
    fail<ValueError>("embedding", "needs at least one thing and one number for it: ", autodiff::Dims(weight.shape()));
}

template <Real T>
Sequential<T>& Sequential<T>::operator=(const Sequential& from) {
  Module<T>::operator=(from);
  layers_ = from.layers_;
  if (size() != from.size()) return modules_ = from.modules_, *this;
  for (std::size_t i = 0; i < size(); ++i) modules_[i] = from.modules_[i];
  return *this;
}

namespace {
constexpr std::string_view layer = "layer";
}  // namespace

template <Real T>
Sequential<T>& Sequential<T>::add(AnyModule<T> module) {
  const bool begins = dynamic_cast<const Linear<T>*>(&*module) != nullptr;
  modules_.push_back(std::move(module));
  // What follows a Linear, its function above all, is of the same layer.
  const std::string before = layers_.empty() ? "" : layers_.back();
  const auto number = before.empty() ? 0 : std::stoul(before.substr(layer.size()));
  layers_.push_back(begins ? std::string(layer) + std::to_string(number + 1) : before);
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
std::vector<Variable<T>> Sequential<T>::forward(const std::vector<Variable<T>>& inputs) {
  std::vector<Variable<T>> h = inputs;
  for (auto& module : modules_) h = (*module)(h);
  return h;
}

template <Real T>
void Sequential<T>::members(Members<T>& m) {
  for (std::size_t i = 0; i < size(); ++i) m(std::to_string(i), *modules_[i], layers_[i]);
}

template <Real T>
Variable<T> Residual<T>::forward(const Variable<T>& x) {
  const Variable<T> y = (*inner_)(x);
  if (!std::ranges::equal(x.shape(), y.shape()))
    fail<ShapeError>("residual", "the inner module must keep the shape: ", autodiff::Dims(x.shape()), " and ",
                     autodiff::Dims(y.shape()));
  return x + y;
}

#define NN_LAYERS(T)                                 \
  template Function<T> activation(std::string_view); \
  template class Linear<T>;                          \
  template class Activation<T>;                      \
  template class Flatten<T>;                         \
  template class Embedding<T>;                       \
  template class Sequential<T>;                      \
  template class Residual<T>;
NN_LAYERS(float)
NN_LAYERS(double)

}  // namespace nn
