// The tape: what is recorded, under which name, for how long.
#include <cstring>
#include <optional>

#include "cases.hpp"

using namespace test;
using ad::Tape;

namespace {

template <class T>
std::string is(const Array<T>& a, std::initializer_list<double> elements) {
  return difference(a, array({elements.size()}, elements), 1e-6);
}

}  // namespace

TEST_CASE("values enter a tape from anything, and are counted") {
  Tape<double> tape;
  CHECK_EQ(tape.size(), 0);
  const auto a = tape.variable(2, "a");
  const auto b = tape.variable(xt::xarray<double>{1, 2});
  const auto c = tape.variable(xt::ones<float>({2}) * 3, "c");
  const auto d = tape.constant(xt::xarray<int>{4, 5});
  CHECK_EQ(tape.size(), 4);
  CHECK_EQ(a.item(), 2);
  CHECK_EQ(a.dimension(), 0);
  CHECK_EQ(is(c.value(), {3, 3}), "");
  CHECK_EQ(is((a * b + c - d).value(), {1, 2}), "");
  CHECK_EQ(tape.size(), 7);
  CHECK_EQ(b.name(), "");
  CHECK_EQ(b.shape(0), 2);
  CHECK_EQ(b.size(), 2);
  CHECK_THROWS_AS(b.item(), ad::ShapeError);
  CHECK_EQ(&c.tape(), &tape);
}

TEST_CASE("a value is copied when it enters") {
  Tape<double> tape;
  xt::xarray<double> from{1, 2};
  const auto x = tape.variable(from);
  from(0) = 9;
  CHECK_EQ(is(x.value(), {1, 2}), "");
}

TEST_CASE("names and scopes") {
  Tape<double> tape;
  const auto x = tape.variable(1.0, "x");
  std::optional<ad::Variable<double>> w, y;
  {
    const auto outer = tape.scope("net");
    {
      const auto inner = tape.scope("layer1");
      w = tape.variable(2.0, "W");
      y = (x * *w).named("a");
    }
    CHECK_EQ(tape.variable(3.0, "b").name(), "net/b");
    const auto again = tape.scope("layer1");
    CHECK_EQ(tape.constant(3.0, "c").name(), "net/layer1/c");
  }
  CHECK_EQ(w->name(), "net/layer1/W");
  CHECK_EQ(y->name(), "net/layer1/a");
  CHECK_EQ(tape.scope_of(y->index()), "net/layer1");
  CHECK_EQ(tape.scope_of(x.index()), "");
  CHECK_EQ(tape.find("net/layer1/W").index(), w->index());
  CHECK_EQ(tape.find("x").item(), 1);
  CHECK_EQ(gradient(*y, tape.find("net/layer1/W"))(), 1);
  CHECK_THROWS_WITH_AS(tape.find("W"), "[find] no variable of this tape is named \"W\"; near are \"net/layer1/W\"",
                       ad::TapeError);
  const auto latest = tape.variable(5.0, "x");
  CHECK_EQ(tape.find("x").index(), latest.index());
  CHECK_EQ(ad::Variable<double>(x.value()).named("plain").name(), "");
  const auto& kept = tanh(x).named("kept");  // lives as long as its reference
  CHECK_EQ(kept.name(), "kept");
  static_assert(!std::is_reference_v<decltype(tanh(x).named("h"))>);
}

TEST_CASE("a paused tape records nothing") {
  Tape<double> tape;
  const auto x = tape.variable(3.0);
  const auto before = x * x;
  {
    const auto pause = tape.pause();
    CHECK_FALSE(tape.recording());
    const auto y = x * x + 1;
    CHECK_EQ(tape.size(), 2);
    CHECK_FALSE(y.recorded());
    CHECK_EQ(y.item(), 10);
    CHECK_THROWS_AS(gradient(y, x), ad::TapeError);
    { const auto nested = tape.pause(); }
    CHECK_FALSE(tape.recording());
    CHECK_EQ(gradient(before, x)(), 6);  // what is recorded can still be differentiated, to any order
    CHECK_EQ(hessian(before, x)(), 2);
    CHECK_EQ(jvp(before, x, 2.0)(), 12);
    CHECK_EQ(tape.size(), 2);
  }
  CHECK(tape.recording());
  CHECK_EQ((x * x).item(), 9);
  CHECK_EQ(tape.size(), 3);
}

