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

/// What an operation of two numbers is of whole ones: false where that has no value, or one of too many digits.
using Exact = bool (*)(std::int64_t, std::int64_t, std::int64_t&);

template <Real T>
OnnxValue<T> exactly(const OnnxStep<T>& step, const OnnxValue<T>& a, const OnnxValue<T>& b, Exact f) {
  Shape shape = step.common_shape(a.shape, b.shape);
  // The place of an element, whose axes of length one do not count.
  const auto place = [&](std::size_t i, const Shape& of) {
    std::size_t at = 0, step_size = 1;
    for (std::size_t back = 1; back <= of.size(); ++back) {
      const std::size_t length = shape[shape.size() - back];
      if (of[of.size() - back] != 1) at += i % length * step_size;
      step_size *= of[of.size() - back], i /= length;
    }
    return at;
  };
  Whole result(autodiff::count(shape));
  for (std::size_t i = 0; i < result.size(); ++i)
    if (!f(a.whole[place(i, a.shape)], b.whole[place(i, b.shape)], result[i]))
      step.refuse("a whole number has no value that fits");
  return {{}, std::move(result), std::move(shape), true, false};
}

/// Of numbers; and of whole numbers, exactly. Of more than two, from the first to the last.
template <Real T, class F>
Values<T> any_many(const OnnxStep<T>& step, const F& f, Exact exact) {
  const auto of_numbers = [&](const Variable<T>& a, const Variable<T>& b) {
    if (a.shape() != b.shape() && a.size() != 1 && b.size() != 1) step.common_shape(a.shape(), b.shape());
    return OnnxValue<T>{.numbers = f(a, b)};
  };
  OnnxValue<T> total = step.input(0);
  for (std::size_t i = 1; i < step.inputs.size(); ++i) {
    const auto& next = step.input(i);
    total = total.is_whole && next.is_whole ? exactly(step, total, next, exact)
                                            : of_numbers(step.numbers_of(total), step.numbers_of(next));
  }
  return {std::move(total)};
}

template <Real T, class F>
Values<T> arithmetic(const OnnxStep<T>& step, const F& f, Exact exact) {
  if (step.inputs.size() != 2) step.refuse("it takes two inputs");
  return any_many(step, f, exact);
}

/// Integers divide without remainder.
template <Real T>
Values<T> divide(const OnnxStep<T>& step) {
  const bool integral = step.input(0).integral() && step.input(1).integral();
  return arithmetic(
      step, [&](const auto& a, const auto& b) { return integral ? trunc(a / b) : a / b; },
      [](std::int64_t a, std::int64_t b, std::int64_t& y) {
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        return y = a / b, true;
      });
}

template <Real T>
Values<T> power(const OnnxStep<T>& step) {
  const auto y = pow(step.x(0), step.x(1));
  if (!step.input(0).integral()) return numbers<T>(y);
  return {{.numbers = trunc(y), .is_integral = true}};
}

/// A condition: 0 or 1.
template <Real T, class F>
Values<T> compare(const OnnxStep<T>& step, const F& f, Exact exact) {
  auto result = arithmetic(step, f, exact);
  result[0].is_integral = !result[0].is_whole;
  return result;
}

template <Real T>
Values<T> mean_of_inputs(const OnnxStep<T>& step) {
  auto total = step.x(0);
  for (std::size_t i = 1; i < step.inputs.size(); ++i) total = total + step.x(i);
  return numbers<T>(total / static_cast<double>(step.inputs.size()));
}

template <Real T>
Values<T> choice(const OnnxStep<T>& step) {
  const auto condition = step.x(0), a = step.x(1), b = step.x(2);
  step.common_shape(condition.shape(), step.common_shape(a.shape(), b.shape()));
  return numbers<T>(where(condition, a, b));
}

