// Operations of several results: one struct, one record, one rule that is given the cotangents that exist.
#include <autodiff/op.hpp>

#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

/// Radius and angle of points.
struct Polar {
  static constexpr auto name = "polar";
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  std::array<Shape, 2> shape(ad::Dims x, ad::Dims y) const {
    if (!std::ranges::equal(x, y)) ad::fail<ad::ShapeError>(name, "shapes must be equal: ", x, " and ", y);
    return {ad::to_shape(x), ad::to_shape(x)};
  }
  template <class T>
  void forward(std::array<ad::Operand<T>, 2> to, ad::Operand<const T> x, ad::Operand<const T> y) const {
    for (std::size_t i = 0; i < ad::count(x.shape); ++i) {
      to[0].data[i] = std::hypot(x.data[i], y.data[i]);
      to[1].data[i] = std::atan2(y.data[i], x.data[i]);
    }
  }
  template <class W>
  std::array<W, 2> vjp(const std::array<W, 2>& ct, const std::array<W, 2>& to, const W& x, const W& y,
                       const std::array<bool, 2>& wanted) const {
    std::array<W, 2> found;
    const auto add = [&](std::size_t i, const W& part) { found[i] = found[i].alive() ? found[i] + part : part; };
    const auto square = to[0] * to[0];
    if (ct[0].alive() && wanted[0]) add(0, ct[0] * x / to[0]);
    if (ct[0].alive() && wanted[1]) add(1, ct[0] * y / to[0]);
    if (ct[1].alive() && wanted[0]) add(0, -ct[1] * y / square);
    if (ct[1].alive() && wanted[1]) add(1, ct[1] * x / square);
    return found;
  }
};

/// The largest of each row, and its place, from which no gradient flows. The rule asks for no `wanted`.
struct Largest {
  static constexpr auto name = "largest";
  static constexpr std::size_t results = 2;
  static constexpr bool result_differentiable[] = {true, false};
  std::array<Shape, 2> shape(ad::Dims x) const { return {Shape{x[0]}, Shape{x[0]}}; }
  template <class T>
  void forward(std::array<ad::Operand<T>, 2> to, ad::Operand<const T> x) const {
    const std::size_t n = x.shape[1];
    for (std::size_t i = 0; i < x.shape[0]; ++i) {
      const T* row = x.data + i * n;
      const T* best = std::max_element(row, row + n);
      to[0].data[i] = *best, to[1].data[i] = static_cast<T>(best - row);
    }
  }
  template <class W>
  std::array<W, 1> vjp(const std::array<W, 2>& ct, const std::array<W, 2>& to, const W& x) const {
    return {one_hot(to[1], x.shape(1)) * reshape(ad::or_zeros(ct[0], to[0]), {-1, 1})};
  }
};

/// Places, from which no gradient flows, and three times the elements.
struct Thrice {
  static constexpr auto name = "thrice";
  static constexpr std::size_t results = 2;
  static constexpr bool result_differentiable[] = {false, true};
  std::array<Shape, 2> shape(ad::Dims x) const { return {ad::to_shape(x), ad::to_shape(x)}; }
  template <class T>
  void forward(std::array<ad::Operand<T>, 2> to, ad::Operand<const T> x) const {
    for (std::size_t i = 0; i < ad::count(x.shape); ++i) to[0].data[i] = T(i), to[1].data[i] = 3 * x.data[i];
  }
  template <class W>
  std::array<W, 1> vjp(const std::array<W, 2>& ct, const std::array<W, 2>& to, const W&) const {
    return {3 * ad::or_zeros(ct[1], to[1])};
  }
};

/// Sum and difference of any number of arrays' first and last.
struct Ends {
  static constexpr auto name = "ends";
  static constexpr std::size_t results = 2;
  std::array<Shape, 2> shape(std::span<const ad::Dims> x) const { return {ad::to_shape(x[0]), ad::to_shape(x[0])}; }
  template <class T>
  void forward(std::array<ad::Operand<T>, 2> to, std::span<const ad::Operand<const T>> x) const {
    for (std::size_t i = 0; i < ad::count(to[0].shape); ++i) {
      to[0].data[i] = x.front().data[i] + x.back().data[i];
      to[1].data[i] = x.front().data[i] - x.back().data[i];
    }
  }
  template <class W>
  std::vector<W> vjp(const std::array<W, 2>& ct, const std::array<W, 2>& to, std::span<const W> x) const {
    std::vector<W> found(x.size());
    const auto sum = ad::or_zeros(ct[0], to[0]), difference = ad::or_zeros(ct[1], to[1]);
    found.front() = sum + difference, found.back() = sum - difference;
    return found;
  }
};

/// A case for each use of the results: both, the first, the second.
template <class W>
W use(const std::array<W, 2>& r, int which) {
  return which == 0 ? r[0] * sin(r[1]) : which == 1 ? exp(r[0]) : r[1] * r[1];
}

const Arrays points = samples({{2, 3}, {2, 3}}, 0.5, 2);

}  // namespace

