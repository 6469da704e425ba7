// Losses that are put together: against their definitions, PyTorch's numbers, and all paths of CTC one by one.
#include <algorithm>

#include "cases.hpp"

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// The probability of a target by all paths of classes through the steps, each written down without repetitions and
/// then without blanks.
double by_all_paths(const Array<double>& p, std::size_t batch, std::size_t steps, const Index& target) {
  const std::size_t classes = p.shape(2);
  double total = 0;
  for (std::size_t path = 0; path < std::size_t(std::pow(classes, steps)); ++path) {
    Index said;
    double probability = 1;
    std::size_t last = classes;
    for (std::size_t t = 0, rest = path; t < steps; ++t, rest /= classes) {
      const std::size_t c = rest % classes;
      probability *= std::exp(p(t, batch, c));
      if (c != last && c != 0) said.push_back(c);
      last = c;
    }
    if (said == target) total += probability;
  }
  return -std::log(total);
}

}  // namespace

TEST_CASE("losses: ctc_loss is that of all paths, for targets of any length, with labels that repeat") {
  const auto targets = array({4, 2}, {1, 2, 1, 1, 2, 7, -1, 1});
  const auto lengths = array({4}, {4, 3, 4, 2}), target_lengths = array({4}, {2, 2, 1, 0});
  check({"ctc_loss", [=](const auto& x) { return ctc_loss(log_softmax(x[0]), targets, lengths, target_lengths); },
         samples({{4, 4, 3}}),
         [](const Arrays& at) {
           Array<double> p = at[0];
           for (std::size_t t = 0; t < 4; ++t)
             for (std::size_t b = 0; b < 4; ++b) {
               double total = 0;
               for (std::size_t c = 0; c < 3; ++c) total += std::exp(at[0](t, b, c));
               for (std::size_t c = 0; c < 3; ++c) p(t, b, c) -= std::log(total);
             }
           return array({4}, {by_all_paths(p, 0, 4, {1, 2}), by_all_paths(p, 1, 3, {1, 1}), by_all_paths(p, 2, 4, {2}),
                              by_all_paths(p, 3, 2, {})});
         }});
}

TEST_CASE("losses: ctc_loss of what does not fit, and what is refused") {
  ad::Tape<double> tape;
  const auto x = tape.variable(sample({2, 1, 3}, -1, 1));
  const auto loss = ctc_loss(log_softmax(x), array({1, 2}, {1, 1}), array({1}, {2}), array({1}, {2}));
  CHECK_EQ(loss(0).item(), HUGE_VAL);  // 1 1 takes three steps
  for (const double each : gradient(sum(loss), x)) CHECK(std::isfinite(each));
  CHECK_THROWS_AS(ctc_loss(x, array({1, 2}, {1, 5}), array({1}, {2}), array({1}, {2})), ad::ValueError);
  CHECK_THROWS_AS(ctc_loss(x, array({1, 2}, {1, 1}), array({1}, {2}), array({1}, {3})), ad::ValueError);
  CHECK_THROWS_AS(ctc_loss(x, array({2, 2}, {1, 1, 1, 1}), array({1}, {2}), array({1}, {2})), ad::ShapeError);
  CHECK_THROWS_AS(ctc_loss(x, array({1, 2}, {1, 1}), array({1}, {2}), array({1}, {2}), 3), ad::ValueError);
  const auto refused = [&](double length, double target_length, const std::string& text) {
    const auto lengths = tape.variable(array({1}, {length})),
               target_lengths = tape.variable(array({1}, {target_length}));
    CHECK_THROWS_WITH_AS(ctc_loss(x, array({1, 2}, {1, 1}), lengths, target_lengths), text.c_str(), ad::ValueError);
  };
  refused(3, 1, "[ctc_loss] the length of sample 0 must be a whole number from 0 to 2: 3");
  refused(-1, 1, "[ctc_loss] the length of sample 0 must be a whole number from 0 to 2: -1");
  refused(1.5, 1, "[ctc_loss] the length of sample 0 must be a whole number from 0 to 2: 1.5");
  refused(NAN, 1, "[ctc_loss] the length of sample 0 must be a whole number from 0 to 2: nan");
  refused(2, 3, "[ctc_loss] the length of target 0 must be a whole number from 0 to 2: 3");
  ad::Tape<double> recorded;
  const auto p = recorded.variable(sample({2, 1, 3}, -1, 1)), lengths = recorded.constant(array({1}, {2}));
  auto program = ad::compile({p, lengths}, {ctc_loss(p, array({1, 1}, {1}), lengths, array({1}, {1}))});
  CHECK_THROWS_AS(program(p.value(), array({1}, {3})), ad::ValueError);
  // Of no step at all, nothing was said for certain.
  const auto of_none = ctc_loss(p, array({1, 1}, {1}), array({1}, {0}), array({1}, {0}));
  CHECK_EQ(of_none.value()(0), 0);
  CHECK_EQ(gradient(sum(of_none), p), xt::zeros<double>({2, 1, 3}));
  CHECK_EQ(ctc_loss(p, array({1, 1}, {1}), array({1}, {0}), array({1}, {1})).value()(0), HUGE_VAL);
}

