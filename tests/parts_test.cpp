// Parts of arrays: a cotangent of a part costs what the part costs, in sweeps over arrays, recorded ones and programs.
#include <autodiff/op.hpp>
#include <set>

#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

/// A vector turned round: a view that accumulates as well.
struct Turned {
  static constexpr auto name = "turned";
  static constexpr auto reads = ad::Reads::nothing;
  std::optional<ad::View> view(const ad::View& x) const {
    return ad::View{x.shape, {-x.strides[0]}, x.offset + std::ptrdiff_t(x.shape[0] - 1) * x.strides[0]};
  }
  bool accumulates(ad::Dims) const { return true; }
  template <class T>
  void accumulate(ad::Operand<T> y, ad::Operand<const T> x, T alpha, T beta) const {
    const std::size_t n = x.shape[0];
    for (std::size_t i = 0; i < n; ++i) y.data[i] = alpha * x.data[n - 1 - i] + (beta == 0 ? 0 : beta * y.data[i]);
  }
  template <int I, class W>
  W vjp(const W& ct, const W&, const W&) const {
    return record(Turned{}, ct);
  }
};

/// The same as an operation whose rule places.
struct TurnedByParts {
  static constexpr auto name = "turned_by_parts";
  static constexpr auto reads = ad::Reads::nothing;
  Shape shape(ad::Dims x) const { return ad::to_shape(x); }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    std::reverse_copy(x.data, x.data + x.shape[0], y.data);
  }
  template <int I, class W>
  ad::CotangentLike<W> vjp(const W& ct, const W&, const W&) const {
    return ad::placed(Turned{}, ct);
  }
};

/// Each three neighbours in a row: elements that share places.
struct Windows {
  static constexpr auto name = "windows";
  static constexpr auto reads = ad::Reads::nothing;
  std::optional<ad::View> view(const ad::View& x) const {
    return ad::View{{x.shape[0] - 2, 3}, {x.strides[0], x.strides[0]}, x.offset};
  }
  template <int I, class W>
  W vjp(const W& ct, const W&, const W& x) const {
    W all;
    for (std::ptrdiff_t k = 0; k < 3; ++k) {
      const auto column = ad::slice(ct, {{}, {k, k + 1}});
      const auto part = ad::pad(ad::reshape(column, {-1}), {{std::size_t(k), std::size_t(2 - k)}});
      all = k == 0 ? part : all + part;
    }
    return ad::reshape(all, x.shape());
  }
};

/// What flows back is reversed: no transpose of the view.
struct Reversed {
  static constexpr auto name = "reversed";
  static constexpr auto reads = ad::Reads::nothing;
  std::optional<ad::View> view(const ad::View& x) const { return x; }
  template <int I, class W>
  W vjp(const W& ct, const W&, const W&) const {
    return ct * -1.0;
  }
};

}  // namespace

TEST_CASE("whether each element of a view has a place of its own") {
  const std::vector<std::pair<ad::View, bool>> views{
      {ad::dense(Shape{2, 3, 4}), true},  {ad::dense(Shape{}), true},         {ad::dense(Shape{3, 0}), true},
      {{{3, 2}, {-2, 1}, 4}, true},       {{{4, 1}, {1, 0}, 0}, true},        {{{2, 3}, {1, 2}, 0}, true},
      {{{3, 2}, {1, 2}, 0}, false},       {{{4, 3}, {1, 1}, 0}, false},       {{{3}, {0}, 0}, false},
      {{{2, 2, 2}, {4, -2, 1}, 2}, true}, {{{2, 2, 2}, {3, 2, 1}, 0}, false}, {{{2, 5, 2}, {1, 0, 2}, 0}, false},
      {{{2, 1, 2}, {1, 0, 2}, 0}, true}};
  for (const auto& [view, apart] : views) {
    std::set<std::ptrdiff_t> places;
    const std::size_t size = ad::count(view.shape);
    for (std::size_t n = 0; n < size; ++n) {
      std::ptrdiff_t at = view.offset;
      for (std::size_t rest = n, i = view.shape.size(); i-- > 0; rest /= view.shape[i])
        at += std::ptrdiff_t(rest % view.shape[i]) * view.strides[i];
      places.insert(at);
    }
    CHECK(ad::is_apart(view) == apart);
    if (apart) CHECK(places.size() == size);
    if (!apart) CHECK(places.size() < size);
  }
}

