// Recorded functions as operations: scan, checkpoint, rules of one's own, cond and while_loop, against the same written
// out.
#include <autodiff/op.hpp>
#include <nn/nn.hpp>

#include "written_out.hpp"

using namespace test;

namespace {

std::pair<V, V> cell(const V& h, const V& x, const V& w) {
  const V next = ad::tanh(ad::matmul(h, w) + x * h);
  return {next, next * x};
}

}  // namespace

TEST_CASE("a scan is the loop written out: both directions, either axis, whatever is kept") {
  for (const bool reverse : {false, true})
    for (const int axis : {0, 1})
      for (const std::size_t keep : {1, 0, 4, 20}) {
        CAPTURE(reverse);
        CAPTURE(axis);
        CAPTURE(keep);
        ad::Tape<double> tape;
        const V w = tape.variable(sample({3, 3}, -1, 1)), h0 = tape.variable(sample({2, 3}, -1, 1)),
                xs = tape.variable(sample(axis ? Shape{2, 11, 3} : Shape{11, 2, 3}, -1, 1));
        const auto [last, ys] = ad::scan([&](const V& h, const V& x) { return cell(h, x, w); }, h0, xs,
                                         {.axis = axis, .reverse = reverse, .keep_every = keep});
        V h = h0;
        Vs outputs(11);
        const auto parts = ad::unstack(xs, axis);
        for (std::size_t k = 0; k < 11; ++k) {
          const std::size_t t = reverse ? 10 - k : k;
          std::tie(h, outputs[t]) = cell(h, parts[t], w);
        }
        CHECK_EQ(difference(last.value(), h.value(), rounding), "");
        CHECK_EQ(difference(ys.value(), ad::stack(outputs, axis).value(), rounding), "");
        check_same(ad::sum(ad::square(last)) + ad::sum(ad::sin(ys)),
                   ad::sum(ad::square(h)) + ad::sum(ad::sin(ad::stack(outputs, axis))), {w, h0, xs});
      }
}

TEST_CASE("the gradient of a matrix that all steps share is one product behind the loop") {
  ad::Tape<double> tape;
  const V w = tape.variable(sample({3, 3}, -0.5, 0.5)), xs = tape.variable(sample({7, 2, 3}, -1, 1, 2));
  const V h0 = tape.constant(sample({2, 3}, -1, 1, 3));
  const V ys = ad::scan([&](const V& h, const V& x) { return cell(h, x, w); }, h0, xs).second;
  V h = h0, sum = tape.constant(0.0);
  for (const V& x : ad::unstack(xs, 0)) {
    const auto [next, y] = cell(h, x, w);
    h = next, sum = sum + ad::sum(ad::square(y));
  }
  const V loss = ad::sum(ad::square(ys));
  check_same(loss, sum, {w, xs});
  const auto text = ad::compile({xs}, {ad::recorded_gradient(loss, w)}).report().text();
  CHECK_MESSAGE(text.find("[matmul] in gradient (3, 3)") != text.npos, text);
}

TEST_CASE("a carry that is an output, too, is one value, whether or not the outputs are asked for") {
  for (const bool reverse : {false, true})
    for (const bool asked : {false, true}) {
      CAPTURE(reverse);
      CAPTURE(asked);
      ad::Tape<double> tape;
      const V w = tape.variable(sample({3, 3}, -1, 1)), h0 = tape.variable(sample({2, 3}, -1, 1)),
              xs = tape.variable(sample({5, 2, 3}, -1, 1, 2));
      const auto [last, ys] = ad::scan(
          [&](const Vs& c, const Vs& x) {
            const V h = ad::tanh(ad::matmul(c[0], w) + x[0] * c[1]);
            return std::pair(Vs{h, h, c[2] + h}, Vs{h});
          },
          Vs{h0, h0, 0 * h0}, Vs{xs}, {.reverse = reverse});
      V h = h0, sum = 0 * h0;
      Vs all(5);
      const Vs parts = ad::unstack(xs, 0);
      for (std::size_t k = 0; k < 5; ++k) {
        const std::size_t t = reverse ? 4 - k : k;
        h = all[t] = ad::tanh(ad::matmul(h, w) + parts[t] * h), sum = sum + h;
      }
      const auto loss = [&](const V& end, const V& other, const V& total, const V& outputs) {
        const V of_ends = ad::sum(ad::square(end)) + ad::sum(other) + ad::sum(ad::sin(total));
        return asked ? of_ends + ad::sum(outputs * outputs * outputs) : of_ends;
      };
      check_same(loss(last[0], last[1], last[2], ys[0]), loss(h, h, sum, ad::stack(all, 0)), {w, h0, xs});
    }
}

