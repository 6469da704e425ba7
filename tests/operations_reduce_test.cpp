// Reductions over every set of axes, against loops over the elements; and the reverse of broadcasting.
#include <numeric>

#include "cases.hpp"

#include <autodiff/ops/structs/reduce.hpp>

namespace test {

namespace {

using Elements = std::vector<double>;

/// The elements that meet in each element of a reduced array, folded into one.
template <class Fold>
Array<double> fold_over(const Array<double>& x, const std::vector<bool>& reduced, bool keep, Fold fold) {
  Shape shape, kept;
  for (std::size_t i = 0; i < x.dimension(); ++i) {
    kept.push_back(reduced[i] ? 1 : x.shape(i));
    if (keep || !reduced[i]) shape.push_back(kept.back());
  }
  std::vector<Elements> met(ad::count(ad::Dims(kept)));
  build(x.shape(), [&](const auto& index) {
    std::size_t to = 0, from = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      to = to * kept[i] + (reduced[i] ? 0 : index[i]);
      from = from * x.shape(i) + index[i];
    }
    met[to].push_back(x.data()[from]);
    return 0;
  });
  Array<double> y(shape);
  std::transform(met.begin(), met.end(), y.begin(), fold);
  return y;
}

/// A reduction over every set of axes, with and without keepdims, and over axes of length one; empty ones if it can.
template <class F, class Fold>
std::vector<Case> reductions(const std::string& name, F f, Fold fold, bool empty_too) {
  std::vector<Case> result;
  const auto add = [&](const Shape& shape, const std::vector<int>& axes, bool keep) {
    std::vector<bool> reduced(shape.size());
    std::string title = name + (keep ? " keepdims" : "") + " over";
    for (int axis : axes) {
      reduced[static_cast<std::size_t>(axis < 0 ? axis + int(shape.size()) : axis)] = true;
      title += " " + std::to_string(axis);
    }
    result.push_back({title, [=](const auto& x) { return f(x[0], Axes(axes), keep); }, samples({shape}),
                      [=](const Arrays& at) { return fold_over(at[0], reduced, keep, fold); }});
  };
  for (bool keep : {false, true}) {
    for (const auto& axes : std::vector<std::vector<int>>{{}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}})
      add({2, 3, 4}, axes, keep);
    add({2, 3, 4}, {-1, -3}, keep);
    add({3, 1, 2}, {1}, keep);
    add({3, 1, 2}, {0, 1}, keep);
    add({1}, {0}, keep);
    add({19}, {0}, keep);
    add({}, {}, keep);
    add({2, 0, 3}, {0}, keep);  // nothing, from nothing
    if (empty_too) add({2, 0, 3}, {1}, keep), add({0}, {0}, keep);
  }
  result.push_back({name + " by default", [=](const auto& x) { return f(x[0], Axes(), false); }, samples({{2, 3}}),
                    [=](const Arrays& at) {
                      return fold_over(at[0], {true, true}, false, fold);
                    }});
  return result;
}

long double mean_of(const Elements& e) { return std::accumulate(e.begin(), e.end(), 0.0L) / e.size(); }

#define REDUCTION(name, fold, empty_too) \
  reductions(                            \
      #name, [](const auto& x, const Axes& axes, bool keep) { return name(x, axes, keep); }, fold, empty_too)

}  // namespace

