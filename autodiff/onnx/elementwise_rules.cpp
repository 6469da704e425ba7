#include <numbers>

#include "../ops/structs/activations.hpp"
#include "../ops/structs/arithmetic.hpp"
#include "../ops/structs/elementary.hpp"
#include "../ops/structs/rounding.hpp"
#include "../ops/structs/special.hpp"
#include "rules.hpp"

namespace autodiff::onnx {
namespace {

/// The operator's name, as a type.
template <std::size_t n>
struct Word {
  constexpr Word(const char (&text)[n]) { std::copy_n(text, n, letters); }
  char letters[n];
};

/// An operation that ONNX has, too.
template <class Op, Word word>
Rule same() {
  return rule<Op>([](Graph& to, const Op&, const Step& step) {
    Names names;
    for (const auto& x : step.x) names.push_back(x.name);
    return to.add(word.letters, names);
  });
}

/// A comparison, which gives 0 and 1 here.
template <class Op, Word word>
Rule comparison() {
  return rule<Op>([](Graph& to, const Op&, const Step& step) {
    return to.as_numbers(to.add(word.letters, {step.x[0].name, step.x[1].name}));
  });
}

/// Words for what follows: the graph and the only argument.
#define AUTODIFF_RULE(Op, expression)                      \
  rule<Op>([](Graph& to, const Op& op, const Step& step) { \
    static_cast<void>(op);                                 \
    const auto& x = step.x[0].name;                        \
    return expression;                                     \
  })

}  // namespace

std::span<const Rule> elementwise_rules() {
  static const Rule rules[] = {
      same<Add, "Add">(),
      same<Sub, "Sub">(),
      same<Neg, "Neg">(),
      same<Mul, "Mul">(),
      same<Div, "Div">(),
      same<Pow, "Pow">(),
      same<Maximum, "Max">(),
      same<Minimum, "Min">(),
      same<StopGradient, "Identity">(),
      comparison<Equal, "Equal">(),
      comparison<Less, "Less">(),
      comparison<LessEqual, "LessOrEqual">(),
      AUTODIFF_RULE(NotEqual, to.as_numbers(to.add("Not", {to.add("Equal", {x, step.x[1].name})}))),
      AUTODIFF_RULE(Where, to.add("Where", {to.as_boolean(x), step.x[1].name, step.x[2].name})),

      same<Abs, "Abs">(),
      same<Sign, "Sign">(),
      same<Exp, "Exp">(),
      same<Log, "Log">(),
      same<Sqrt, "Sqrt">(),
      same<Reciprocal, "Reciprocal">(),
      same<Sin, "Sin">(),
      same<Cos, "Cos">(),
      same<Tan, "Tan">(),
      same<Asin, "Asin">(),
      same<Acos, "Acos">(),
      same<Atan, "Atan">(),
      same<Sinh, "Sinh">(),
      same<Cosh, "Cosh">(),
      same<Tanh, "Tanh">(),
      same<Asinh, "Asinh">(),
      same<Acosh, "Acosh">(),
      same<Atanh, "Atanh">(),
      same<Erf, "Erf">(),
      AUTODIFF_RULE(Square, to.add("Mul", {x, x})),
      AUTODIFF_RULE(Rsqrt, to.add("Reciprocal", {to.add("Sqrt", {x})})),
      AUTODIFF_RULE(Expm1, to.add("Sub", {to.add("Exp", {x}), to.number(1)})),
      AUTODIFF_RULE(Log1p, to.add("Log", {to.add("Add", {x, to.number(1)})})),
      AUTODIFF_RULE(Log2, to.add("Mul", {to.add("Log", {x}), to.number(std::numbers::log2e)})),
      AUTODIFF_RULE(Log10, to.add("Mul", {to.add("Log", {x}), to.number(std::numbers::log10e)})),
      AUTODIFF_RULE(Exp2, to.add("Exp", {to.add("Mul", {x, to.number(std::numbers::ln2)})})),

      same<Floor, "Floor">(),
      same<Ceil, "Ceil">(),
      same<Round, "Round">(),
      AUTODIFF_RULE(Trunc, to.add("Mul", {to.add("Sign", {x}), to.add("Floor", {to.add("Abs", {x})})})),
      AUTODIFF_RULE(Fmod, to.add("Mod", {x, step.x[1].name}, {{"fmod", std::int64_t(1)}})),

      same<Logistic, "Sigmoid">(),
      same<Softplus, "Softplus">(),
      same<Relu, "Relu">(),
      AUTODIFF_RULE(LeakyRelu, to.add("LeakyRelu", {x}, {{"alpha", op.slope}})),
      AUTODIFF_RULE(Elu, to.add("Elu", {x}, {{"alpha", op.alpha}})),
      AUTODIFF_RULE(Selu, to.add("Selu", {x})),
      AUTODIFF_RULE(Clip, to.add("Clip", {x, to.number(op.low), to.number(op.high)})),
      AUTODIFF_RULE(Silu, to.add("Mul", {x, to.add("Sigmoid", {x})})),
      AUTODIFF_RULE(HardSigmoid, to.add("HardSigmoid", {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}})),
      AUTODIFF_RULE(
          Gelu,
          to.add(
              "Mul",
              {x, to.add("Mul",
                         {to.number(0.5),
                          to.add("Add", {to.number(1),
                                         to.add("Erf", {to.add("Mul", {x, to.number(std::numbers::sqrt2 / 2)})})})})})),

      AUTODIFF_RULE(Erfc, to.add("Sub", {to.number(1), to.add("Erf", {x})})),
      AUTODIFF_RULE(
          Hypot,
          to.add("Sqrt", {to.add("Add", {to.add("Mul", {x, x}), to.add("Mul", {step.x[1].name, step.x[1].name})})})),
  };
  return rules;
}

#undef AUTODIFF_RULE

}  // namespace autodiff::onnx
