// Softmax, the losses, attention and steps of an LSTM, against their definitions in long double.
#include "cases.hpp"

#include <autodiff/ops/structs/attention.hpp>
#include <autodiff/ops/structs/recurrence.hpp>
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

/// Attention by its definition; of a stack, whose axes in front broadcast. The mask may be a number: none.
Array<double> attention(const Arrays& at, const Array<double>& mask, double scale, bool causal) {
  const auto &q = at[0], &k = at[1], &v = at[2];
  const std::size_t m = q.shape(q.dimension() - 2), n = k.shape(k.dimension() - 2);
  Shape shape(std::max({q.dimension(), k.dimension(), v.dimension()}), 1);
  for (const auto* x : {&q, &k, &v})
    for (std::size_t i = 0; i + 2 < x->dimension(); ++i)
      if (x->shape(i) != 1) shape[shape.size() - x->dimension() + i] = x->shape(i);
  shape[shape.size() - 2] = m, shape.back() = v.shape().back();
  return build(shape, [&](Index index) {
    const std::size_t i = index[index.size() - 2], c = index.back();
    const auto element = [&](const Array<double>& x, std::size_t row, std::size_t column) {
      index[index.size() - 2] = row, index.back() = column;
      return static_cast<long double>(broadcast_at(x, index));
    };
    long double total = 0, mean = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if ((causal && j + m > i + n) ||
          (mask.dimension() && element(mask, mask.shape(mask.dimension() - 2) == 1 ? 0 : i, j) == 0))
        continue;
      long double score = 0;
      for (std::size_t w = 0; w < q.shape().back(); ++w) score += element(q, i, w) * element(k, j, w);
      total += std::exp(scale * score), mean += std::exp(scale * score) * element(v, j, c);
    }
    return total == 0 ? 0 : mean / total;
  });
}

struct Heads {
  std::string name;
  Shapes shapes;
  Array<double> mask = Array<double>(Shape{}, 0.0);
  ad::AttentionOptions options = {};
  double scale() const { return options.scale.value_or(1 / std::sqrt(double(shapes[0].back()))); }
  template <class T>
  ad::Variable<T> operator()(const Variables<T>& x) const {
    if (mask.dimension()) return scaled_dot_product_attention(x[0], x[1], x[2], mask, options);
    return scaled_dot_product_attention(x[0], x[1], x[2], options);
  }
  template <class T>
  ad::Variable<T> by_weights(const Variables<T>& x) const {
    if (mask.dimension()) return matmul(attention_weights(x[0], x[1], mask, options), x[2]);
    return matmul(attention_weights(x[0], x[1], options), x[2]);
  }
};
const Array<double> none(Shape{}, 0.0);
const std::vector<Heads> heads{
    {"self", {{3, 2}, {3, 2}, {3, 2}}},
    {"of other lengths and widths", {{2, 3, 4}, {2, 5, 4}, {2, 5, 3}}, none, {.scale = 0.7}},
    {"broadcast", {{2, 1, 2, 3}, {3, 4, 3}, {4, 2}}},
    {"causal", {{3, 2}, {3, 2}, {3, 2}}, none, {.causal = true}},
    {"causal, of a last part", {{2, 2, 2}, {2, 4, 2}, {2, 4, 1}}, none, {.causal = true}},
    {"causal, with queries that see nothing", {{4, 2}, {2, 2}, {2, 3}}, none, {.causal = true}},
    {"with a mask", {{2, 3, 2}, {2, 3, 2}, {2, 3, 2}}, {{1, 0, 1}, {0, 0, 0}, {1, 1, 1}}},
    {"with a mask of keys", {{2, 2, 2}, {2, 3, 2}, {2, 3, 2}}, {{{1, 1, 0}}, {{1, 0, 0}}}, {.causal = true}},
};