template <>
std::vector<Case> cases<ad::Sum>() {
  return REDUCTION(
      sum, [](const Elements& e) { return std::accumulate(e.begin(), e.end(), 0.0L); }, true);
}
template <>
std::vector<Case> cases<ad::Max>() {
  return REDUCTION(
      max, [](const Elements& e) { return *std::max_element(e.begin(), e.end()); }, false);
}
template <>
std::vector<Case> cases<ad::Min>() {
  return REDUCTION(
      min, [](const Elements& e) { return *std::min_element(e.begin(), e.end()); }, false);
}
template <>
std::vector<Case> cases<ad::ArgMax>() {
  std::vector<Case> result;
  const auto place = [](const Elements& e) { return std::max_element(e.begin(), e.end()) - e.begin(); };
  for (int axis : {0, 1, 2, -1})
    result.push_back({"argmax over " + std::to_string(axis), [=](const auto& x) { return argmax(x[0], axis); },
                      samples({{2, 3, 4}}),
                      [=](const Arrays& at) {
                        const int positive = axis < 0 ? 3 + axis : axis;
                        return fold_over(at[0], {positive == 0, positive == 1, positive == 2}, false, place);
                      }});
  result.push_back({"argmax of a long row", [](const auto& x) { return argmax(x[0]); }, samples({{101}}),
                    [=](const Arrays& at) { return fold_over(at[0], {true}, false, place); }});
  return result;
}
template <>
std::vector<Case> cases<ad::ArgMin>() {
  const auto place = [](const Elements& e) { return std::min_element(e.begin(), e.end()) - e.begin(); };
  std::vector<Case> result;
  for (const std::size_t at : {0, 1, 2})
    result.push_back({"argmin", [=](const auto& x) { return argmin(x[0], int(at)); }, samples({{3, 19, 17}}),
                      [=](const Arrays& x) {
                        return fold_over(x[0], {at == 0, at == 1, at == 2}, false, place);
                      }});
  return result;
}

namespace {

/// A running function of several arrays along an axis, against y_i = step(y_(i-1), x_i, ...) by hand.
template <class F>
std::vector<Case> running(const std::string& name, F f, std::size_t arrays, bool reverse,
                          std::function<double(bool first, double before, const Elements&)> step) {
  std::vector<Case> result;
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
           {{5}, 0}, {{2, 3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 3, 4}, -1}, {{3, 1}, 1}, {{2, 0}, 1}})
    result.push_back({name + " along " + std::to_string(axis), [f, axis = axis](const auto& x) { return f(x, axis); },
                      samples(Shapes(arrays, shape)),
                      [=, shape = shape, axis = axis](const Arrays& x) {
                        const auto at = static_cast<std::size_t>(axis < 0 ? axis + int(shape.size()) : axis);
                        return build(shape, [&](auto index) {
                          double y = 0;
                          const std::size_t end = index[at];
                          for (std::size_t k = 0; k <= (reverse ? shape[at] - 1 - end : end); ++k) {
                            index[at] = reverse ? shape[at] - 1 - k : k;
                            Elements here;
                            for (const auto& each : x) here.push_back(each.element(index.begin(), index.end()));
                            y = step(k == 0, y, here);
                          }
                          return y;
                        });
                      }});
  return result;
}

}  // namespace

template <>
std::vector<Case> cases<ad::LinearRecurrence>() {
  std::vector<Case> result;
  for (const bool reverse : {false, true})
    for (auto& each : running(
             "linear_recurrence", [=](const auto&x, int axis) { return linear_recurrence(x[0], x[1], axis, reverse); },
             2, reverse, [](bool first, double y, const Elements&x) { return first ? x[1] : x[0] * y + x[1]; }))
      result.push_back(std::move(each));
  return result;
}
template <>
std::vector<Case> cases<ad::CumulativeLogSumExp>() {
  return running(
      "logcumsumexp", [](const auto& x, int axis) { return logcumsumexp(x[0], axis); }, 1, false,
      [](bool first, double y, const Elements& x) { return first ? x[0] : std::log(std::exp(y) + std::exp(x[0])); });
}

