// Proofs of declarations must pass what is right, and find what is wrong: operations that break one promise each.
#include <doctest/doctest.h>

#include <array>
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
#include <cmath>
#include <string>
#include <vector>

namespace ad = autodiff;
using Variable = ad::Variable<double>;
using Variables = std::vector<Variable>;
using Array = xt::xarray<double>;

namespace {

const Array matrix{{0.3, -1.2, 0.7}, {1.1, 0.4, -0.5}};

ad::DeclarationReport check(const auto& op) {
  if constexpr (requires { op.arguments; })
    return ad::check_declarations([&](const Variables& x) { return ad::record(op, x[0], x[1]); },
                                  {matrix, Array(1.0 - matrix)});
  else
    return ad::check_declarations([&](const Variable& x) { return ad::record(op, x); }, matrix);
}
std::string broken(const auto& op) {
  const auto report = check(op);
  CHECK_EQ(report.ok, report.failures == 0);
  CHECK_EQ(report.declaration.empty(), report.ok);
  if (!report) CHECK_MESSAGE(report.operation == op.name, report.message());
  return report.declaration;
}

template <ad::Reads declared>
struct Cube {
  static constexpr auto name = "cube";
  static constexpr auto reads = declared;
  template <class S>
  S f(const S& x) const {
    return x * x * x;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * 3 * x * x;
  }
};

template <ad::Linear how, int power>
struct Power {
  static constexpr auto name = "power";
  static constexpr ad::Linear linear[1] = {how};  // Clang 14 needs the 1
  template <class S>
  S f(const S& x) const {
    return power == 1 ? x : power == 2 ? x * x : -x;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return power == 2 ? ct * 2 * x : power == 1 ? ct : -ct;
  }
};

/// Two that declare what they like about a + b, or a - b.
enum class Sign { plus, minus };
template <Sign sign, bool swapped>
struct Sum {
  static constexpr auto name = "sum of two";
  static constexpr bool arguments = true, commutative = swapped;
  static constexpr ad::Linear linear[2] = {ad::Linear::plus, sign == Sign::plus ? ad::Linear::plus : ad::Linear::minus};
  template <class S>
  S f(const S& a, const S& b) const {
    return sign == Sign::plus ? a + b : a - b;
  }
};
/// Neutral values are of the type.
template <int left>
struct Neutral : Sum<Sign::plus, true> {
  static constexpr double neutral[2] = {left == 0 ? 0.0 : left == 1 ? -0.0 : 1.0, -0.0};
};

/// a + b from memory, and what it may be told about it.
enum class Slip { none, layout, neighbour, beta, garbage };
template <Slip slip>
struct Added {
  static constexpr auto name = "added";
  static constexpr auto reads = ad::Reads::nothing;
  static constexpr bool arguments = true;
  ad::Shape shape(ad::Dims a, ad::Dims) const { return ad::to_shape(a); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> a, ad::Operand<const T> b) const {
    accumulate(y, a, b, T(1), T(0));
  }
  template <class T>
  void accumulate(ad::Operand<T> y, ad::Operand<const T> a, ad::Operand<const T> b, T alpha, T beta) const {
    for (std::size_t i = 0; i < a.shape[0]; ++i)
      for (std::size_t j = 0; j < a.shape[1]; ++j, ++y.data) {
        T before = beta == 0 ? 0 : beta * *y.data;
        if (slip == Slip::beta && beta != 0) before = *y.data;
        if (slip == Slip::garbage && alpha != 1) before = beta * *y.data;
        const T right = slip == Slip::neighbour ? b.data[i * b.shape[1] + j] : read(b, i, j);
        *y.data = alpha * (read(a, i, j) + right) + before;
      }
  }
  template <class T>
  static T read(ad::Operand<const T> x, std::size_t i, std::size_t j) {
    if (slip == Slip::layout) return x.data[i * x.shape[1] + j];
    return x.data[std::ptrdiff_t(i) * x.strides[0] + std::ptrdiff_t(j) * x.strides[1]];
  }
  bool accumulates(ad::Dims, ad::Dims) const { return true; }
  bool takes(const ad::View&, const ad::View& b) const {
    return slip != Slip::neighbour || ad::is_dense(b) || b.strides[1] == 1;
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const {
    return ct;
  }
};

/// Sums of rows; says that it reduces other axes, or how, or that what flows back comes from elsewhere.
enum class Reduced { right, other_axis, other_kernel, mean, back_by_columns, back_from_outside };
template <Reduced how>
struct Rows {
  static constexpr auto name = "rows";
  static constexpr auto reads = ad::Reads::inputs;
  ad::Shape shape(ad::Dims x) const { return {x[0]}; }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    ad::kernels::sum_middle(y.data, x.data, x.shape[0], x.shape[1], 1);
  }
  template <class T>
  static void mean(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
    ad::kernels::sum_middle(y, x, outer, n, inner);
    for (std::size_t i = 0; i < outer * inner; ++i) y[i] /= T(n);
  }
  template <class T>
  ad::Reduction<T> reduction(ad::Dims) const {
    return {how == Reduced::other_axis ? 1u : 2u, how == Reduced::mean           ? mean<T>
                                                  : how == Reduced::other_kernel ? ad::kernels::max_middle<T>
                                                                                 : ad::kernels::sum_middle<T>};
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const {
    return ad::broadcast_to(ad::expand_dims(ct, 1), x.shape());
  }
  std::vector<ad::View> cotangent_views(const ad::View& ct, std::span<const ad::Dims> x) const {
    ad::View view{{x[0][0], x[0][1]}, {ct.strides[0], 0}, ct.offset};
    if (how == Reduced::back_by_columns) view.strides = {0, ct.strides[0]};
    if (how == Reduced::back_from_outside) ++view.offset;
    return {view};
  }
};

/// The axes reversed, of views as well; or of dense inputs alone, which it does not say.
template <bool right>
struct Turned {
  static constexpr auto name = "turned";
  static constexpr auto reads = ad::Reads::nothing;
  std::optional<ad::View> view(const ad::View& x) const {
    ad::View y = right ? x : ad::dense(x.shape);
    std::reverse(y.shape.begin(), y.shape.end());
    std::reverse(y.strides.begin(), y.strides.end());
    return y;
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const {
    return ad::transpose(ct);
  }
};

/// Sine and cosine at once: two results, of which either may have no cotangent.
enum class Two { right, reads, missing };
template <Two how>
struct SineAndCosine {
  static constexpr auto name = "sine_and_cosine";
  static constexpr std::size_t results = 2;
  static constexpr auto reads = how == Two::reads ? ad::Reads::inputs : ad::Reads::output;
  std::array<ad::Shape, 2> shape(ad::Dims x) const { return {ad::to_shape(x), ad::to_shape(x)}; }
  template <class T>
  void forward(std::array<ad::Operand<T>, 2> y, ad::Operand<const T> x) const {
    for (std::size_t i = 0; i < ad::count(x.shape); ++i)
      y[0].data[i] = std::sin(x.data[i]), y[1].data[i] = std::cos(x.data[i]);
  }
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V&) const {
    if (!ct[0].alive()) return {how == Two::missing ? ct[1] : -ct[1] * y[0]};
    if (!ct[1].alive()) return {ct[0] * y[1]};
    return {ct[0] * y[1] - ct[1] * y[0]};
  }
};

/// Says that it throws for no value.
struct Picky {
  static constexpr auto name = "picky";
  static constexpr auto reads = ad::Reads::nothing;
  static constexpr bool fails = false;
  ad::Shape shape(ad::Dims x) const { return ad::to_shape(x); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    for (std::size_t i = 0; i < ad::count(x.shape); ++i)
      if (!std::isfinite(y.data[i] = x.data[i])) ad::fail<ad::ValueError>(name, "must be finite: ", x.data[i]);
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const {
    return ct;
  }
};

}  // namespace

TEST_CASE("declarations: operations of several results, and those that never fail") {
  const auto broken_of_two = [](const auto& op) {
    const auto report = ad::check_declarations([&](const Variable& x) { return ad::record(op, x); }, matrix);
    if (report) CHECK(report.pullbacks.at("sine_and_cosine").seen == ad::Reads::output);
    return report.declaration;
  };
  CHECK_EQ(broken_of_two(SineAndCosine<Two::right>{}), "");
  CHECK_EQ(broken_of_two(SineAndCosine<Two::reads>{}), "reads");
  CHECK_EQ(broken_of_two(SineAndCosine<Two::missing>{}), "results");
  CHECK(ad::check_gradient([](const Variable& x) { return ad::record(SineAndCosine<Two::right>{}, x); }, matrix,
                           {.second_order = true}));
  CHECK_EQ(broken(Picky{}), "fails");
}

TEST_CASE("declarations: what pullbacks read") {
  CHECK_EQ(broken(Cube<ad::Reads::inputs>{}), "");
  CHECK_EQ(broken(Cube<ad::Reads::nothing>{}), "reads");
  CHECK_EQ(broken(Cube<ad::Reads::output>{}), "reads");
  const auto generous = check(Cube<ad::Reads::both>{});
  CHECK(generous);
  CHECK(generous.pullbacks.at("cube").declared == ad::Reads::both);
  CHECK(generous.pullbacks.at("cube").seen == ad::Reads::inputs);
  CHECK(generous.pullbacks.at("cube").differentiable);
}

TEST_CASE("declarations: linear") {
  CHECK_EQ(broken(Power<ad::Linear::plus, 1>{}), "");
  CHECK_EQ(broken(Power<ad::Linear::scales, 1>{}), "");
  CHECK_EQ(broken(Power<ad::Linear::scales, -1>{}), "");
  CHECK_EQ(broken(Power<ad::Linear::minus, -1>{}), "");
  CHECK_EQ(broken(Power<ad::Linear::plus, -1>{}), "linear");
  CHECK_EQ(broken(Power<ad::Linear::minus, 1>{}), "linear");
  CHECK_EQ(broken(Power<ad::Linear::plus, 2>{}), "linear");
  CHECK_EQ(broken(Power<ad::Linear::scales, 2>{}), "linear");
}

TEST_CASE("declarations: neutral values, to the last bit, and commutative arguments") {
  CHECK_EQ(broken(Sum<Sign::plus, true>{}), "");
  CHECK_EQ(broken(Sum<Sign::minus, false>{}), "");
  CHECK_EQ(broken(Sum<Sign::minus, true>{}), "commutative");
  CHECK_EQ(broken(Neutral<1>{}), "");
  CHECK_EQ(broken(Neutral<0>{}), "neutral");  // of -0
  CHECK_EQ(broken(Neutral<2>{}), "neutral");
}

TEST_CASE("declarations: layouts that are taken, and accumulated results") {
  CHECK_EQ(broken(Added<Slip::none>{}), "");
  CHECK_EQ(broken(Added<Slip::layout>{}), "takes");
  CHECK_EQ(broken(Added<Slip::neighbour>{}), "takes");
  CHECK_EQ(broken(Added<Slip::beta>{}), "accumulate");
  CHECK_EQ(broken(Added<Slip::garbage>{}), "accumulate");
}

TEST_CASE("declarations: reductions and views") {
  CHECK_EQ(broken(Rows<Reduced::right>{}), "");
  CHECK_EQ(broken(Rows<Reduced::other_axis>{}), "reduction");
  CHECK_EQ(broken(Rows<Reduced::other_kernel>{}), "reduction");
  CHECK_EQ(broken(Rows<Reduced::mean>{}), "reduction");
  CHECK_EQ(broken(Rows<Reduced::back_by_columns>{}), "cotangent_views");
  CHECK_EQ(broken(Rows<Reduced::back_from_outside>{}), "cotangent_views");
  CHECK_EQ(broken(Turned<true>{}), "");
  CHECK_EQ(broken(Turned<false>{}), "view");
}

TEST_CASE("declarations: the report names the operation, the declaration and what differs") {
  CHECK_EQ(check(Power<ad::Linear::minus, 1>{}).message(),
           "[power] does not keep `linear`: argument 0 plus 2 gives another result: 2.2999999999999998, not "
           "-1.7, at (0, 0) (the first of 2 failures)");
  const auto report = check(Added<Slip::neighbour>{});
  CHECK_MESSAGE(report.message().find("[added] does not keep `takes`: the result, of inputs laid out ") == 0,
                report.message());
  CHECK_EQ(check(Rows<Reduced::mean>{}).text,
           "[rows] does not keep `reduction`: an error is thrown: [rows] a reduction must be associative: of (0.5, "
           "1.25, 2, 0.75, 3) by two parts it is 1.5625, of all at once 1.5");
  const auto right = ad::check_declarations(
      [](const Variables& x) {
        return std::array{ad::sum(ad::tanh(ad::matmul(x[0], x[1]))), ad::mean(x[0])};
      },
      {matrix, Array(xt::transpose(matrix))});
  CHECK_MESSAGE(right, right.message());
  CHECK(right.operations > 8);  // those of recorded sweeps among them
  CHECK_EQ(right.message(), std::to_string(right.proofs) + " proofs of " + std::to_string(right.operations) +
                                " recorded operations hold");
}
