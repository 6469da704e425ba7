// Whole programs beside the tape that they were made from: random graphs, shapes of more than one block and chunk,
// training; and the same bits for any number of threads.
#include <autodiff/kernels/assembler.hpp>
#include <autodiff/kernels/threads.hpp>

#include "random_graph.hpp"
#include "training.hpp"

using namespace test;
using ad::CompileOptions;
using ad::Tape;
using ad::Variable;

namespace {

constexpr double same_bits = 1e-300;
constexpr int teams[] = {1, 2, 3, 8};

template <class T>
using Values = std::vector<Array<T>>;

template <class T>
Values<T> in(const Arrays& arrays) {
  Values<T> values;
  for (const auto& a : arrays) values.push_back(ad::to_array<T>(a));
  return values;
}

template <class T>
Variables<T> enter(Tape<T>& tape, const Values<T>& values) {
  Variables<T> x;
  for (const auto& value : values) x.push_back(tape.variable(value));
  return x;
}

template <class T>
void check_equal(const Values<T>& actual, const Values<T>& expected, double tolerance) {
  REQUIRE_EQ(actual.size(), expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    INFO("value " << k);
    CHECK_EQ(difference(actual[k], expected[k], tolerance), "");
  }
}

/// Several functions of several arguments: what a program is to compute.
template <class T>
using Functions = std::function<Variables<T>(const Variables<T>&)>;

/// Recorded at one point, run at it and another; against the tape at each, and for several teams of threads.
template <class T>
void check_program(const Functions<T>& functions, const Values<T>& recorded, const Values<T>& elsewhere,
                   double tolerance) {
  Tape<T> tape;
  const auto x = enter(tape, recorded);
  const auto y = functions(x);
  std::vector<Values<T>> expected;
  for (const auto& at : {recorded, elsewhere}) {
    Tape<T> fresh;
    auto& values = expected.emplace_back();
    for (const auto& each : functions(enter(fresh, at))) values.push_back(each.value());
  }
  for (const bool exact : {true, false}) {
    std::vector<Values<T>> first;
    for (const int threads : teams) {
      INFO((exact ? "exact, " : "") << threads << " threads");
      auto program = ad::compile(x, y, {}, {.threads = threads, .exact = exact});
      std::vector<Values<T>> results;
      for (const auto* at : {&recorded, &elsewhere}) results.push_back(program(*at));
      if (threads != 1) {
        for (std::size_t i = 0; i < 2; ++i) check_equal(results[i], first[i], same_bits);
        continue;
      }
      first = results;
      for (std::size_t i = 0; i < 2; ++i) check_equal(results[i], expected[i], exact ? same_bits : tolerance);
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("random graphs and their gradients, where they were recorded and elsewhere", T, float, double) {
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    const Functions<T> functions = [&](const Variables<T>& x) {
      Variables<T> y{RandomGraph<T>(seed)(x)};
      for (const auto& g : recorded_gradient(sum(y[0]), x)) y.push_back(g);
      return y;
    };
    check_program<T>(functions, in<T>(random_graph_inputs(seed)), in<T>(random_graph_inputs(seed + 500)),
                     std::is_same_v<T, float> ? 5e-5 : 1e-12);
  }
}

// ---- shapes of several blocks and chunks ----

namespace {

/// x (rows, columns), a row, a column and a number: chains that keep values, that reduce what is kept and what is not,
/// gradients of them, and products.
template <class T>
Variables<T> chains(const Variables<T>& x) {
  const auto &a = x[0], &row = x[1], &column = x[2], &one = x[3];
  const auto kept = tanh(a * row + column), passing = exp(-square(a - column) * one) + 0.5;
  Variables<T> y{kept,
                 sum(kept),
                 sum(kept, 0),
                 sum(kept, 1),
                 mean(passing),
                 mean(passing, 0),
                 max(passing, 1),
                 min(passing * row, 0),
                 max(a),
                 sum(square(a), 1, ad::keepdims) * a,
                 softmax(a * one, 1),
                 (a - mean(a, 0)) * rsqrt(variance(a, 0) + 0.1)};
  auto total = mean(kept * passing) + mean(y[9]) * 0.1 + mean(square(y[11]));
  for (const auto& g : recorded_gradient(total, Variables<T>(x))) y.push_back(g);
  return y;
}

template <class T>
void check_chains(const Shape& shape) {
  INFO(ad::to_string(ad::Dims(shape)));
  const auto at = [&](unsigned seed) {
    return in<T>({sample(shape, -1, 1, seed), sample({shape[1]}, -1, 1, seed + 1),
                  sample({shape[0], 1}, -1, 1, seed + 2), sample({}, 0.5, 1, seed + 3)});
  };
  check_program<T>(chains<T>, at(1), at(11), std::is_same_v<T, float> ? 2e-4 : 1e-12);
}

}  // namespace

TEST_CASE("rows and columns of more than one block and chunk, floats") {
  for (const Shape& shape : {Shape{700, 700}, Shape{3, 5000}, Shape{5000, 3}, Shape{333, 17}, Shape{1, 30000},
                             Shape{30000, 1}, Shape{65, 513}, Shape{100, 1024}, Shape{7, 4097}, Shape{9, 4096}})
    check_chains<float>(shape);
}

TEST_CASE("rows and columns of more than one block and chunk, doubles") {
  for (const Shape& shape : {Shape{300, 301}, Shape{3, 5000}, Shape{5000, 3}, Shape{2, 20000}, Shape{257, 33}})
    check_chains<double>(shape);
}

TEST_CASE_TEMPLATE("long vectors, and more axes than rows and columns", T, float, double) {
  const Functions<T> of_vectors = [](const Variables<T>& x) {
    const auto kept = sin(x[0] * x[1]) - x[0];
    return Variables<T>{kept,
                        sum(kept),
                        max(exp(x[0]) + x[1]),
                        mean(square(x[0] - mean(x[0]))),
                        sum(reshape(kept, {100, 1000}), 0) * 2.0,
                        recorded_gradient(sum(square(kept)), x[0])};
  };
  const auto vectors = [](unsigned seed) {
    return in<T>({sample({100000}, -1, 1, seed), sample({100000}, -1, 1, seed + 1)});
  };
  check_program<T>(of_vectors, vectors(1), vectors(5), std::is_same_v<T, float> ? 1e-4 : 1e-12);

  const Functions<T> of_axes = [](const Variables<T>& x) {
    const auto &a = x[0], &channel = x[1];
    const auto kept = tanh(a + channel);
    Variables<T> y{kept, sum(kept, ad::Axes{0, 2}), mean(kept, 1), mean(exp(a), ad::Axes{0, 1}), sum(a * a)};
    y.push_back(recorded_gradient(sum(square(kept)), channel));
    return y;
  };
  const auto axes = [](unsigned seed) {
    return in<T>({sample({40, 12, 50}, -1, 1, seed), sample({12, 1}, -1, 1, seed + 1)});
  };
  check_program<T>(of_axes, axes(1), axes(5), std::is_same_v<T, float> ? 1e-4 : 1e-12);
}

TEST_CASE_TEMPLATE("sums are added up on the way: of what is kept and what is not, more than loops can, over long rows",
                   T, float, double) {
  const Functions<T> of_sums = [](const Variables<T>& x) {
    const auto a = x[0] * x[1], b = a + x[0], c = b * b, d = c - a, e = d * x[0], f = e + x[1];
    return Variables<T>{sum(a), sum(b), d, sum(c), sum(d) * 2, max(d), sum(e), sum(f), sum(d, 0), sum(exp(f))};
  };
  for (const Shape& shape : {Shape{10007}, Shape{3, 7001}, Shape{7001, 3}, Shape{65, 513}}) {
    INFO(ad::to_string(ad::Dims(shape)));
    const auto at = [&](unsigned seed) {
      return in<T>({sample(shape, -1, 1, seed), sample({shape.back()}, -1, 1, seed + 1)});
    };
    check_program<T>(of_sums, at(1), at(5), std::is_same_v<T, float> ? 2e-4 : 1e-12);
  }
}

TEST_CASE("a sum on the way keeps its digits, and meets what is not finite in the last elements, too") {
  Tape<float> tape;
  const std::size_t n = 3'000'001;
  const auto x = tape.variable(Array<float>(Shape{n}, 0.1f));
  auto program = ad::compile({x}, {sum(x * 1.5)});
  CHECK(program(x.value())[0]() == doctest::Approx(0.15 * double(n)).epsilon(1e-6));
  auto last = x.value();
  last(n - 1) = std::numeric_limits<float>::infinity();
  CHECK(program(last)[0]() == last(n - 1));
  last(n - 2) = -last(n - 1);
  CHECK(std::isnan(program(last)[0]()));
  CHECK(program(x.value())[0]() == doctest::Approx(0.15 * double(n)).epsilon(1e-6));
}

TEST_CASE("what is only summed takes no memory where loops add it up") {
  Tape<float> tape;
  const auto x = tape.variable(Array<float>(Shape{100'000}, 0.5f));
  const auto scratch = [&](const auto& y) { return ad::compile({x}, {y}).report().scratch_bytes; };
  if (ad::kernels::Assembler<float>::works())
    CHECK(8 * scratch(sum(x * x + 1)) < scratch(max(x * x + 1)));
  else
    CHECK_EQ(scratch(sum(x * x + 1)), scratch(max(x * x + 1)));
}

TEST_CASE("rows of any length need no more memory for blocks, unless they are reduced") {
  const auto scratch = [](std::size_t columns) {
    Tape<float> tape;
    const auto x = tape.variable(Array<float>(Shape{2, columns}, 0.5f)),
               row = tape.variable(Array<float>(Shape{columns}, 0.5f));
    const auto y = exp(x) * row;
    auto program = ad::compile({x, row}, {sum(y), max(y - x)}, {}, {.threads = 2});
    CHECK_EQ(program.report().clusters, 1);
    const auto& outputs = program(x.value(), row.value());
    CHECK(outputs[0]() == doctest::Approx(double(columns) * std::exp(0.5)).epsilon(1e-5));
    CHECK(outputs[1]() == doctest::Approx(0.5 * std::exp(0.5) - 0.5).epsilon(1e-5));
    return program.report().scratch_bytes;
  };
  CHECK_EQ(scratch(200000), scratch(20000));
}

TEST_CASE("more nodes than a cluster holds, over several blocks") {
  const Functions<double> chain = [](const Variables<double>& x) {
    auto y = x[0];
    Variables<double> all;
    for (int i = 0; i < 300; ++i) {
      y = i % 3 == 0 ? sin(y) + x[0] : y * x[1] + 0.25;
      if (i % 50 == 0) all.push_back(sum(y, i % 100 == 0 ? 0 : 1));
    }
    all.push_back(y);
    return all;
  };
  const auto at = [](unsigned seed) {
    return in<double>({sample({120, 77}, -1, 1, seed), sample({77}, -1, 1, seed + 1)});
  };
  check_program<double>(chain, at(1), at(5), 1e-12);
}

TEST_CASE("parts of an array beside the whole, over several blocks") {
  const Functions<double> parts = [](const Variables<double>& x) {
    const auto y = tanh(x[0]);
    return Variables<double>{y - slice(y, {ad::Range{3, 4}}),
                             y * slice(y, {ad::all, ad::Range{2, 3}}),
                             slice(y, {ad::Range{100, 200}}) + exp(slice(x[0], {ad::Range{150, 250}})),
                             transpose(slice(x[0], {ad::all, ad::Range{0, 300, 2}})) * 2.0,
                             sum(slice(y, {ad::Range{7, 300}}), 0),
                             slice(y, {ad::Range{{}, {}, -1}}) + y};
  };
  check_program<double>(parts, in<double>({sample({300, 310}, -1, 1)}), in<double>({sample({300, 310}, -1, 1, 2)}),
                        1e-12);
}

// ---- training ----

namespace {

/// Steps of a program beside steps recorded anew, each from the states that the last has left.
template <class T>
void check_training(const Network& network, const nn::Optimiser<T>& rule, bool exact, double tolerance) {
  INFO(network.batch << ": " << network.sizes[0] << "-" << network.sizes[1] << "-..." << (exact ? ", exact" : ""));
  auto states = TrainingStep<T>::initial(network, rule);
  auto program = TrainingStep<T>(network, rule).compile({.exact = exact});
  for (unsigned i = 0; i < 50; ++i) {
    const Batch<T> batch(network, i);
    const TrainingStep<T> step(network, rule, batch, states);
    states = step.next();
    const auto loss = program(batch.x, batch.labels, batch.rate)[0]();
    REQUIRE_LE(std::abs(loss - step.loss.item()), exact ? 0 : tolerance);
    if (i % 10 != 9) continue;
    for (std::size_t k = 0; k < states.size(); ++k) {
      INFO("state " << k << " after step " << i + 1);
      REQUIRE_EQ(difference(program.state(k), states[k], exact ? same_bits : tolerance), "");
    }
  }
}

const Network small_networks[] = {{1, {2, 3, 2}}, {16, {10, 10, 10, 10}}, {7, {33, 65, 5}}, {12, {784, 30, 10}}};

}  // namespace

TEST_CASE_TEMPLATE("training steps of programs are those of the tape", T, float, double) {
  const nn::GradientDescent<T> descent(0.1);
  const nn::Sgd<T> momentum(0.1, {.momentum = 0.9, .weight_decay = 0.01});
  const nn::Adam<T> adam(0.1);
  const nn::AdamW<T> adamw(0.1);
  const bool is_float = std::is_same_v<T, float>;
  for (const auto& network : small_networks)
    for (const bool exact : {true, false}) {
      check_training<T>(network, descent, exact, is_float ? 1e-5 : 1e-13);
      check_training<T>(network, momentum, exact, is_float ? 1e-4 : 1e-12);
      check_training<T>(network, adam, exact, is_float ? 1e-2 : 1e-9);
      check_training<T>(network, adamw, exact, is_float ? 1e-2 : 1e-9);
    }
}

TEST_CASE("200 steps of training give the same losses and weights for any number of threads") {
  const nn::GradientDescent<float> descent(0.1);
  const nn::Adam<float> adam(0.1);
  struct Try {
    Network network;
    const nn::Optimiser<float>* rule;
  };
  for (const auto& each : {Try{{1, {2, 3, 2}}, &descent}, Try{{1, {2, 3, 2}}, &adam}, Try{{1, {300, 200, 10}}, &adam},
                           Try{{64, {150, 128, 10}}, &descent}}) {
    const auto& network = each.network;
    const auto* rule = each.rule;
    INFO(network.batch << ": " << network.sizes[0] << "-" << network.sizes[1] << (rule == &adam ? ", Adam" : ""));
    const TrainingStep<float> step(network, *rule);
    std::vector<float> losses;
    Values<float> states;
    for (const int threads : teams) {
      auto program = step.compile({.threads = threads});
      std::vector<float> these;
      for (unsigned i = 0; i < 200; ++i) {
        const Batch<float> batch(network, i % 5);
        these.push_back(program(batch.x, batch.labels, batch.rate)[0]());
      }
      if (threads == 1) losses = these;
      CHECK_EQ(these, losses);
      for (std::size_t k = 0; k < step.updates.size(); ++k) {
        if (threads == 1) states.push_back(program.state(k));
        CHECK_EQ(difference(program.state(k), states[k], same_bits), "");
      }
    }
    CHECK_NE(losses.back(), losses.front());
  }
}

TEST_CASE("a run uses as many threads as it was compiled for, and leaves those of the process") {
  Tape<float> tape;
  const auto x = tape.variable(ad::to_array<float>(sample({64, 64}, -1, 1)));
  auto program = ad::compile({x}, {matmul(x, x)}, {}, {.threads = 3});
  const int before = ad::kernels::threads();
  program(x.value());
  CHECK_EQ(ad::kernels::threads(), before);
}