template <>
std::vector<Case> cases<ad::Attention>() {
  std::vector<Case> result;
  for (const auto& c : heads)
    result.push_back({c.name, [c](const auto& x) { return c(x); }, samples(c.shapes),
                      [c](const Arrays& at) { return attention(at, c.mask, c.scale(), c.options.causal); }});
  return result;
}
/// The cotangents, of queries, keys, values and a cotangent of the result, against those of the weights.
template <>
std::vector<Case> cases<ad::AttentionGradient>() {
  std::vector<Case> result;
  for (const auto& c : heads) {
    if (c.name == "broadcast") continue;
    auto at = samples(c.shapes);
    Shape y = c.shapes[0];
    y.back() = c.shapes[2].back();
    at.push_back(sample(y, -1, 1, 9));
    const auto gradient = [c](const auto& x) {
      using V = std::remove_cvref_t<decltype(x[0])>;
      std::vector<V> of{x[0], x[1], x[2]};
      if (c.mask.dimension()) of.push_back(V(ad::to_array<typename V::value_type>(c.mask)));
      const auto [result, sums] = listed(ad::Attention{c.scale(), c.options.causal}, std::span<const V>(of));
      std::vector<V> inputs{x[0], x[1], x[2], result, sums, x[3]}, flat;
      if (c.mask.dimension()) inputs.push_back(of[3]);
      for (const auto& each : listed(ad::AttentionGradient{c.scale(), c.options.causal}, std::span<const V>(inputs)))
        flat.push_back(flatten(each));
      return concatenate(flat);
    };
    result.push_back({c.name, gradient, at, [c](const Arrays& from) {
                        ad::Tape<double> tape;
                        Variables<double> x, flat;
                        for (const auto& each : from) x.push_back(tape.variable(each));
                        const Variables<double> wanted(x.begin(), x.begin() + 3);
                        for (const auto& each : ad::vjp(c.by_weights(x), from[3], wanted))
                          flat.push_back(flatten(ad::Variable<double>(each)));
                        return concatenate(flat).value();
                      }});
  }
  return result;
}

AUTODIFF_ATTENTION(TEST_OPERATION)

/// The step by its definition: of gates (..., 4 units), and their sum at an index of a cell.
double lstm(const Arrays& at, const Index& index, bool cell) {
  const std::size_t units = at[2].shape().back();
  const auto gate = [&](std::size_t k) {
    Index of = index;
    of.back() += k * units;
    return static_cast<long double>(broadcast_at(at[0], of)) + broadcast_at(at[1], of);
  };
  const auto logistic = [](long double x) { return 1 / (1 + std::exp(-x)); };
  const long double c = logistic(gate(1)) * broadcast_at(at[2], index) + logistic(gate(0)) * std::tanh(gate(2));
  return static_cast<double>(cell ? c : logistic(gate(3)) * std::tanh(c));
}

template <>
std::vector<Case> cases<ad::LstmCell>() {
  std::vector<Case> result;
  for (const std::size_t units : {1, 3, 17}) {
    const auto at = units == 17 ? samples({{68}, {68}, {17}}) : samples({{2, 4 * units}, {2, 4 * units}, {2, units}});
    result.push_back({"h and c",
                      [](const auto& x) {
                        const auto [h, c] = lstm_cell(x[0], x[1], x[2]);
                        return h + 2 * c;
                      },
                      at,
                      [](const Arrays& from) {
                        return build(from[2].shape(),
                                     [&](const Index& i) { return lstm(from, i, false) + 2 * lstm(from, i, true); });
                      }});
    result.push_back({"h alone", [](const auto& x) { return lstm_cell(x[0], x[1], x[2])[0]; }, at,
                      [](const Arrays& from) {
                        return build(from[2].shape(), [&](const Index& i) { return lstm(from, i, false); });
                      }});
  }
  return result;
}
/// Of gates, c and the cotangents: against the gradient of the step from gates that are as they would be.
template <>
std::vector<Case> cases<ad::LstmCellGradient>() {
  return {{"gates and c",
           [](const auto& x) {
             const auto [of_gates, of_c] = listed(ad::LstmCellGradient{}, x[0], x[1], x[2], x[3]);
             return concatenate(std::vector{of_gates, of_c}, -1);
           },
           {sample({2, 12}, 0.1, 0.9), sample({2, 3}, -1, 1, 2), sample({2, 3}, -1, 1, 3), sample({2, 3}, -1, 1, 4)},
           [](const Arrays& at) {
             ad::Tape<double> tape;
             const auto gates = split(ad::Variable<double>(at[0]), 4, -1);
             Variables<double> sums;  // from which such gates come
             for (std::size_t k = 0; k < 4; ++k)
               sums.push_back(tape.variable(k == 2 ? atanh(gates[k]) : log(gates[k] / (1 - gates[k]))));
             const auto c = tape.variable(at[1]);
             const auto next = logistic(sums[1]) * c + logistic(sums[0]) * tanh(sums[2]);
             const auto loss = sum(logistic(sums[3]) * tanh(next) * at[2] + next * at[3]);
             sums.push_back(c);
             Variables<double> slopes;
             for (const auto& each : gradient(loss, sums)) slopes.emplace_back(each);
             return concatenate(slopes, -1).value();
           }}};
}

