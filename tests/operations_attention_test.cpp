// Attention and steps of an LSTM, against their definitions in long double.
#include "cases.hpp"

#include <autodiff/ops/structs/attention.hpp>
#include <autodiff/ops/structs/recurrence.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// Attention by its definition; of a stack, whose axes in front broadcast. The mask may be a number: none. `kept` are
/// factors of the weights.
Array<double> attention(const Arrays& at, const Array<double>& mask, double scale, bool causal,
                        const Array<double>& kept) {
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
      total += std::exp(scale * score), mean += std::exp(scale * score) * element(kept, i, j) * element(v, j, c);
    }
    return total == 0 ? 0 : mean / total;
  });
}

struct Heads {
  std::string name;
  Shapes shapes;
  Array<double> mask = Array<double>(Shape{}, 0.0);
  ad::AttentionOptions options = {};
  double rate = 0;
  int key = 5, step = 3;
  /// What dropout makes of ones in the place of the weights.
  Array<double> kept() const {
    Shape weights(std::max({shapes[0].size(), shapes[1].size(), shapes[2].size()}), 1);
    for (const auto& shape : shapes)
      for (std::size_t i = 0; i + 2 < shape.size(); ++i)
        if (shape[i] != 1) weights[weights.size() - shape.size() + i] = shape[i];
    weights[weights.size() - 2] = shapes[0][shapes[0].size() - 2], weights.back() = shapes[1][shapes[1].size() - 2];
    return dropout(ad::Variable<double>(Array<double>(weights, 1.0)), rate, key, step).value();
  }
  double scale() const { return options.scale.value_or(1 / std::sqrt(double(shapes[0].back()))); }
  template <class T>
  ad::Variable<T> operator()(const Variables<T>& x) const {
    if (rate > 0 && mask.dimension())
      return scaled_dot_product_attention(x[0], x[1], x[2], mask, rate, key, step, options);
    if (rate > 0) return scaled_dot_product_attention(x[0], x[1], x[2], rate, key, step, options);
    if (mask.dimension()) return scaled_dot_product_attention(x[0], x[1], x[2], mask, options);
    return scaled_dot_product_attention(x[0], x[1], x[2], options);
  }
  template <class T>
  ad::Variable<T> by_weights(const Variables<T>& x) const {
    if (mask.dimension()) return matmul(attention_weights(x[0], x[1], mask, options) * kept(), x[2]);
    return matmul(attention_weights(x[0], x[1], options) * kept(), x[2]);
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
    {"with dropped weights", {{2, 3, 4}, {2, 5, 4}, {2, 5, 3}}, none, {}, 0.25},
    {"with dropped weights and a mask",
     {{3, 2}, {3, 2}, {3, 2}},
     {{1, 0, 1}, {0, 0, 0}, {1, 1, 1}},
     {.causal = true},
     0.5},
};

}  // namespace

template <>
std::vector<Case> cases<ad::Attention>() {
  std::vector<Case> result;
  for (const auto& c : heads)
    result.push_back({c.name, [c](const auto& x) { return c(x); }, samples(c.shapes),
                      [c](const Arrays& at) { return attention(at, c.mask, c.scale(), c.options.causal, c.kept()); }});
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
      using T = typename V::value_type;
      if (c.mask.dimension()) of.push_back(V(ad::to_array<T>(c.mask)));
      if (c.rate > 0) of.insert(of.end(), {ad::to_variable<T>(c.key), ad::to_variable<T>(c.step)});
      const auto [result, sums] = listed(ad::Attention{c.scale(), c.options.causal, c.rate}, std::span<const V>(of));
      std::vector<V> inputs{x[0], x[1], x[2], result, sums, x[3]}, flat;
      inputs.insert(inputs.end(), of.begin() + 3, of.end());
      for (const auto& each :
           listed(ad::AttentionGradient{c.scale(), c.options.causal, c.rate}, std::span<const V>(inputs)))
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

namespace {

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

}  // namespace

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
                        Heads{"mask", {{150, 5}, {1100, 5}, {1100, 3}}, some, {.causal = true}},
                        Heads{"dropped", {{2, 150, 5}, {2, 1100, 5}, {2, 1100, 3}}, none, {.causal = true}, 0.25},
                        Heads{"dropped, few", {{130, 5}, {70, 5}, {70, 3}}, none, {}, 0.5}}) {
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
  for (const double rate : {0.0, 0.1}) {
    std::vector<double> bytes;
    for (const std::size_t length : {256, 512, 1024}) {
      ad::Tape<float> tape(ad::TapeMode::abstract);
      Variables<float> x;
      for (int i = 0; i < 3; ++i) x.push_back(tape.input({2, length, 8}));
      const auto y = sum(square(scaled_dot_product_attention(x[0], x[1], x[2], rate, 1, 2, {.causal = true})));
      bytes.push_back(double(ad::compile(x, ad::recorded_gradient(y, x)).report().bytes));
    }
    CHECK(bytes[1] < 2.1 * bytes[0]);
    CHECK(bytes[2] < 2.1 * bytes[1]);
  }
}

