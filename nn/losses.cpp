#include "losses.hpp"

#include "choice.hpp"

namespace nn {

using autodiff::Real;
using autodiff::Variable;

namespace {

template <Real T>
constexpr Choice<Variable<T> (*)(const Variable<T>&, const Variable<T>&)> losses[] = {
    {"cross-entropy", [](const Variable<T>& p, const Variable<T>& t) { return softmax_cross_entropy(p, t); }},
    {"squared-error", [](const Variable<T>& p, const Variable<T>& t) { return squared_error(p, t); }},
};

}  // namespace

template <Real T>
Loss<T> loss(std::string_view name) {
  return choose("loss", std::span(losses<T>), name);
}

std::vector<std::string> loss_names() { return names(std::span(losses<float>)); }

template Loss<float> loss(std::string_view);
template Loss<double> loss(std::string_view);

}  // namespace nn
