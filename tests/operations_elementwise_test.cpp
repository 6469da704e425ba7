// Every elementwise operation: against the C++ standard library in long double, over its domain, for shapes that
// broadcast and shapes that do not.
#include "cases.hpp"

#include <autodiff/ops/structs/activations.hpp>
#include <autodiff/ops/structs/arithmetic.hpp>
#include <autodiff/ops/structs/elementary.hpp>
#include <autodiff/ops/structs/rounding.hpp>
#include <autodiff/ops/structs/special.hpp>

namespace test {

namespace {

/// The shapes that arguments are given: single numbers, one axis longer than any SIMD register, repeated axes in front,
/// behind and between, none at all.
template <std::size_t arity>
std::vector<Shapes> shapes() {
  if constexpr (arity == 1)
    return {{{}}, {{1}}, {{37}}, {{3, 5}}, {{2, 1, 3}}, {{0, 3}}};
  else if constexpr (arity == 2)
    return {{{}, {}},          {{3, 4}, {3, 4}},    {{3, 4}, {4}}, {{4}, {3, 4}}, {{3, 1}, {1, 4}}, {{}, {2, 3}},
            {{2, 3}, {}},      {{2, 1, 3}, {4, 1}}, {{1}, {5}},    {{5}, {1}},    {{1, 1}, {1}},    {{37}, {37}},
            {{2, 19}, {2, 1}}, {{0, 3}, {1, 3}},    {{2, 0}, {1}}, {{}, {0}}};
  else
    return {{{}, {}, {}},         {{2, 3}, {2, 3}, {2, 3}}, {{4}, {3, 1}, {1, 4}},
            {{}, {2, 3}, {2, 3}}, {{2, 3}, {}, {}},         {{2, 1, 3}, {4, 1}, {3}},
            {{3}, {1}, {2, 1}},   {{21}, {21}, {1}},        {{0, 2}, {2}, {1, 1}}};
}

/// All cases of an operation: its public function, and its value for single numbers by other means.
template <class Op, class F, class... Numbers>
std::vector<Case> elementwise(F f, long double (*value)(Numbers...)) {
  constexpr std::size_t arity = sizeof...(Numbers);
  static_assert(std::size(Op::domain) == arity);
  std::vector<Case> result;
  for (const auto& each : shapes<arity>()) {
    Arrays at;
    for (std::size_t i = 0; i < arity; ++i)
      at.push_back(sample(each[i], Op::domain[i].low, Op::domain[i].high, static_cast<unsigned>(i + 1)));
    std::size_t rank = 0;
    for (const auto& s : each) rank = std::max(rank, s.size());
    Shape shape(rank, 1);  // of the lengths that meet in an axis, the one that is not one
    for (const auto& s : each)
      for (std::size_t i = 0, n = shape.size() - s.size(); i < s.size(); ++i)
        if (s[i] != 1) shape[n + i] = s[i];
    result.push_back({Op::name, f, at, [=](const Arrays& x) {
                        return build(shape, [&](const auto& index) {
                          return [&]<std::size_t... I>(std::index_sequence<I...>) {
                            return value(static_cast<long double>(broadcast_at(x[I], index))...);
                          }
                          (std::make_index_sequence<arity>());
                        });
                      }});
  }
  return result;
}

constexpr long double pi = 3.141592653589793238462643383279502884L;

/// By bisection.
long double erfinv_of(long double y) {
  long double low = -10, high = 10;
  for (int i = 0; i < 100; ++i) (std::erf((low + high) / 2) < y ? low : high) = (low + high) / 2;
  return low;
}

/// The sum of 1 / (x + k)^s, less that of 1 / (1 + k)^s for s = 1: terms, and an integral for the others.
long double sum_of_powers(long double x, int s) {
  constexpr int terms = 20000;
  long double total = 0;
  for (int k = terms; k-- > 0;) total += std::pow(x + k, -s) - (s == 1 ? 1 / (1.0L + k) : 0);
  const long double end = x + terms;
  if (s == 1) return total - std::log(end / (1.0L + terms)) + 0.5L / end - 0.5L / (1.0L + terms);
  return total + std::pow(end, 1 - s) / (s - 1) + std::pow(end, -s) / 2;
}
constexpr long double euler = 0.577215664901532860606512090082402431L;

}  // namespace

// Operation, its public function, and the same for one number by other means.
#define UNARY(Op, function, number)                               \
  template <>                                                     \
  std::vector<Case> cases<ad::Op>() {                             \
    const auto f = [](const auto& v) {                            \
      const auto& x = v[0];                                       \
      return function;                                            \
    };                                                            \
    return elementwise<ad::Op>(                                   \
        f, +[](long double x) -> long double { return number; }); \
  }
#define BINARY(Op, function, number)                                             \
  template <>                                                                    \
  std::vector<Case> cases<ad::Op>() {                                            \
    const auto f = [](const auto& v) {                                           \
      const auto &a = v[0], &b = v[1];                                           \
      return function;                                                           \
    };                                                                           \
    return elementwise<ad::Op>(                                                  \
        f, +[](long double a, long double b) -> long double { return number; }); \
  }

UNARY(Neg, -x, -x)
UNARY(Abs, abs(x), std::fabs(x))
UNARY(Sign, sign(x), x / std::fabs(x))
UNARY(Exp, exp(x), std::exp(x))
UNARY(Expm1, expm1(x), std::expm1(x))
UNARY(Log, log(x), std::log(x))
UNARY(Log1p, log1p(x), std::log1p(x))
UNARY(Sqrt, sqrt(x), std::sqrt(x))
UNARY(Rsqrt, rsqrt(x), std::pow(x, -0.5L))
UNARY(Square, square(x), std::pow(x, 2))
UNARY(Reciprocal, reciprocal(x), std::pow(x, -1))
UNARY(Sin, sin(x), std::sin(x))
UNARY(Cos, cos(x), std::cos(x))
UNARY(Tan, tan(x), std::tan(x))
UNARY(Asin, asin(x), std::asin(x))
UNARY(Acos, acos(x), std::acos(x))
UNARY(Atan, atan(x), std::atan(x))
UNARY(Sinh, sinh(x), std::sinh(x))
UNARY(Cosh, cosh(x), std::cosh(x))
UNARY(Tanh, tanh(x), std::tanh(x))
UNARY(Erf, erf(x), std::erf(x))
UNARY(Asinh, asinh(x), std::asinh(x))
UNARY(Acosh, acosh(x), std::acosh(x))
UNARY(Atanh, atanh(x), std::atanh(x))
UNARY(Log2, log2(x), std::log2(x))
UNARY(Log10, log10(x), std::log10(x))
UNARY(Exp2, exp2(x), std::exp2(x))

UNARY(Floor, floor(x), std::floor(x))
UNARY(Ceil, ceil(x), std::ceil(x))
UNARY(Round, round(x), std::nearbyint(x))
UNARY(Trunc, trunc(x), std::trunc(x))
BINARY(Fmod, fmod(a, b), a - b * std::trunc(a / b))
BINARY(Remainder, remainder(a, b), a - b * std::floor(a / b))

UNARY(Cbrt, cbrt(x), std::cbrt(x))
BINARY(Hypot, hypot(a, b), std::sqrt(a* a + b * b))
BINARY(LogAddExp, logaddexp(a, b), std::log(std::exp(a) + std::exp(b)))
BINARY(Xlogy, xlogy(a, b), a* std::log(b))
UNARY(Logit, logit(x), std::log(x / (1 - x)))
UNARY(Sinc, sinc(x), std::sin(pi* x) / (pi * x))
UNARY(Erfc, erfc(x), std::erfc(x))
UNARY(Erfcx, erfcx(x), std::exp(x* x) * std::erfc(x))
UNARY(Erfinv, erfinv(x), erfinv_of(x))
UNARY(Ndtr, ndtr(x), std::erfc(-x / std::sqrt(2.0L)) / 2)
UNARY(LogNdtr, log_ndtr(x), std::log(std::erfc(-x / std::sqrt(2.0L)) / 2))
UNARY(Lgamma, lgamma(x), std::log(std::tgamma(x)))
UNARY(Digamma, digamma(x), -euler - sum_of_powers(x, 1))
UNARY(Polygamma, polygamma(2, x), -2 * sum_of_powers(x, 3))
BINARY(LogBeta, betaln(a, b), std::log(std::tgamma(a) * std::tgamma(b) / std::tgamma(a + b)))
UNARY(BesselI, bessel_i(1, x), std::copysign(std::cyl_bessel_i(1.0L, std::fabs(x)), x))

// By identities other than the formulas of the library.
UNARY(Logistic, logistic(x), (1 + std::tanh(x / 2)) / 2)
UNARY(Softplus, softplus(x), std::log(1 + std::exp(x)))
UNARY(Relu, relu(x), (x + std::fabs(x)) / 2)
UNARY(LeakyRelu, leaky_relu(x, 0.25), std::fmax(x, x / 4))
UNARY(Elu, elu(x, 0.5), std::signbit(x) ? std::exp(x) / 2 - 0.5L : x)
UNARY(Selu, selu(x), 1.05070098735548049342L * (std::signbit(x) ? 1.67326324235437728482L * (std::exp(x) - 1) : x))
UNARY(Gelu, gelu(x), x / 2 * std::erfc(-x / std::sqrt(2.0L)))
UNARY(Clip, clip(x, -0.5, 1), std::fmin(std::fmax(x, -0.5L), 1.0L))
UNARY(Silu, silu(x), x*(1 + std::tanh(x / 2)) / 2)
UNARY(HardSigmoid, hard_sigmoid(x), std::fmin(std::fmax(x + 3, 0.0L), 6.0L) / 6)

BINARY(Add, a + b, a + b)
BINARY(Sub, a - b, a - b)
BINARY(Mul, a* b, a* b)
BINARY(Div, a / b, a / b)
BINARY(Pow, pow(a, b), std::exp(b* std::log(a)))
BINARY(Maximum, maximum(a, b), std::fmax(a, b))
BINARY(Minimum, minimum(a, b), std::fmin(a, b))
BINARY(Atan2, atan2(a, b), std::arg(std::complex<long double>(b, a)))
BINARY(Equal, a == b, !(a < b || b < a))
BINARY(NotEqual, a != b, a < b || b < a)
BINARY(Less, a < b, std::signbit(a - b))
BINARY(LessEqual, a <= b, !std::signbit(b - a))

template <>
std::vector<Case> cases<ad::Where>() {  // a condition that is zero now and then, which a random number is not
  return elementwise<ad::Where>([](const auto& v) { return where(v[0] > 0, v[1], v[2]); },
                                +[](long double c, long double a, long double b) { return std::signbit(c) ? b : a; });
}

// Of what has no slope, so that differences agree.
template <>
std::vector<Case> cases<ad::StopGradient>() {
  std::vector<Case> result;
  for (const Shape& shape : {Shape{}, Shape{2, 3}, Shape{0, 2}})
    result.push_back({"stop_gradient", [](const auto& x) { return stop_gradient(sign(x[0])); }, samples({shape}),
                      [](const Arrays& at) { return Array<double>(xt::sign(at[0])); }});
  return result;
}

AUTODIFF_ARITHMETIC(TEST_OPERATION)
AUTODIFF_ELEMENTARY(TEST_OPERATION)
AUTODIFF_ACTIVATIONS(TEST_OPERATION)
AUTODIFF_ROUNDING(TEST_OPERATION)
AUTODIFF_SPECIAL(TEST_OPERATION)

// ---- what is derived, and the parameters by default ----

#define TEST_DERIVED(name, expression, number)                                    \
  TEST_CASE("derived " name) {                                                    \
    check({name, [](const auto& x) { return expression; }, samples({{37}, {37}}), \
           [](const Arrays& at) {                                                 \
             return build({37}, [&](const auto& i) {                              \
               const long double a = at[0](i[0]), b = at[1](i[0]);                \
               return number;                                                     \
             });                                                                  \
           }});                                                                   \
  }

TEST_DERIVED("neg", neg(x[0]) + 0 * x[1], 0 * b - a)
TEST_DERIVED("add", add(x[0], x[1]), a + b)
TEST_DERIVED("sub", sub(x[0], x[1]), a - b)
TEST_DERIVED("mul", mul(x[0], x[1]), a* b)
TEST_DERIVED("div", div(x[0], x[1] + 3), a / (b + 3))
TEST_DERIVED("greater", x[0] > x[1], std::isgreater(a, b) ? 1.0L : 0.0L)
TEST_DERIVED("greater or equal", x[0] >= x[1], std::isgreaterequal(a, b) ? 1.0L : 0.0L)
TEST_DERIVED("leaky_relu by default", leaky_relu(x[0]) * x[1], std::fmax(a, a / 100) * b)
TEST_DERIVED("elu by default", elu(x[0]) * x[1], std::fmax(a, std::expm1(std::fmin(a, 0.0L))) * b)
TEST_DERIVED("beta", beta(abs(x[0]) + 1, abs(x[1]) + 1), std::beta(std::fabs(a) + 1, std::fabs(b) + 1))
TEST_DERIVED("i0", i0(x[0]) * x[1], std::cyl_bessel_i(0.0L, std::fabs(a)) * b)
TEST_DERIVED("slopes of sinc", sinc(x[0], 1) * x[1], (pi * a * std::cos(pi * a) - std::sin(pi * a)) / (pi * a * a) * b)
TEST_DERIVED("hard_swish", hard_swish(3 * x[0]) * x[1], 3 * a * std::fmin(std::fmax(3 * a + 3, 0.0L), 6.0L) / 6 * b)
TEST_DERIVED("mish", mish(x[0]) * x[1], a* std::tanh(std::log(1 + std::exp(a))) * b)
TEST_DERIVED("softsign", softsign(x[0]) * x[1], a / (1 + std::fabs(a)) * b)
TEST_DERIVED("gelu_tanh", gelu_tanh(x[0]) * x[1],
             a / 2 * (1 + std::tanh(std::sqrt(2 / pi) * (a + 0.044715L * a * a * a))) * b)
TEST_DERIVED("prelu", prelu(x[0], x[1]), a > 0 ? a : a * b)
TEST_DERIVED("conditions", where((x[0] > 0 && x[1] > 0) || !(x[0] < 1), x[0], x[1]),
             (a > 0 && b > 0) || !(a < 1) ? a : b)
TEST_DERIVED("masked_fill", masked_fill(x[0], x[1] > 0, 3) * x[1], (b > 0 ? 3 : a) * b)
TEST_DERIVED("argument used twice", pow(exp(x[0]), x[0]) + x[1] * x[1], std::exp(a* a) + b * b)

TEST_CASE("elementwise at special points") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({5}, {-1.0, -0.0, 0.0, 0.5, 1.0}));
  const auto y = tape.variable(array({5}, {-1.0, 0.0, 1.0, 0.5, -1.0}));
  CHECK_EQ(difference((x == y).value(), array({5}, {1, 1, 0, 1, 0}), 1e-300), "");
  CHECK_EQ(difference((x != y).value(), array({5}, {0, 0, 1, 0, 1}), 1e-300), "");
  CHECK_EQ(difference((x < y).value(), array({5}, {0, 0, 1, 0, 0}), 1e-300), "");
  CHECK_EQ(difference((x <= y).value(), array({5}, {1, 1, 1, 1, 0}), 1e-300), "");
  CHECK_EQ(difference((x > y).value(), array({5}, {0, 0, 0, 0, 1}), 1e-300), "");
  CHECK_EQ(difference((x >= y).value(), array({5}, {1, 1, 0, 1, 1}), 1e-300), "");
  CHECK_EQ(difference(sign(x).value(), array({5}, {-1, 0, 0, 1, 1}), 1e-300), "");
  CHECK_EQ(difference(atan2(x, y).value(), array({5}, {-3 * double(pi) / 4, 0, 0, double(pi) / 4, 3 * double(pi) / 4}),
                      1e-15),
           "");
  CHECK_EQ(difference(where(x, 1, 2).value(), array({5}, {1, 2, 2, 1, 1}), 1e-300), "");
  CHECK_THROWS_AS(clip(x, 1, -1), ad::ValueError);
}

}  // namespace test
