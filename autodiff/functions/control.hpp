// What runs depends on values: one of two functions, or a loop until a condition fails.
#pragma once

#include "checkpoint.hpp"

namespace autodiff {

struct WhileOptions {
  /// A loop that would take more steps throws ValueError.
  std::size_t most_steps = 1'000'000;
};

namespace detail {
template <Real T>
std::vector<Variable<T>> cond(const Variable<T>& condition, const Body<T>& then, const Body<T>& otherwise,
                              const std::vector<Variable<T>>& inputs);
template <Real T>
std::vector<Variable<T>> while_loop(const Body<T>& condition, const Body<T>& body,
                                    const std::vector<Variable<T>>& carry, const WhileOptions& options);
}  // namespace detail

/// then(inputs) where the condition, a variable of one element, is not zero, else otherwise(inputs). Both give
/// variables of the same shapes, one or a vector of them; both are recorded, and each run computes the one that is
/// asked for. They may use variables around them. No gradient flows to the condition. Throws ShapeError where shapes
/// differ, and TapeError where a side reads values.
template <AnyVariable C, class Then, class Otherwise, Real T>
auto cond(const C& condition, Then&& then, Otherwise&& otherwise, const std::vector<Variable<T>>& inputs) {
  using R = std::remove_cvref_t<decltype(then(inputs))>;
  return detail::as_result<R>(detail::cond<T>(
      condition, [&then](const auto& x) { return detail::as_vector<T>(then(x)); },
      [&otherwise](const auto& x) { return detail::as_vector<T>(otherwise(x)); }, inputs));
}
/// The same of variables one by one.
template <AnyVariable C, class Then, class Otherwise, AnyVariable... Xs>
requires(sizeof...(Xs) > 0) auto cond(const C& condition, Then&& then, Otherwise&& otherwise, const Xs&... xs) {
  using T = ElementOf<Xs...>;
  using R = std::remove_cvref_t<decltype(then(xs...))>;
  return detail::as_result<R>(detail::cond<T>(
      condition, [&then](const auto& x) { return detail::as_vector<T>(detail::apply_to<sizeof...(Xs)>(then, x)); },
      [&otherwise](const auto& x) { return detail::as_vector<T>(detail::apply_to<sizeof...(Xs)>(otherwise, x)); },
      std::vector<Variable<T>>{xs...}));
}

/// carry = body(carry) as long as condition(carry), of one element, is not zero; gives the last carry. Both are
/// recorded once, and may use variables around them. Values decide how many steps a run takes, also in a program.
/// Gradients keep the carries of all steps while they are computed. In programs there are first derivatives and jvp of
/// those by the cotangent; second derivatives of values that only a run knows throw TapeError. Throws ValueError for
/// too many steps, ShapeError where the carry changes its shape, TapeError where a function reads values.
template <Real T, class Condition, class F>
std::vector<Variable<T>> while_loop(Condition&& condition, F&& body, const std::vector<Variable<T>>& carry,
                                    const WhileOptions& options = {}) {
  return detail::while_loop<T>([&condition](const auto& c) { return detail::as_vector<T>(condition(c)); },
                               [&body](const auto& c) { return detail::as_vector<T>(body(c)); }, carry, options);
}
/// The same of one variable.
template <Real T, class Condition, class F>
Variable<T> while_loop(Condition&& condition, F&& body, const Variable<T>& carry, const WhileOptions& options = {}) {
  return detail::while_loop<T>([&condition](const auto& c) { return detail::as_vector<T>(condition(c[0])); },
                               [&body](const auto& c) { return detail::as_vector<T>(body(c[0])); }, std::vector{carry},
                               options)[0];
}

}  // namespace autodiff
