// The passes of a program one by one, each on a small graph that is looked at afterwards.
#include <autodiff/kernels/copy.hpp>
#include <map>
#include <numeric>
#include <random>

#include "passes.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;
using Node = ad::detail::GraphNode<double>;
using ad::detail::nowhere;
using ad::detail::Source;
using ad::detail::Walk;

namespace {

V filled(Tape<double>& tape, const Shape& shape, double value) { return tape.constant(Array<double>(shape, value)); }

}  // namespace

TEST_CASE("fold: what depends on no input and no state is a constant") {
  Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, -1, 1)), w = tape.variable(sample({3}, -1, 1));
  const auto c = tape.variable(sample({3}, 1, 2)), d = tanh(c) * 2;
  const auto product = x * d, sum = w + d;
  Passes p({x}, {product, d}, {{w, sum}});
  p.fold();
  CHECK_EQ(p.operations(), "mul add");
  CHECK_EQ(p.report.folded, 2);
  CHECK(p.output(1).source == Source::constant);
  CHECK_EQ(difference(*p.output(1).recorded, d.value(), 1e-300), "");
  CHECK(p.input_of(p.output(0), 1).source == Source::constant);
}

TEST_CASE("fold: a neutral argument leaves the other; an exact program sees the sign of zero") {
  Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, -1, 1));
  const auto one = filled(tape, {2, 3}, 1), zero = filled(tape, {3}, 0), minus_zero = filled(tape, {2, 3}, -0.0);
  const auto nan = filled(tape, {}, std::nan(""));
  struct Try {
    V y;
    bool exactly, folds;
  };
  for (const auto& each : {Try{x * one, true, true}, Try{one * x, true, true}, Try{x / one, true, true},
                           Try{one / x, false, false}, Try{x + minus_zero, true, true}, Try{x + zero, false, true},
                           Try{zero + x, false, true}, Try{x - zero, true, true}, Try{x - minus_zero, false, true},
                           Try{zero - x, false, false}, Try{x * zero, false, false}, Try{x + nan, false, false},
                           Try{maximum(x, zero), false, false}, Try{filled(tape, {2, 2, 3}, 1) * x, false, false}}) {
    INFO(std::string(tape.node(each.y.index()).operation->name()) << " of node " << each.y.index());
    for (const bool exact : {true, false}) {
      Passes p({x}, {each.y}, {}, exact);
      p.fold();
      CHECK_EQ(p.operations().empty(), exact ? each.exactly : each.folds);
    }
  }
}

TEST_CASE("fold: signs of zero and NaN at a run") {
  Tape<double> tape;
  const auto x = tape.variable(array({3}, {1, 2, 3}));
  const Variables<double> y{x + 0.0, x - 0.0, x * 1.0, x + filled(tape, {}, -0.0), x * 0.0};
  const auto at = array({3}, {-0.0, std::nan(""), 0.0});
  const std::vector<std::array<double, 3>> expected{
      {0.0, NAN, 0.0}, {-0.0, NAN, 0.0}, {-0.0, NAN, 0.0}, {-0.0, NAN, 0.0}, {-0.0, NAN, 0.0}};
  for (const bool exact : {true, false}) {
    auto program = ad::compile({x}, y, {}, {.exact = exact});
    const auto& outputs = program(at);
    for (std::size_t k = 0; k < y.size(); ++k)
      for (std::size_t i = 0; i < 3; ++i) {
        INFO("output " << k << " element " << i);
        CHECK_EQ(std::isnan(outputs[k](i)), std::isnan(expected[k][i]));
        if (exact || k != 0) CHECK_EQ(std::signbit(outputs[k](i)), std::signbit(expected[k][i]));
      }
  }
}

