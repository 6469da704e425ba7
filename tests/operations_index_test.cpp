// Elements chosen by index, against loops.
#include "cases.hpp"

#include <autodiff/ops/structs/index.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// Shape of x, shape of the indices, axis.
struct Choice {
  Shape x, index;
  int axis;
  std::size_t at() const { return static_cast<std::size_t>(axis < 0 ? axis + int(x.size()) : axis); }
  Array<double> indices() const {  // some of them twice
    return build(index, [&, n = 0](const Index&) mutable { return (n++ * 7 + 2) % (int(x[at()]) + 1) % int(x[at()]); });
  }
  Shape result() const {
    Shape shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(at()));
    shape.insert(shape.end(), index.begin(), index.end());
    shape.insert(shape.end(), x.begin() + static_cast<std::ptrdiff_t>(at()) + 1, x.end());
    return shape;
  }
  /// The element of x that an element of the result is taken from.
  Index from(const Index& to) const {
    const auto first = to.begin() + static_cast<std::ptrdiff_t>(at()),
               last = first + static_cast<std::ptrdiff_t>(index.size());
    const auto all = indices();
    Index place(to.begin(), first);
    place.push_back(static_cast<std::size_t>(all.element(first, last)));
    place.insert(place.end(), last, to.end());
    return place;
  }
};

const std::vector<Choice> choices{{{4}, {3}, 0},        {{4}, {}, 0},        {{4, 3}, {5}, 0},
                                  {{4, 3}, {2, 2}, 1},  {{2, 3, 4}, {5}, 1}, {{2, 3, 4}, {2, 3}, -1},
                                  {{2, 3, 4}, {1}, -3}, {{1, 2}, {3}, 0},    {{3, 2}, {0}, 0}};

}  // namespace

template <>
std::vector<Case> cases<ad::Gather>() {
  std::vector<Case> result;
  for (const auto& c : choices)
    result.push_back({"gather", [=](const auto& x) { return gather(x[0], c.indices(), c.axis); }, samples({c.x}),
                      [=](const Arrays& at) {
                        return build(c.result(), [&](const Index& i) {
                          const auto from = c.from(i);
                          return at[0].element(from.begin(), from.end());
                        });
                      }});
  return result;
}

template <>
std::vector<Case> cases<ad::ScatterAdd>() {
  std::vector<Case> result;
  for (const auto& c : choices)
    result.push_back({"scatter_add", [=](const auto& x) { return scatter_add(x[0], c.indices(), x[1], c.axis); },
                      samples({c.x, c.result()}),
                      [=](const Arrays& at) {
                        Array<double> y = at[0];
                        build(c.result(), [&](const Index& i) {
                          const auto to = c.from(i);
                          return y.element(to.begin(), to.end()) += at[1].element(i.begin(), i.end());
                        });
                        return y;
                      }});
  return result;
}

template <>
std::vector<Case> cases<ad::OneHot>() {
  // Whole numbers are no place for finite differences: the input only scales the result.
  const auto f = [](const auto& x) {
    return x[0] * one_hot(ad::sign(ad::abs(x[0])) * xt::xarray<double>{{2, 0}, {1, 2}}, 3);
  };
  return {{"one_hot", f, samples({{1, 1}}), [](const Arrays& at) {
             return array({2, 2, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1}) * at[0](0, 0);
           }}};
}

AUTODIFF_INDEX(TEST_OPERATION)

TEST_CASE("derived take") {
  check({"take",
         [](const auto& x) {
           return take(x[0], xt::xarray<int>{2, 0, 2}, 1);
         },
         samples({{2, 3}}),
         [](const Arrays& at) {
           return build({2, 3}, [&](const Index& i) { return at[0](i[0], i[1] == 1 ? 0 : 2); });
         }});
}

TEST_CASE("indices have no gradient") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({3}, {1, 2, 3})), index = tape.variable(array({2}, {2, 2}));
  const auto updates = tape.variable(array({2}, {5, 7}));
  CHECK_EQ(difference(gradient(sum(gather(x, index)), index), array({2}, {0, 0}), 1e-300), "");
  CHECK_EQ(difference(gradient(sum(gather(x, index)), x), array({3}, {0, 0, 2}), 1e-300), "");
  CHECK_EQ(difference(gradient(sum(scatter_add(x, index, updates)), index), array({2}, {0, 0}), 1e-300), "");
  CHECK_EQ(difference(gradient(sum(one_hot(index, 3)), index), array({2}, {0, 0}), 1e-300), "");
}

TEST_CASE_TEMPLATE("many indices, and slices of any length: those of loops by hand", T, float, double) {
  const std::size_t outer = 2, n = 37, indices = 2500;
  for (const std::size_t inner : {1, 2, 3, 8, 15, 16, 17, 40}) {
    INFO("slices of " << inner);
    const ad::Variable<T> x(ad::to_array<T>(sample({outer, n, inner}, -2, 2)));
    const ad::Variable<T> updates(ad::to_array<T>(sample({outer, indices, inner}, -2, 2, 2)));
    Array<T> index(Shape{indices}), gathered(updates.shape()), scattered = x.value() * T(0);
    for (std::size_t i = 0; i < indices; ++i) index(i) = static_cast<T>((i * i + 5) % n);
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < indices; ++i)
        for (std::size_t j = 0, at = (i * i + 5) % n; j < inner; ++j)
          gathered(o, i, j) = x.value()(o, at, j), scattered(o, at, j) += updates.value()(o, i, j);
    CHECK(gather(x, index, 1).value() == gathered);
    CHECK(scatter_add(0 * x, index, updates, 1).value() == scattered);
    for (const std::size_t wrong : {std::size_t(0), std::size_t(1030), indices - 1}) {
      Array<T> bad = index;
      bad(wrong) = static_cast<T>(n);
      const std::string message = "element " + std::to_string(wrong) + " must be a whole number from 0 to 37";
      CHECK_THROWS_WITH_AS(gather(x, bad, 1), doctest::Contains(message.c_str()), ad::ValueError);
      CHECK_THROWS_AS(scatter_add(x, bad, updates, 1), ad::ValueError);
      CHECK_THROWS_AS(one_hot(ad::Variable<T>(bad), n), ad::ValueError);
    }
  }
}

TEST_CASE("a program that needs the gradient alone asks its indices, too") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({3}, {1, 2, 3})), index = tape.constant(array({2}, {0, 2}));
  auto program = ad::compile({index}, {recorded_gradient(sum(gather(x, index)), x)});
  CHECK_EQ(difference(program(array({2}, {1, 1}))[0], array({3}, {0, 2, 0}), 1e-300), "");
  CHECK_THROWS_AS(program(array({2}, {1, 3})), ad::ValueError);
}

TEST_CASE("indices are whole numbers in range") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({3}, {1, 2, 3}));
  for (double bad : {-1.0, 3.0, 0.5, 1e300, -1e300, std::nan("")}) {
    INFO(bad);
    CHECK_THROWS_AS(gather(x, bad), ad::ValueError);
    CHECK_THROWS_AS(scatter_add(x, bad, 1.0), ad::ValueError);
    CHECK_THROWS_AS(one_hot(ad::Variable<double>(array({}, {bad})), 3), ad::ValueError);
  }
  CHECK_THROWS_AS(gather(x, 0, 1), ad::AxisError);
  CHECK_THROWS_AS(scatter_add(x, 0, array({2}, {1, 2})), ad::ShapeError);
}

}  // namespace test