namespace {

/// Its input, which counts how often it is asked for.
template <bool may_fail>
struct Counted {
  static constexpr auto name = "counted";
  static constexpr bool fails = may_fail;
  static inline int calls = 0;
  Shape shape(ad::Dims x) const { return Shape(x.begin(), x.end()); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    ++calls;
    std::copy_n(x.data, ad::count(x.shape), y.data);
  }
  template <int I, class W>
  W vjp(const W& ct, const W&, const W&) const {
    return ct;
  }
};

/// a b, whose derivative by a is what was counted of b.
template <bool may_fail>
struct Scaled {
  static constexpr auto name = "scaled";
  static constexpr bool fails = false;
  Shape shape(ad::Dims a, ad::Dims) const { return Shape(a.begin(), a.end()); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> a, ad::Operand<const T> b) const {
    for (std::size_t i = 0; i < ad::count(a.shape); ++i) y.data[i] = a.data[i] * b.data[i];
  }
  template <int I, class W>
  W vjp(const W& ct, const W&, const W& a, const W& b) const {
    if constexpr (I == 0) return ct * ad::record(Counted<may_fail>(), b);
    return ct * a;
  }
};

template <bool may_fail>
void check_counts(int expected) {
  ad::Tape<double> tape;
  const V w = tape.variable(sample({2, 3}, -0.5, 0.5)), m = tape.variable(sample({3, 3}, -1, 1)),
          xs = tape.variable(sample({7, 2, 3}, -1, 1, 2)), h0 = tape.variable(sample({2, 3}, -1, 1, 3));
  const auto step = [&](const V& h, const V& x, const auto& product) {
    return ad::tanh(ad::matmul(product(h, w), ad::swap_axes(m, 0, 1)) + x);
  };
  const auto counted = [](const V& a, const V& b) { return ad::record(Scaled<may_fail>(), a, b); };
  const auto plain = [](const V& a, const V& b) { return a * b; };
  const auto last = [&] {
    return ad::scan([&](const V& h, const V& x) { return std::pair(step(h, x, counted), x); }, h0, xs).first;
  };
  V h = h0;
  for (const V& x : ad::unstack(xs, 0)) h = step(h, x, plain);
  check_same(ad::sum(ad::square(last())), ad::sum(ad::square(h)), {w, m, h0, xs});
  const V slope = ad::recorded_gradient(ad::sum(ad::square(last())), h0);
  auto& calls = Counted<may_fail>::calls;
  calls = 0;
  ad::compile({h0}, {slope})(h0.value());
  CHECK(calls == expected);
  calls = 0;
  ad::recorded_gradient(ad::sum(ad::square(last())), h0);
  CHECK(calls == expected);
}

}  // namespace

TEST_CASE("what a step computes from shared values alone is computed once, unless it may fail: that names the step") {
  check_counts<false>(1);
  check_counts<true>(7);
}

