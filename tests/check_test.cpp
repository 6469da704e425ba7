// The check must pass what is right, and catch what is wrong: operations that are broken on purpose.
#include <doctest/doctest.h>

#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
#include <limits>
#include <string>
#include <vector>

namespace ad = autodiff;
using Variable = ad::Variable<double>;
using Variables = std::vector<Variable>;
using Array = xt::xarray<double>;

namespace {

bool has(const ad::CheckReport& report, const std::string& part) {
  return report.message().find(part) != std::string::npos;
}

/// Every way to check.
const std::vector<ad::CheckOptions> modes{
    {}, {.fast = true}, {.second_order = true}, {.fast = true, .second_order = true}};

enum class Fault { none, factor, sign, detached_input, detached_cotangent };

/// x^3, whose rule has a fault. The detached ones are wrong from the second order on.
template <Fault fault>
struct Cube {
  static constexpr auto name = "cube";
  static constexpr auto reads = ad::Reads::inputs;
  template <class S>
  static S f(const S& x) {
    return x * x * x;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    constexpr double scale = fault == Fault::factor ? 3.03 : fault == Fault::sign ? -3 : 3;
    if constexpr (!std::same_as<S, Variable>)
      return ct * scale * x * x;
    else if constexpr (fault == Fault::detached_input)
      return ct * scale * detach(x * x);
    else if constexpr (fault == Fault::detached_cotangent)
      return detach(ct) * scale * x * x;
    else
      return ct * scale * x * x;
  }
};

template <Fault fault>
Variable cube(const Variable& x) {
  return ad::record(Cube<fault>{}, x);
}

/// The same numbers by arrays as by recorded variables? Not here.
struct TwoFaced {
  static constexpr auto name = "two_faced";
  template <class S>
  static S f(const S& x) {
    return x * x;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * x * (std::same_as<S, Variable> ? 3 : 2);
  }
};

/// A structural operation whose rule forgets to give x its shape back.
struct FlatGradient {
  static constexpr auto name = "flat_gradient";
  ad::Shape shape(ad::Dims x) const { return ad::to_shape(x); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    std::copy_n(x.data, ad::count(x.shape), y.data);
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const {
    return ad::flatten(ct);
  }
};

const Array matrix{{0.3, -1.2, 0.7}, {1.1, 0.4, -0.5}};

}  // namespace

TEST_CASE("check_gradient: right gradients pass in every mode") {
  for (const auto& mode : modes) {
    CAPTURE(mode.fast);
    CAPTURE(mode.second_order);
    const auto two = [](const Variables& x) { return ad::tanh(ad::matmul(x[0], x[1])) * x[2]; };
    const auto report = ad::check_gradient(two, {matrix, xt::transpose(matrix), Array{0.5, 2}}, mode);
    CHECK_MESSAGE(report, report.message());
    CHECK(report.comparisons > 0);
    CHECK(report.max_error < 1e-8);
    CHECK(has(report, std::to_string(report.comparisons) + " derivatives agree"));
    CHECK(ad::check_gradient(cube<Fault::none>, matrix, mode));
    CHECK(ad::check_gradient([](const auto& x) { return ad::softmax(x); }, matrix + 1.0, mode));  // a generic lambda
    CHECK(ad::check_gradient([](const Variable& x) { return x; }, 0.3, mode));                    // the input itself
    CHECK(ad::check_gradient([](const Variable& x) { return 1e6 * ad::sin(x); }, matrix, mode));
  }
}

TEST_CASE("check_gradient: how many derivatives are compared") {
  const auto f = [](const Variable& x) { return ad::sum(x * x, 0); };  // (2, 3) gives (3)
  CHECK(ad::check_gradient(f, matrix).comparisons == 3 * 6);           // the Jacobian
  CHECK(ad::check_gradient(f, matrix, {.fast = true, .directions = 5}).comparisons == 5);
  CHECK(ad::check_gradient(f, matrix, {.second_order = true}).comparisons == 18 + 6 * (6 + 3));  // by x, by cotangent
}

TEST_CASE("check_gradient: wrong gradients are caught in every mode") {
  for (const auto& mode : modes) {
    CAPTURE(mode.fast);
    CAPTURE(mode.second_order);
    for (const auto& report :
         {ad::check_gradient(cube<Fault::factor>, matrix, mode), ad::check_gradient(cube<Fault::sign>, matrix, mode)}) {
      CHECK_FALSE(report);
      CHECK_FALSE(report.kink);
      CHECK(report.order == 1);
    }
    // One element out of many is enough.
    const auto one = [](const Variable& x) {
      return ad::sum(ad::concatenate(
          Variables{ad::square(ad::take_range(x, 0, 1, 50)), cube<Fault::factor>(ad::take_range(x, 0, 0, 1))}));
    };
    CHECK_FALSE(ad::check_gradient(one, xt::linspace<double>(1, 2, 50), mode));
  }
}

TEST_CASE("check_gradient: faults of the second order alone") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    for (const auto& f : {cube<Fault::detached_input>, cube<Fault::detached_cotangent>}) {
      CHECK(ad::check_gradient(f, matrix, {.fast = fast}));
      const auto report = ad::check_gradient(f, matrix, {.fast = fast, .second_order = true});
      CHECK_FALSE(report);
      CHECK_FALSE(report.kink);
      CHECK(report.order == 2);
    }
    const auto report = ad::check_gradient([](const Variable& x) { return ad::record(TwoFaced{}, x); }, matrix,
                                           {.fast = fast, .second_order = true});
    CHECK_FALSE(report);
    CHECK(has(report, "the two sweeps differ: gradient with respect to input 0 at (0, 0): recorded"));
  }
  const auto input = ad::check_gradient(cube<Fault::detached_input>, 0.5, {.second_order = true});
  CHECK(has(input, "gradient of (the gradient with respect to input 0) with respect to input 0: sweep 0, central"));
  const auto cotangent = ad::check_gradient(cube<Fault::detached_cotangent>, 0.5, {.second_order = true});
  CHECK(has(cotangent, "with respect to the cotangent: sweep 0, central difference 0.75"));
}

