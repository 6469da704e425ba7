// Functions whose gradient is not that of the values they kept: computed again, or by a rule of one's own.
#pragma once

#include "../function.hpp"

namespace autodiff {

namespace detail {

template <Real T>
using GradientRule = std::function<std::vector<Variable<T>>(
    const std::vector<Variable<T>>& cotangents, const std::vector<Variable<T>>& y, const std::vector<Variable<T>>& x)>;

template <Real T>
std::vector<Variable<T>> checkpoint(const Body<T>& f, const std::vector<Variable<T>>& inputs);
template <Real T>
std::vector<Variable<T>> custom_gradient(const Body<T>& f, const GradientRule<T>& rule,
                                         const std::vector<Variable<T>>& inputs);

/// What a function of variables gives, be it one or a vector of them, as a vector.
template <Real T, class R>
std::vector<Variable<T>> as_vector(R&& results) {
  if constexpr (AnyVariable<R>)
    return {std::forward<R>(results)};
  else
    return std::forward<R>(results);
}

/// The same back: one variable where the function gives one.
template <class R, Real T>
auto as_result(std::vector<Variable<T>> results) {
  if constexpr (AnyVariable<R>)
    return std::move(results[0]);
  else
    return results;
}

/// f(x, y, ...) of a vector of variables.
template <std::size_t N, class F, Real T>
decltype(auto) apply_to(F& f, const std::vector<Variable<T>>& x) {
  return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) { return f(x[I]...); }
  (std::make_index_sequence<N>());
}

}  // namespace detail

/// f(inputs), of which the gradient keeps the inputs alone: what it needs besides is computed again, so that memory is
/// saved for the time of one more forward pass. f gives one variable or a vector of them, and may use variables
/// around it, such as parameters. Random numbers come out the same; layers' states are changed once. Nests. In
/// programs, its operations are planned like all others. Throws what f throws, and TapeError where f reads values. T.
/// Chen et al., "Training deep nets with sublinear memory cost", 2016.
template <Real T, class F>
auto checkpoint(F&& f, const std::vector<Variable<T>>& inputs) {
  using R = std::remove_cvref_t<decltype(f(inputs))>;
  return detail::as_result<R>(
      detail::checkpoint<T>([&f](const auto& x) { return detail::as_vector<T>(f(x)); }, inputs));
}
/// The same of variables one by one: checkpoint(f, x, y) is f(x, y).
template <class F, AnyVariable... Xs>
requires(sizeof...(Xs) > 0) auto checkpoint(F&& f, const Xs&... xs) {
  using T = ElementOf<Xs...>;
  using R = std::remove_cvref_t<decltype(f(xs...))>;
  return detail::as_result<R>(
      detail::checkpoint<T>([&f](const auto& x) { return detail::as_vector<T>(detail::apply_to<sizeof...(Xs)>(f, x)); },
                            std::vector<Variable<T>>{xs...}));
}

/// f(inputs) with a gradient of one's own: rule(cotangents, results, inputs), all three vectors, gives one gradient an
/// input, an empty variable for zeros. The rule is made of operations and so may be differentiated again; it is for
/// what follows from more than the operations of f, such as the implicit function theorem, or is meant to differ, such
/// as a straight-through estimate. Throws what f throws, TapeError where f reads values or uses variables around it
/// that have a gradient; sweeps throw ValueError and ShapeError for gradients of another number or shape.
template <Real T, class F, class Rule>
auto custom_gradient(F&& f, const Rule& rule, const std::vector<Variable<T>>& inputs) {
  using R = std::remove_cvref_t<decltype(f(inputs))>;
  return detail::as_result<R>(
      detail::custom_gradient<T>([&f](const auto& x) { return detail::as_vector<T>(f(x)); }, rule, inputs));
}
/// The same of one variable: custom_gradient(f, rule, x) is f(x), and rule(cotangent, y, x) the gradient of x.
template <class F, class Rule, Real T>
Variable<T> custom_gradient(F&& f, const Rule& rule, const Variable<T>& x) {
  return detail::custom_gradient<T>([&f](const auto& in) { return std::vector<Variable<T>>{f(in[0])}; },
                                    [rule](const auto& ct, const auto& y, const auto& in) {
                                      return std::vector<Variable<T>>{rule(ct[0], y[0], in[0])};
                                    },
                                    std::vector{x})[0];
}

}  // namespace autodiff