template <>
std::vector<Case> cases<ad::CumulativeSum>() {
  std::vector<Case> result;
  for (bool reverse : {false, true}) {
    for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
             {{5}, 0}, {{2, 3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 3, 4}, -1}, {{3, 1}, 1}, {{2, 0}, 1}}) {
      const auto at = static_cast<std::size_t>(axis < 0 ? axis + int(shape.size()) : axis);
      result.push_back({std::string("cumsum ") + (reverse ? "reverse " : "") + std::to_string(axis),
                        [=, axis = axis](const auto& x) { return cumsum(x[0], axis, reverse); }, samples({shape}),
                        [=, shape = shape](const Arrays& x) {
                          return build(shape, [&](auto index) {
                            const std::size_t end = index[at];
                            double total = 0;
                            for (index[at] = reverse ? end : 0; index[at] < (reverse ? shape[at] : end + 1);
                                 ++index[at])
                              total += x[0].element(index.begin(), index.end());
                            return total;
                          });
                        }});
    }
  }
  return result;
}

AUTODIFF_REDUCE(TEST_OPERATION)

// ---- derived ----

TEST_CASE("derived mean") { check(REDUCTION(mean, mean_of, false)); }

TEST_CASE("derived prod") {
  check(REDUCTION(
      prod, [](const Elements& e) { return std::accumulate(e.begin(), e.end(), 1.0L, std::multiplies<>()); }, true));
}

TEST_CASE("derived norm") {
  check(REDUCTION(
      norm,
      [](const Elements& e) {
        long double length = 0;
        for (double x : e) length = std::hypot(length, static_cast<long double>(x));
        return length;
      },
      true));
}

/// By the differences of all pairs: the mean is not needed.
long double pairwise(const Elements& e, std::size_t ddof) {
  long double total = 0;
  for (std::size_t i = 0; i < e.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) total += std::pow(static_cast<long double>(e[i]) - e[j], 2);
  return total / e.size() / (e.size() - ddof);
}

TEST_CASE("derived variance") {
  check(REDUCTION(
      variance, [](const Elements& e) { return pairwise(e, 0); }, false));
  check({"unbiased variance", [](const auto& x) { return variance(x[0], 1, ad::keepdims, 1); }, samples({{3, 5}}),
         [](const Arrays& at) {
           return fold_over(at[0], {false, true}, true, [](const Elements& e) { return pairwise(e, 1); });
         }});
}

TEST_CASE("derived logsumexp") {
  check(REDUCTION(
      logsumexp,
      [](const Elements& e) {
        return std::log(std::accumulate(e.begin(), e.end(), 0.0L, [](long double t, double x) {
          return t + std::exp(static_cast<long double>(x));
        }));
      },
      false));
}

TEST_CASE("derived cumprod") {
  check(running(
      "cumprod", [](const auto& x, int axis) { return cumprod(x[0], axis); }, 1, false,
      [](bool first, double y, const Elements& x) { return first ? x[0] : y * x[0]; }));
  ad::Tape<double> tape;  // with zeros
  const auto x = tape.variable(array({4}, {2, 0, 3, 0}));
  CHECK_EQ(difference(gradient(sum(cumprod(x)), x), array({4}, {1, 2 + 6, 0, 0}), 1e-15), "");
  CHECK_EQ(difference(hessian(sum(cumprod(x)), x),
                      array({4, 4}, {0, 1 + 3, 0, 0, 1 + 3, 0, 2, 6, 0, 2, 0, 0, 0, 6, 0, 0}), 1e-15),
           "");
}

