// Properties that every graph must have, on graphs drawn at random from fixed seeds.
#include "random_graph.hpp"

#include <map>

using namespace test;
using V = ad::Variable<double>;

namespace {

/// A graph, recorded.
struct Recorded {
  explicit Recorded(unsigned seed) {
    for (const auto& a : random_graph_inputs(seed)) x.push_back(tape.variable(a));
    y = RandomGraph<double>(seed)(x);
  }
  Arrays like_x(unsigned seed) const { return random_graph_inputs(seed + 100); }
  Array<double> like_y(unsigned seed) const { return sample(y.shape(), -1, 1, seed); }
  ad::Tape<double> tape;
  Variables<double> x;
  V y;
};

double inner(const Arrays& a, const Arrays& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) total += a[i].data()[j] * b[i].data()[j];
  return total;
}

void for_each_graph(const std::function<void(unsigned, Recorded&)>& check) {
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    Recorded graph(seed);
    check(seed, graph);
  }
}

}  // namespace

TEST_CASE("gradients of random graphs agree with finite differences, to second order") {
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    ad::CheckOptions options;
    options.fast = true;
    options.second_order = true;
    const auto report = ad::check_gradient([&](const Variables<double>& x) { return RandomGraph<double>(seed)(x); },
                                           random_graph_inputs(seed), options);
    CHECK_MESSAGE(report, report.message());
  }
}

TEST_CASE("random graphs: the sweep over arrays gives what the recorded sweep gives") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed);
    const auto arrays = ad::vjp(g.y, u, g.x);
    const auto recorded = ad::recorded_gradient(sum(g.y * u), g.x);
    for (std::size_t i = 0; i < g.x.size(); ++i) CHECK_EQ(difference(arrays[i], recorded[i].value(), 1e-12), "");
  });
}

TEST_CASE("random graphs: the vjp is linear in its cotangent") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed), w = g.like_y(seed + 1);
    const auto of_u = ad::vjp(g.y, u, g.x), of_w = ad::vjp(g.y, w, g.x);
    const auto of_both = ad::vjp(g.y, Array<double>(2 * u - 3 * w), g.x);
    for (std::size_t i = 0; i < g.x.size(); ++i) CHECK_EQ(difference(of_both[i], 2 * of_u[i] - 3 * of_w[i], 1e-12), "");
  });
}

TEST_CASE("random graphs: jvp and vjp are transposes of each other") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed);
    const auto v = g.like_x(seed);
    CHECK(inner({u}, {ad::jvp(g.y, g.x, v)}) == doctest::Approx(inner(ad::vjp(g.y, u, g.x), v)).epsilon(1e-10));
  });
}

TEST_CASE("random graphs: the Hessian is symmetric") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto f = sum(g.y * g.like_y(seed));
    const auto v = g.like_x(seed), w = g.like_x(seed + 1);
    CHECK(inner(w, ad::hvp(f, g.x, v)) == doctest::Approx(inner(v, ad::hvp(f, g.x, w))).epsilon(1e-9));
    auto h = hessian(f, g.x[0]);
    h.reshape({6, 6});
    CHECK_EQ(difference(h, build({6, 6}, [&](const auto& i) { return h(i[1], i[0]); }), 1e-11), "");
  });
}

TEST_CASE("random graphs: programs that keep to a limit of memory give the same") {
  int limited = 0;
  for_each_graph([&](unsigned seed, Recorded& g) {
    if (seed % 8 != 0) return;  // a search takes as long as a hundred compilations
    auto outputs = ad::recorded_gradient(sum(g.y * g.like_y(seed)), g.x);
    outputs.push_back(g.y);
    for (const bool exact : {false, true}) {
      const auto wanted = ad::compile(g.x, outputs, {}, {.exact = exact})(g.like_x(seed));
      const std::size_t bytes = ad::compile(g.x, outputs, {}, {.exact = exact}).report().bytes;
      for (const std::size_t limit : {bytes * 3 / 4, bytes / 2}) try {
          auto program = ad::compile(g.x, outputs, {}, {.exact = exact, .memory_limit = limit});
          CHECK_LE(program.report().bytes, limit);
          limited += program.report().recomputed > 0;
          const auto& found = program(g.like_x(seed));
          for (std::size_t i = 0; i < wanted.size(); ++i)
            CHECK_EQ(difference(found[i], wanted[i], exact ? 0 : 1e-12), "");
        } catch (const ad::ValueError& error) {
          CHECK_MESSAGE(std::string(error.what()).find("memory_limit") != std::string::npos, error.what());
        }
    }
  });
  CHECK_GE(limited, 5);
}

TEST_CASE("random graphs reach most of the library") {
  std::map<std::string, int> seen;
  for_each_graph([&](unsigned, Recorded& g) {
    for (std::size_t i = 0; i < g.tape.size(); ++i)
      if (const auto& op = g.tape.node(i).operation) ++seen[std::string(op->name())];
  });
  CHECK_GE(seen.size(), 45);
}