TEST_CASE("no gradient flows through what is detached") {
  Tape<double> tape;
  const auto x = tape.variable(3.0);
  const auto y = x * x;
  CHECK(detach(y).recorded());
  CHECK_EQ(detach(y).item(), 9);
  CHECK_EQ(gradient(x * detach(y), x)(), 9);
  CHECK_EQ(hessian(x * detach(y), x)(), 0);
  const ad::Variable<double> plain(array({}, {2}));
  CHECK_FALSE(detach(plain).recorded());
  CHECK_FALSE((plain * plain).recorded());
}

TEST_CASE("variables outlive their tape, and say so") {
  std::optional<Tape<double>> tape(std::in_place);
  const auto x = tape->variable(array({2}, {1, 2}), "x");
  const auto y = sum(x);
  const ad::Variable<double> value(y.value());
  const auto all_throw = [&] {
    CHECK_THROWS_AS(x.value(), ad::TapeError);
    CHECK_THROWS_AS(x.tape(), ad::TapeError);
    CHECK_THROWS_AS(x.name(), ad::TapeError);
    CHECK_THROWS_AS(x + 1, ad::TapeError);
    CHECK_THROWS_AS(exp(x), ad::TapeError);
    CHECK_THROWS_AS(gradient(y, x), ad::TapeError);
    CHECK_THROWS_AS(detach(x), ad::TapeError);
    CHECK_EQ(value.item(), 3);
  };
  tape->clear();
  CHECK_EQ(tape->size(), 0);
  all_throw();
  CHECK_THROWS_AS(tape->find("x"), ad::TapeError);
  const auto fresh = tape->variable(1.0, "x");  // at the place of the old one
  CHECK_EQ(fresh.item(), 1);
  all_throw();
  CHECK_THROWS_AS(x + fresh, ad::TapeError);
  tape.reset();
  all_throw();
  CHECK_THROWS_AS(fresh.value(), ad::TapeError);
  Tape<double> other;  // may be given the memory of the old one
  other.variable(1.0);
  all_throw();
  CHECK_THROWS_AS(fresh.value(), ad::TapeError);
}

TEST_CASE("an empty variable says so") {
  const ad::Variable<double> none;
  CHECK_THROWS_AS(none.value(), ad::TapeError);
  CHECK_THROWS_AS(none + 1, ad::TapeError);
  CHECK_THROWS_AS(detach(none).value(), ad::TapeError);
}

TEST_CASE("two tapes side by side do not mix") {
  Tape<double> one, two;
  const auto a = one.variable(1.0), b = two.variable(2.0);
  CHECK_EQ(gradient(a * a, a)(), 2);
  CHECK_EQ(gradient(b * b, b)(), 4);
  CHECK_THROWS_AS(a + b, ad::TapeError);
  CHECK_THROWS_AS(concatenate(std::vector{reshape(a, {1}), reshape(b, {1})}), ad::TapeError);
  CHECK_THROWS_AS(gradient(a * a, b), ad::TapeError);
  CHECK_EQ((a + b.value()).item(), 3);
  CHECK_EQ(one.size(), 6);
}