TEST_CASE("operations of several results have the values and derivatives of what they are made of") {
  for (int which : {0, 1, 2}) {
    INFO("use " << which);
    check({"polar", [which](const auto& x) { return use(record(Polar{}, x[0], x[1]), which); }, points,
           [which](const Arrays& at) {
             ad::Tape<double> tape;
             const V x = tape.variable(at[0]), y = tape.variable(at[1]);
             return use(std::array{sqrt(x * x + y * y), atan2(y, x)}, which).value();
           }});
    check({"ends", [which](const auto& x) { return use(record(Ends{}, x[0], x[1]), which); }, points,
           [which](const Arrays& at) {
             const V x(at[0]), y(at[1]);
             return use(std::array{x + y, x - y}, which).value();
           }});
  }
  check({"largest", [](const auto& x) { return square(record(Largest{}, x[0])[0]) * exp(x[1]); },
         samples({{3, 4}, {3}}),
         [](const Arrays& at) { return Array<double>(xt::square(xt::amax(at[0], 1)) * xt::exp(at[1])); }});
}

TEST_CASE("results: the first may be the one that no gradient flows from") {
  ad::Tape<double> tape;
  const V x = tape.variable(array({2}, {1, 5}));
  const auto [place, thrice] = record(Thrice{}, x);
  CHECK_EQ(difference(gradient(sum(thrice * place), x), array({2}, {0, 3}), 1e-300), "");
  CHECK_EQ(difference(recorded_gradient(sum(thrice), x).value(), array({2}, {3, 3}), 1e-300), "");
  CHECK_EQ(difference(gradient(sum(place), x), array({2}, {0, 0}), 1e-300), "");
}

TEST_CASE("results: gradients with respect to one of them, and by way of all") {
  ad::Tape<double> tape;
  const V x = tape.variable(points[0]), y = tape.variable(points[1]);
  const auto [r, angle] = record(Polar{}, x, y);
  const V loss = sum(r * r * angle);
  CHECK_EQ(difference(gradient(loss, r), Array<double>(2 * r.value() * angle.value()), 1e-14), "");
  CHECK_EQ(difference(gradient(loss, angle), Array<double>(r.value() * r.value()), 1e-14), "");
  CHECK_EQ(difference(gradient(sum(r), angle), Array<double>(Shape{2, 3}, 0.0), 1e-300), "");
  CHECK_EQ(tape.node(angle.index()).result, 1);
  CHECK_EQ(tape.inputs(angle.index()).size(), 2);
  const auto [value, place] = record(Largest{}, x);
  Array<double> expected(Shape{2, 3}, 0.0);
  for (std::size_t i : {0, 1}) expected(i, std::size_t(place.value()(i))) = place.value()(i);
  CHECK_EQ(difference(gradient(sum(value * place), x), expected, 1e-14), "");
  CHECK_EQ(difference(gradient(sum(place), x), Array<double>(Shape{2, 3}, 0.0), 1e-300), "");
  CHECK_THROWS_WITH_AS(record(Polar{}, x, tape.variable(1.0)), "[polar] shapes must be equal: (2, 3) and ()",
                       ad::ShapeError);
}

TEST_CASE("results in programs: as outputs, states, inputs of one another, dead, folded and merged") {
  ad::Tape<double> tape;
  const V x = tape.variable(points[0]), y = tape.variable(points[1]);
  const V constant = tape.constant(points[1]);
  const auto [r, angle] = record(Polar{}, x, y);
  const auto again = record(Polar{}, x, y);
  const auto nested = record(Polar{}, r, angle);
  const auto folded = record(Polar{}, constant, constant);
  const auto alone = record(Polar{}, y, x);
  for (const bool exact : {false, true}) {
    auto program =
        ad::compile({x}, {angle, nested[1], folded[0] * x, again[0] + r, alone[1]}, {{y, r}}, {.exact = exact});
    CHECK_GE(program.report().merged, 2);
    Array<double> state = points[1];
    for (int run = 0; run < 3; ++run) {
      const Array<double> given = points[0] + run;
      const auto& found = program(given);
      const V a(given), b(state);
      const auto radius = sqrt(a * a + b * b), direction = atan2(b, a);
      CHECK_EQ(difference(found[0], direction.value(), 1e-14), "");
      CHECK_EQ(difference(found[1], atan2(direction, radius).value(), 1e-14), "");
      CHECK_EQ(difference(found[2], Array<double>(std::sqrt(2.0) * points[1] * given), 1e-14), "");
      CHECK_EQ(difference(found[3], (2 * radius).value(), 1e-14), "");
      CHECK_EQ(difference(found[4], atan2(a, b).value(), 1e-14), "");
      state = radius.value();
      CHECK_EQ(difference(program.state(0), state, 1e-14), "");
    }
  }
  auto hunting = ad::compile({x, y}, {angle}, {}, {.stop_at_non_finite = true});
  const Array<double> huge(Shape{2, 3}, 1.5e308);
  CHECK_THROWS_AS(hunting(huge, huge), ad::ValueError);  // the radius, which nobody reads
}
