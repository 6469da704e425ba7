#include "clipping.hpp"

namespace nn {

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;
using autodiff::ValueError;
using autodiff::Variable;

namespace {

void check_limit(const char* function, double limit) {
  if (!(limit > 0)) fail<ValueError>(function, "the limit must be above 0: ", limit);
}

/// A function of variables, for arrays.
template <Real T, class F>
std::vector<Array<T>> on_arrays(std::vector<Array<T>> arrays, F f) {
  std::vector<Variable<T>> variables;
  for (auto& array : arrays) variables.emplace_back(std::move(array));
  std::vector<Variable<T>> results = f(std::move(variables));
  for (std::size_t i = 0; i < arrays.size(); ++i) arrays[i] = std::move(results[i]).value();
  return arrays;
}

}  // namespace

template <Real T>
Variable<T> global_norm(const std::vector<Variable<T>>& gradients) {
  if (gradients.empty()) fail<ValueError>("global_norm", "there are no gradients");
  Variable<T> total = sum(square(gradients[0]));
  for (std::size_t i = 1; i < gradients.size(); ++i) total = total + sum(square(gradients[i]));
  return sqrt(total);
}

template <Real T>
std::vector<Variable<T>> clip_norm(const std::vector<Variable<T>>& gradients, double limit) {
  check_limit("clip_norm", limit);
  const auto factor = minimum(1, limit / (global_norm(gradients) + 1e-6));
  std::vector<Variable<T>> clipped;
  for (const auto& gradient : gradients) clipped.push_back(gradient * factor);
  return clipped;
}

template <Real T>
std::vector<Array<T>> clip_norm(std::vector<Array<T>> gradients, double limit) {
  return on_arrays(std::move(gradients), [&](auto variables) { return clip_norm(variables, limit); });
}

template <Real T>
std::vector<Variable<T>> clip_value(const std::vector<Variable<T>>& gradients, double limit) {
  check_limit("clip_value", limit);
  std::vector<Variable<T>> clipped;
  for (const auto& gradient : gradients) clipped.push_back(clip(gradient, -limit, limit));
  return clipped;
}

template <Real T>
std::vector<Array<T>> clip_value(std::vector<Array<T>> gradients, double limit) {
  return on_arrays(std::move(gradients), [&](auto variables) { return clip_value(variables, limit); });
}

#define NN_CLIPPING(T)                                                                   \
  template Variable<T> global_norm(const std::vector<Variable<T>>&);                     \
  template std::vector<Variable<T>> clip_norm(const std::vector<Variable<T>>&, double);  \
  template std::vector<Array<T>> clip_norm(std::vector<Array<T>>, double);               \
  template std::vector<Variable<T>> clip_value(const std::vector<Variable<T>>&, double); \
  template std::vector<Array<T>> clip_value(std::vector<Array<T>>, double);
NN_CLIPPING(float)
NN_CLIPPING(double)

}  // namespace nn