TEST_CASE("views of one's own are pulled back by their rules, also where elements share places") {
  const auto a = sample({7}, -1, 1);
  const auto weights = sample({5, 3}, 0, 1);
  ad::Tape<double> tape;
  const auto x = tape.variable(a);
  const auto windows = ad::record(Windows{}, x * 1);
  const auto turned = ad::record(Turned{}, ad::slice(x, {{1, 6, 2}}));
  const auto found = ad::gradient(ad::sum(windows * weights) + ad::sum(ad::square(turned)), x);
  for (std::size_t i = 0; i < 7; ++i) {
    double expected = i % 2 == 1 ? 2 * a(i) : 0;
    for (std::size_t k = 0; k < 3; ++k)
      if (i >= k && i - k < 5) expected += weights(i - k, k);
    CHECK(found(i) == doctest::Approx(expected).epsilon(1e-14));
  }
  const auto y = ad::sum(ad::square(ad::record(Reversed{}, x)));
  for (const auto& slopes : {ad::gradient(y, x), ad::recorded_gradient(y, x).value()})
    for (std::size_t i = 0; i < 7; ++i) CHECK(slopes(i) == -2 * a(i));
}

TEST_CASE("a permutation of large arrays, and parts without elements, are pulled back to their places") {
  const auto a = sample({40, 50}, -1, 1);
  ad::Tape<double> tape;
  const auto x = tape.variable(a);
  const auto y = ad::sum(ad::transpose(x) * sample({50, 40}, -1, 1)) + ad::sum(ad::slice(x, {{3, 3}, {7, 9}})) +
                 ad::sum(ad::reshape(ad::slice(x, {{5, 5}}), {0, 25, 2}));
  const auto found = ad::gradient(y, x), expected = ad::recorded_gradient(y, x).value();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK_EQ(found.data()[i], expected.data()[i]);
  CHECK_EQ(ad::gradient(ad::sum(ad::slice(x, {{5, 5}})), x)(1, 1), 0);
}

TEST_CASE("parts: unstack and element access") {
  for (const Shape& shape : {Shape{3}, Shape{3, 2}, Shape{2, 3, 4}})
    for (int axis = -int(shape.size()); axis < int(shape.size()); ++axis)
      check({"unstack " + std::to_string(axis),
             [axis](const auto& x) {
               const auto parts = unstack(x[0], axis);
               auto y = parts[0] * 1.5;
               for (std::size_t i = 1; i < parts.size(); ++i) y = sin(y) * parts[i] + parts[i - 1];
               return y;
             },
             samples({shape})});
  check({"elements", [](const auto& x) { return x[0](1, -1) * x[0](0, 2) + sum(x[0](1) * x[0](0)) + x[0](1, 2); },
         samples({{2, 3}}),
         [](const Arrays& at) {
           const auto& x = at[0];
           double sum = x(1, 2) * x(0, 2) + x(1, 2);
           for (std::size_t i = 0; i < 3; ++i) sum += x(1, i) * x(0, i);
           return Array<double>(Shape{}, sum);
         }});
  ad::Tape<double> tape;
  const V x = tape.variable(sample({2, 3}, -1, 1));
  CHECK_EQ(x(1, -1).item(), x.value()(1, 2));
  CHECK_EQ(x(-2).shape(), Shape{3});
  CHECK_THROWS_WITH_AS(x(2, 0), "[at] index 2 of axis 0 is out of range: (2, 3)", ad::ValueError);
  CHECK_THROWS_WITH_AS(x(0, -4), "[at] index -4 of axis 1 is out of range: (2, 3)", ad::ValueError);
  CHECK_THROWS_WITH_AS(x(0, 0, 0), "[at] 3 indices for 2 axes: (2, 3)", ad::AxisError);
  CHECK_THROWS_AS(ad::unstack(x, 2), ad::AxisError);
  CHECK(ad::unstack(tape.variable(Array<double>(Shape{0, 2}))).empty());
}

