// The sweep: what is visited, in whose memory, and what flows back through parts and repeated arrays.
#include "cases.hpp"

using namespace test;
using ad::Tape;

TEST_CASE("gradients of any recorded variable") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2})), apart = tape.variable(array({3}, {1, 2, 3}));
  const auto a = x * 3, h = tanh(a), y = sum(h * h);
  const auto later = x * 2;
  const auto [dy, dh, da, dx, none, after, twice] = gradient(y, y, h, a, x, apart, later, h);
  CHECK_EQ(dy(), 1);
  CHECK_EQ(difference(dh, (2 * h).value(), 1e-15), "");
  CHECK_EQ(difference(da * 3, dx, 1e-15), "");
  CHECK_EQ(difference(none, array({3}, {0, 0, 0}), 1e-6), "");
  CHECK_EQ(difference(after, array({2}, {0, 0}), 1e-6), "");
  CHECK_EQ(difference(twice, dh, 1e-300), "");
  const auto recorded = recorded_gradient(y, y, apart, later, h, h);
  CHECK_EQ(recorded[0].item(), 1);
  CHECK_EQ(difference(recorded[1].value(), array({3}, {0, 0, 0}), 1e-6), "");
  CHECK_EQ(difference(recorded[2].value(), array({2}, {0, 0}), 1e-6), "");
  CHECK_EQ(difference(recorded[3].value(), recorded[4].value(), 1e-300), "");
  for (const auto& r : recorded) CHECK(r.recorded());
  // A gradient that is the cotangent itself is recorded, too, and what does not depend on x has derivative zero.
  CHECK_EQ(hessian(sum(x), x)(0, 1), 0);
  CHECK_EQ(gradient(sum(recorded_gradient(sum(x), x)), x)(0), 0);
}

TEST_CASE("one variable, twice in an operation") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {2, 3}));
  CHECK_EQ(difference(gradient(sum(x * x), x), array({2}, {4, 6}), 1e-6), "");
  CHECK_EQ(difference(gradient(sum(x - x), x), array({2}, {0, 0}), 1e-6), "");
  CHECK_EQ(difference(gradient(sum(x / x), x), array({2}, {0, 0}), 1e-6), "");
  CHECK_EQ(difference(gradient(dot(x, x), x), array({2}, {4, 6}), 1e-6), "");
  CHECK_EQ(difference(gradient(sum(concatenate(std::vector{x, x, x})), x), array({2}, {3, 3}), 1e-6), "");
}

TEST_CASE("an input that is not asked for costs nothing") {
  Tape<double> tape;
  const auto data = tape.constant(array({2}, {1, 2})), w = tape.variable(array({2}, {3, 4}));
  const auto unused = tape.variable(array({2}, {5, 6}));
  const auto y = sum(data * w + exp(unused));
  const auto size = tape.size();
  recorded_gradient(y, w);
  for (std::size_t i = size; i < tape.size(); ++i)  // no rule of the branch that leads to it has run
    for (auto j : tape.inputs(i)) CHECK_NE(j, unused.index());
  CHECK_THROWS_AS(gradient(y, data), ad::TapeError);
}

TEST_CASE("a chain of 200,000 operations needs no deep stack") {
  Tape<double> tape;
  const auto x = tape.variable(1.0);
  auto y = x;
  constexpr int n = 200000;
  for (int i = 0; i < n / 2; ++i) y = -(y + 1e-9);
  CHECK_EQ(gradient(y, x)(), 1);
  CHECK_EQ(recorded_gradient(y, x).item(), 1);
  CHECK_EQ(jvp(y, x, 3.0)(), 3);
  y = x;
  for (int i = 0; i < n; ++i) y *= 1.000001;
  CHECK(gradient(y, x)() == doctest::Approx(std::exp(n * std::log1p(1e-6))));
}

