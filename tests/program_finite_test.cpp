// The hunt of programs for the first value that is not finite.
#include "cases.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;

TEST_CASE("the hunt for values that are not finite names scope, operation, shapes and index, and changes no value") {
  Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, 1, 2)), w = tape.variable(sample({3, 4}, 1, 2, 2));
  V y;
  {
    const auto scope = tape.scope("layer1");
    y = log(matmul(x, w));
  }
  const auto z = sum(y * y, 1);
  auto program = ad::compile({x, w}, {z}, {}, {.stop_at_non_finite = true});
  CHECK_EQ(difference(program(x.value(), w.value())[0], z.value(), 1e-300), "");
  auto bad = x.value();
  bad(1, 2) = -100;
  CHECK_THROWS_WITH_AS(program(bad, w.value()), "layer1: [log] the result (2, 4) has -nan at (1, 0), from (2, 4)",
                       ad::ValueError);
  bad(1, 2) = std::numeric_limits<double>::max();
  CHECK_THROWS_WITH_AS(program(bad, w.value()),
                       "layer1: [matmul] the result (2, 4) has inf at (1, 0), from (2, 3) and (3, 4)", ad::ValueError);
  CHECK_EQ(difference(program(x.value(), w.value())[0], z.value(), 1e-300), "");
  // Without it, the same run gives what comes of it.
  auto quiet = ad::compile({x, w}, {z});
  CHECK_FALSE(std::isfinite(quiet(bad, w.value())[0](1)));
  // Nodes without a name, updates, views that are copied, and profiles.
  const auto unnamed = ad::compile({x}, {}, {{w, w / sum(x)}}, {.stop_at_non_finite = true, .profile = true});
  CHECK_EQ(unnamed.report().clusters, 1);
  auto update = ad::compile({x}, {transpose(x) + transpose(x * 0.0)}, {{w, w / sum(x)}},
                            {.stop_at_non_finite = true, .profile = true});
  CHECK_THROWS_WITH_AS(update(Array<double>(Shape{2, 3}, 0.0)),
                       "[div] the result (3, 4) has inf at (0, 0), from (3, 4) and ()", ad::ValueError);
}

TEST_CASE("the hunt names inputs and states that are not finite, before anything is changed") {
  Tape<double> tape;
  V x, w;
  {
    const auto scope = tape.scope("net");
    x = tape.variable(array({2}, {1, 2}), "x");
    w = tape.variable(array({2}, {3, 4}), "w");
  }
  const auto y = tape.variable(0.0);
  // An output and a next value that are inputs: no operation computes them.
  auto program = ad::compile({x, y}, {x}, {{w, x}}, {.stop_at_non_finite = true});
  CHECK_THROWS_WITH_AS(program(xt::xarray<double>{1, NAN}, 0), "net/x: [program] input 0 (2) has nan at (1)",
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(program(xt::xarray<double>{1, 2}, -INFINITY), "[program] input 1 () has -inf at ()",
                       ad::ValueError);
  CHECK_EQ(difference(program.state(0), w.value(), 1e-300), "");
  program(xt::xarray<double>{5, 6}, 0);
  CHECK_EQ(difference(program.state(0), array({2}, {5, 6}), 1e-300), "");
  program.state(0, array({2}, {INFINITY, 0}));
  CHECK_THROWS_WITH_AS(program(xt::xarray<double>{5, 6}, 0), "net/w: [program] state 0 (2) has inf at (0)",
                       ad::ValueError);
}

TEST_CASE("the hunt finds what no run computes when it compiles") {
  Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2})), w = tape.variable(array({2}, {1, NAN}), "w");
  const auto zero = tape.constant(array({2}, {1, 0}), "zero");
  const ad::CompileOptions hunt{.stop_at_non_finite = true};
  CHECK_THROWS_WITH_AS(ad::compile({x}, {x * w}, {}, hunt), "w: [variable] the value (2) has nan at (1)",
                       ad::ValueError);
  const auto folded = log(zero).named("folded");
  CHECK_THROWS_WITH_AS(ad::compile({x}, {x + exp(folded)}, {}, hunt),
                       "folded: [log] the result (2) has -inf at (1), from (2)", ad::ValueError);
  // An infinity that is meant is let through, and what comes of it is not.
  auto bounded = ad::compile({x}, {maximum(x, -INFINITY)}, {}, hunt);
  CHECK_EQ(bounded(x.value())[0](1), 2);
  CHECK_THROWS_AS(ad::compile({x}, {x - INFINITY}, {}, hunt)(x.value()), ad::ValueError);
  // Not asked for, it is not looked for; nor is what leads to no output.
  CHECK(std::isnan(ad::compile({x}, {x * w})(x.value())[0](1)));
  ad::compile({x}, {x + 1}, {}, hunt);
}