TEST_CASE("check_gradient: the report names the worst element") {
  const auto f = [](const Variables& x) {
    const auto w = x[1].named("W");
    const auto faulty = cube<Fault::factor>(ad::take_range(ad::flatten(w), 0, 4, 5));  // the element (1, 1), 0.4
    return ad::broadcast_to(ad::reshape(ad::sum(w), {1}), {2}) + x[0] * ad::concatenate(Variables{faulty * 0, faulty});
  };
  const auto report = ad::check_gradient(f, {Array{1, 2}, matrix});
  CHECK_FALSE(report);
  CHECK(report.input == 1);
  CHECK(report.name == "W");
  CHECK(report.index == ad::Shape{1, 1});
  CHECK(report.output_index == ad::Shape{1});
  CHECK(report.numeric == doctest::Approx(1 + 2 * 3 * 0.16));
  CHECK(report.analytic == doctest::Approx(1 + 2 * 3.03 * 0.16));
  CHECK(report.max_error == doctest::Approx(2 * 0.03 * 0.16));
  CHECK(report.tolerance == doctest::Approx(1e-7 + 1e-6 * report.numeric).epsilon(1e-3));  // and rounding
  CHECK(report.failures == 1);
  CHECK(report.comparisons == 2 * 8);
  CHECK(report.message() ==
        "gradient of output (1) with respect to input 1 \"W\" at (1, 1): sweep 1.9696, central difference 1.96, "
        "tolerance 2.1e-06");
}