TEST_CASE("losses: classes to ignore") {
  const auto classes = array({3}, {1, -100, 0});
  check({"ignore_index", [=](const auto& x) { return softmax_cross_entropy(x[0], classes, {.ignore_index = -100}); },
         samples({{3, 2}}),
         [](const Arrays& at) {
           const auto& x = at[0];
           const double first = std::log(1 + std::exp(x(0, 0) - x(0, 1))),
                        last = std::log(1 + std::exp(x(2, 1) - x(2, 0)));
           return ad::to_array<double>((first + last) / 2);
         }});
  ad::Tape<double> tape;
  const auto x = tape.variable(sample({2, 2}, -1, 1));
  CHECK(std::isnan(softmax_cross_entropy(x, array({2}, {7, 7}), {.ignore_index = 7}).item()));
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2}, {7, 2}), {.ignore_index = 7}), ad::ValueError);
  CHECK_THROWS_AS(softmax_cross_entropy(x, array({2, 2}, {0, 1, 1, 0}), {.ignore_index = 7}), ad::ShapeError);
}

TEST_CASE("losses: against their definitions") {
  const auto target = array({4}, {0, 1, 0.25, 1});
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto mean_over = [](std::size_t n, auto f) {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) total += f(i);
    return ad::to_array<double>(total / double(n));
  };
  check({"binary_cross_entropy_with_logits",
         [=](const auto& x) { return binary_cross_entropy_with_logits(x[0], target, 3); }, samples({{4}}),
         [=](const Arrays& at) {
           return mean_over(4, [&](std::size_t i) {
             const double p = logistic(at[0](i));
             return -3 * target(i) * std::log(p) - (1 - target(i)) * std::log(1 - p);
           });
         }});
  check({"gaussian_nll", [](const auto& x) { return gaussian_nll(x[0], x[1], x[2] * x[2] + 0.5); },
         samples({{4}, {4}, {4}}),
         [=](const Arrays& at) {
           return mean_over(4, [&](std::size_t i) {
             const double v = at[2](i) * at[2](i) + 0.5, d = at[0](i) - at[1](i);
             return (std::log(v) + d * d / v) / 2;
           });
         }});
  check({"poisson_nll", [](const auto& x) { return poisson_nll(x[0], abs(x[1])); }, samples({{4}, {4}}),
         [=](const Arrays& at) {
           return mean_over(4, [&](std::size_t i) { return std::exp(at[0](i)) - std::abs(at[1](i)) * at[0](i); });
         }});
  check({"cosine_similarity", [](const auto& x) { return cosine_similarity(x[0], x[1], 0); }, samples({{3, 2}, {3, 2}}),
         [](const Arrays& at) {
           return build({2}, [&](const Index& j) {
             double ab = 0, aa = 0, bb = 0;
             for (std::size_t i = 0; i < 3; ++i) {
               const double a = at[0](i, j[0]), b = at[1](i, j[0]);
               ab += a * b, aa += a * a, bb += b * b;
             }
             return ab / std::sqrt(aa * bb);
           });
         }});
  check({"triplet_loss", [](const auto& x) { return triplet_loss(x[0], x[1], x[2], 0.5); },
         samples({{4, 2}, {4, 2}, {4, 2}}),
         [=](const Arrays& at) {
           return mean_over(4, [&](std::size_t i) {
             const auto distance = [&](const auto& b) {
               return std::hypot(at[0](i, 0) - b(i, 0), at[0](i, 1) - b(i, 1));
             };
             return std::max(0.0, distance(at[1]) - distance(at[2]) + 0.5);
           });
         }});
  check({"glu", [](const auto& x) { return glu(x[0], 0); }, samples({{4, 3}}),
         [=](const Arrays& at) {
           return build({2, 3}, [&](const Index& i) { return at[0](i[0], i[1]) * logistic(at[0](i[0] + 2, i[1])); });
         }});
  check({"softmin", [](const auto& x) { return softmin(x[0]); }, samples({{2}}),
         [=](const Arrays& at) {
           const double p = logistic(at[0](1) - at[0](0));
           return array({2}, {p, 1 - p});
         }});
}

