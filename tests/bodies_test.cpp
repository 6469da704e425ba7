// Gradients in the bodies of functions, with respect to variables of the tapes around them.
#include "written_out.hpp"

using namespace test;

TEST_CASE("in a body, gradients by variables around it go through what was computed of them out there") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({4, 3}, -1, 1)), w = tape.variable(sample({3, 2}, -1, 1, 3)),
          b = tape.variable(sample({2}, -1, 1, 4)), sums = ad::sum(w, 0), both = sums * b;
  using F = std::function<V(const V&)>;
  const auto slope = [](const V& y, const V& by) { return ad::reshape(ad::recorded_gradient(ad::sum(y), by), {-1}); };
  const F functions[] = {
      [&](const V& v) { return slope(ad::square(v(0) * w(1)), w); },
      [&](const V& v) { return slope(ad::square(v(0) * w(1) + v(1) * w(2)), w) * v(2); },
      [&](const V&) { return slope(w(1), w); },           // nothing of the body's own
      [&](const V& v) { return slope(v(0) + w(1), w); },  // ones flow out of the body as they are
      [&](const V& v) { return slope(ad::sin(v(0) * both) * w(0), w); },
      [&](const V& v) { return slope(ad::sin(v(0) * both) * sums, sums); },
      [&](const V& v) {  // what flows to one goes on to the other
        const Vs of_both = ad::recorded_gradient(ad::sum(v(0) * both * sums + b), Vs{w, sums, b});
        return ad::concatenate({ad::reshape(of_both[0], {-1}), of_both[1], of_both[2]});
      },
      [&](const V& v) { return slope(slope(ad::exp(v(0) * ad::tanh(w(1))), w), w); },
      [&](const V& v) {  // from the innermost of two bodies, through the other one
        const V row = v * ad::sum(w(2));
        return ad::sum(ad::vmap([&](const V& e) { return slope(e * row * w(0, 1) * v(1), w); }, v), 0);
      },
      [&](const V& v) { return ad::recorded_jvp(v(0) * w(1) * w(2), w, ad::sin(w)); },
  };
  std::size_t number = 0;
  for (const auto& f : functions) {
    CAPTURE(number);
    ++number;
    Vs each;
    for (std::size_t i = 0; i < 4; ++i) each.push_back(f(x(i)));
    const V one_by_one = ad::stack(each), mapped = ad::vmap(f, x);
    const auto bound = [&](const V& y) { return ad::sum(ad::sin(y)) + 0 * (ad::sum(x) + ad::sum(w) + ad::sum(b)); };
    CHECK_EQ(difference(mapped.value(), one_by_one.value(), rounding), "");
    check_same(bound(mapped), bound(one_by_one), {x, w, b});
    const V scanned = ad::scan([&](const V& h, const V& v) { return std::pair(h, f(v)); }, b, x).second;
    CHECK_EQ(difference(scanned.value(), one_by_one.value(), rounding), "");
    check_same(bound(ad::checkpoint(f, x(0))), bound(each[0]), {x, w, b});
  }
}

TEST_CASE("in bodies within bodies, gradients by variables of several levels, constants and none that count") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({2, 3}, -1, 1)), w = tape.variable(sample({3}, -1, 1, 3)), u = w * w,
          c = tape.constant(7.0);
  const V inner = ad::vmap(
      [&](const V& m) {
        const V k = m * m;
        return ad::vmap(
            [&](const V& e) {
              return ad::concatenate(ad::recorded_gradient(ad::sum(e * k * u), Vs{m, w, k, u}));
            },
            m);
      },
      x);
  const V of_constant = ad::vmap(
      [&](const V& v) {
        const Vs found = ad::recorded_gradient(ad::sum(v * u * c), Vs{w, c});
        return ad::concatenate({found[0], ad::reshape(found[1], {1})});
      },
      x);
  const V of_none = ad::vmap([&](const V& v) { return ad::recorded_gradient(ad::sum(u), v); }, x);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double of_c = 0;
      for (std::size_t l = 0; l < 3; ++l) {
        const double m = x.value()(i, l), e = x.value()(i, j), v = w.value()(l);
        CHECK(inner.value()(i, j, l) == doctest::Approx(2 * m * e * v * v));
        CHECK(inner.value()(i, j, 3 + l) == doctest::Approx(2 * v * e * m * m));
        CHECK(inner.value()(i, j, 6 + l) == doctest::Approx(e * v * v));
        CHECK(inner.value()(i, j, 9 + l) == doctest::Approx(e * m * m));
        of_c += m * v * v;
      }
      CHECK(of_constant.value()(i, j) == doctest::Approx(2 * x.value()(i, j) * w.value()(j) * 7));
      CHECK(of_constant.value()(i, 3) == doctest::Approx(of_c));
      CHECK(of_none.value()(i, j) == 0);
    }
}

TEST_CASE("in a body, what was computed around it is swept once, however much of it the body uses") {
  ad::Tape<double> tape;
  const V x = tape.variable({0.3, 0.4}), w = tape.variable(0.7);
  Vs chain{w};
  for (int i = 0; i < 300; ++i) chain.push_back(ad::sin(1.01 * chain.back()));
  std::size_t nodes = 0;
  const auto total = [&](const V& v) {
    V sum = v;
    for (const auto& each : chain) sum = sum + v * each;
    return sum;
  };
  const V mapped = ad::vmap(
      [&](const V& v) {
        const V found = ad::recorded_gradient(total(v), w);
        nodes = v.tape().size();
        return found;
      },
      x);
  CHECK_LT(nodes, 6000);
  for (std::size_t i = 0; i < 2; ++i) CHECK(mapped.value()(i) == doctest::Approx(ad::gradient(total(x(i)), w)()));
}

TEST_CASE("a variable that a body has met before an error that it caught is met again") {
  ad::Tape<double> tape;
  const V x = tape.variable({1.0, 2.0}), w = tape.variable(5.0);
  const V y = ad::vmap(
      [&](const V& v) {
        CHECK_THROWS_AS(ad::recorded_vjp(v * w, Array<double>{1, 2, 3}, w), ad::ShapeError);
        return (v + 10.0) + w - 1.0;
      },
      x);
  CHECK_EQ(difference(y.value(), Array<double>{15, 16}, 0), "");
}

TEST_CASE("a body that pauses its tape stops gradients in bodies around it, too") {
  ad::Tape<double> tape;
  const V x = tape.variable({1.0, 2.0}), w = tape.variable(5.0);
  const auto f = [&](const V& v) {
    const auto pause = v.tape().pause();
    return w * v;
  };
  const V alone = ad::vmap(f, x);
  const V within = ad::checkpoint([&](const V& v) { return ad::vmap(f, v); }, x);
  for (const V& y : {alone, within}) {
    CHECK_EQ(difference(y.value(), Array<double>{5, 10}, 0), "");
    const auto [of_x, of_w] = ad::gradient(ad::sum(y + 0.0 * x + 0.0 * w), x, w);
    CHECK_EQ(difference(of_x, Array<double>{0, 0}, 0), "");
    CHECK_EQ(of_w(), 0);
  }
}
