// Gradients against central differences: for the operations of the library, and for a user's own.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "variable.hpp"

namespace autodiff {

/// How to check. The defaults suit functions whose values and derivatives are of the order of one.
struct CheckOptions {
  /// A sweep and a difference may differ by atol + rtol |difference|, and by what rounding does to the difference.
  double atol = 1e-7, rtol = 1e-6;
  /// Elements x are moved by step * max(1, |x|); the cube root of double's epsilon balances rounding and curvature.
  double step = 6e-6;
  /// Compares u^T J v for a few random u and v, instead of all of J: the cost does not grow with the elements of the
  /// inputs, and a fault is found but not located.
  bool fast = false;
  /// How many pairs of u and v.
  std::size_t directions = 3;
  /// Checks the derivatives of the recorded gradients as well, and that both sweeps give the same numbers.
  bool second_order = false;
  std::uint64_t seed = 0;
};

/// What a check found. Its numbers are those of the worst comparison: of an error if there is one, else of a kink.
struct CheckReport {
  bool ok = true;
  /// The differences prove nothing: the function has a kink or a jump at the point, or within a step of it.
  bool kink = false;
  /// 1, or 2: then "output" is the gradient with respect to input number `output`.
  std::size_t order = 1;
  /// The input that it is derived by, its name if f gave it one, and the element. At second order the cotangent counts
  /// as one more input. Fast checks leave these empty.
  std::size_t input = 0;
  std::string name;
  Shape index;
  std::size_t output = 0;
  Shape output_index;
  /// The derivative by the sweep and by the difference, and by how much they may differ.
  double analytic = 0, numeric = 0, tolerance = 0;
  /// The largest difference between the two, how many were compared, and how many of them failed.
  double max_error = 0;
  std::size_t comparisons = 0, failures = 0;
  /// What message() says, less the counts.
  std::string text;

  explicit operator bool() const { return ok; }
  /// One paragraph for people: what differs most, where, and by how much.
  std::string message() const;
};

namespace detail {
CheckReport check_gradient(const std::function<Variable<double>(const std::vector<Variable<double>>&)>& f,
                           const std::vector<Array<double>>& at, const CheckOptions& options);
}  // namespace detail

/// Compares the gradients of f(const std::vector<Variable<double>>&), whose output may be of any shape, with central
/// differences at a point, one array an input. f must give the same bits each time, and may name its inputs for the
/// report. An output that is not finite is reported too.
/// Throws ValueError without inputs, ShapeError when the shape of the output changes or an operation's rule gives a
/// gradient of the wrong shape, and whatever f throws.
/// After torch.autograd.gradcheck; a kink is told by differences to both sides and by smaller steps.
template <class F, class At = std::vector<Array<double>>>
requires(!ArrayLike<At> && ArrayLike<typename At::value_type> &&
         std::invocable<F&, const std::vector<Variable<double>>&>) CheckReport
    check_gradient(F&& f, const At& at, const CheckOptions& options = {}) {
  std::vector<Array<double>> arrays;
  for (const auto& a : at) arrays.push_back(to_array<double>(a));
  return detail::check_gradient(std::ref(f), arrays, options);
}

/// The same for f(const Variable<double>&), at an array, a lazy expression or a number.
template <class F, class A>
requires((ArrayLike<A> || Number<A>)&&std::invocable<F&, const Variable<double>&>) CheckReport
    check_gradient(F&& f, const A& at, const CheckOptions& options = {}) {
  return detail::check_gradient([&f](const std::vector<Variable<double>>& x) { return f(x[0]); },
                                {to_array<double>(at)}, options);
}

}  // namespace autodiff
