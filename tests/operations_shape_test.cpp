// Operations that move elements: where each element of the result comes from.
#include <algorithm>

#include "cases.hpp"

#include <autodiff/ops/structs/shape.hpp>
#include <autodiff/ops/structs/slice.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

double element(const Array<double>& x, const Index& index) { return x.element(index.begin(), index.end()); }

/// The same elements in row-major order, in another shape.
auto reshaped_to(const Shape& shape) {
  return [=](const Arrays& at) { return build(shape, [&, n = 0](const Index&) mutable { return at[0].data()[n++]; }); };
}

/// Axis i of the result is axis order[i] of x.
auto permuted(const std::vector<int>& order) {
  return [=](const Arrays& at) {
    Shape shape;
    for (int axis : order) shape.push_back(at[0].shape(static_cast<std::size_t>(axis)));
    return build(shape, [&](const Index& to) {
      Index from(to.size());
      for (std::size_t i = 0; i < to.size(); ++i) from[static_cast<std::size_t>(order[i])] = to[i];
      return element(at[0], from);
    });
  };
}

/// The elements of x at these places along each axis.
auto chosen(const std::vector<Index>& places) {
  return [=](const Arrays& at) {
    Shape shape;
    for (const auto& p : places) shape.push_back(p.size());
    return build(shape, [&](const Index& to) {
      Index from;
      for (std::size_t i = 0; i < to.size(); ++i) from.push_back(places[i][to[i]]);
      return element(at[0], from);
    });
  };
}

Index count_to(std::size_t n) {
  Index all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = i;
  return all;
}

/// Elements of the arrays, one after the other along the axis.
auto joined(std::size_t axis) {
  return [=](const Arrays& at) {
    Shape shape = at[0].shape();
    shape[axis] = 0;
    for (const auto& x : at) shape[axis] += x.shape(axis);
    return build(shape, [&](Index i) {
      std::size_t k = 0;
      while (i[axis] >= at[k].shape(axis)) i[axis] -= at[k++].shape(axis);
      return element(at[k], i);
    });
  };
}

// range(5)[start:stop:step], as Python prints it
struct Printed {
  ad::Range range;
  Index places;
};
const std::vector<Printed> printed{{{{}, {}, 1}, {0, 1, 2, 3, 4}},
                                   {{1, 4, 1}, {1, 2, 3}},
                                   {{{}, {}, 2}, {0, 2, 4}},
                                   {{1, {}, 3}, {1, 4}},
                                   {{{}, {}, -1}, {4, 3, 2, 1, 0}},
                                   {{{}, {}, -2}, {4, 2, 0}},
                                   {{4, 0, -1}, {4, 3, 2, 1}},
                                   {{3, {}, -2}, {3, 1}},
                                   {{-3, -1, 1}, {2, 3}},
                                   {{-1, -4, -2}, {4, 2}},
                                   {{2, 2, 1}, {}},
                                   {{4, 1, 1}, {}},
                                   {{-9, 9, 1}, {0, 1, 2, 3, 4}},
                                   {{9, -9, -1}, {4, 3, 2, 1, 0}},
                                   {{0, 1, 1}, {0}},
                                   {{{}, -9, -1}, {4, 3, 2, 1, 0}},
                                   {{9, {}, 2}, {}},
                                   {{1, 2, 7}, {1}}};

}  // namespace

template <>
std::vector<Case> cases<ad::Reshape>() {
  struct To {
    Shape from;
    ad::Lengths lengths;
    Shape shape;
  };
  std::vector<Case> result;
  for (const auto& to : std::vector<To>{{{2, 3}, {3, 2}, {3, 2}},
                                        {{2, 3}, {-1}, {6}},
                                        {{6}, {2, -1, 1}, {2, 3, 1}},
                                        {{}, {1, 1}, {1, 1}},
                                        {{1}, Shape{}, {}},
                                        {{2, 3}, {2, 3}, {2, 3}},
                                        {{0, 3}, {3, -1}, {3, 0}},
                                        {{2, 0}, {0, 5}, {0, 5}}})
    result.push_back({"reshape", [=](const auto& x) { return reshape(x[0], to.lengths); }, samples({to.from}),
                      reshaped_to(to.shape)});
  return result;
}

template <>
std::vector<Case> cases<ad::Permute>() {
  std::vector<Case> result;
  std::vector<int> order{0, 1, 2};
  do
    result.push_back(
        {"permute", [=](const auto& x) { return permute(x[0], order); }, samples({{2, 3, 4}}), permuted(order)});
  while (std::next_permutation(order.begin(), order.end()));
  result.push_back({"from the end",
                    [](const auto& x) {
                      return permute(x[0], {-1, 0});
                    },
                    samples({{2, 3}}), permuted({1, 0})});
  result.push_back({"four axes",
                    [](const auto& x) {
                      return permute(x[0], {2, 0, 3, 1});
                    },
                    samples({{2, 1, 3, 2}}), permuted({2, 0, 3, 1})});
  return result;
}

