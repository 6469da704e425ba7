// Sums of products over named axes, made of diagonals, sums, permutations and matrix products.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "linalg.hpp"

namespace autodiff {

namespace detail {
template <Real T>
Variable<T> tensordot(const Variable<T>& a, const Variable<T>& b, const std::vector<int>& of_a,
                      const std::vector<int>& of_b);
template <Real T>
Variable<T> tensordot(const Variable<T>& a, const Variable<T>& b, int axes);
template <Real T>
Variable<T> inner(const Variable<T>& a, const Variable<T>& b);
}  // namespace detail

/// Einstein's sum, as NumPy writes it: einsum("bij,bjk->bik", x, y). A letter names an axis, in each operand and in the
/// result; letters that the result does not have are summed over, one that an operand has twice takes its diagonal,
/// "..." stands for axes that broadcast, and without "->" the result has "..." and the letters that occur once, in
/// alphabetical order. Spaces are passed over. Pairs of operands are multiplied one after the other, always the pair of
/// the fewest multiplications. Throws ValueError for an equation that is not one, ShapeError where axes differ in
/// number or, unless one is 1, in length.
template <Real T>
Variable<T> einsum(std::string_view equation, const std::vector<Variable<T>>& operands);
template <class... As>
requires Operands<As...>
auto einsum(std::string_view equation, As&&... operands) {
  using T = ElementOf<As...>;
  return einsum(equation, std::vector<Variable<T>>{to_variable<T>(std::forward<As>(operands))...});
}

/// The sum of products over the last `axes` axes of a and the first of b: a matrix product for 1, an outer one for 0.
/// Throws ShapeError where there are fewer, or lengths differ.
template <class A, class B>
requires Operands<A, B>
auto tensordot(A&& a, B&& b, int axes = 2) {
  using T = ElementOf<A, B>;
  return detail::tensordot<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), axes);
}
/// The same over these axes of a and as many of b, in this order.
template <class A, class B>
requires Operands<A, B>
auto tensordot(A&& a, B&& b, const std::pair<std::vector<int>, std::vector<int>>& axes) {
  using T = ElementOf<A, B>;
  return detail::tensordot<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)), axes.first,
                              axes.second);
}

/// The sum of products over the last axes of both: (..., k) and (___, k) give (..., ___), and a number multiplies.
/// Throws ShapeError where lengths differ.
template <class A, class B>
requires Operands<A, B>
auto inner(A&& a, B&& b) {
  using T = ElementOf<A, B>;
  return detail::inner<T>(to_variable<T>(std::forward<A>(a)), to_variable<T>(std::forward<B>(b)));
}

}  // namespace autodiff