TEST_CASE("merge: equal operations on equal arguments, in either order where that is one") {
  Tape<double> tape;
  const auto a = tape.variable(sample({4, 4}, -1, 1)), b = tape.variable(sample({4, 4}, -1, 1, 2));
  CHECK_EQ(Passes({a, b}, {tanh(a * b), tanh(b * a)}).merge().operations(), "mul tanh");
  CHECK_EQ(Passes({a, b}, {a - b, b - a}).merge().operations(), "sub sub");
  CHECK_EQ(Passes({a, b}, {sum(a, 0), sum(a, 1)}).merge().operations(), "sum sum");
  CHECK_EQ(Passes({a, b}, {sum(a, 0), sum(a, 0), sum(a, -2)}).merge().output(0).size(), 4);
  CHECK_EQ(Passes({a, b}, {leaky_relu(a, 0.1), leaky_relu(a, 0.2), leaky_relu(a, 0.1)}).merge().operations(),
           "leaky_relu leaky_relu");
  Passes chain({a, b}, {exp(sin(a) + 2), exp(2 + sin(a))});
  CHECK_EQ(chain.merge().operations(), "sin add exp");
  CHECK_EQ(chain.report.merged, 4);  // sin, the two, the sum, exp
  CHECK_EQ(chain.graph.outputs[0].node, chain.graph.outputs[1].node);
}

TEST_CASE("merge: literals of one value, by their bits") {
  Tape<double> tape;
  const auto x = tape.variable(sample({3}, -1, 1));
  CHECK_EQ(Passes({x}, {x / 3, x / 3}).merge().operations(), "div");
  CHECK_EQ(Passes({x}, {x * 0.0, x * -0.0}).merge().operations(), "mul mul");
  CHECK_EQ(Passes({x}, {x * filled(tape, {1}, 3), x * filled(tape, {}, 3)}).merge().operations(), "mul mul");
}

TEST_CASE("views: products read transposes and parts in place, unless bits have to be kept") {
  Tape<double> tape;
  const auto a = tape.variable(sample({5, 4}, -1, 1)), b = tape.variable(sample({5, 6}, -1, 1, 2));
  const auto transposed = transpose(a);
  const auto y = matmul(transposed, slice(b, {ad::all, ad::Range{1, 4}}));
  Passes p({a, b}, {y});
  CHECK_EQ(p.views().operations(), "matmul");
  CHECK_EQ(p.report.viewed, 2);
  const auto left = p.graph.view_of(p.output().inputs[0]), right = p.graph.view_of(p.output().inputs[1]);
  CHECK(left.strides == ad::Strides{1, 4});
  CHECK(right.strides == ad::Strides{6, 1});
  CHECK_EQ(right.offset, 1);
  CHECK_EQ(Passes({a, b}, {y}, {}, true).views().operations(), "permute slice matmul");
  // Every second column is no layout that products know.
  const auto thin = matmul(transpose(a), slice(b, {ad::all, ad::Range{{}, {}, 2}}));
  CHECK_EQ(Passes({a, b}, {thin}).views().operations(), "slice matmul");
  for (const bool exact : {true, false}) {
    auto program = ad::compile({a, b}, {y, thin}, {}, {.exact = exact});
    const auto& outputs = program(a.value(), b.value());
    CHECK_EQ(difference(outputs[0], y.value(), exact ? 1e-300 : 1e-14), "");
    CHECK_EQ(difference(outputs[1], thin.value(), exact ? 1e-300 : 1e-14), "");
  }
}