TEST_CASE("a scan without carry, without sequences, without steps; several of each; one inside another") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({4, 3}, -1, 1)), w = tape.variable(sample({3}, -1, 1));
  const auto [none, mapped] = ad::scan(
      [&](const Vs&, const Vs& e) {
        return std::pair(Vs(), Vs{ad::exp(e[0] * w), ad::sum(e[0])});
      },
      Vs(), Vs{x});
  CHECK(none.empty());
  check_same(ad::sum(mapped[0] * ad::reshape(mapped[1], {-1, 1})),
             ad::sum(ad::exp(x * w) * ad::sum(x, 1, ad::keepdims)), {x, w});
  const auto [power, nothing] = ad::scan(
      [&](const Vs& c, const Vs&) {
        return std::pair(Vs{c[0] * w, c[1] + 1}, Vs());
      },
      Vs{w, V(Array<double>(Shape{}, 0.0))}, Vs(), {.length = 3});
  CHECK(nothing.empty());
  CHECK(power[1].item() == 3);
  check_same(ad::sum(power[0]), ad::sum(w * w * w * w), {w});
  const auto [same, empty] = ad::scan([&](const V& c, const V& e) { return std::pair(c * e, c + e); }, w,
                                      tape.variable(Array<double>(Shape{0, 3})));
  CHECK_EQ(difference(same.value(), w.value(), 0), "");
  CHECK(empty.shape() == Shape{0, 3});
  const auto [total, rows] = ad::scan(
      [&](const V& c, const V& row) {
        const auto [end, parts] = ad::scan([&](const V& d, const V& e) { return std::pair(d * e + w(0), d); }, c, row);
        return std::pair(end, ad::sum(parts));
      },
      w(1), x);
  V d = w(1), sums = ad::sum(w) * 0;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 3; ++j) sums = sums + (i + 1.0) * d, d = d * x(i, j) + w(0);
  check_same(total + ad::sum(rows * Array<double>(xt::arange<double>(1, 5))), d + sums, {x, w});
}

TEST_CASE("a checkpoint has the same derivatives and states of layers, and less memory in a program") {
  const auto network = [](const V& x, const V& w, bool again) {
    const auto block = [&](const V& h) { return ad::tanh(ad::matmul(ad::tanh(ad::matmul(h, w)), w)); };
    V h = x;
    for (int k = 0; k < 8; ++k) h = again ? ad::checkpoint(block, h) : block(h);
    return ad::sum(ad::square(h));
  };
  ad::Tape<double> tape;
  const V x = tape.variable(sample({4, 3}, -1, 1)), w = tape.variable(sample({3, 3}, -1, 1));
  check_same(network(x, w, true), network(x, w, false), {x, w});
  CHECK_EQ(difference(ad::gradient(network(x, w, true), x), ad::gradient(network(x, w, false), x), rounding), "");
  std::size_t bytes[2];
  for (const bool again : {false, true}) {
    ad::Tape<double> wide;
    const V in = wide.variable(sample({256, 16}, -1, 1)), v = wide.variable(sample({16, 16}, -1, 1));
    bytes[again] = ad::compile({in, v}, {ad::recorded_gradient(network(in, v, again), v)}).report().bytes;
  }
  CHECK(bytes[1] < 0.75 * double(bytes[0]));

  struct Block : nn::Module<double> {
    nn::Sequential<double> inner{nn::Linear<double>(3, 5), nn::BatchNorm<double>(5), nn::Dropout<double>(0.5)};
    nn::Linear<double> last{5, 2};
    bool again;
    explicit Block(bool computed_again) : again(computed_again) {}
    void members(nn::Members<double>& m) override { m("inner", inner), m("last", last); }
    V forward(const V& in) override { return last(again ? ad::checkpoint(inner, in) : inner(in)); }
  };
  Block one(true), other(false);
  one.initialise(1), other.initialise(1);
  nn::Sgd<double> first(0.1), second(0.1);
  nn::TrainingStep<double> step(one, first, nn::loss<double>("squared-error")),
      expected(other, second, nn::loss<double>("squared-error"));
  const Array<double> inputs = sample({6, 3}, -1, 1), targets = sample({6, 2}, -1, 1);
  for (int i = 0; i < 3; ++i)
    CHECK(step(inputs, targets) == doctest::Approx(expected(inputs, targets)).epsilon(rounding));
  const auto states = one.states(), of_other = other.states();
  for (std::size_t k = 0; k < states.size(); ++k)
    CHECK_EQ(difference(states[k].parameter.value(), of_other[k].parameter.value(), rounding), "");
  // Names are those of the model, since parameters are entered around the body.
  CHECK(one.parameters()[0].name == "inner.0.weight");
}