TEST_CASE("derived stddev and norms") {
  check(REDUCTION(
      stddev, [](const Elements& e) { return std::sqrt(pairwise(e, 0)); }, false));
  for (const double p : {1.0, 1.5, 2.0, 3.0}) {
    const auto fold = [=](const Elements& e) {
      long double total = 0;
      for (double x : e) total += std::pow(std::fabs(static_cast<long double>(x)), p);
      return std::pow(total, 1.0L / p);
    };
    check({"vector_norm", [=](const auto& x) { return vector_norm(x[0], p, 1, true); }, samples({{3, 5}}),
           [=](const Arrays& at) {
             return fold_over(at[0], {false, true}, true, fold);
           }});
  }
  check({"vector_norm, the largest", [](const auto& x) { return vector_norm(x[0], HUGE_VAL); }, samples({{3, 5}}),
         [](const Arrays& at) { return Array<double>(xt::amax(xt::abs(at[0]))); }});
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2, 2}, {0, 0, 3, 0}));
  CHECK_EQ(difference(gradient(sum(stddev(x, 1)), x), array({2, 2}, {0, 0, 0.5, -0.5}), 1e-15), "");
  for (const double p : {1.0, 1.5, 2.0, 3.0, HUGE_VAL})
    CHECK_EQ(difference(gradient(sum(vector_norm(x, p, 1)), x), array({2, 2}, {0, 0, 1, 0}), 1e-15), "");
  CHECK(vector_norm(tape.variable({3e200, 4e200}), 3).item() == doctest::Approx(1e200 * std::cbrt(91.0)));
  CHECK_THROWS_AS(vector_norm(x, 0), ad::ValueError);
}

TEST_CASE("derived any_of and all_of, and reductions that leave out NaN") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  ad::Tape<double> tape;
  const auto x = tape.variable(array({3, 3}, {0, 0, 0, 1, nan, 3, nan, nan, nan}));
  CHECK_EQ(difference(any_of(x, 1).value(), array({3}, {0, 1, 1}), 0), "");
  CHECK_EQ(difference(all_of(x, 1).value(), array({3}, {0, 1, 1}), 0), "");
  CHECK_EQ(all_of(tape.variable(Array<double>(Shape{0}))).item(), 1);
  CHECK_EQ(any_of(tape.variable(Array<double>(Shape{0}))).item(), 0);
  CHECK_EQ(difference(nansum(x, 1).value(), array({3}, {0, 4, 0}), 0), "");
  CHECK_EQ(difference(nanmean(x, 1).value(), array({3}, {0, 2, nan}), 0), "");
  CHECK_EQ(difference(nanvariance(x, 1).value(), array({3}, {0, 1, nan}), 0), "");
  CHECK_EQ(difference(nanvariance(x, 1, false, 1).value(), array({3}, {0, 2, nan}), 0), "");
  CHECK_EQ(difference(nanmax(x, 1).value(), array({3}, {0, 3, nan}), 0), "");
  CHECK_EQ(difference(nanmin(x, 1, true).value(), array({3, 1}, {0, 1, nan}), 0), "");
  for (const auto& y : {nansum(x, 1), nanmean(x, 1), nanmax(x, 1), nanvariance(x, 1)})
    for (const std::size_t i : {6, 7, 8}) CHECK_EQ(gradient(y(0) + y(1), x).data()[i], 0);
  CHECK_EQ(difference(gradient(nanmean(x), x), array({3, 3}, {.2, .2, .2, .2, 0, .2, 0, 0, 0}), 1e-16), "");
  check({"reductions that leave out NaN, of numbers",
         [](const auto& x) { return nanmean(x[0], 1) * nanmax(x[0], 1) + nanvariance(x[0], 1) + nansum(x[0], 1); },
         samples({{3, 5}}),
         [](const Arrays& at) {
           const Array<double> mean = xt::mean(at[0], 1);
           return Array<double>(mean * xt::amax(at[0], 1) + xt::mean(xt::square(at[0]), 1) - mean * mean + 5 * mean);
         }});
}

TEST_CASE("running sums of exponentials at the extremes") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  ad::Tape<double> tape;
  const auto x = tape.variable({-infinity, -infinity, -1e4, 1e4, 1e4, infinity});
  CHECK_EQ(difference(logcumsumexp(x).value(),
                      array({6}, {-infinity, -infinity, -1e4, 1e4, 1e4 + std::log(2.0), infinity}), 1e-15),
           "");
  CHECK_EQ(difference(gradient(logcumsumexp(x)(4), x), array({6}, {0, 0, 0, 0.5, 0.5, 0}), 1e-12), "");
  CHECK_EQ(difference(gradient(logcumsumexp(x)(2), x), array({6}, {0, 0, 1, 0, 0, 0}), 1e-15), "");
  const auto finite = tape.variable({-infinity, -1e4, 1e4, 1e4});
  for (const double each : hessian(logcumsumexp(finite)(3), finite)) CHECK(std::isfinite(each));
  CHECK_EQ(difference(logcumsumexp(tape.variable({1.0, nan, 2.0})).value(), array({3}, {1, nan, nan}), 0), "");
}

