// Softmax and the losses: fused where the parts alone would overflow or lose digits.
#pragma once

#include "reduce.hpp"

namespace autodiff {

/// Along one axis, of the same shape.
struct AlongAxis {
  static constexpr bool fails = false;
  int axis = -1;
  Shape along(std::string_view name, Dims x) const;
  friend bool operator==(const AlongAxis&, const AlongAxis&) = default;
};

struct Softmax : AlongAxis {
  static constexpr auto name = "softmax";
  static constexpr auto reads = Reads::output;
  friend bool operator==(const Softmax&, const Softmax&) = default;
  Shape shape(Dims x) const { return along(name, x); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V&) const;
};

struct LogSoftmax : AlongAxis {
  static constexpr auto name = "log_softmax";
  static constexpr auto reads = Reads::output;
  friend bool operator==(const LogSoftmax&, const LogSoftmax&) = default;
  Shape shape(Dims x) const { return along(name, x); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V&) const;
};

struct LogSumExp : AlongAxis {
  static constexpr auto name = "logsumexp";
  static constexpr auto reads = Reads::inputs;
  friend bool operator==(const LogSumExp&, const LogSumExp&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

/// One loss a row, from logits x, z = log_softmax(x) and the target: minus the sum of target times z along the last
/// axis, or minus z at the class. That z is given lets loss and gradient share its exponentials; its own derivative is
/// part of that of x.
template <bool classes>
struct CrossEntropy {
  static constexpr auto name = "softmax_cross_entropy";
  static constexpr bool fails = classes;  // for a class out of range
  static constexpr auto reads = Reads::inputs;
  static constexpr bool differentiable[3] = {true, false, !classes};  // Clang 14 needs the 3
  Shape shape(Dims x, Dims z, Dims target) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T> z, Operand<const T> target) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x, const V& z, const V& target) const;
};
using SoftmaxCrossEntropy = CrossEntropy<false>;
using SoftmaxCrossEntropyOfClasses = CrossEntropy<true>;

// Along an axis, these throw AxisError for an axis that the array does not have, ShapeError for one of length zero.

/// e^x divided by its sum along the axis: positive numbers that sum to one, whatever the size of x.
template <Real T>
Variable<T> softmax(const Variable<T>& x, int axis = -1) {
  return listed(Softmax{axis}, x);
}
/// The logarithm of softmax(x), without taking the logarithm of an underflown number.
template <Real T>
Variable<T> log_softmax(const Variable<T>& x, int axis = -1) {
  return listed(LogSoftmax{axis}, x);
}
/// log(sum(exp(x))) over any axes, whatever the size of x.
template <Real T>
Variable<T> logsumexp(const Variable<T>& x, const Axes& axes = {}, bool keep = false);

namespace detail {
template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, const Variable<T>& target);
template <Real T>
Variable<T> squared_error(const Variable<T>& prediction, const Variable<T>& target);
}  // namespace detail

/// The mean over all rows of the cross-entropy between target and softmax(logits), in nats: logits (..., classes);
/// target of the same shape (rows of probabilities), or without the last axis (a class a row, from 0).
/// Throws ShapeError for other shapes or no rows, ValueError for a class that is not a whole number in range.
template <class A, class B>
requires Operands<A, B>
auto softmax_cross_entropy(A&& logits, B&& target) {
  using T = ElementOf<A, B>;
  return detail::softmax_cross_entropy<T>(to_variable<T>(std::forward<A>(logits)),
                                          to_variable<T>(std::forward<B>(target)));
}

/// The squared differences summed over a sample's outputs, and their mean over the samples, which are the first axis.
/// Throws ShapeError when the shapes differ or there are no samples.
template <class A, class B>
requires Operands<A, B>
auto squared_error(A&& prediction, B&& target) {
  using T = ElementOf<A, B>;
  return detail::squared_error<T>(to_variable<T>(std::forward<A>(prediction)), to_variable<T>(std::forward<B>(target)));
}

#define AUTODIFF_SOFTMAX(X) X(Softmax) X(LogSoftmax) X(LogSumExp) X(SoftmaxCrossEntropy) X(SoftmaxCrossEntropyOfClasses)
AUTODIFF_SOFTMAX(AUTODIFF_EXTERN)

}  // namespace autodiff
