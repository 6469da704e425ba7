// Sorting, ranks and running reductions along an axis, against loops over the lines of the array.
#include <algorithm>
#include <numeric>

#include "cases.hpp"

#include <autodiff/ops/structs/order.hpp>

namespace test {

namespace {

using Line = std::vector<double>;
using LineFunction = std::function<Line(const Line&)>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

/// f of each line along an axis, whose length it may change.
Array<double> along(const Array<double>& x, int axis, const LineFunction& f) {
  const std::size_t at = static_cast<std::size_t>(axis < 0 ? axis + int(x.dimension()) : axis), n = x.shape(at);
  std::size_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < x.dimension(); ++i) (i < at ? outer : inner) *= i == at ? 1 : x.shape(i);
  Shape shape = x.shape();
  shape[at] = f(Line(n)).size();
  Array<double> y(shape);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t j = 0; j < inner; ++j) {
      Line line(n);
      for (std::size_t i = 0; i < n; ++i) line[i] = x.data()[(o * n + i) * inner + j];
      const Line result = f(line);
      for (std::size_t i = 0; i < result.size(); ++i) y.data()[(o * result.size() + i) * inner + j] = result[i];
    }
  return y;
}

/// A function along each axis of several shapes.
template <class F>
std::vector<Case> along_axes(const std::string& name, F f, LineFunction line) {
  std::vector<Case> result;
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
           {{5}, 0}, {{2, 3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 3, 4}, -1}, {{3, 1}, 1}, {{19}, 0}, {{3, 0}, 0}})
    result.push_back({name + " along " + std::to_string(axis),
                      [f, axis = axis](const auto& x) { return f(x[0], axis); }, samples({shape}),
                      [line, axis = axis](const Arrays& at) { return along(at[0], axis, line); }});
  return result;
}

std::vector<Case> joined(std::vector<Case> a, const std::vector<Case>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Line sorted(Line line, bool descending = false) {
  std::sort(line.begin(), line.end());
  if (descending) std::reverse(line.begin(), line.end());
  return line;
}
Line places(const Line& line) {
  Line order(line.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](double a, double b) { return line[std::size_t(a)] < line[std::size_t(b)]; });
  return order;
}
template <class Best>
Line running(Line line, Best best) {
  for (std::size_t i = 1; i < line.size(); ++i) line[i] = best(line[i - 1], line[i]);
  return line;
}

template <bool largest>
std::vector<Case> with_place() {
  std::vector<Case> result;
  for (const bool keep : {false, true})
    for (const int axis : {0, 1, -1})
      result.push_back({largest ? "max_with_place" : "min_with_place",
                        [=](const auto& x) {
                          const auto [value, place] =
                              largest ? max_with_place(x[0], axis, keep) : min_with_place(x[0], axis, keep);
                          return value * (place + 1);
                        },
                        samples({{3, 7, 4}}),
                        [=](const Arrays& at) {
                          const auto y = along(at[0], axis, [](const Line& line) {
                            const auto best = largest ? std::max_element(line.begin(), line.end())
                                                      : std::min_element(line.begin(), line.end());
                            return line.empty() ? Line{0} : Line{*best * double(best - line.begin() + 1)};
                          });
                          Shape shape = y.shape();
                          if (!keep) shape.erase(shape.begin() + (axis < 0 ? 3 + axis : axis));
                          return ad::to_array<double>(xt::reshape_view(y, shape));
                        }});
  return result;
}

}  // namespace

