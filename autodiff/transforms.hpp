// Derivatives, as functions of what has been recorded.
#pragma once

#include <array>
#include <vector>

#include "sweep.hpp"

namespace autodiff {

// Of any recorded variable y (a number, or a cotangent is needed) with respect to any recorded variables x on the same
// tape, leaves or not; zeros where y does not depend on x. All throw TapeError for constants, plain values and other
// tapes, and ShapeError for shapes that do not fit. Arrays come out; nothing stays recorded, but by recorded_gradient.

/// dy/dx for a y of one element: arrays of the shapes of the xs. Throws ShapeError when y has more elements than one.
template <Real T>
std::vector<Array<T>> gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs);

/// dy/dx as variables on the tape, to be differentiated again.
template <Real T>
std::vector<Variable<T>> recorded_gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs);

/// The product of a cotangent (of y's shape) with the Jacobian dy/dx, as variables on the tape; the cotangent may be
/// one.
template <Real T>
std::vector<Variable<T>> recorded_vjp(const Variable<T>& y, const Variable<T>& cotangent,
                                      const std::vector<Variable<T>>& xs);

/// The product of the Jacobians dy/dx with tangents (of the shapes of the xs), as a variable of y's shape on the tape;
/// the tangents may be variables of it. See jvp.
template <Real T>
Variable<T> recorded_jvp(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                         const std::vector<Variable<T>>& tangents);

/// All derivatives dy/dx as a variable of y's shape followed by x's. Records one sweep an element of y. Where x has far
/// fewer, a vmap of recorded_jvp over tangents of one element each records less, with x's shape in front.
template <Real T>
Variable<T> recorded_jacobian(const Variable<T>& y, const Variable<T>& x);

/// All second derivatives of y (of one element) as a variable of x's shape twice. Records one sweep an element of x.
template <Real T>
Variable<T> recorded_hessian(const Variable<T>& y, const Variable<T>& x);

/// The product of a cotangent (of y's shape) with the Jacobian dy/dx: arrays of the shapes of the xs.
template <Real T>
std::vector<Array<T>> vjp(const Variable<T>& y, const Array<T>& cotangent, const std::vector<Variable<T>>& xs);

/// The product of the Jacobians dy/dx with tangents (of the shapes of the xs): an array of y's shape. By two reverse
/// sweeps, the second through the first; J. Townsend, "A new trick for calculating Jacobian vector products", 2017.
template <Real T>
Array<T> jvp(const Variable<T>& y, const std::vector<Variable<T>>& xs, const std::vector<Array<T>>& tangents);

/// The product of the Hessian of y (of one element) in all xs with a vector: arrays of the shapes of the xs.
template <Real T>
std::vector<Array<T>> hvp(const Variable<T>& y, const std::vector<Variable<T>>& xs, const std::vector<Array<T>>& v);

/// All derivatives dy/dx: for each x an array of y's shape followed by x's. One sweep an element of y, or of the xs
/// where these have far fewer.
template <Real T>
std::vector<Array<T>> jacobian(const Variable<T>& y, const std::vector<Variable<T>>& xs);

/// All second derivatives of y (of one element), in blocks: that of xs[i] and xs[j] is an array [i][j] of the shape of
/// xs[i] followed by that of xs[j]. One sweep an element of the xs.
template <Real T>
std::vector<std::vector<Array<T>>> hessian(const Variable<T>& y, const std::vector<Variable<T>>& xs);

template <Real T, class Cotangent>
requires AnyOperand<Cotangent> Variable<T> recorded_vjp(const Variable<T>& y, const Cotangent& cotangent,
                                                        const Variable<T>& x) {
  return recorded_vjp<T>(y, to_variable<T>(cotangent), std::vector{x})[0];
}
template <Real T, class Tangent>
requires AnyOperand<Tangent> Variable<T> recorded_jvp(const Variable<T>& y, const Variable<T>& x,
                                                      const Tangent& tangent) {
  return recorded_jvp<T>(y, std::vector{x}, std::vector<Variable<T>>{to_variable<T>(tangent)});
}

