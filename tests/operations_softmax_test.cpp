// Softmax and the losses, against their definitions in long double.
#include "cases.hpp"

#include <autodiff/ops/structs/softmax.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// The sum of the exponentials along the axis, at this index.
long double partition(const Array<double>& x, Index index, std::size_t axis) {
  long double total = 0;
  for (index[axis] = 0; index[axis] < x.shape(axis); ++index[axis])
    total += std::exp(static_cast<long double>(x.element(index.begin(), index.end())));
  return total;
}

/// Over each axis of several shapes: f(x, axis) against number(element, sum of exponentials).
template <class F, class Number>
std::vector<Case> along(const std::string& name, F f, Number number) {
  std::vector<Case> result;
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
           {{5}, 0}, {{3, 4}, -1}, {{3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 1}, 1}, {{3, 19}, 1}, {{37, 3}, 1}, {{0, 2}, 1}})
    result.push_back({name + " over " + std::to_string(axis), [=, axis = axis](const auto& x) { return f(x[0], axis); },
                      samples({shape}),
                      [=, axis = axis](const Arrays& at) {
                        const auto& x = at[0];
                        return build(x.shape(), [&](const Index& i) {
                          const auto a = static_cast<std::size_t>(axis < 0 ? axis + int(x.dimension()) : axis);
                          return number(static_cast<long double>(x.element(i.begin(), i.end())), partition(x, i, a));
                        });
                      }});
  return result;
}

/// Minus the mean over the rows of the sum of target times log of the probability.
double cross_entropy(const Array<double>& x, const Array<double>& target) {
  long double total = 0;
  build(x.shape(), [&](const Index& i) {
    const long double logit = x.element(i.begin(), i.end());
    total -= target.element(i.begin(), i.end()) * std::log(std::exp(logit) / partition(x, i, i.size() - 1));
    return 0;
  });
  return static_cast<double>(total / (x.size() / x.shape().back()));
}

}  // namespace

template <>
std::vector<Case> cases<ad::Softmax>() {
  return along(
      "softmax", [](const auto& x, int axis) { return softmax(x, axis); },
      [](long double x, long double total) { return std::exp(x) / total; });
}
template <>
std::vector<Case> cases<ad::LogSoftmax>() {
  return along(
      "log_softmax", [](const auto& x, int axis) { return log_softmax(x, axis); },
      [](long double x, long double total) { return std::log(std::exp(x) / total); });
}
template <>
std::vector<Case> cases<ad::LogSumExp>() {
  return along(
      "logsumexp", [](const auto& x, int axis) { return listed(ad::LogSumExp{axis}, x) + 0 * x; },
      [](long double, long double total) { return std::log(total); });
}

const Shapes logits{{4, 3}, {3}, {2, 2, 5}, {3, 1}, {1, 20}};

template <>
std::vector<Case> cases<ad::SoftmaxCrossEntropy>() {
  std::vector<Case> result;
  for (const auto& shape : logits)
    // Rows that need not sum to one: their derivative is asked for, too.
    result.push_back({"rows of probabilities",
                      [](const auto& x) { return softmax_cross_entropy(x[0], x[1]); },
                      {sample(shape, -2, 2), sample(shape, 0, 1, 2)},
                      [](const Arrays& at) { return array({}, {cross_entropy(at[0], at[1])}); }});
  return result;
}
template <>
std::vector<Case> cases<ad::SoftmaxCrossEntropyOfClasses>() {
  std::vector<Case> result;
  for (const auto& shape : logits) {
    const Shape rows(shape.begin(), shape.end() - 1);
    const auto classes = build(rows, [&, n = 0](const Index&) mutable { return (2 * n++ + 1) % int(shape.back()); });
    result.push_back({"classes", [=](const auto& x) { return softmax_cross_entropy(x[0], classes); }, samples({shape}),
                      [=](const Arrays& at) {
                        const auto target = build(shape, [&](const Index& i) {
                          return classes.element(i.begin(), i.end() - 1) == double(i.back());
                        });
                        return array({}, {cross_entropy(at[0], target)});
                      }});
  }
  return result;
}

AUTODIFF_SOFTMAX(TEST_OPERATION)

TEST_CASE("derived squared_error") {
  for (const auto& shape : Shapes{{4, 3}, {4}, {}, {2, 2, 3}})
    check({"squared_error", [](const auto& x) { return squared_error(x[0], x[1]); }, samples({shape, shape}),
           [](const Arrays& at) {
             long double total = 0;
             for (std::size_t i = 0; i < at[0].size(); ++i)
               total += std::pow(std::abs(at[0].data()[i] - static_cast<long double>(at[1].data()[i])), 2);
             return array({}, {static_cast<double>(total / (at[0].dimension() ? at[0].shape(0) : 1))});
           }});
}

TEST_CASE("losses reject targets that do not fit") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({2, 3}));
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2}, {0, 3})), ad::ValueError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2}, {0, -1})), ad::ValueError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2}, {0, 0.5})), ad::ValueError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({3}, {0, 1, 2})), ad::ShapeError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2, 1}, {0, 1})), ad::ShapeError);
  CHECK_THROWS_AS(softmax_cross_entropy(tape.variable(1.0), 1.0), ad::ShapeError);
  CHECK_THROWS_AS(softmax_cross_entropy(tape.variable(xt::zeros<double>({0, 3})), xt::zeros<double>({0})),
                  ad::ShapeError);
  CHECK_THROWS_AS(squared_error(x, array({3}, {0, 1, 2})), ad::ShapeError);
  CHECK_THROWS_AS(squared_error(tape.variable(xt::zeros<double>({0, 3})), xt::zeros<double>({0, 3})), ad::ShapeError);
}

TEST_CASE("softmax needs an axis") {
  ad::Tape<double> tape;
  CHECK_THROWS_AS(softmax(tape.variable(1.0)), ad::AxisError);
}

}  // namespace test