template <>
std::vector<Case> cases<ad::Sort>() {
  auto result = along_axes(
      "sort", [](const auto& x, int axis) { return sort(x, axis); }, [](const Line& line) { return sorted(line); });
  result = joined(result, along_axes(
                              "sort, descending", [](const auto& x, int axis) { return sort(x, axis, true); },
                              [](const Line& line) { return sorted(line, true); }));
  return joined(result, along_axes(
                            "argsort", [](const auto& x, int axis) { return argsort(x, axis) + 0 * x; }, places));
}
template <>
std::vector<Case> cases<ad::CumulativeMax>() {
  return along_axes(
      "cummax", [](const auto& x, int axis) { return cummax(x, axis)[0]; },
      [](const Line& line) { return running(line, [](double a, double b) { return std::max(a, b); }); });
}
template <>
std::vector<Case> cases<ad::CumulativeMin>() {
  return along_axes(
      "cummin", [](const auto& x, int axis) { return cummin(x, axis)[0]; },
      [](const Line& line) { return running(line, [](double a, double b) { return std::min(a, b); }); });
}
template <>
std::vector<Case> cases<ad::MaxWithPlace>() {
  return with_place<true>();
}
template <>
std::vector<Case> cases<ad::MinWithPlace>() {
  return with_place<false>();
}
template <>
std::vector<Case> cases<ad::SearchSorted>() {
  const auto before = [](double value, const double* row, std::size_t n, bool right) {
    return std::count_if(row, row + n, [=](double each) { return right ? each <= value : each < value; });
  };
  std::vector<Case> result;
  for (const bool right : {false, true}) {
    result.push_back(
        {"searchsorted", [=](const auto& x) { return searchsorted(sort(x[0]), x[1], right) + 0 * x[1]; },
         samples({{7}, {2, 5}}),
         [=](const Arrays& at) {
           return build({2, 5}, [&](const auto& i) { return before(at[1](i[0], i[1]), at[0].data(), 7, right); });
         }});
    result.push_back(
        {"searchsorted of rows", [=](const auto& x) { return searchsorted(sort(x[0]), x[1], right) + 0 * x[1]; },
         samples({{2, 7}, {2, 5}}),
         [=](const Arrays& at) {
           return build({2, 5},
                        [&](const auto& i) { return before(at[1](i[0], i[1]), at[0].data() + 7 * i[0], 7, right); });
         }});
  }
  return result;
}

AUTODIFF_ORDER(TEST_OPERATION)

TEST_CASE("derived topk") {
  for (const bool largest : {true, false})
    for (const std::size_t k : {0, 1, 2})
      check({"topk", [=](const auto& x) { return topk(x[0], k, 1, largest)[0] * (topk(x[0], k, 1, largest)[1] + 1); },
             samples({{3, 5, 2}}),
             [=](const Arrays& at) {
               return along(at[0], 1, [=](const Line& line) {
                 Line order = places(line), y;
                 if (largest) std::reverse(order.begin(), order.end());
                 for (std::size_t i = 0; i < k; ++i) y.push_back(line[std::size_t(order[i])] * (order[i] + 1));
                 return y;
               });
             }});
}

TEST_CASE("derived median and quantile") {
  for (const double q : {0.0, 0.1, 0.5, 0.75, 1.0})
    for (const std::size_t n : {1, 4, 7})
      check({"quantile", [=](const auto& x) { return quantile(x[0], q, 1); }, samples({{2, n}}),
             [=](const Arrays& at) {
               return build({2}, [&](const auto& i) {  // where the share of numbers below runs through q
                 const Line row = sorted(Line(at[0].data() + i[0] * n, at[0].data() + (i[0] + 1) * n));
                 const double place = q * double(n - 1);
                 double y = 0;
                 for (std::size_t k = 0; k < n; ++k) y += row[k] * std::max(0.0, 1 - std::abs(place - double(k)));
                 return y;
               });
             }});
  check({"median",
         [](const auto& x) {
           return median(x[0], {0, 2}, ad::keepdims);
         },
         samples({{3, 2, 4}}),
         [](const Arrays& at) {
           return build({1, 2, 1}, [&](const auto& i) {
             Line all;
             for (std::size_t a = 0; a < 3; ++a)
               for (std::size_t b = 0; b < 4; ++b) all.push_back(at[0](a, i[1], b));
             all = sorted(all);
             return (all[5] + all[6]) / 2;
           });
         }});
}