template <>
std::vector<Case> cases<ad::BroadcastTo>() {
  std::vector<Case> result;
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{3}, {2, 3}},
                                                                     {{2, 1}, {2, 3}},
                                                                     {{}, {2, 2}},
                                                                     {{2, 3}, {2, 3}},
                                                                     {{1, 3, 1}, {2, 3, 4}},
                                                                     {{1}, {0}},
                                                                     {{2, 1, 3}, {4, 2, 5, 3}}})
    result.push_back(
        {"broadcast_to", [to = to](const auto& x) { return broadcast_to(x[0], to); }, samples({from}),
         [to = to](const Arrays& at) { return build(to, [&](const Index& i) { return broadcast_at(at[0], i); }); }});
  return result;
}

template <>
std::vector<Case> cases<ad::Slice>() {
  std::vector<Case> result;
  for (std::size_t i = 0; i < printed.size(); ++i) {
    const auto &one = printed[i], &other = printed[(i * 5 + 3) % printed.size()];
    result.push_back(
        {"one axis", [=](const auto& x) { return slice(x[0], {one.range}); }, samples({{5}}), chosen({one.places})});
    result.push_back({"the last of two",
                      [=](const auto& x) {
                        return slice(x[0], {ad::all, one.range});
                      },
                      samples({{2, 5}}), chosen({{0, 1}, one.places})});
    result.push_back({"two axes of three",
                      [=](const auto& x) {
                        return slice(x[0], {one.range, other.range});
                      },
                      samples({{5, 5, 2}}), chosen({one.places, other.places, {0, 1}})});
  }
  return result;
}

template <>
std::vector<Case> cases<ad::Embed>() {
  std::vector<Case> result;
  for (const auto& [range, places] : printed) {
    const ad::Embed embed{{{ad::all, range}}, {2, 5}};
    result.push_back({"embed", [=](const auto& x) { return listed(embed, x[0]); }, samples({{2, places.size()}}),
                      [places = places](const Arrays& at) {
                        Array<double> y = xt::zeros<double>({2, 5});
                        for (std::size_t i = 0; i < 2; ++i)
                          for (std::size_t j = 0; j < places.size(); ++j) y(i, places[j]) = at[0](i, j);
                        return y;
                      }});
  }
  return result;
}

template <>
std::vector<Case> cases<ad::Concatenate>() {
  std::vector<Case> result;
  for (const auto& [shapes, axis] :
       std::vector<std::pair<Shapes, int>>{{{{2}, {3}}, 0},
                                           {{{2, 3}, {1, 3}, {3, 3}}, 0},
                                           {{{2, 3}, {2, 1}}, 1},
                                           {{{2, 3}}, -1},
                                           {{{2, 1, 3}, {2, 2, 3}, {2, 0, 3}, {2, 1, 3}, {2, 1, 3}}, -2}})
    result.push_back({"concatenate", [axis = axis](const auto& x) { return concatenate(x, axis); }, samples(shapes),
                      joined(static_cast<std::size_t>(axis < 0 ? axis + int(shapes[0].size()) : axis))});
  result.push_back({"with itself",
                    [](const auto& x) {
                      return concatenate(std::vector{x[0], x[0] * x[0], x[0]});
                    },
                    samples({{2}}),
                    [](const Arrays& at) {
                      const double a = at[0](0), b = at[0](1);
                      return array({6}, {a, b, a * a, b * b, a, b});
                    }});
  return result;
}

AUTODIFF_SHAPE(TEST_OPERATION)
AUTODIFF_SLICE(TEST_OPERATION)

// ---- derived ----

TEST_CASE("derived flatten") {
  check({"flatten", [](const auto& x) { return flatten(x[0]); }, samples({{2, 3, 2}}), reshaped_to({12})});
  check({"flatten from 1", [](const auto& x) { return flatten(x[0], 1); }, samples({{2, 3, 2}}), reshaped_to({2, 6})});
  check({"flatten from -1", [](const auto& x) { return flatten(x[0], -1); }, samples({{2, 3}}), reshaped_to({2, 3})});
  check({"flatten a number", [](const auto& x) { return flatten(x[0]); }, samples({{}}), reshaped_to({1})});
}

TEST_CASE("derived transpose") {
  check({"transpose", [](const auto& x) { return transpose(x[0]); }, samples({{2, 3, 4}}), permuted({2, 1, 0})});
  check({"transpose a vector", [](const auto& x) { return transpose(x[0]); }, samples({{3}}), permuted({0})});
}