TEST_CASE("views: broadcasts are rows, columns and single values; reshapes are free") {
  Tape<double> tape;
  const auto x = tape.variable(sample({4, 6}, -1, 1)), row = tape.variable(sample({6}, -1, 1, 2));
  const auto column = tape.variable(sample({4, 1}, -1, 1, 3)), one = tape.variable(0.5);
  const Shape shape{4, 6};
  const Variables<double> y{
      x * broadcast_to(row, shape),         x * broadcast_to(column, shape),
      x * broadcast_to(one, shape),         reshape(tanh(reshape(x, {24})), {2, 12}),
      x * reshape(reshape(x, {24}), shape), x * slice(concatenate(std::vector{x, x}, 0), {ad::Range{2, 6}})};
  const Variables<double> inputs{x, row, column, one};
  Passes p(inputs, y);
  CHECK_EQ(p.views().operations(), "mul mul mul tanh mul concatenate mul");
  const auto walk = [&](std::size_t k, std::size_t i) { return *walk_of(p.graph, p.output(k), p.output(k).inputs[i]); };
  CHECK(walk(0, 1).walk == Walk::column);
  CHECK_EQ(walk(0, 1).columns, 6);
  CHECK(walk(1, 1).walk == Walk::row);
  CHECK_EQ(walk(1, 1).columns, 6);
  CHECK(walk(2, 1).walk == Walk::single);
  CHECK(walk(3, 0).walk == Walk::element);
  CHECK(walk(5, 1).walk == Walk::element);
  CHECK_EQ(p.graph.view_of(p.output(5).inputs[1]).offset, 12);
  CHECK(p.graph.view_of(p.graph.outputs[3]).shape == Shape{2, 12});
  for (const bool exact : {true, false}) {
    auto program = ad::compile(inputs, y, {}, {.exact = exact});
    const auto& outputs = program(x.value(), row.value(), column.value(), one.value());
    for (std::size_t k = 0; k < y.size(); ++k) CHECK_EQ(difference(outputs[k], y[k].value(), 1e-300), "");
  }
}

TEST_CASE("views: a loop reads through reshapes, also where nobody reads its last carry") {
  Tape<double> tape;
  const auto x = tape.variable(sample({6, 3}, -1, 1)), w = tape.variable(sample({3, 4}, -1, 1));
  const V first(Array<double>(Shape{2, 4}, 0.0));
  const auto step = [](const V& h, const V& row) {
    const V next = ad::tanh(h + row);
    return std::pair(next, next);
  };
  const auto outputs = ad::scan(step, first, reshape(matmul(x, w), {3, 2, 4})).second;
  auto program = ad::compile({x, w}, {outputs});
  CHECK(program.report().text().find("[reshape]") == std::string::npos);
  CHECK_EQ(difference(program({x.value(), w.value()})[0], outputs.value(), 1e-14), "");
}

TEST_CASE("views: what elementwise nodes cannot walk is copied, what takes more than rows and columns is collected") {
  Tape<double> tape;
  const auto x = tape.variable(sample({4, 4}, -1, 1)), z = tape.variable(sample({2, 3, 4}, -1, 1));
  const auto a = tape.variable(sample({3, 4}, -1, 1, 2)), b = tape.variable(sample({4}, -1, 1, 3));
  const auto c = tape.variable(sample({2, 1, 1}, -1, 1, 4));
  CHECK_EQ(Passes({x}, {x + transpose(x)}).views().operations(), "permute add");
  CHECK_EQ(Passes({x}, {x + slice(x, {ad::Range{}, ad::Range{{}, {}, -1}})}).views().operations(), "slice add");
  CHECK_EQ(Passes({x}, {x + slice(x, {ad::Range{{}, {}, -1}})}).views().operations(), "add");
  const Shape shape{2, 3, 4};
  const auto y = where(z, broadcast_to(a, shape), broadcast_to(b, shape));  // rows of 12, and rows of 4
  Passes p({z, a, b}, {y});
  CHECK_EQ(p.views().operations(), "where");
  const auto middle = z + broadcast_to(mean(z, 1, ad::keepdims), shape), both = z * a * c;
  auto program =
      ad::compile({x, z, a, b, c}, {x + transpose(x), x + slice(x, {ad::Range{{}, {}, -1}}), y, middle, both});
  const auto& outputs = program(x.value(), z.value(), a.value(), b.value(), c.value());
  CHECK_EQ(outputs[0](1, 2), x.value()(1, 2) + x.value()(2, 1));
  CHECK_EQ(outputs[1](1, 2), x.value()(1, 2) + x.value()(2, 2));
  CHECK_EQ(difference(outputs[2], y.value(), 1e-300), "");
  CHECK_EQ(difference(outputs[3], middle.value(), 1e-14), "");
  CHECK_EQ(difference(outputs[4], both.value(), 1e-14), "");
}