TEST_CASE("a rule of one's own: straight through, implicit, checked as any function, differentiated again") {
  ad::Tape<double> tape;
  const V x = tape.variable({0.3, -1.6, 2.2});
  const auto sign = [](const V& v) { return ad::where(v > 0, 1.0, -1.0); };
  const V through = ad::custom_gradient([&](const V& v) { return sign(v) * 1.0; },
                                        [](const V& ct, const V&, const V&) { return ct; }, x);
  CHECK_EQ(difference(ad::gradient(ad::sum(through * x), x), Array<double>(sign(x).value() + x.value()), rounding), "");
  // The root y of y^3 + y = x: dy/dx = 1 / (3 y^2 + 1), by the implicit function theorem.
  const auto root = [](const V& a) {
    return ad::custom_gradient(
        [](const V& b) {
          V y = b * 0.5;
          for (int i = 0; i < 30; ++i) y = y - (y * y * y + y - b) / (3 * y * y + 1);
          return y;
        },
        [](const V& ct, const V& y, const V&) { return ct / (3 * y * y + 1); }, a);
  };
  const auto report =
      ad::check_gradient([&](const V& v) { return ad::sum(ad::exp(root(v))); }, x.value(), {.second_order = true});
  CHECK_MESSAGE(bool(report), report.message());
  auto program = ad::compile({x}, {ad::recorded_gradient(ad::sum(root(x)), x)});
  const auto y = root(V(Array<double>{1.0, 2.0, 3.0})).value();
  CHECK_EQ(difference(program(Array<double>{1.0, 2.0, 3.0})[0], Array<double>(1 / (3 * y * y + 1)), rounding), "");
  CHECK_THROWS_WITH_AS(ad::custom_gradient([&](const V& v) { return v * x; },
                                           [](const V& ct, const V&, const V&) { return ct; }, tape.variable({1.0})),
                       "[custom_gradient] the function uses a variable around it, to which the rule gives no gradient: "
                       "make it an input: (3)",
                       ad::TapeError);
  const V wrong = ad::custom_gradient([](const Vs& v) { return Vs{v[0] * v[1]}; },
                                      [](const Vs& ct, const Vs&, const Vs&) { return ct; }, Vs{x, x})[0];
  CHECK_THROWS_WITH_AS(ad::gradient(ad::sum(wrong), x),
                       "[custom_gradient] the rule must give a gradient of each input: 1 and 2", ad::ValueError);
}

TEST_CASE("cond takes one side at each run, with its derivatives, and variables around it") {
  ad::Tape<double> tape;
  const V x = tape.variable({0.5, -1.5}), w = tape.variable({2.0, 3.0}), v = tape.variable({0.7, 0.1});
  const auto chosen = [&](const V& c) {
    return ad::sum(ad::cond(
        c, [&](const V& a) { return ad::sin(a) * w; }, [&](const V& a) { return a * a * v; }, x));
  };
  const V flag = tape.constant(1.0), off = tape.constant(0.0);
  check_same(chosen(flag), ad::sum(ad::sin(x) * w), {x, w, v});
  check_same(chosen(off), ad::sum(x * x * v), {x, w, v});
  const V in = tape.variable(1.0), y = chosen(in);
  auto program = ad::compile({in, x}, {y, ad::recorded_gradient(y, x)});
  CHECK_EQ(
      difference(program(Array<double>(Shape{}, 0.0), Array<double>{1.0, 2.0})[1], Array<double>{1.4, 0.4}, rounding),
      "");
  CHECK_EQ(
      difference(program(Array<double>(Shape{}, 1.0), Array<double>{0.0, 0.0})[1], Array<double>{2.0, 3.0}, rounding),
      "");
  CHECK_THROWS_WITH_AS(ad::cond(
                           flag, [](const V& a) { return a; }, [](const V& a) { return ad::sum(a); }, x),
                       "[cond] both functions must give results of the same shapes: (2) and ()", ad::ShapeError);
  CHECK_THROWS_WITH_AS(ad::cond(
                           x, [](const V& a) { return a; }, [](const V& a) { return a; }, x),
                       "[cond] the condition must have one element: (2)", ad::ShapeError);
}

