#include "operators.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nn {

namespace {

/// An operation of one variable.
template <Real T, Variable<T> (*f)(const Variable<T>&)>
Values<T> unary(const OnnxStep<T>& step) {
  return numbers<T>(f(step.x(0)));
}

/// Of numbers; and of whole numbers, of which one may be alone.
template <Real T, class F>
Values<T> arithmetic(const OnnxStep<T>& step, const F& f) {
  if (!step.input(0).is_whole || !step.input(1).is_whole) return numbers<T>(f(step.x(0), step.x(1)));
  const auto &a = step.input(0), &b = step.input(1);
  const std::size_t n = std::max(a.whole.size(), b.whole.size());
  if ((a.whole.size() != n && a.whole.size() != 1) || (b.whole.size() != n && b.whole.size() != 1) || n == 0)
    step.refuse("shapes of whole numbers do not fit");
  Whole result(n);
  for (std::size_t i = 0; i < n; ++i)
    result[i] = static_cast<std::int64_t>(
        f(double(a.whole[a.whole.size() == 1 ? 0 : i]), double(b.whole[b.whole.size() == 1 ? 0 : i])));
  return whole<T>(result, a.whole.size() == n ? a.shape : b.shape);
}

template <Real T>
Values<T> gemm(const OnnxStep<T>& step) {
  auto a = step.x(0), b = step.x(1);
  if (step.integer("transA", 0)) a = transpose(a);
  if (step.integer("transB", 0)) b = transpose(b);
  const double alpha = step.real("alpha", 1), beta = step.real("beta", 1);
  auto y = matmul(a, b);
  if (alpha != 1) y = y * alpha;
  if (step.has(2)) y = y + (beta == 1 ? step.x(2) : step.x(2) * beta);
  return numbers<T>(y);
}

template <Real T>
Values<T> softmax_of(const OnnxStep<T>& step, bool logarithm) {
  const auto x = step.x(0);
  const auto axis = axis_of(step, step.integer("axis", step.version < 13 ? 1 : -1), x.dimension());
  if (step.version < 13 && axis + 1 != x.dimension())
    step.refuse("before version 13 it is read along the last axis alone");
  const int along = static_cast<int>(axis);
  return numbers<T>(logarithm ? log_softmax(x, along) : softmax(x, along));
}

template <Real T>
Values<T> batch_norm(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  if (x.dimension() < 2) step.refuse("it needs (samples, channels, ...)");
  if (step.integer("training_mode", 0)) step.refuse("it is that of training");
  Shape along(x.dimension() - 1, 1);
  const auto each = [&](std::size_t i) {
    const auto v = step.x(i);
    along[0] = v.size();
    return reshape(v, along);
  };
  return numbers<T>((x - each(3)) * (each(1) * rsqrt(each(4) + step.real("epsilon", 1e-5))) + each(2));
}

template <Real T>
Values<T> layer_norm(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  std::vector<int> axes(x.dimension() - axis_of(step, step.integer("axis", -1), x.dimension()));
  std::iota(axes.begin(), axes.end(), static_cast<int>(x.dimension() - axes.size()));
  const auto centred = x - mean(x, axes, autodiff::keepdims);
  auto y = centred * rsqrt(mean(square(centred), axes, autodiff::keepdims) + step.real("epsilon", 1e-5)) * step.x(1);
  if (step.has(2)) y = y + step.x(2);
  return numbers<T>(y);
}

/// The Reduce operators; without axes, all of them.
template <Real T, class F>
Values<T> reduce(const OnnxStep<T>& step, const F& f) {
  const auto x = step.x(0);
  const auto given = step.list("axes", 1);
  if (given.empty() && step.integer("noop_with_empty_axes", 0)) return numbers<T>(x);
  auto axes = axes_of(step, given, x.dimension());
  if (given.empty()) axes.resize(x.dimension()), std::iota(axes.begin(), axes.end(), 0);
  return numbers<T>(f(x, autodiff::Axes(axes), step.integer("keepdims", 1) != 0));
}

template <Real T>
Values<T> clip_of(const OnnxStep<T>& step) {
  auto x = step.x(0);
  if (step.version < 11) return numbers<T>(clip(x, step.real("min", -INFINITY), step.real("max", INFINITY)));
  if (step.has(1)) x = maximum(x, step.x(1));
  if (step.has(2)) x = minimum(x, step.x(2));
  return numbers<T>(x);
}

template <Real T>
Values<T> cast(const OnnxStep<T>& step) {
  const auto to = step.integer("to", 0);
  if (to != 6 && to != 7) return to == 9 ? numbers<T>(not_equal(step.x(0), 0)) : numbers<T>(step.x(0));
  if (step.input(0).is_whole) return {step.input(0)};
  return numbers<T>(trunc(step.x(0)));
}

}  // namespace