TEST_CASE("parts that overlap, repeat, are strided, indexed, and read whole as well") {
  const auto mixed = [](const auto& x) {
    auto y = sum(square(take_range(x[0], 0, 0, 3))) + sum(exp(take_range(x[0], 0, 1, 4)));
    y = y + sum(sin(slice(x[0], {ad::Range{{}, {}, -2}})) * take_range(x[0], 0, 0, 2));
    y = y + sum(tanh(x[0])) +
        sum(gather(x[0], xt::xarray<double>{1, 1, 3}) * gather(x[0], xt::xarray<double>{0, 3, 3}));
    return y * sum(take_range(x[0], 1, 0, 1));
  };
  check({"mixed", mixed, samples({{4, 2}})});
  // Of one array there are many more parts than the array has elements, so that programs add them early.
  check({"early",
         [](const auto& x) {
           auto y = sum(x[0] * x[0]);
           for (int i = 0; i < 12; ++i) y = sin(y) + tanh(sum(sin(y) * take_range(x[0], 0, i % 3, i % 3 + 2)));
           return y;
         },
         samples({{4}})});
}

TEST_CASE("parts that an operation of one's own places, which is a view as well") {
  check({"turned",
         [](const auto& x) {
           return record(TurnedByParts{}, x[0]) * x[1] + sin(record(TurnedByParts{}, x[0])) * record(Turned{}, x[1]);
         },
         samples({{4}, {4}})});
}

TEST_CASE("parts: the gradient of many is recorded as one operation of many inputs") {
  ad::Tape<double> tape;
  const std::size_t n = 500;
  const V x = tape.variable(sample({n}, -1, 1));
  const auto parts = unstack(x);
  V total = parts[0];
  for (std::size_t i = 1; i < n; ++i) total = total + parts[i] * parts[i - 1];
  const std::size_t before = tape.size();
  const auto slope = recorded_gradient(total, x);
  CHECK_LE(tape.size() - before, 6 * n);
  CHECK_EQ(std::string(tape.node(slope.index()).operation->name()), "assembly");
  CHECK_EQ(tape.inputs(slope.index()).size(), n);
  const auto curvature = gradient(sum(slope * slope), x);
  const auto at = [&](std::size_t i) { return x.value()(i); };
  // slope_i = x_{i-1} + x_{i+1}, and 1 + x_1 at first
  CHECK(slope.value()(7) == doctest::Approx(at(6) + at(8)));
  CHECK(curvature(7) == doctest::Approx(2 * (slope.value()(6) + slope.value()(8))));
}

TEST_CASE(
    "parts in programs: a recurrent network by slices of one product takes little more than by a product a step") {
  const std::size_t batch = 8, units = 32, steps = 60;
  std::size_t bytes[2];
  for (const bool sliced : {false, true}) {
    ad::Tape<double> tape;
    const V x = tape.constant(sample({batch, steps, units}, -1, 1)),
            in = tape.variable(sample({units, 4 * units}, -0.1, 0.1)),
            weight = tape.variable(sample({units, 4 * units}, -0.1, 0.1)), all = matmul(x, in);
    V h(Array<double>(Shape{batch, units}, 0.0)), c = h;
    std::vector<V> outputs;
    for (std::size_t t = 0; t < steps; ++t) {
      const auto at = [t](const V& of) { return squeeze(take_range(of, 1, int(t), int(t) + 1), 1); };
      const auto gates = split((sliced ? at(all) : matmul(at(x), in)) + matmul(h, weight), 4, 1);
      c = logistic(gates[1]) * c + logistic(gates[0]) * tanh(gates[2]);
      h = logistic(gates[3]) * tanh(c);
      outputs.push_back(h);
    }
    const V loss = mean(square(stack(outputs, 1)));
    const auto [of_in, of_weight] = recorded_gradient(loss, in, weight);
    bytes[sliced] = ad::compile({x}, {loss, of_in, of_weight}).report().bytes;
  }
  CHECK_LE(double(bytes[1]), 1.3 * double(bytes[0]));
}

TEST_CASE("parts in programs: the memory of a gradient by parts is that of the array") {
  const std::size_t n = 1000;
  for (const bool exact : {false, true}) {
    ad::Tape<double> tape;
    const V x = tape.variable(sample({n, 8}, -1, 1));
    const auto rows = unstack(x);
    V h = rows[0];
    for (std::size_t i = 1; i < n; ++i) h = tanh(h + rows[i]);
    const V loss = sum(h);
    auto program = ad::compile({x}, {recorded_gradient(loss, x)}, {}, {.exact = exact});
    CHECK_LE(program.report().bytes, 10 * n * 16 * sizeof(double));  // of a row, a cache line and its neighbour
    CHECK_EQ(difference(program(x.value())[0], gradient(loss, x), 1e-13), "");
  }
}