TEST_CASE_TEMPLATE("variables stand beside arrays, lazy expressions and numbers, on either side", T, float, double) {
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  Tape<T> tape;
  const auto x = tape.variable(array<T>({2}, {1, 2}));
  const auto each = [&](const auto& other) {  // an operand whose elements are all 2
    CHECK_EQ(is((x + other).value(), {3, 4}), "");
    CHECK_EQ(is((other + x).value(), {3, 4}), "");
    CHECK_EQ(is((x - other).value(), {-1, 0}), "");
    CHECK_EQ(is((other - x).value(), {1, 0}), "");
    CHECK_EQ(is((x * other).value(), {2, 4}), "");
    CHECK_EQ(is((other * x).value(), {2, 4}), "");
    CHECK_EQ(is((x / other).value(), {0.5, 1}), "");
    CHECK_EQ(is((other / x).value(), {2, 1}), "");
    CHECK_EQ(is((x < other).value(), {1, 0}), "");
    CHECK_EQ(is((other < x).value(), {0, 0}), "");
    CHECK_EQ(is((x >= other).value(), {0, 1}), "");
    CHECK_EQ(is((other >= x).value(), {1, 1}), "");
    CHECK_EQ(is((x == other).value(), {0, 1}), "");
    CHECK_EQ(is((other != x).value(), {1, 0}), "");
    CHECK_EQ(is(pow(x, other).value(), {1, 4}), "");
    CHECK_EQ(is(pow(other, x).value(), {2, 4}), "");
    CHECK_EQ(is(maximum(other, x).value(), {2, 2}), "");
    CHECK_EQ(is(minimum(x, other).value(), {1, 2}), "");
    CHECK_EQ(is(where(other, x, other).value(), {1, 2}), "");
    CHECK_EQ(is(gradient(sum(x * other), x), {2, 2}), "");
    CHECK_EQ(is(gradient(sum(other / x), x), {-2, -0.5}), "");
    CHECK_EQ(is((x * x + other).value(), {3, 6}), "");  // beside a temporary
  };
  each(2);
  each(2.0f);
  each(2.0);
  each(std::size_t(2));
  each(Array<T>(Shape{2}, T(2)));
  each(Array<Other>(Shape{2}, Other(2)));
  each(xt::xarray<T>{2, 2});
  each(xt::xarray<int>{2, 2});
  each(xt::xarray<T>{1, 1} + xt::xarray<T>{1, 1});
  each(xt::ones<T>({2}) * 2);
  each(xt::view(xt::xarray<T>{{2, 2}, {3, 3}}, 0));
  each(ad::Variable<T>(Array<T>(Shape{}, T(2))));
  each(tape.constant(2));
}

TEST_CASE("numbers in place: the variable moves on, the old value stays") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2}));
  auto y = x;
  y += 1;
  y *= x;
  y -= xt::xarray<double>{0, 1};
  y /= 2;
  CHECK_EQ(is(x.value(), {1, 2}), "");
  CHECK_EQ(is(y.value(), {1, 2.5}), "");
  CHECK_EQ(is(gradient(sum(y), x), {1.5, 2.5}), "");  // (x + 1) x / 2
  ad::Variable<double> plain(array({2}, {1, 2})), copy = plain;
  plain += plain;
  plain += copy;
  CHECK_EQ(is(plain.value(), {3, 6}), "");
  CHECK_EQ(is(copy.value(), {1, 2}), "");
}

TEST_CASE("an exception amid a transform leaves the tape as it was") {
  class Fragile final : public ad::Primitive<double> {
    std::string_view name() const override { return "fragile"; }
    Shape shape(std::span<const ad::Dims> x) const override { return ad::to_shape(x[0]); }
    void forward(ad::Operand<double> y, std::span<const ad::Operand<const double>> x) const override {
      std::copy_n(x[0].data, ad::count(y.shape), y.data);
    }
    ad::Variable<double> pullback(std::size_t, const ad::Variable<double>& ct, const ad::Variable<double>&,
                                  std::span<const ad::Variable<double>>) const override {
      const auto some = ct * 2;  // recorded before it fails
      ad::fail<ad::ValueError>("fragile", "has no gradient: ", ad::Dims(some.shape()));
    }
    bool differentiable(std::size_t) const override { return true; }
  };
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2}));
  const auto z = Tape<double>::record(std::make_shared<Fragile>(), std::array{x});
  const auto y = sum(z * z);
  const auto size = tape.size();
  CHECK_THROWS_AS(gradient(y, x), ad::ValueError);
  CHECK_THROWS_AS(vjp(z, x.value(), x), ad::ValueError);
  CHECK_THROWS_AS(jvp(z, x, x.value()), ad::ValueError);
  CHECK_THROWS_AS(hvp(y, x, x.value()), ad::ValueError);
  CHECK_THROWS_AS(hessian(y, x), ad::ValueError);
  CHECK_THROWS_AS(jacobian(z, x), ad::ValueError);
  CHECK_EQ(tape.size(), size);
  CHECK(tape.recording());
  CHECK_EQ(is(gradient(y, z), {2, 4}), "");
}