TEST_CASE("derived swap_axes") {
  check({"swap_axes", [](const auto& x) { return swap_axes(x[0], 0, -1); }, samples({{2, 3, 4}}), permuted({2, 1, 0})});
  check({"swap_axes with itself", [](const auto& x) { return swap_axes(x[0], 1, 1); }, samples({{2, 3}}),
         permuted({0, 1})});
}

TEST_CASE("derived squeeze and expand_dims") {
  check({"squeeze all", [](const auto& x) { return squeeze(x[0]); }, samples({{1, 3, 1, 2}}), reshaped_to({3, 2})});
  check({"squeeze one", [](const auto& x) { return squeeze(x[0], -2); }, samples({{1, 3, 1, 2}}),
         reshaped_to({1, 3, 2})});
  check({"expand_dims", [](const auto& x) { return expand_dims(x[0], 1); }, samples({{3, 2}}), reshaped_to({3, 1, 2})});
  check({"expand_dims at the end", [](const auto& x) { return expand_dims(x[0], -1); }, samples({{3, 2}}),
         reshaped_to({3, 2, 1})});
}

TEST_CASE("derived take_range") {
  check({"take_range", [](const auto& x) { return take_range(x[0], 1, 1, 3); }, samples({{2, 4}}),
         chosen({{0, 1}, {1, 2}})});
  check({"take_range from the end", [](const auto& x) { return take_range(x[0], -1, -2, 9); }, samples({{2, 4}}),
         chosen({{0, 1}, {2, 3}})});
}

TEST_CASE("derived flip") {
  check({"flip", [](const auto& x) { return flip(x[0]); }, samples({{2, 3}}), chosen({{1, 0}, {2, 1, 0}})});
  check({"flip one axis", [](const auto& x) { return flip(x[0], 1); }, samples({{2, 3}}), chosen({{0, 1}, {2, 1, 0}})});
}

TEST_CASE("derived pad") {
  for (double value : {0.0, 2.5})
    check({"pad",
           [=](const auto& x) {
             return pad(x[0], {{1, 0}, {2, 3}}, typename std::decay_t<decltype(x[0])>::value_type(value));
           },
           samples({{2, 3}}),
           [=](const Arrays& at) {
             return build({3, 8}, [&](const Index& i) {
               return i[0] >= 1 && i[1] >= 2 && i[1] < 5 ? at[0](i[0] - 1, i[1] - 2) : value;
             });
           }});
}

TEST_CASE("derived stack") {
  check({"stack", [](const auto& x) { return stack(x); }, samples({{2, 3}, {2, 3}}),
         [](const Arrays& at) {
           return build({2, 2, 3}, [&](const Index& i) { return at[i[0]](i[1], i[2]); });
         }});
  check({"stack behind", [](const auto& x) { return stack(x, -1); }, samples({{2}, {2}, {2}}),
         [](const Arrays& at) {
           return build({2, 3}, [&](const Index& i) { return at[i[1]](i[0]); });
         }});
}

TEST_CASE("derived split") {
  for (std::size_t part : {0, 1, 2})
    check({"split", [=](const auto& x) { return split(x[0], 3, 1)[part]; }, samples({{2, 6}}),
           chosen({{0, 1}, {2 * part, 2 * part + 1}})});
  const std::vector<Index> places{{0}, {}, {1, 2, 3}, {4}};
  for (std::size_t part = 0; part < places.size(); ++part)
    check({"split_at",
           [=](const auto& x) {
             return split_at(x[0], {1, 1, 4})[part];
           },
           samples({{5, 2}}), chosen({places[part], count_to(2)})});
  check({"all parts",
         [](const auto& x) {
           auto p = split(x[0], 2, -1);
           return p[0] * p[1];
         },
         samples({{2, 4}}),
         [](const Arrays& at) {
           return build({2, 2}, [&](const Index& i) { return at[0](i[0], i[1]) * at[0](i[0], i[1] + 2); });
         }});
}