TEST_CASE("losses: sparsemax is the next point of the simplex") {
  check({"sparsemax", [](const auto& x) { return sparsemax(x[0], 0); }, samples({{5, 3}}),
         [](const Arrays& at) {
           return build({5, 3}, [&](const Index& i) {  // lowered until the positive parts sum to one, by bisection
             double low = -10, high = 10;
             for (int step = 0; step < 100; ++step) {
               const double middle = (low + high) / 2;
               double total = 0;
               for (std::size_t k = 0; k < 5; ++k) total += std::max(0.0, at[0](k, i[1]) - middle);
               (total > 1 ? low : high) = middle;
             }
             return std::max(0.0, at[0](i[0], i[1]) - low);
           });
         }});
  ad::Tape<double> tape;
  CHECK_EQ(difference(sparsemax(tape.variable({3.0, 3.0, -1.0, 2.0})).value(), array({4}, {0.5, 0.5, 0, 0}), 1e-15),
           "");
}

TEST_CASE("losses: flat and clipped at their ends as PyTorch's") {
  ad::Tape<double> tape;
  const auto v = tape.variable(0.0);
  CHECK_EQ(gradient(gaussian_nll(tape.variable(1.0), 1, v), v)(), 0.5e6);  // past the bound of the variance
  const auto a = tape.variable({0.0, 0.0});
  CHECK_EQ(difference(gradient(cosine_similarity(a, array({2}, {3, 4})), a), array({2}, {0.6e8, 0.8e8}), 1e-12), "");
  const auto huge = tape.variable({-1e30, -HUGE_VAL, 1e30});
  CHECK_EQ(difference(hard_swish(huge).value(), array({3}, {0, 0, 1e30}), 0), "");
  CHECK_EQ(difference(mish(huge).value(), array({3}, {0, 0, 1e30}), 0), "");
  CHECK_EQ(difference(gelu_tanh(huge).value(), array({3}, {0, 0, 1e30}), 0), "");
  const auto ends = tape.variable({-3.0, 3.0});
  CHECK_EQ(difference(gradient(sum(hard_sigmoid(ends)), ends), array({2}, {0, 0}), 0), "");
}

TEST_CASE("denormal numbers are flushed where a scope or a program says so, on all threads, and nowhere else") {
  const std::size_t n = 1 << 20;
  const Array<float> tiny(Shape{n}, 1e-39f);
  const auto sum_of = [&] {
    return sum(ad::Variable<float>(tiny) * 1.0f * ad::Variable<float>(Array<float>(Shape{n}, 0.5f))).item();
  };
  const auto threads = ad::threads();
  ad::set_threads(4);
  CHECK(sum_of() > 5e-34f);
  {
    const ad::FlushDenormals flush;
    CHECK_EQ(sum_of(), 0);
  }
  CHECK(sum_of() > 5e-34f);
  ad::Tape<float> tape;
  const auto x = tape.variable(Array<float>(Shape{n}, 1.0f));
  const auto y = sum(x * 0.5f * x);
  CHECK(ad::compile({x}, {y})(tiny)[0]() == 0);  // the square underflows either way
  const auto z = sum(x * 0.5f);
  CHECK(ad::compile({x}, {z})(tiny)[0]() > 5e-34f);
  CHECK_EQ(ad::compile({x}, {z}, {}, {.flush_denormals = true})(tiny)[0](), 0);
  CHECK(sum_of() > 5e-34f);
  ad::set_threads(threads);
}

}  // namespace test