TEST_CASE(
    "weights of attention are dropped anew at each step, the same ones by programs and tapes, and none in the mean") {
  const auto at = samples({{2, 6, 4}, {2, 9, 4}, {2, 9, 3}});
  const auto results = [](const Variables<double>& x, const ad::Variable<double>& step) {
    const Variables<double> inputs(x.begin(), x.begin() + 3);
    const auto y = scaled_dot_product_attention(x[0], x[1], x[2], 0.3, 7, step);
    Variables<double> all{y};
    for (const auto& g : ad::recorded_gradient(sum(square(y)), inputs)) all.push_back(g);
    return all;
  };
  ad::Tape<double> tape(ad::TapeMode::abstract);
  Variables<double> inputs;
  for (const auto& a : at) inputs.push_back(tape.input(a.shape()));
  inputs.push_back(tape.input({}));
  ad::CompileOptions exact;
  exact.exact = true;
  auto program = ad::compile(inputs, results(inputs, inputs[3]), {}, exact);
  const Variables<double> plain(at.begin(), at.end());
  const auto whole = scaled_dot_product_attention(plain[0], plain[1], plain[2]).value();
  Array<double> mean(whole.shape(), 0.0), last;
  constexpr int steps = 4000;
  for (int step = 0; step < steps; ++step) {
    const auto& y = program({at[0], at[1], at[2], Array<double>(Shape{}, double(step))});
    mean += y[0] / steps;
    CHECK(y[0] != last);
    last = y[0];
    if (step > 2) continue;
    ad::Tape<double> eager;
    Variables<double> x;
    for (const auto& a : at) x.push_back(eager.variable(a));
    const auto expected = results(x, ad::Variable<double>(double(step)));
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(y[i] == expected[i].value());
  }
  CHECK_EQ(difference(mean, whole, 6 * std::sqrt(0.3 / 0.7 / steps)), "");
  CHECK(scaled_dot_product_attention(plain[0], plain[1], plain[2], 0.0, 7, 1).value() == whole);
  const std::string name = "[scaled_dot_product_attention] ";
  const auto drop = [&](double rate, double key, const Array<double>& step) {
    scaled_dot_product_attention(plain[0], plain[1], plain[2], rate, key, step);
  };
  const Array<double> one(Shape{}, 1.0), two(Shape{2}, 1.0);
  CHECK_THROWS_WITH(drop(1, 1, one), (name + "the rate must be from 0 to 1 (not included): 1").c_str());
  CHECK_THROWS_WITH(drop(0.5, 1.5, one),
                    doctest::Contains((name + "the key must be a whole number from 0 to ").c_str()));
  CHECK_THROWS_WITH(drop(0.5, 1, two), (name + "key and step must have one element each: () and (2)").c_str());
}

TEST_CASE("attention and steps of an LSTM are computed of all samples at once by vmap") {
  auto attentions = cases<ad::Attention>();
  std::erase_if(attentions, [](const Case& c) { return c.name.starts_with("with dropped"); });
  check_samples(attentions);
  check_samples(cases<ad::LstmCell>());
  // What is dropped is the same for all samples.
  const auto at = samples({{3, 2, 4}, {3, 5, 4}, {3, 5, 3}});
  const auto f = [](const auto& x) { return scaled_dot_product_attention(x[0], x[1], x[2], 0.5, 1, 2); };
  const Variables<double> x(at.begin(), at.end());
  const auto all = ad::vmap(f, x);
  for (int i = 0; i < 3; ++i) CHECK(all(i).value() == f(Variables<double>{x[0](i), x[1](i), x[2](i)}).value());
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

}  // namespace test
