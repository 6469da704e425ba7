// One function of many samples at once.
#pragma once

#include "checkpoint.hpp"

namespace autodiff {

struct VmapOptions {
  int axis = 0;  // of the inputs, along which the samples stand; those of the results stand along the first
};

namespace detail {
template <Real T>
std::vector<Variable<T>> vmap(const Body<T>& f, const std::vector<Variable<T>>& inputs, const VmapOptions& options);
}  // namespace detail

/// f of every sample, stacked along the first axis, without a loop over samples: f is recorded once, of one sample, and
/// its operations computed of all samples together. What f uses of variables around it is the same for all. f may give
/// one variable or a vector of them, and derivatives: with recorded_gradient in f, these are per-sample gradients. An
/// operation that does not know how to work on many samples runs once for each. Throws what f throws, ShapeError where
/// inputs have not as many samples, TapeError where f reads values.
template <Real T, class F>
auto vmap(F&& f, const std::vector<Variable<T>>& inputs, const VmapOptions& options = {}) {
  using R = std::remove_cvref_t<decltype(f(inputs))>;
  return detail::as_result<R>(
      detail::vmap<T>([&f](const auto& x) { return detail::as_vector<T>(f(x)); }, inputs, options));
}
/// The same of variables one by one: vmap(f, x, y) is f(x[i], y[i]) for all i.
template <class F, AnyVariable... Xs>
requires(sizeof...(Xs) > 0) auto vmap(F&& f, const Xs&... xs) {
  using T = ElementOf<Xs...>;
  using R = std::remove_cvref_t<decltype(f(xs...))>;
  return detail::as_result<R>(
      detail::vmap<T>([&f](const auto& x) { return detail::as_vector<T>(detail::apply_to<sizeof...(Xs)>(f, x)); },
                      std::vector<Variable<T>>{xs...}, VmapOptions()));
}

}  // namespace autodiff