TEST_CASE("views: a row, a column or one value of what the same cluster computes") {
  Tape<double> tape;
  const auto x = tape.variable(sample({6, 5}, -1, 1)), v = tape.variable(sample({30}, -1, 1, 2));
  const auto y = tanh(x), w = tanh(v);
  const Variables<double> all{y - slice(y, {ad::Range{0, 1}}),
                              y - slice(y, {ad::Range{2, 3}}),
                              y * slice(y, {ad::Range{5, 6}, ad::Range{4, 5}}),
                              exp(x) - broadcast_to(slice(exp(x), {ad::Range{1, 2}}), {6, 5}),
                              w - slice(w, {ad::Range{29, 30}}),
                              y};
  for (const bool exact : {true, false}) {
    auto program = ad::compile({x, v}, all, {}, {.exact = exact});
    const auto& outputs = program(x.value(), v.value());
    for (std::size_t k = 0; k < all.size(); ++k) {
      INFO("output " << k);
      CHECK_EQ(difference(outputs[k], all[k].value(), 1e-15), "");
    }
  }
}

TEST_CASE("walks: against every element's place") {
  std::mt19937 random(3);
  std::map<int, int> seen;
  const auto pick = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 4000; ++round) {
    // A view of something dense: axes left out, repeated, swapped, cut.
    Shape whole;
    for (std::size_t axes = pick(4); axes-- > 0;) whole.push_back(1 + pick(3));
    ad::View view = ad::dense(whole);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (pick(4) == 0) std::swap(view.shape[0], view.shape[i]), std::swap(view.strides[0], view.strides[i]);
      if (pick(6) == 0) view.shape[i] = 1;
    }
    ad::Shape shape = view.shape;
    for (auto& n : shape)
      if (n == 1) n = 1 + pick(3);
    for (std::size_t axes = pick(3); axes-- > 0;) shape.insert(shape.begin(), 1 + pick(3));

    const std::size_t n = ad::count(ad::Dims(shape)), missing = shape.size() - view.shape.size();
    std::vector<std::ptrdiff_t> place;
    for (std::size_t e = 0; e < n; ++e) {
      std::size_t rest = e;
      std::ptrdiff_t at = 0;
      for (std::size_t axis = shape.size(); axis-- > missing; rest /= shape[axis])
        if (view.shape[axis - missing] != 1)
          at += static_cast<std::ptrdiff_t>(rest % shape[axis]) * view.strides[axis - missing];
      place.push_back(at);
    }
    const auto follows = [&](Walk walk, std::size_t columns) {
      for (std::size_t e = 0; e < n; ++e) {
        std::size_t expected = 0;
        if (walk == Walk::element) expected = e;
        if (walk == Walk::column) expected = e % columns;
        if (walk == Walk::row) expected = e / columns;
        if (place[e] != static_cast<std::ptrdiff_t>(expected)) return false;
      }
      return true;
    };
    INFO(ad::to_string(ad::Dims(view.shape)) << " to " << ad::to_string(ad::Dims(shape)));
    const auto walked = ad::detail::walk_of(view, shape);
    ++seen[walked ? int(walked->walk) : -1];
    if (walked && walked->walk == Walk::collected) {
      const auto merged = ad::detail::merged(view, shape);
      std::vector<double> memory(27), found(n);  // as long as the longest whole
      std::iota(memory.begin(), memory.end(), 0.0);
      const std::size_t first = pick(unsigned(n)), some = 1 + pick(unsigned(n - first));
      ad::kernels::copy_part<double>(found.data(), {memory.data(), merged.shape, merged.strides}, first, some);
      for (std::size_t e = 0; e < some; ++e) CHECK_EQ(found[e], double(place[first + e]));
    } else if (walked) {
      CHECK(follows(walked->walk, walked->columns));
      CHECK_EQ(walked->columns != 0, walked->walk == Walk::column || walked->walk == Walk::row);
      continue;
    }
    CHECK_FALSE(follows(Walk::single, 0));
    CHECK_FALSE(follows(Walk::element, 0));
    for (std::size_t columns = 1; columns <= n; ++columns) {
      CHECK_FALSE(follows(Walk::column, columns));
      CHECK_FALSE(follows(Walk::row, columns));
    }
  }
  CHECK_EQ(seen.size(), 6);
}