TEST_CASE("while_loop runs until its condition fails: first and second derivatives, and other lengths in a program") {
  ad::Tape<double> tape;
  const V x = tape.variable(1.3), w = tape.variable(1.7);
  const auto grown = [&](const V& from) {
    return ad::while_loop([](const V& c) { return c < 100.0; }, [&](const V& c) { return c * w + ad::sin(c); }, from);
  };
  const auto by_hand = [&](const V& from) {
    V c = from;
    while (c.item() < 100) c = c * w + ad::sin(c);
    return c;
  };
  const V a = grown(x), b = by_hand(x);
  CHECK(a.item() == doctest::Approx(b.item()));
  for (const V& v : {x, w}) {
    CHECK_EQ(difference(ad::gradient(a, v), ad::gradient(b, v), 1e-11), "");
    CHECK_EQ(difference(ad::hessian(a, v), ad::hessian(b, v), 1e-10), "");
    CHECK_EQ(difference(ad::jvp(a, v, 0.5), ad::jvp(b, v, 0.5), 1e-11), "");
  }
  auto program =
      ad::compile({x, w}, {a, ad::recorded_gradient(a, x), ad::recorded_gradient(a, w), ad::recorded_jvp(a, w, 2.0)});
  for (const double start : {0.4, 1.3, 30.0, 200.0}) {
    ad::Tape<double> other;
    const V y = other.variable(start), u = other.variable(1.7);
    V c = y;
    while (c.item() < 100) c = c * u + ad::sin(c);
    const auto found = program(Array<double>(Shape{}, start), Array<double>(Shape{}, 1.7));
    CHECK(found[0]() == doctest::Approx(c.item()));
    CHECK(found[1]() == doctest::Approx(ad::gradient(c, y)()));
    CHECK(found[2]() == doctest::Approx(ad::gradient(c + 0 * u, u)()));
    CHECK(found[3]() == doctest::Approx(2 * ad::gradient(c + 0 * u, u)()));
  }
  // Of no step, the last carries are the first ones, whatever a step would make of them.
  const auto [counted, kept] = [&] {
    const Vs last = ad::while_loop<double>([](const Vs& c) { return c[0] < 0.0; },
                                           [](const Vs& c) {
                                             return Vs{c[0] + 1.0, V(Array<double>(7.0))};
                                           },
                                           Vs{x, w});
    return std::pair(last[0], last[1]);
  }();
  CHECK_EQ(kept.item(), w.item());
  CHECK_EQ(ad::gradient(kept, w)(), 1);
  CHECK_EQ(ad::gradient(counted, x)(), 1);
  CHECK_EQ(ad::compile({x, w}, {ad::recorded_gradient(kept, w)})(Array<double>(0.5), Array<double>(2.0))[0](), 1);
  CHECK_EQ(ad::compile({x, w}, {ad::recorded_gradient(kept, w)})(Array<double>(-0.5), Array<double>(2.0))[0](), 0);
  CHECK_THROWS_WITH_AS(
      ad::while_loop([](const V& c) { return c > 0.0; }, [](const V& c) { return c + 1; }, x, {.most_steps = 10}),
      "[while_loop] takes more than 10 steps, see WhileOptions::most_steps", ad::ValueError);
  CHECK_THROWS_WITH_AS(ad::recorded_hessian(a, x),
                       doctest::Contains("its second derivatives are there for arrays alone"), ad::TapeError);
}