// The same for one x, or but for the Hessian for several named one by one.

template <Real T>
Array<T> gradient(const Variable<T>& y, const Variable<T>& x) {
  return std::move(gradient(y, std::vector{x})[0]);
}
template <Real T>
Variable<T> recorded_gradient(const Variable<T>& y, const Variable<T>& x) {
  return recorded_gradient(y, std::vector{x})[0];
}
template <Real T>
Array<T> jacobian(const Variable<T>& y, const Variable<T>& x) {
  return std::move(jacobian(y, std::vector{x})[0]);
}
template <Real T>
Array<T> hessian(const Variable<T>& y, const Variable<T>& x) {
  return std::move(hessian(y, std::vector{x})[0][0]);
}
template <Real T, class Cotangent>
requires(ArrayLike<Cotangent> || Number<Cotangent>) Array<T> vjp(const Variable<T>& y, const Cotangent& cotangent,
                                                                 const Variable<T>& x) {
  return std::move(vjp(y, to_array<T>(cotangent), std::vector{x})[0]);
}
template <Real T, class Cotangent>
requires(ArrayLike<Cotangent> || Number<Cotangent>) std::vector<Array<T>> vjp(const Variable<T>& y,
                                                                              const Cotangent& cotangent,
                                                                              const std::vector<Variable<T>>& xs) {
  return vjp(y, to_array<T>(cotangent), xs);
}
template <Real T, class Tangent>
requires(ArrayLike<Tangent> || Number<Tangent>) Array<T> jvp(const Variable<T>& y, const Variable<T>& x,
                                                             const Tangent& tangent) {
  return jvp(y, std::vector{x}, {to_array<T>(tangent)});
}
template <Real T, class Vector>
requires(ArrayLike<Vector> || Number<Vector>) Array<T> hvp(const Variable<T>& y, const Variable<T>& x,
                                                           const Vector& v) {
  return std::move(hvp(y, std::vector{x}, {to_array<T>(v)})[0]);
}

namespace detail {
template <std::size_t N, class E>
std::array<E, N> to_std_array(std::vector<E> from) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return std::array<E, N>{std::move(from[I])...}; }
  (std::make_index_sequence<N>());
}
}  // namespace detail

/// The same of several xs one by one, as a std::array: auto [dx, dw] = gradient(y, x, w).
template <Real T, std::same_as<Variable<T>>... Xs>
requires(sizeof...(Xs) > 1) std::array < Array<T>,
sizeof...(Xs) > gradient(const Variable<T>& y, const Xs&... xs) {
  return detail::to_std_array<sizeof...(Xs)>(gradient(y, std::vector<Variable<T>>{xs...}));
}
template <Real T, std::same_as<Variable<T>>... Xs>
requires(sizeof...(Xs) > 1) std::array < Variable<T>,
sizeof...(Xs) > recorded_gradient(const Variable<T>& y, const Xs&... xs) {
  return detail::to_std_array<sizeof...(Xs)>(recorded_gradient(y, std::vector<Variable<T>>{xs...}));
}
template <Real T, std::same_as<Variable<T>>... Xs>
requires(sizeof...(Xs) > 1) std::array < Array<T>,
sizeof...(Xs) > jacobian(const Variable<T>& y, const Xs&... xs) {
  return detail::to_std_array<sizeof...(Xs)>(jacobian(y, std::vector<Variable<T>>{xs...}));
}
template <Real T, class Cotangent, std::same_as<Variable<T>>... Xs>
requires((ArrayLike<Cotangent> || Number<Cotangent>)&&sizeof...(Xs) > 1) std::array < Array<T>,
sizeof...(Xs) > vjp(const Variable<T>& y, const Cotangent& cotangent, const Xs&... xs) {
  return detail::to_std_array<sizeof...(Xs)>(vjp(y, to_array<T>(cotangent), std::vector<Variable<T>>{xs...}));
}

}  // namespace autodiff