TEST_CASE("absorb: a step of gradient descent is one product into the weights, its rate an input") {
  Tape<double> tape;
  const auto w = tape.variable(sample({4, 3}, -1, 1)), h = tape.variable(sample({5, 4}, -1, 1, 2));
  const auto d = tape.variable(sample({5, 3}, -1, 1, 3)), rate = tape.variable(0.25);
  const auto slope = matmul(transpose(h), d);
  for (const auto& next : {w - rate * slope, w + -(slope * rate), -(rate * slope) + w, w - slope * rate / 1.0}) {
    Passes p({h, d, rate}, {}, {{w, next}});
    REQUIRE_EQ(p.all().operations(), "matmul");
    const Node& node = p.next();
    CHECK_EQ(node.alpha.number, -1);
    REQUIRE_NE(node.alpha.input, nowhere);
    CHECK(p.input_of(node, node.alpha.input).shape() == Shape{});
    CHECK_EQ(node.beta.number, 1);
    CHECK_EQ(node.beta.input, nowhere);
    CHECK(p.input_of(node, node.addend).source == Source::state);
    auto program = ad::compile({h, d, rate}, {}, {{w, next}});
    CHECK_EQ(program.report().instructions, 1);
    program(h.value(), d.value(), array({}, {0.5}));
    CHECK_EQ(difference(program.state(0), w.value() - 0.5 * slope.value(), 1e-14), "");
    program(h.value(), d.value(), array({}, {0}));
    CHECK_EQ(difference(program.state(0), w.value() - 0.5 * slope.value(), 1e-14), "");
  }
}

TEST_CASE("absorb: momentum, weight decay, sums of products, scales on either side") {
  Tape<double> tape;
  const auto w = tape.variable(sample({4, 3}, -1, 1)), h = tape.variable(sample({4, 4}, -1, 1, 2));
  const auto d = tape.variable(sample({4, 3}, -1, 1, 3)), rate = tape.variable(0.25);
  const auto product = [&] { return matmul(h, d); };
  const auto absorbed = [&](const V& next, const char* operations, double alpha, double beta) {
    INFO(operations << " " << alpha << " " << beta);
    Passes p({h, d, rate}, {}, {{w, next}});
    CHECK_EQ(p.all().operations(), operations);
    CHECK_EQ(p.next().alpha.number, doctest::Approx(alpha));
    CHECK_EQ(p.next().beta.number, doctest::Approx(beta));
    auto program = ad::compile({h, d, rate}, {}, {{w, next}});
    program(h.value(), d.value(), array({}, {0.25}));
    CHECK_EQ(difference(program.state(0), next.value(), 1e-14), "");
  };
  absorbed(0.9 * w + product(), "matmul", 1, 0.9);
  absorbed(w * (1 - rate * 0.125) - rate * product(), "mul sub matmul", -1, 1);
  absorbed(0.9 * w - product() / 4, "matmul", -0.25, 0.9);
  absorbed(-product(), "matmul", -1, 1);
  absorbed(2 * (-(product() * 3)), "matmul", -6, 1);
  absorbed(rate * product() / 5, "matmul", 0.2, 1);
  absorbed(-(-(2 * w)) + product(), "matmul", 1, 2);
  absorbed((w - product()) * 3, "matmul", -3, 3);
  const auto first = product() * 0.5;
  absorbed(first - matmul(h, w), "matmul matmul", -1, 1);
}

