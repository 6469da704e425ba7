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

namespace {

/// Shape of x, axis, number of indices along it; and the element of x that an element of the result is taken from.
struct Along {
  Shape x;
  std::size_t axis, many;
  Shape shape() const {
    Shape all = x;
    all[axis] = many;
    return all;
  }
  std::size_t place(const Index& i) const {
    std::size_t n = 1;
    for (const std::size_t each : i) n += 3 * each + n * each;
    return n % x[axis];
  }
  Array<double> indices() const {
    return build(shape(), [&](const Index& i) { return place(i); });
  }
  Index from(Index i) const { return i[axis] = place(i), i; }
};
const std::vector<Along> alongs{{{4}, 0, 6}, {{4, 3}, 0, 2}, {{4, 3}, 1, 5}, {{2, 3, 4}, 1, 4}, {{3, 2}, 1, 0}};

/// Runs over the elements of the indices in order.
template <class F>
void each(const Along& c, F f) {
  build(c.shape(), [&](const Index& i) {
    const Index to = c.from(i);
    return f(i, to), 0;
  });
}

double& element(Array<double>& x, const Index& i) { return x.element(i.begin(), i.end()); }
double element(const Array<double>& x, const Index& i) { return x.element(i.begin(), i.end()); }

}  // namespace

template <>
std::vector<Case> cases<ad::TakeAlong>() {
  std::vector<Case> result;
  for (const auto& c : alongs)
    result.push_back({"take_along_axis", [=](const auto& x) { return take_along_axis(x[0], c.indices(), int(c.axis)); },
                      samples({c.x}),
                      [=](const Arrays& at) {
                        return build(c.shape(), [&](const Index& i) { return element(at[0], c.from(i)); });
                      }});
  return result;
}
template <>
std::vector<Case> cases<ad::AddAlong>() {
  std::vector<Case> result;
  for (const auto& c : alongs)
    result.push_back({"add_along_axis",
                      [=](const auto& x) { return add_along_axis(x[0], c.indices(), x[1], int(c.axis)); },
                      samples({c.x, c.shape()}),
                      [=](const Arrays& at) {
                        Array<double> y = at[0];
                        each(c, [&](const Index& i, const Index& to) { element(y, to) += element(at[1], i); });
                        return y;
                      }});
  return result;
}
template <>
std::vector<Case> cases<ad::PutAlong>() {
  std::vector<Case> result;
  for (const auto& c : alongs)
    result.push_back({"put_along_axis",
                      [=](const auto& x) { return put_along_axis(x[0], c.indices(), x[1], int(c.axis)); },
                      samples({c.x, c.shape()}),
                      [=](const Arrays& at) {
                        Array<double> y = at[0];
                        each(c, [&](const Index& i, const Index& to) { element(y, to) = element(at[1], i); });
                        return y;
                      }});
  return result;
}

namespace {

/// Whole numbers, as a variable that a recorded operation gave.
template <class V>
V recorded(const V& x, const Array<double>& numbers) {
  return ad::sign(ad::abs(sum(x))) * numbers;
}
const Array<double> rows = array({4}, {2, 0, 1, 2}), columns = array({4}, {1, 1, 0, 1});

}  // namespace