TEST_CASE("functions of several steps refuse two tapes before the first") {
  Tape<double> one, two;
  const auto a = one.variable(xt::ones<double>({2, 3})), deep = one.variable(xt::ones<double>({2, 2, 3}));
  const auto v = two.variable(xt::ones<double>({3})), b = two.variable(xt::ones<double>({3, 2}));
  const auto w = two.variable(xt::ones<double>({2, 3})), u = one.variable(xt::ones<double>({3}));
  const std::vector<std::pair<std::string, std::function<void()>>> calls{
      {"matmul", [&] { matmul(a, v); }},
      {"matmul", [&] { matmul(deep, b); }},
      {"outer", [&] { outer(a, v); }},
      {"dot", [&] { dot(u, v); }},
      {"linear", [&] { linear(a, ad::detach(b), ad::Variable<double>(two.variable(1.0))); }},
      {"stack",
       [&] {
         ad::stack({a, w});
       }},
      {"squared_error", [&] { squared_error(a, w); }},
      {"softmax_cross_entropy",
       [&] {
         softmax_cross_entropy(a, two.variable({0.0, 1.0}));
       }},
      {"scatter_add", [&] {
         scatter_add(a, xt::xarray<double>{0.0, 1.0}, w);
       }}};
  for (const auto& [name, call] : calls) {
    const auto first = one.size();
    try {
      call();
      FAIL_CHECK("no error from " << name);
    } catch (const ad::TapeError& error) {
      CHECK_MESSAGE(std::string(error.what()).starts_with("[" + name + "] variables of two tapes"), error.what());
    }
    CHECK_EQ(one.size(), first);
  }
}

TEST_CASE("the value of a temporary outlives it") {
  const ad::Variable<double> x(array({3}, {0, 1, 2}));
  const auto lazy = ad::square(x).value() + 1.0;
  CHECK_EQ(xt::sum(lazy)(), 8);
  Tape<double> tape;
  const auto y = ad::square(tape.variable(x));
  CHECK_EQ(ad::Variable<double>(y).value()(2), 4);
  CHECK_EQ(y.value()(2), 4);  // the temporary's copy left the tape's array alone
}

TEST_CASE("no gradient flows through stop_gradient, and names follow their nodes") {
  Tape<double> tape;
  const auto x = tape.variable(3.0, "x");
  CHECK_EQ(gradient(x * stop_gradient(x), x)(), 3);
  x.named("y");
  CHECK_THROWS_AS(tape.find("x"), ad::TapeError);
  CHECK_EQ(tape.find("y").item(), 3);
}

TEST_CASE("what users of NumPy write") {
  Tape<float> tape;
  const auto x = tape.variable({1.0f, 2.0f}), y = tape.variable({3.0f, 4.0f});
  CHECK_EQ(difference(ad::concatenate({x, y}).value(), array({4}, {1, 2, 3, 4}), 1e-7), "");
  CHECK_EQ(difference(ad::transpose(ad::stack({x, y}), {1, 0}).value(), array({2, 2}, {1, 3, 2, 4}), 1e-7), "");
  CHECK_EQ(difference(ad::pad(x, {{1, 0}}, 5).value(), array({3}, {5, 1, 2}), 1e-7), "");
  CHECK_EQ(difference(ad::one_hot<float>(xt::xarray<int>{1, 0}, 2).value(), array({2, 2}, {0, 1, 1, 0}), 1e-7), "");
  CHECK_EQ(difference(less(x, 2).value(), array({2}, {1, 0}), 1e-7), "");
  const xt::xarray<double> ones{1, 1};
  CHECK_EQ(difference(ad::concatenate({x, ones, 2 * ones}).value(), array({6}, {1, 2, 1, 1, 2, 2}), 1e-7), "");
  CHECK_EQ(difference(ad::stack({ones, y}, 1).value(), array({2, 2}, {1, 3, 1, 4}), 1e-7), "");
  CHECK_EQ(difference(ad::stack({sum(x), 7}).value(), array({2}, {3, 7}), 1e-7), "");
  const auto rows = tape.variable({{1, 2, 3}, {4, 5, 6}}, "rows"), column = tape.constant({{1, 2}, {3, 4}, {5, 6}});
  CHECK_EQ(difference(rows.value(), array({2, 3}, {1, 2, 3, 4, 5, 6}), 1e-7), "");
  CHECK_EQ(difference(column.value(), array({3, 2}, {1, 2, 3, 4, 5, 6}), 1e-7), "");
  CHECK_EQ(rows.name(), "rows");
  CHECK(tape.variable({}).shape() == ad::Shape{0});
  CHECK(tape.variable({1}).shape() == ad::Shape{1});
  CHECK(tape.variable({{1.0}}).shape() == ad::Shape{1, 1});
  CHECK(tape.constant({{1.0}, {2.0}}).shape() == ad::Shape{2, 1});
  CHECK_THROWS_WITH_AS(tape.variable({{1, 2}, {3}}), "[tape] rows must have one length: 2 and 1", ad::ShapeError);
  CHECK_EQ(vjp(x * y, xt::xarray<double>{1, 1}, std::vector{x, y})[1](0), 1);
}

