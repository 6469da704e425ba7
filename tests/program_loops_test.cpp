// Programs that make one loop of several operations give what the tape gives.
#include <autodiff/op.hpp>

#include "cases.hpp"

using namespace test;
using ad::Tape;

namespace {

struct Reverse {  // hands its argument on
  static constexpr auto name = "reverse";
  template <class S>
  S f(const S& x) const {
    return x;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&) const {
    return -ct;
  }
};

struct ProductInSum {
  static constexpr auto name = "product_in_sum";
  template <class S>
  S f(const S& x) const {
    return x * x + 0.3 * x;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * (2 * x + 0.3);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("long rows: blocks end where rows do, also where they are but one call", T, float, double) {
  for (const Shape& shape : Shapes{{4, 1000}, {3, 2048}, {2, 3, 700}, {2, 5000}}) {
    Tape<T> tape;
    const Shape row{shape.back()};
    Shape column = shape;
    column.back() = 1;
    const auto x = tape.variable(Array<T>(sample(shape, -2, 2))), r = tape.variable(Array<T>(sample(row, -2, 2, 2))),
               c = tape.variable(Array<T>(sample(column, -2, 2, 3)));
    const Variables<T> y{x + c, r - x, relu(x * c + r), sum(abs(x - c))};
    for (const auto& each : y) {
      auto program = ad::compile({x, r, c}, {each}, {}, {.exact = true});
      CHECK(program(x.value(), r.value(), c.value())[0] == each.value());
    }
  }
}

TEST_CASE("what hands an argument on has read it before a state is written over") {
  for (const std::size_t n : {1, 3, 100, 5000}) {
    Tape<double> tape;
    const auto w = tape.variable(Array<double>({n}, 2.0)), g = tape.variable(Array<double>({n}, 1.0));
    const auto old = ad::record(Reverse{}, w), next = w - g * 0.5;
    auto program = ad::compile({g}, {ad::abs(next - old)}, {{w, next}});
    CHECK(program(g.value())[0] == Array<double>({n}, 0.5));
    CHECK(program(g.value())[0] == Array<double>({n}, 0.5));
  }
}

TEST_CASE_TEMPLATE("an exact program gives the bits of operations that compilers contract", T, float, double) {
  Tape<T> tape;
  const auto w = tape.variable(Array<T>(sample({1000}, -2, 2))), v = tape.variable(Array<T>(sample({1000}, -2, 2, 2)));
  const auto y = abs(ad::record(ProductInSum{}, w)) + v;
  auto program = ad::compile({w, v}, {y}, {}, {.exact = true});
  CHECK(program(w.value(), v.value())[0] == y.value());
}

namespace {

struct KeepsNumbers {
  static constexpr auto name = "keeps_numbers";
  template <class S>
  static S f(const S& x) {
    static const S half(0.5), coefficients[] = {S(3), S(-2)};
    return where(x > half, coefficients[0], coefficients[1]) * half;
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S&) {
    return ct * 0;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("an operation may keep numbers from call to call", T, float, double) {
  Tape<T> tape;
  const auto x = tape.variable(Array<T>(sample({100}, -2, 2)));
  const auto y = ad::record(KeepsNumbers{}, abs(x)) - ad::record(KeepsNumbers{}, x);
  auto program = ad::compile({x}, {y}, {}, {.exact = true});
  CHECK(program(x.value())[0] == y.value());
}