template <Real T>
Values<T> gemm(const OnnxStep<T>& step) {
  auto a = step.x(0), b = step.x(1);
  if (a.dimension() != 2 || b.dimension() != 2) step.refuse("it needs two matrices");
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
  enum Type { float32 = 1, int32 = 6, int64 = 7, boolean = 9, float16 = 10, float64 = 11, bfloat16 = 16 };
  const auto& x = step.input(0);
  switch (const auto to = step.integer("to", 0)) {
    case int32:
    case int64:
      if (!x.is_whole) return {{.numbers = x.is_integral ? x.numbers : trunc(x.numbers), .is_integral = true}};
      if (to == int32 && std::ranges::any_of(x.whole, [](std::int64_t n) { return n != std::int32_t(n); }))
        step.refuse("a whole number has more than 32 bits");
      return {x};
    case boolean:
      return {{.numbers = not_equal(step.x(0), 0), .is_integral = true}};
    case float16:
    case float32:
    case float64:
    case bfloat16: {
      if (!x.is_whole) return numbers<T>(x.numbers);
      Array<T> rounded(x.shape);
      std::ranges::transform(x.whole, rounded.data(), [](std::int64_t n) { return static_cast<T>(n); });
      return numbers<T>(Variable<T>(std::move(rounded)));
    }
    default:
      step.refuse("elements of type number " + std::to_string(to) + " are not read here");
  }
}

}  // namespace

template <Real T>
const Operators<T>& arithmetic_operators() {
  using V = Variable<T>;
  static const Operators<T> table{
      {"Add",
       [](const OnnxStep<T>& s) {
         return arithmetic(
             s, [](const auto& a, const auto& b) { return a + b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return !__builtin_add_overflow(a, b, &y); });
       }},
      {"Sub",
       [](const OnnxStep<T>& s) {
         return arithmetic(
             s, [](const auto& a, const auto& b) { return a - b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return !__builtin_sub_overflow(a, b, &y); });
       }},
      {"Mul",
       [](const OnnxStep<T>& s) {
         return arithmetic(
             s, [](const auto& a, const auto& b) { return a * b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return !__builtin_mul_overflow(a, b, &y); });
       }},
      {"Div", divide<T>},
      {"Pow", power<T>},
      {"Sum",
       [](const OnnxStep<T>& s) {
         return any_many(
             s, [](const auto& a, const auto& b) { return a + b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return !__builtin_add_overflow(a, b, &y); });
       }},
      {"Mean", mean_of_inputs<T>},
      {"Max",
       [](const OnnxStep<T>& s) {
         return any_many(
             s, [](const auto& a, const auto& b) { return maximum(a, b); },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = std::max(a, b), true; });
       }},
      {"Min",
       [](const OnnxStep<T>& s) {
         return any_many(
             s, [](const auto& a, const auto& b) { return minimum(a, b); },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = std::min(a, b), true; });
       }},
      {"Equal",
       [](const OnnxStep<T>& s) {
         return compare(
             s, [](const auto& a, const auto& b) { return equal(a, b); },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = a == b, true; });
       }},
      {"Less",
       [](const OnnxStep<T>& s) {
         return compare(
             s, [](const auto& a, const auto& b) { return a < b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = a < b, true; });
       }},
      {"LessOrEqual",
       [](const OnnxStep<T>& s) {
         return compare(
             s, [](const auto& a, const auto& b) { return a <= b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = a <= b, true; });
       }},
      {"Greater",
       [](const OnnxStep<T>& s) {
         return compare(
             s, [](const auto& a, const auto& b) { return a > b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = a > b, true; });
       }},
      {"GreaterOrEqual",
       [](const OnnxStep<T>& s) {
         return compare(
             s, [](const auto& a, const auto& b) { return a >= b; },
             [](std::int64_t a, std::int64_t b, std::int64_t& y) { return y = a >= b, true; });
       }},
      {"Where", choice<T>},
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
      {"Selu",
       [](const OnnxStep<T>& s) {
         const double alpha = s.real("alpha", 1.67326319217681884765625),
                      gamma = s.real("gamma", 1.05070102214813232421875);
         return numbers<T>(elu(s.x(0), alpha) * gamma);
       }},
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
       [](const OnnxStep<T>& s) {
         if (s.input(0).integral()) s.refuse("a mean of whole numbers is not read");
         return reduce(s, [](const V& x, const auto& a, bool k) { return mean(x, a, k); });
       }},
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