TEST_CASE_TEMPLATE("small operations go a shorter way than those of a tape that is watched, to the same bits", T, float,
                   double) {
  const auto run = [](bool watched, const Array<T>& a, const Array<T>& b) {
    Tape<T> tape;
    tape.stop_at_non_finite(watched);
    const auto x = tape.variable(a), y = tape.variable(b);
    auto z = x - 0.1 * y;
    for (int k = 0; k < 3; ++k)
      z = where(z < y, tanh(z + y) * 0.5 - x / (abs(y) + 2), maximum(-z, x * y)) + exp(-square(z));
    const auto [dx, dy] = gradient(sum(z), x, y);
    return std::vector<Array<T>>{z.value(), dx, dy};
  };
  const std::pair<Shape, Shape> shapes[] = {{{}, {}},         {{1}, {1}},
                                            {{}, {3}},        {{3}, {}},
                                            {{2, 3}, {2, 3}}, {{2, 3}, {3}},
                                            {{1}, {5}},       {{16}, {16}},
                                            {{64}, {64}},     {{65}, {65}},
                                            {{65}, {}},       {{0}, {0}},
                                            {{0}, {}},        {{1, 2, 1, 2, 1}, {1, 2, 1, 2, 1}}};
  for (const auto& both : shapes) {
    const Shape &a = both.first, &b = both.second;
    CAPTURE(ad::to_string(a));
    CAPTURE(ad::to_string(b));
    const auto x = ad::to_array<T>(sample(a, -1, 1)), y = ad::to_array<T>(sample(b, -1, 1, 2));
    const auto once = run(false, x, y), watched = run(true, x, y);
    for (std::size_t k = 0; k < once.size(); ++k) {
      REQUIRE_EQ(once[k].shape(), watched[k].shape());
      CHECK(std::ranges::equal(std::as_bytes(std::span(once[k].data(), once[k].size())),
                               std::as_bytes(std::span(watched[k].data(), watched[k].size()))));
    }
  }
}

TEST_CASE("the array of a small value is made once for all that share it, and holds what is changed") {
  Tape<double> tape;
  const auto x = tape.variable(2);
  const auto y = x * 3, same = y;
  CHECK_EQ(&y.value(), &same.value());
  const auto again = tape.recorded(y.index());
  CHECK_EQ(&again.value(), &y.value());
  CHECK_EQ(y.value()(), 6);

  ad::Variable<double> plain = ad::Variable<double>(Array<double>{1, 2}) + 1, other = plain;
  CHECK_EQ(plain.exclusive(), nullptr);
  plain += 1;
  REQUIRE(plain.exclusive());
  plain += 1;
  plain.exclusive()->data()[0] = 7;
  CHECK_EQ(is(plain.value(), {7, 5}), "");
  CHECK_EQ(is((plain * 1).value(), {7, 5}), "");
  CHECK_EQ(is(std::move(plain).value(), {7, 5}), "");
  CHECK_EQ(is(other.value(), {2, 3}), "");
}