TEST_CASE("vmap is a loop over samples: every kind of operation, gradients of each, variables around, nested") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({4, 3}, -1, 1)), m = tape.variable(sample({4, 2, 3}, -1, 1, 2)),
          w = tape.variable(sample({3, 2}, -1, 1, 3)), b = tape.variable(sample({2}, -1, 1, 4)),
          c = tape.constant({0.0, 1.0, 1.0, 0.0});
  using F = std::function<V(const V&, const V&, const V&)>;  // of a vector, a matrix and a class
  const F functions[] = {
      [&](const V& v, const V&, const V&) { return ad::tanh(ad::linear(v, w, b)); },
      [&](const V& v, const V& a, const V&) { return ad::matmul(a, v) + b; },
      [&](const V& v, const V& a, const V&) { return ad::matmul(ad::transpose(ad::matmul(a, w)), a) * ad::sum(v); },
      [&](const V& v, const V& a, const V&) {
        return ad::outer(v, b) + ad::transpose(ad::max(a, 0, ad::keepdims)) + v(1);
      },
      [&](const V& v, const V& a, const V& k) { return ad::softmax_cross_entropy(ad::matmul(a, v), k); },
      [&](const V& v, const V& a, const V&) {
        return ad::concatenate({ad::softmax(a, 1), ad::reshape(v, {1, 3}), ad::transpose(w)});
      },
      [&](const V& v, const V& a, const V& k) {
        return ad::cumsum(ad::slice(a, {{0, 2, 1}, {2, 0, -1}}), 0) * v(0) + k;
      },
      [&](const V& v, const V&, const V& k) { return ad::gather(w, k) * ad::one_hot(k, 2) + ad::logsumexp(v); },
      [&](const V& v, const V& a, const V&) { return ad::gather(ad::reshape(a, {-1}), ad::argmax(v)) * ad::prod(v); },
      [&](const V& v, const V& a, const V& k) {
        return ad::gather(ad::broadcast_to(v, {2, 3}), k, 1) - ad::mean(a);
      },
      [&](const V& v, const V& a, const V&) {
        return ad::checkpoint([&](const V& u) { return ad::sin(u) * w(0, 0); }, v) + ad::norm(a);
      },
      [&](const V& v, const V& a, const V&) {
        return ad::scan([&](const V& h, const V& row) { return std::pair(ad::sin(h * row), h); }, v, a).first;
      },
      [&](const V& v, const V& a, const V&) { return ad::vmap([&](const V& row) { return ad::sum(row * v) * w; }, a); },
      [&](const V& v, const V& a, const V&) { return ad::recorded_gradient(ad::sum(ad::tanh(ad::matmul(a, v))), v); },
      [&](const V& v, const V&, const V& k) {
        return ad::recorded_gradient(ad::softmax_cross_entropy(ad::linear(ad::tanh(v), w, b), k), w);
      },
      [&](const V& v, const V&, const V&) { return ad::recorded_hessian(ad::sum(ad::exp(ad::linear(v, w, b))), v); },
      [&](const V& v, const V& a, const V& k) {  // what flows to v and w is put together of parts
        const V y = ad::sum(ad::square(v(0) * w(1) + v(2) * a(0, 1) * w(2)) + ad::gather(w, k) * v(1));
        return ad::concatenate({ad::recorded_gradient(y, v), ad::reshape(ad::recorded_gradient(y, w), {6})});
      },
      [&](const V&, const V&, const V&) { return w * 2.0; },
  };
  std::size_t number = 0;
  for (const auto& f : functions) {
    CAPTURE(number);
    ++number;
    const V all = ad::vmap(f, x, m, c);
    Vs each;
    for (std::size_t i = 0; i < 4; ++i) each.push_back(f(x(i), m(i), c(i)));
    const V one_by_one = ad::stack(each);
    CHECK_EQ(difference(all.value(), one_by_one.value(), rounding), "");
    check_same(ad::sum(ad::sin(all) + 0 * ad::sum(x) + 0 * ad::sum(m) + 0 * ad::sum(w)),
               ad::sum(ad::sin(one_by_one) + 0 * ad::sum(x) + 0 * ad::sum(m) + 0 * ad::sum(w)), {x, m, w});
  }
  const V slopes = ad::vmap(
      [](const V& v) {
        const V y = v(0) * v(2) * ad::sum(ad::slice(v, {{0, 2}}));
        return ad::recorded_gradient(y, v);
      },
      x);
  CHECK(ad::compile({x}, {slopes}).report().text().find("scan") == std::string::npos);
  const V along = ad::vmap([](const Vs& v) { return ad::sum(v[0] * v[0]); }, Vs{x}, {.axis = 1});
  CHECK_EQ(difference(along.value(), ad::sum(x * x, 0).value(), rounding), "");
  CHECK_THROWS_WITH(ad::vmap([](const V& u, const V& v) { return u * ad::sum(v); }, x, w),
                    "[vmap] all inputs must have as many samples: 4 and 3");
}