template <Real T>
const Operators<T>& arithmetic_operators() {
  using V = Variable<T>;
  static const Operators<T> table{
      {"Add", [](const OnnxStep<T>& s) { return arithmetic(s, [](const auto& a, const auto& b) { return a + b; }); }},
      {"Sub", [](const OnnxStep<T>& s) { return arithmetic(s, [](const auto& a, const auto& b) { return a - b; }); }},
      {"Mul", [](const OnnxStep<T>& s) { return arithmetic(s, [](const auto& a, const auto& b) { return a * b; }); }},
      {"Div", [](const OnnxStep<T>& s) { return arithmetic(s, [](const auto& a, const auto& b) { return a / b; }); }},
      {"Pow", [](const OnnxStep<T>& s) { return numbers<T>(pow(s.x(0), s.x(1))); }},
      {"Max", [](const OnnxStep<T>& s) { return numbers<T>(maximum(s.x(0), s.x(1))); }},
      {"Min", [](const OnnxStep<T>& s) { return numbers<T>(minimum(s.x(0), s.x(1))); }},
      {"Equal", [](const OnnxStep<T>& s) { return numbers<T>(equal(s.x(0), s.x(1))); }},
      {"Less", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0) < s.x(1)); }},
      {"LessOrEqual", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0) <= s.x(1)); }},
      {"Greater", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0) > s.x(1)); }},
      {"GreaterOrEqual", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0) >= s.x(1)); }},
      {"Where", [](const OnnxStep<T>& s) { return numbers<T>(where(s.x(0), s.x(1), s.x(2))); }},
      {"Neg", [](const OnnxStep<T>& s) { return numbers<T>(-s.x(0)); }},
      {"Abs", unary<T, autodiff::abs<T>>},
      {"Sign", unary<T, autodiff::sign<T>>},
      {"Exp", unary<T, autodiff::exp<T>>},
      {"Log", unary<T, autodiff::log<T>>},
      {"Sqrt", unary<T, autodiff::sqrt<T>>},
      {"Reciprocal", unary<T, autodiff::reciprocal<T>>},
      {"Sin", unary<T, autodiff::sin<T>>},
      {"Cos", unary<T, autodiff::cos<T>>},
      {"Erf", unary<T, autodiff::erf<T>>},
      {"Floor", unary<T, autodiff::floor<T>>},
      {"Ceil", unary<T, autodiff::ceil<T>>},
      {"Round", unary<T, autodiff::round<T>>},
      {"Tanh", unary<T, autodiff::tanh<T>>},
      {"Sigmoid", unary<T, autodiff::logistic<T>>},
      {"Relu", unary<T, autodiff::relu<T>>},
      {"Softplus", unary<T, autodiff::softplus<T>>},
      {"Selu", unary<T, autodiff::selu<T>>},
      {"Softsign", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0) / (abs(s.x(0)) + 1)); }},
      {"LeakyRelu", [](const OnnxStep<T>& s) { return numbers<T>(leaky_relu(s.x(0), s.real("alpha", 0.01))); }},
      {"Elu", [](const OnnxStep<T>& s) { return numbers<T>(elu(s.x(0), s.real("alpha", 1))); }},
      {"HardSigmoid",
       [](const OnnxStep<T>& s) {
         return numbers<T>(clip(s.x(0) * s.real("alpha", 0.2) + s.real("beta", 0.5), 0, 1));
       }},
      {"Gelu",
       [](const OnnxStep<T>& s) {
         if (s.text("approximate", "none") != "none") s.refuse("it is read without approximation alone");
         return numbers<T>(gelu(s.x(0)));
       }},
      {"Clip", clip_of<T>},
      {"Cast", cast<T>},
      {"Identity", [](const OnnxStep<T>& s) { return Values<T>{s.input(0)}; }},
      {"Dropout", [](const OnnxStep<T>& s) { return numbers<T>(s.x(0)); }},
      {"MatMul", [](const OnnxStep<T>& s) { return numbers<T>(matmul(s.x(0), s.x(1))); }},
      {"Gemm", gemm<T>},
      {"Softmax", [](const OnnxStep<T>& s) { return softmax_of(s, false); }},
      {"LogSoftmax", [](const OnnxStep<T>& s) { return softmax_of(s, true); }},
      {"BatchNormalization", batch_norm<T>},
      {"LayerNormalization", layer_norm<T>},
      {"ReduceSum",
       [](const OnnxStep<T>& s) { return reduce(s, [](const V& x, const auto& a, bool k) { return sum(x, a, k); }); }},
      {"ReduceMean",
       [](const OnnxStep<T>& s) { return reduce(s, [](const V& x, const auto& a, bool k) { return mean(x, a, k); }); }},
      {"ReduceMax",
       [](const OnnxStep<T>& s) { return reduce(s, [](const V& x, const auto& a, bool k) { return max(x, a, k); }); }},
      {"ReduceMin",
       [](const OnnxStep<T>& s) { return reduce(s, [](const V& x, const auto& a, bool k) { return min(x, a, k); }); }},
  };
  return table;
}

template const Operators<float>& arithmetic_operators();
template const Operators<double>& arithmetic_operators();

}  // namespace nn
