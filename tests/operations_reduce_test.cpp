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