TEST_CASE("order: ties, NaN and infinities as NumPy and PyTorch have them") {
  ad::Tape<double> tape;
  const auto x = tape.variable({2.0, nan, -infinity, 2.0, infinity, -0.0, 0.0});
  CHECK_EQ(difference(sort(x).value(), array({7}, {-infinity, 0, 0, 2, 2, infinity, nan}), 0), "");
  CHECK_EQ(difference(argsort(x).value(), array({7}, {2, 5, 6, 0, 3, 4, 1}), 0), "");
  CHECK_EQ(difference(argsort(x, 0, true).value(), array({7}, {1, 4, 0, 3, 5, 6, 2}), 0), "");
  CHECK_EQ(difference(topk(x, 2, 0)[0].value(), array({2}, {nan, infinity}), 0), "");
  CHECK(std::isnan(median(x).item()));
  CHECK(std::isnan(max_with_place(x)[0].item()));
  CHECK_EQ(max_with_place(x)[1].item(), 1);
  CHECK_EQ(min_with_place(x)[1].item(), 1);
  CHECK_EQ(argmin(x).item(), 1);
  CHECK_EQ(difference(cummax(x)[0].value(), array({7}, {2, nan, nan, nan, nan, nan, nan}), 0), "");
  CHECK_EQ(difference(cummax(x)[1].value(), array({7}, {0, 1, 1, 1, 1, 1, 1}), 0), "");
  const auto ties = tape.variable({1.0, 3.0, 3.0, 0.0});
  CHECK_EQ(difference(cummax(ties)[1].value(), array({4}, {0, 1, 2, 2}), 0), "");
  CHECK_EQ(difference(gradient(max_with_place(ties)[0], ties), array({4}, {0, 1, 0, 0}), 0), "");
  CHECK_EQ(difference(gradient(sum(sort(ties) * array({4}, {1, 2, 3, 4})), ties), array({4}, {2, 3, 4, 1}), 0), "");
  CHECK_EQ(difference(gradient(median(ties), ties), array({4}, {0.5, 0.5, 0, 0}), 0), "");
  CHECK_EQ(difference(searchsorted(array({3}, {1, 1, 2}), ties).value(), array({4}, {0, 3, 3, 0}), 0), "");
  CHECK_EQ(difference(searchsorted(array({3}, {1, 1, 2}), ties, true).value(), array({4}, {2, 3, 3, 0}), 0), "");
  CHECK_EQ(median(tape.variable({-infinity, infinity, infinity})).item(), infinity);
}

TEST_CASE("order: what is refused") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2, 3}, {1, 2, 3, 4, 5, 6})), none = tape.variable(Array<double>(Shape{2, 0}));
  CHECK_THROWS_WITH_AS(topk(x, 4), "[topk] there are no 4 elements along axis 1: (2, 3)", ad::ValueError);
  CHECK_THROWS_AS(sort(x, 2), ad::AxisError);
  CHECK_THROWS_WITH_AS(max_with_place(none), "[max_with_place] nothing to choose from along axis 1: (2, 0)",
                       ad::ShapeError);
  CHECK_THROWS_AS(median(none, 1), ad::ShapeError);
  CHECK_THROWS_WITH_AS(quantile(x, 1.5), "[quantile] the share must be from 0 to 1: 1.5", ad::ValueError);
  CHECK_THROWS_AS(searchsorted(x, array({3, 1}, {1, 2, 3})), ad::ShapeError);
}

TEST_CASE("order: long lines in float") {
  Array<float> numbers(Shape{100003});
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers(i) = float(i * 7919 % 100003);
  ad::Tape<float> tape;
  const auto x = tape.variable(numbers);
  const auto y = sort(x), order = argsort(x);
  bool right = true;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    right = right && y.value()(i) == float(i) && numbers(std::size_t(order.value()(i))) == float(i);
  CHECK(right);
  CHECK_EQ(median(x).item(), 50001);
}

}  // namespace test