TEST_CASE("derived repeat, tile, roll, and pads that take what is there") {
  using ad::PadMode;
  using Widths = std::vector<std::pair<std::size_t, std::size_t>>;
  const auto shaped = [](const Shape& shape, auto f) {
    return [=](const Arrays& at) { return ad::to_array<double>(xt::reshape_view(f(at), shape)); };
  };
  const Index all{0, 1, 2};
  for (const auto& c : std::vector<Case>{
           {"repeat", [](const auto& x) { return repeat(x[0], 2, 1); }, {}, chosen({all, {0, 0, 1, 1, 2, 2}})},
           {"repeat, not once", [](const auto& x) { return repeat(x[0], 0, -1); }, {}, chosen({all, {}})},
           {"tile", [](const auto& x) { return tile(x[0], {3}); }, {}, chosen({all, {0, 1, 2, 0, 1, 2, 0, 1, 2}})},
           {"tile, with an axis in front",
            [](const auto& x) {
              return tile(x[0], {1, 2, 1});
            },
            {},
            shaped({1, 6, 3}, chosen({{0, 1, 2, 0, 1, 2}, all}))},
           {"roll", [](const auto& x) { return roll(x[0], 1); }, {}, chosen({{2, 0, 1}, all})},
           {"roll back", [](const auto& x) { return roll(x[0], -4, 1); }, {}, chosen({all, {1, 2, 0}})},
           {"roll round", [](const auto& x) { return roll(x[0], 6, 1) * 1; }, {}, chosen({all, all})},
           {"pad by reflection",
            [](const auto& x) { return pad(x[0], Widths{{2, 1}, {0, 2}}, PadMode::reflect); },
            {},
            chosen({{2, 1, 0, 1, 2, 1}, {0, 1, 2, 1, 0}})},
           {"pad by the edge",
            [](const auto& x) { return pad(x[0], Widths{{2, 0}, {1, 4}}, PadMode::edge); },
            {},
            chosen({{0, 0, 0, 1, 2}, {0, 0, 1, 2, 2, 2, 2, 2}})},
           {"pad by wrapping",
            [](const auto& x) { return pad(x[0], Widths{{3, 1}, {0, 2}}, PadMode::wrap); },
            {},
            chosen({{0, 1, 2, 0, 1, 2, 0}, {0, 1, 2, 0, 1}})},
           {"interpolate, nearest",
            [](const auto& x) { return interpolate(x[0], {2, 7}); },
            {},
            chosen({{0, 1}, {0, 0, 0, 1, 1, 2, 2}})},
           {"meshgrid",
            [](const auto& x) { return meshgrid(std::vector{x[0](0), x[0](1)})[1] + 0 * x[0]; },
            {},
            chosen({{1, 1, 1}, all})}}) {
    Case at = c;
    at.at = samples({{3, 3}});
    check(at);
  }
}

TEST_CASE("derived diff and linear interpolation") {
  check({"diff", [](const auto& x) { return diff(x[0], 2, 0); }, samples({{4, 2}}),
         [](const Arrays& at) {
           return build({2, 2}, [&](const Index& i) {
             return at[0](i[0] + 2, i[1]) - 2 * at[0](i[0] + 1, i[1]) + at[0](i[0], i[1]);
           });
         }});
  CHECK_EQ(diff(ad::Variable<double>(array({1}, {1})), 3).size(), 0);
  for (const bool corners : {false, true})
    for (const std::size_t m : {1, 2, 5, 8})
      check({"interpolate, linear",
             [=](const auto& x) { return interpolate(x[0], {m}, ad::Interpolation::linear, corners); },
             samples({{2, 4}}),
             [=](const Arrays& at) {
               return build({2, m}, [&](const Index& i) {  // by tents around the four elements
                 double place = corners ? (m == 1 ? 0 : 3.0 * i[1] / (m - 1)) : (i[1] + 0.5) * 4 / m - 0.5, y = 0;
                 place = std::clamp(place, 0.0, 3.0);
                 for (std::size_t k = 0; k < 4; ++k) y += at[0](i[0], k) * std::max(0.0, 1 - std::abs(place - k));
                 return y;
               });
             }});
  check({"interpolate, two axes",
         [](const auto& x) {
           return interpolate(x[0], {3, 2}, ad::Interpolation::linear, true);
         },
         samples({{2, 3}}),
         [](const Arrays& at) {
           return build({3, 2}, [&](const Index& i) {
             return (at[0](0, 2 * i[1]) * (2 - double(i[0])) + at[0](1, 2 * i[1]) * double(i[0])) / 2;
           });
         }});
}

TEST_CASE("pads, grids and lengths that are refused") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK_THROWS_WITH_AS(pad(x, {{2, 0}, {0, 0}}, ad::PadMode::reflect),
                       "[pad] the border of axis 0 is wider than what it is made of: 2 for (2, 3)", ad::ShapeError);
  CHECK_THROWS_AS(pad(x, {{0, 0}, {0, 4}}, ad::PadMode::wrap), ad::ShapeError);
  CHECK_THROWS_AS(pad(x, {{0, 0}}, ad::PadMode::edge), ad::ShapeError);
  CHECK_THROWS_WITH_AS(meshgrid(std::vector{x}), "[meshgrid] takes vectors: (2, 3)", ad::ShapeError);
  CHECK_THROWS_AS(interpolate(x, {0}), ad::ShapeError);
  CHECK_THROWS_AS(diff(x, -1), ad::ValueError);
}

}  // namespace test
