// Softmax and the losses, as operations: fused where the parts alone would overflow or lose digits.
#pragma once

#include "../softmax.hpp"
#include "listed.hpp"

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
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return softmax(x[0], axis_behind(axis));
  }
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
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return log_softmax(x[0], axis_behind(axis));
  }
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
  template <class V>
  V batched(std::size_t, const std::vector<bool>&, std::span<const V> x) const {
    return listed(LogSumExp{axis_behind(axis)}, x[0]);
  }
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
  template <class V>
  V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
};
using SoftmaxCrossEntropy = CrossEntropy<false>;
using SoftmaxCrossEntropyOfClasses = CrossEntropy<true>;

#define AUTODIFF_SOFTMAX(X) X(Softmax) X(LogSoftmax) X(LogSumExp) X(SoftmaxCrossEntropy) X(SoftmaxCrossEntropyOfClasses)
AUTODIFF_SOFTMAX(AUTODIFF_EXTERN)

}  // namespace autodiff