TEST_CASE("what a body may not do is an error that names it, and records nothing") {
  ad::Tape<double> tape, other;
  const V x = tape.variable(sample({4, 3}, -1, 1)), h = tape.variable(sample({3}, -1, 1)),
          foreign = other.variable(1.0);
  const std::size_t before = tape.size();
  const auto refused = [&](auto&& body, const char* message) {
    CHECK_THROWS_WITH(ad::scan(body, h, x), message);
    CHECK_EQ(tape.size(), before);
  };
  refused([](const V& c, const V& e) { return std::pair(ad::sum(c + e), c); },
          "[scan] the body must not change the shape of carry 0: (3) and ()");
  refused([](const V& c, const V& e) { return std::pair(c * e.value()(0), c); },
          "[variable] only a run of the program knows the value, which depends on input 1: (3)");
  refused([&](const V& c, const V& e) { return std::pair(c * foreign, e); },
          "[scan] variables of two tapes cannot be mixed: (3) and ()");
  refused([&](const V& c, const V&) { return std::pair(c, V()); },
          "[scan] the body gives a result that is empty, or whose tape is gone");
  CHECK_THROWS_WITH(ad::scan([](const Vs& c, const Vs&) { return std::pair(Vs{c[0]}, Vs()); }, Vs{h, h}, Vs{x}),
                    "[scan] the body must give as many carries as it is given: 1 and 2");
  CHECK_THROWS_WITH(ad::scan([](const Vs& c, const Vs&) { return std::pair(c, Vs()); }, Vs{h}, Vs{x, h}),
                    "[scan] all sequences must have as many elements as there are steps: 3 and 4");
  CHECK_THROWS_WITH(ad::scan([](const Vs& c, const Vs&) { return std::pair(c, Vs()); }, Vs{h}, Vs()),
                    "[scan] without a sequence, options must say how many steps there are");
  V leaked;
  ad::scan([&](const V& c, const V& e) { return std::pair(leaked = c * e, c); }, h, x);
  CHECK_THROWS_WITH_AS(leaked * 2, doctest::Contains("that has been cleared or is gone"), ad::TapeError);
  const V places = tape.constant({0.0, 2.0, 7.0, 1.0});
  CHECK_THROWS_WITH(ad::scan([&](const V& c, const V& p) { return std::pair(c, ad::gather(h, p)); }, h, places),
                    doctest::Contains("step 2"));
  nn::BatchNorm<double> norm(3);
  norm.initialise(1);
  norm.training(true);
  CHECK_THROWS_WITH(ad::scan([&](const V& c, const V&) { return std::pair(norm(c), c); }, x, x),
                    doctest::Contains("make it a carry, or call its module in inference"));
}