TEST_CASE("check_gradient: a kink is told from an error") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    const auto kink = [&](auto&& f, double x) {
      const auto report = ad::check_gradient(f, x, {.fast = fast});
      CHECK_FALSE(report);
      return report.kink && has(report, "move the point");
    };
    CHECK(kink([](const Variable& x) { return ad::relu(x); }, 0.0));
    CHECK(kink([](const Variable& x) { return ad::relu(x); }, 1e-7));  // within the step
    CHECK(kink([](const Variable& x) { return ad::abs(x); }, -3e-6));
    CHECK(kink([](const Variable& x) { return ad::maximum(x, 2 * x) + ad::exp(x); }, 1e-8));
    CHECK(kink([](const Variable& x) { return ad::sign(x); }, 0.0));  // a jump
    CHECK(kink([](const Variable& x) { return x < 0.5; }, 0.5));
    // An error stays an error beside a kink.
    CHECK_FALSE(kink([](const Variable& x) { return ad::relu(x) * 2 - ad::detach(ad::relu(x)) * 9 + 9 * x; }, 1e-7));
    CHECK_FALSE(kink([](const Variable& x) { return ad::detach(ad::exp(x)) + ad::square(x); }, 0.0));
    CHECK(ad::check_gradient([](const Variable& x) { return ad::relu(x); }, 1e-5, {.fast = fast}));
  }
  // Of a kink and an error in one function, the error is reported.
  const auto both = ad::check_gradient(
      [](const Variable& x) {
        return ad::concatenate(Variables{ad::relu(x) * 1e6, cube<Fault::factor>(x)});
      },
      Array{0, 1});
  CHECK_FALSE(both.kink);
  CHECK(both.index == ad::Shape{1});
  CHECK(both.failures == 2);
  CHECK(has(both, "(the worst of 2 that differ, of 8)"));
}

TEST_CASE("check_gradient: nondeterminism is caught") {
  for (const auto& mode : modes) {
    int calls = 0;
    const auto report = ad::check_gradient([&](const Variable& x) { return x * (1 + 1e-15 * ++calls); }, 1.0, mode);
    CHECK_FALSE(report);
    CHECK(has(report, "not deterministic"));
  }
}

TEST_CASE("check_gradient: the cost of a fast check does not grow with the parameters") {
  const auto calls = [](std::size_t n, bool second_order) {
    int count = 0;
    const auto f = [&](const Variable& x) { return ++count, ad::sum(ad::tanh(x)) * ad::mean(x); };
    const Array at = xt::linspace<double>(-1, 1, n);
    const auto report = ad::check_gradient(f, at, {.fast = true, .directions = 4, .second_order = second_order});
    CHECK_MESSAGE(report, report.message());
    return count;
  };
  CHECK(calls(3, false) == 2 + 2 * 4);  // twice at the point, and to both sides in each direction
  CHECK(calls(5000, false) == calls(3, false));
  CHECK(calls(5000, true) == calls(3, true));
}

TEST_CASE("check_gradient: outputs that do not depend on the inputs") {
  for (const auto& mode : modes) {
    CHECK(ad::check_gradient([](const Variable&) { return Variable(ad::Array<double>(matrix)); }, 1.0, mode));
    CHECK(ad::check_gradient([](const Variable& x) { return x.tape().constant(matrix); }, 1.0, mode));
    CHECK(ad::check_gradient([](const Variables& x) { return ad::exp(x[1]); }, {matrix, matrix}, mode));
    CHECK_FALSE(ad::check_gradient([](const Variable& x) { return ad::detach(ad::exp(x)); }, 1.0, mode));
  }
}

TEST_CASE("check_gradient: what cannot be compared") {
  for (const auto& mode : modes) {
    const auto nan = ad::check_gradient([](const Variable& x) { return ad::log(x); }, Array{1, -1}, mode);
    CHECK_FALSE(nan);
    CHECK(has(nan, "output (1) is not finite: "));
    const auto beside = ad::check_gradient([](const Variable& x) { return ad::log(x); }, Array{1, 1e-9}, mode);
    CHECK_FALSE(beside);
    CHECK(has(beside, "output (1) is not finite within a step"));
    CHECK_THROWS_WITH_AS(
        ad::check_gradient([](const Variable& x) { return ad::record(FlatGradient{}, x); }, matrix, mode),
        "[flat_gradient] the gradient of argument 1 must have its shape: (6) and (2, 3)", ad::ShapeError);

    CHECK_THROWS_AS(ad::check_gradient([](const Variables&) { return Variable(); }, {}, mode), ad::ValueError);
    CHECK_THROWS_AS(ad::check_gradient([](const Variable&) { return Variable(); }, 1.0, mode), ad::TapeError);
    const auto moody = [](const Variable& x) { return x.item() > 1 ? ad::reshape(x, {1}) : x; };
    CHECK_THROWS_AS(ad::check_gradient(moody, 1.0, mode), ad::ShapeError);
    const auto fragile = [](const Variable& x) { return x.item() > 1 ? throw std::runtime_error("too large") : x; };
    CHECK_THROWS_WITH(ad::check_gradient(fragile, 1.0, mode), "too large");

    const auto empty = ad::check_gradient([](const Variable& x) { return x * x; }, Array(xt::zeros<double>({0})), mode);
    CHECK(empty);
    CHECK(empty.comparisons == 0);
  }
}