AUTODIFF_RECURRENCE(TEST_OPERATION)

TEST_CASE("attention over many blocks is that of all weights at once") {
  const Array<double> some = build({150, 1100}, [](const Index& i) { return (i[0] * 7 + i[1] * 3) % 5 != 0; });
  for (const auto& c : {Heads{"plain", {{2, 150, 5}, {2, 1100, 5}, {2, 1100, 3}}},
                        Heads{"causal", {{150, 5}, {1100, 5}, {1100, 3}}, none, {.causal = true}},
                        Heads{"mask", {{150, 5}, {1100, 5}, {1100, 3}}, some, {.causal = true}}}) {
    CAPTURE(c.name);
    ad::Tape<double> tape;
    Variables<double> x;
    for (const auto& each : samples(c.shapes, -4, 4)) x.push_back(tape.variable(each));
    const auto y = c(x), expected = c.by_weights(x);
    CHECK_EQ(difference(y.value(), expected.value(), 1e-13), "");
    const auto cotangent = sample(y.shape(), -1, 1, 5);
    const auto found = ad::vjp(y, cotangent, x), gradients = ad::vjp(expected, cotangent, x);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK_EQ(difference(found[i], gradients[i], 1e-12), "");
  }
}

TEST_CASE("the memory of attention and its gradient grows with the length, not with its square") {
  std::vector<double> bytes;
  for (const std::size_t length : {256, 512, 1024}) {
    ad::Tape<float> tape(ad::TapeMode::abstract);
    Variables<float> x;
    for (int i = 0; i < 3; ++i) x.push_back(tape.input({2, length, 8}));
    const auto y = sum(square(scaled_dot_product_attention(x[0], x[1], x[2], {.causal = true})));
    bytes.push_back(double(ad::compile(x, ad::recorded_gradient(y, x)).report().bytes));
  }
  CHECK(bytes[1] < 2.1 * bytes[0]);
  CHECK(bytes[2] < 2.1 * bytes[1]);
}

TEST_CASE("attention names shapes that do not fit") {
  const auto error = [](const Shapes& shapes, auto... mask) {
    Variables<double> x;
    for (const auto& shape : shapes) x.emplace_back(Array<double>(shape, 1.0));
    try {
      scaled_dot_product_attention(x[0], x[1], x[2], mask...);
    } catch (const ad::ShapeError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  const std::string name = "[scaled_dot_product_attention] ";
  CHECK_EQ(error({{3}, {3, 2}, {3, 2}}), name + "needs matrices: (3)");
  CHECK_EQ(error({{3, 2}, {4, 3}, {4, 2}}), name + "queries and keys must be of one width: (3, 2) and (4, 3)");
  CHECK_EQ(error({{3, 2}, {4, 2}, {5, 2}}), name + "there must be as many keys as values: (4, 2) and (5, 2)");
  CHECK_EQ(error({{3, 2}, {4, 2}, {4, 2}}, Array<double>(Shape{2, 4}, 1.0)),
           name + "the mask must broadcast to queries and keys: (2, 4) and (3, 4)");
}

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