template <>
std::vector<Case> cases<ad::RavelIndex>() {
  using Coordinates = std::vector<std::pair<std::size_t, std::size_t>>;
  const Coordinates at_rows{{2, 1}, {0, 1}, {1, 0}, {2, 1}};
  std::vector<Case> result{
      {"at_coordinates",
       [](const auto& x) {
         return at_coordinates(x[0], {recorded(x[0], rows), recorded(x[0], columns)});
       },
       samples({{3, 2}}),
       [=](const Arrays& at) {
         return build({4}, [&](const Index& i) { return at[0](at_rows[i[0]].first, at_rows[i[0]].second); });
       }}};
  for (const bool accumulate : {false, true})
    result.push_back({"index_put",
                      [=](const auto& x) {
                        return index_put(x[0], {recorded(x[0], rows), recorded(x[0], columns)}, x[1], accumulate);
                      },
                      samples({{3, 2}, {4}}),
                      [=](const Arrays& at) {
                        Array<double> y = at[0];
                        for (std::size_t i = 0; i < 4; ++i) {
                          double& to = y(at_rows[i].first, at_rows[i].second);
                          to = accumulate ? to + at[1](i) : at[1](i);
                        }
                        return y;
                      }});
  return result;
}
template <>
std::vector<Case> cases<ad::SegmentMax>() {
  const auto f = [](const auto& x) {
    return where(array({3, 1}, {1, 1, 0}), segment_max(x[0], recorded(x[0], array({4}, {1, 0, 1, 1})), 3), 0);
  };
  return {{"segment_max", f, samples({{4, 2}}), [](const Arrays& at) {
             return build({3, 2}, [&](const Index& i) {
               const std::size_t j = i[1];
               return i[0] == 0 ? at[0](1, j) : i[0] == 1 ? std::max({at[0](0, j), at[0](2, j), at[0](3, j)}) : 0.0;
             });
           }}};
}

AUTODIFF_INDEX(TEST_OPERATION)

TEST_CASE("derived bincount, segment_sum and segment_mean") {
  const auto index = array({2, 3}, {1, 3, 1, 0, 1, 3});
  check({"bincount", [=](const auto& x) { return bincount(index, 4, x[0]); }, samples({{2, 3}}),
         [](const Arrays& at) {
           return array({4}, {at[0](1, 0), at[0](0, 0) + at[0](0, 2) + at[0](1, 1), 0, at[0](0, 1) + at[0](1, 2)});
         }});
  ad::Tape<double> tape;
  CHECK_EQ(difference(bincount(tape.variable(index), 5).value(), array({5}, {1, 3, 0, 2, 0}), 0), "");
  CHECK_THROWS_WITH_AS(bincount(tape.variable(index), 3),
                       "[scatter_add] element 1 must be a whole number from 0 to 3 (not included): 3", ad::ValueError);
  const auto segments = array({3}, {2, 0, 2});
  check({"segment_mean",
         [=](const auto& x) { return segment_mean(x[0], segments, 3) + 0 * segment_sum(x[0], segments, 3); },
         samples({{3, 2}}),
         [](const Arrays& at) {
           return build({3, 2}, [&](const Index& i) {
             return i[0] == 0 ? at[0](1, i[1]) : i[0] == 1 ? 0.0 : (at[0](0, i[1]) + at[0](2, i[1])) / 2;
           });
         }});
  const auto x = tape.variable(array({3}, {5, 5, 1}));
  CHECK_EQ(difference(gradient(sum(segment_max(x, array({3}, {0, 0, 1}), 2)), x), array({3}, {0.5, 0.5, 1}), 0), "");
  CHECK_EQ(segment_max(x, array({3}, {0, 0, 0}), 2)(1).item(), -HUGE_VAL);
}

TEST_CASE("coordinates and indices along an axis that are out of range, or of other shapes, are named") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2, 3}, {1, 2, 3, 4, 5, 6}));
  const auto two = ad::Variable<double>(array({2}, {0, 1})), bad = ad::Variable<double>(array({2}, {0, 3}));
  CHECK_THROWS_WITH_AS(index_put(x, {two, bad}, 1),
                       "[index_put] element 1 must be a whole number from 0 to 3 (not included): 3", ad::ValueError);
  CHECK_THROWS_WITH_AS(at_coordinates(x, {two}),
                       "[at_coordinates] needs one array of coordinates an axis: 1 for (2, 3)", ad::ShapeError);
  CHECK_THROWS_AS(at_coordinates(x, {two, x}), ad::ShapeError);
  CHECK_THROWS_WITH_AS(take_along_axis(x, array({1, 3}, {0, 1, 2}), 0),
                       "[take_along_axis] element 2 must be a whole number from 0 to 2 (not included): 2",
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(take_along_axis(x, two), "[take_along_axis] lengths must agree but along axis 1: (2, 3) and (2)",
                       ad::ShapeError);
  CHECK_THROWS_AS(put_along_axis(x, array({2, 1}, {0, 1}), two, 1), ad::ShapeError);
}

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