TEST_CASE("absorb: an addend that is an input, and one that is an earlier value still needed") {
  Tape<double> tape;
  const auto x = tape.variable(sample({3, 3}, -1, 1)), c = tape.variable(sample({3, 3}, -1, 1, 2));
  const auto e = exp(x), y = matmul(x, x) + c, z = matmul(x, c) + e;
  auto program = ad::compile({x, c}, {y, z, e});
  CHECK_EQ(program.report().absorbed, 2);
  for (int i = 0; i < 2; ++i) {
    const auto& outputs = program(x.value(), c.value());
    CHECK_EQ(difference(outputs[0], y.value(), 1e-14), "");
    CHECK_EQ(difference(outputs[1], z.value(), 1e-14), "");
    CHECK_EQ(difference(outputs[2], e.value(), 1e-14), "");
  }
}

TEST_CASE("absorb: not a product that is used twice, is an output, or is broadcast") {
  Tape<double> tape;
  const auto w = tape.variable(sample({3, 3}, -1, 1)), h = tape.variable(sample({3, 3}, -1, 1, 2));
  const auto row = tape.variable(sample({1, 3}, -1, 1, 3));
  const auto p = matmul(h, w);
  const auto h2 = tanh(p);
  CHECK_EQ(Passes({h}, {h2}, {{w, w - p}}).all().operations(), "matmul tanh sub");
  CHECK_EQ(Passes({h}, {p}, {{w, w - p}}).all().operations(), "matmul sub");
  CHECK_EQ(Passes({h}, {}, {{w, p + p}}).all().operations(), "matmul add");
  CHECK_EQ(Passes({h, row}, {matmul(row, w) + h}, {}).all().operations(), "matmul add");
  CHECK_EQ(Passes({h, row}, {p + row}, {}).all().operations(), "matmul add");
  CHECK_EQ(Passes({h, row}, {p * h}, {}).all().operations(), "matmul mul");
  CHECK_EQ(Passes({h, row}, {2 / p}, {}).all().operations(), "matmul div");
}

TEST_CASE("absorb: counts who reads a value right after it has looked through scales") {
  Tape<double> tape;
  const auto w = tape.variable(sample({3, 3}, -1, 1)), h = tape.variable(sample({3, 3}, -1, 1, 2));
  const auto shared = matmul(h, h), q = 2 * shared;  // read here and by the tanh
  const Variables<double> y{matmul(h, w) + q, tanh(shared), shared * 5 + w};
  Passes p({h, w}, y);
  CHECK_EQ(p.all().operations(), "matmul matmul tanh mul add");
  auto program = ad::compile({h, w}, y);
  const auto& outputs = program(h.value(), w.value());
  for (std::size_t k = 0; k < y.size(); ++k) CHECK_EQ(difference(outputs[k], y[k].value(), 1e-14), "");
}

TEST_CASE("absorb: no scale that is not finite, though what it scales be nothing") {
  Tape<double> tape;
  const auto a = tape.variable(array({2, 2}, {1, 0, 0, 2})), b = tape.variable(array({2, 2}, {0, 0, 3, 1}));
  const auto w = tape.variable(sample({2, 2}, -1, 1));
  const double tiny = 1e-310;  // its reciprocal is inf, and 0 / tiny is 0
  const auto scaled = [&](const V& y, std::size_t absorbed, double first) {
    auto program = ad::compile({a, b}, {y}, {{w, w}});
    CHECK_EQ(program.report().absorbed, absorbed);
    const auto found = program(a.value(), b.value())[0];
    CHECK_EQ(found(0, 0), first);
    CHECK_EQ(difference(found, y.value(), 1e-15), "");
  };
  scaled(matmul(a, b) / tiny, 0, 0);
  scaled(matmul(a, b) / -tiny, 0, 0);
  scaled(matmul(a, b) / 1e-300, 1, 0);
  scaled(w + matmul(a, b) / tiny, 0, w.value()(0, 0));
  scaled(matmul(a, b) * 2.0 - w / tiny, 2, -w.value()(0, 0) / tiny);
}