TEST_CASE("derived sum_to") {
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{3, 4}, {4}},
                                                                     {{3, 4}, {3, 1}},
                                                                     {{3, 4}, {}},
                                                                     {{3, 4}, {1, 1}},
                                                                     {{2, 3, 4}, {3, 1}},
                                                                     {{3, 4}, {3, 4}},
                                                                     {{2, 1, 3}, {1, 3}}})
    check({"sum_to " + ad::to_string(ad::Dims(to)), [to = to](const auto& x) { return sum_to(x[0], to); },
           samples({from}),
           [to = to](const Arrays& at) {  // what a broadcast would read from an element is added to it
             Array<double> y = xt::zeros<double>(to);
             build(at[0].shape(), [&](const auto& index) {
               std::size_t n = 0;
               for (std::size_t i = 0; i < to.size(); ++i)
                 n = n * to[i] + (to[i] == 1 ? 0 : index[index.size() - to.size() + i]);
               y.data()[n] += at[0].element(index.begin(), index.end());
               return 0;
             });
             return y;
           }});
}

TEST_CASE("reductions of empty axes that have no value") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({2, 0, 3}));
  CHECK_THROWS_WITH_AS(max(x, 1), "[max] nothing to choose from along axis 1: (2, 0, 3)", ad::ShapeError);
  CHECK_THROWS_AS(min(x), ad::ShapeError);
  CHECK_THROWS_AS(argmax(x, 1), ad::ShapeError);
  CHECK_THROWS_AS(mean(x), ad::ShapeError);
  CHECK_THROWS_AS(variance(x, 1), ad::ShapeError);
  CHECK_THROWS_AS(variance(tape.variable(1.0), {}, false, 1), ad::ShapeError);
  CHECK_EQ(sum(x).item(), 0);
  CHECK_EQ(prod(x).item(), 1);
  CHECK_EQ(norm(x).item(), 0);
  CHECK_EQ(logsumexp(x).item(), -std::numeric_limits<double>::infinity());
}

TEST_CASE_TEMPLATE("reductions of long axes keep their digits", T, float, double) {
  // Blocks, tails and threads of the kernels: 100,003 elements whose sums are known.
  ad::Tape<T> tape;
  const Shape shapes[] = {{100003}, {100003, 1}, {1, 100003}, {7, 14286 + 1}, {14287, 7}};
  for (const auto& shape : shapes) {
    const auto x = tape.variable(build(shape, [n = 0](const auto&) mutable { return (n++ * 7919) % 1009 / 1024.0; }));
    INFO(ad::to_string(ad::Dims(shape)));
    for (int axis = 0; axis < int(shape.size()); ++axis) {
      const std::vector<bool> reduced{axis == 0, axis == 1};
      const auto exact = ad::to_array<double>(x.value());
      const auto total = [](const Elements& e) { return std::accumulate(e.begin(), e.end(), 0.0L); };
      const auto largest = [](const Elements& e) { return *std::max_element(e.begin(), e.end()); };
      CHECK_EQ(difference(sum(x, axis).value(), fold_over(exact, reduced, false, total),
                          std::is_same_v<T, float> ? 1e-6 : 1e-14),
               "");
      CHECK_EQ(difference(max(x, axis).value(), fold_over(exact, reduced, false, largest), 1e-300), "");
      CHECK_EQ(difference(ad::vjp(sum(x, axis), xt::ones<T>(sum(x, axis).shape()), x), xt::ones<T>(shape), 1e-300), "");
    }
  }
}

}  // namespace test