TEST_CASE("slopes of many steps on one tape, each of a variable at its beginning and of what lies between") {
  Tape<double> tape;
  const auto w = tape.variable({3, 4});
  auto sum_of_all = sum(w);
  for (int k = 0; k < 200; ++k) {
    const auto middle = w * k, first = middle(0), unused = exp(w), loss = square(first - middle(1)) + sum(unused * 0);
    sum_of_all = sum_of_all + loss;
    const auto [dw, dm, df] = gradient(loss, w, middle, first);
    CHECK_EQ(difference(dw, array({2}, {-2. * k * k, 2. * k * k}), 1e-6), "");
    CHECK_EQ(difference(dm, array({2}, {-2. * k, 2. * k}), 1e-6), "");
    CHECK_EQ(df(), -2. * k);
  }
  const double squares = 199. * 200 * 399 / 6;
  CHECK_EQ(difference(gradient(sum_of_all, w), array({2}, {1 - 2 * squares, 1 + 2 * squares}), 1e-6), "");
}

TEST_CASE_TEMPLATE("sweeps work in the memory of cotangents that nobody holds, and of no others", T, float, double) {
  Tape<T> tape;
  const auto x = tape.variable(Array<T>{0.5, -1, 2}), s = tape.variable(3);
  const auto h = ad::exp(x), twice = h + h, y = ad::square(twice) * s - s;
  const Array<T> cotangent{1, 2, 3}, kept = cotangent;
  // Asked for, the cotangents on the way stay as they are while others are made of them.
  for (int again = 0; again < 2; ++again) {
    const auto found = ad::vjp(y, cotangent, {x, h, twice, s, y});
    CHECK_EQ(difference(cotangent, kept, 0), "");
    CHECK_EQ(difference(found[4], kept, 0), "");
    CHECK_EQ(difference(found[2], Array<T>(2 * twice.value() * 3 * kept), 1e-6), "");
    CHECK_EQ(difference(found[1], Array<T>(2 * found[2]), 1e-6), "");
    CHECK_EQ(difference(found[0], Array<T>(found[1] * h.value()), 1e-6), "");
    CHECK(found[3].shape().empty());
    CHECK(found[3]() == doctest::Approx(xt::sum(kept * (twice.value() * twice.value() - 1))()).epsilon(1e-5));
  }
}

TEST_CASE("sums and joins bring gradients back in parts of any shape") {
  Tape<double> tape;
  const auto x = tape.variable({{1, 2, 3}, {4, 5, 6}}), row = tape.variable({{7, 8, 9}});
  const auto joined = ad::concatenate({x, row, x}, 0);
  const xt::xarray<double> weights{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 14, 15}};
  const auto slopes = ad::gradient(ad::sum(joined * weights), std::vector{x, row});
  CHECK_EQ(difference(slopes[0], array({2, 3}, {11, 13, 15, 17, 19, 21}), 0), "");
  CHECK_EQ(difference(slopes[1], array({1, 3}, {7, 8, 9}), 0), "");
  const xt::xarray<double> by_column{1, 2, 3};
  const auto by_row = array({2, 1}, {10, 20});
  const auto sums = ad::sum(ad::sum(x, {0}) * by_column) + ad::sum(ad::sum(x, {-1}, ad::keepdims) * by_row);
  CHECK_EQ(difference(ad::gradient(sums, x), array({2, 3}, {11, 12, 13, 21, 22, 23}), 0), "");
}

TEST_CASE("arrays of more axes than 32 are refused where others are repeated along them") {
  Shape many(33, 1);
  many[0] = 2, many[32] = 3;
  Tape<double> tape;
  const auto x = tape.variable(Array<double>(many, 2)), row = tape.variable({1, 2, 3}), number = tape.variable(2);
  CHECK_THROWS_AS(x * row, ad::ShapeError);
  CHECK_THROWS_AS(x * number, ad::ShapeError);
  CHECK_EQ(tape.size(), 3);
}