TEST_CASE("check_gradient: a function that takes gradients itself") {
  const auto penalty = [](const Variable& x) {
    return ad::sum(ad::square(ad::recorded_gradient(ad::sum(ad::tanh(x)), x)));
  };
  for (const auto& mode : modes) CHECK(ad::check_gradient(penalty, matrix, mode));
}

namespace {

struct PlainGradient : FlatGradient {
  static constexpr auto name = "plain_gradient";
  template <int I, class V>
  V vjp(const V&, const V&, const V& x) const {
    return V(ad::Array<typename V::value_type>(xt::ones<typename V::value_type>(x.shape())));
  }
};

}  // namespace

TEST_CASE("check_gradient: several outputs, all of them") {
  const auto vector = [](const Variables& x) {
    return Variables{ad::matmul(x[0], x[1]), ad::sum(x[0] * x[0]), Variable(ad::Array<double>(matrix)), x[1]};
  };
  const auto pair = [](const Variable& x) { return std::array{ad::sin(x), ad::sum(ad::exp(x), 0)}; };
  for (const auto& mode : modes) {
    const auto report = ad::check_gradient(vector, {matrix, xt::transpose(matrix)}, mode);
    CHECK_MESSAGE(report, report.message());
    CHECK(ad::check_gradient(pair, matrix, mode));
    CHECK_THROWS_WITH_AS(ad::check_gradient([](const Variables&) { return Variables(); }, {matrix}, mode),
                         "[check_gradient] there must be an output to check", ad::ValueError);
    CHECK_FALSE(ad::check_gradient(
        [](const Variable& x) {
          return std::array{ad::sin(x), cube<Fault::sign>(x)};
        },
        matrix, mode));
  }
  CHECK(ad::check_gradient(pair, matrix).comparisons == (6 + 3) * 6);
  CHECK(ad::check_gradient(pair, matrix, {.second_order = true}).comparisons == 9 * 6 + 2 * 6 * (6 + 6 + 3));
}

TEST_CASE("check_gradient: the report tells which of several outputs is wrong") {
  const auto f = [](const Variable& x) { return Variables{ad::sum(x), cube<Fault::factor>(x)}; };
  const auto report = ad::check_gradient(f, Array{0.5, 2});
  CHECK(report.output == 1);
  CHECK(report.output_index == ad::Shape{1});
  CHECK(has(report, "gradient of output number 1 at (1) with respect to input 0 at (1): sweep 12.12"));
  const auto detached = [](const Variable& x) { return std::array{ad::sin(x), cube<Fault::detached_cotangent>(x)}; };
  const auto second = ad::check_gradient(detached, 0.5, {.second_order = true});
  CHECK(second.order == 2);
  CHECK(second.output == 1);
  CHECK(has(second,
            "gradient of (the gradient of output number 1 with respect to input 0) with respect to the "
            "cotangent of output number 1: sweep 0, central difference 0.75"));
}

namespace {

/// As one that holds a register.
struct Aligned {
  static constexpr auto name = "aligned";
  alignas(64) double by[8] = {2};
  template <class S>
  S f(const S& x) const {
    CHECK_EQ(reinterpret_cast<std::uintptr_t>(by) % 64, 0);
    return x * by[0];
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&) const {
    return ct * by[0];
  }
};

}  // namespace

TEST_CASE("an operation stands where its members ask for") {
  ad::Tape<double> tape;
  Variable y = tape.variable(matrix);
  for (int i = 0; i < 5; ++i) y = ad::record(Aligned{}, y);
  CHECK_EQ(y(0, 0).value()(), 32 * matrix(0, 0));
}

TEST_CASE("a rule may give a plain value: it is a constant of the recorded sweep") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::ones<double>({3}));
  const auto hessian = ad::hessian(ad::sum(ad::record(PlainGradient{}, x)), x);
  CHECK(xt::allclose(hessian, xt::zeros<double>({3, 3})));
}
