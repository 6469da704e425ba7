// GradBench's saddle and particle, which other tools compute too: loops in loops, each with derivatives of those
// within.
#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;
using Vs = std::vector<V>;

namespace {

using Function = std::function<V(const V&)>;

/// Gradient descent, whose rate grows with success, until it stands still: the loop of GradBench's saddle.
V argmin(const Function& f, const V& start) {
  const auto slope = [&](const V& x) {
    const V here = 1.0 * x;  // by the argument alone, not what else depends on the same variable
    return ad::recorded_gradient(f(here), here);
  };
  const auto is_small = [](const V& v) { return ad::less_equal(ad::sum(ad::square(v)), 1e-10); };
  return ad::while_loop<double>(
      [](const Vs& c) { return ad::equal(c[5], 0.0); },
      [&](const Vs& c) {
        const V &x = c[0], &fx = c[1], &g = c[2], &rate = c[3], &successes = c[4];
        const V still = is_small(g), grows = ad::equal(successes, 10.0), y = x - rate * g, close = is_small(x - y);
        const V fy = f(y), lower = ad::less(fy, fx), takes = (1.0 - still) * (1.0 - grows) * lower * (1.0 - close);
        const auto where_it_goes = [&](const V& grown, const V& better, const V& worse) {
          return ad::where(grows, grown, ad::where(lower, better, worse));
        };
        return Vs{ad::where(takes, y, x),
                  ad::where(takes, fy, fx),
                  ad::where(takes, slope(y), g),
                  where_it_goes(2.0 * rate, rate, 0.5 * rate),
                  where_it_goes(0.0 * successes, successes + 1.0, 0.0 * successes),
                  ad::maximum(still, (1.0 - grows) * close)};
      },
      Vs{start, f(start), slope(start), V(Array<double>(1e-5)), V(Array<double>(0.0)), V(Array<double>(0.0))})[0];
}

}  // namespace

TEST_CASE("loops in loops, each with derivatives of those within: a saddle point, compiled") {
  const auto f = [](const V& p, const V& q) { return ad::sum(ad::square(p)) - ad::sum(ad::square(q)); };
  ad::ShapedProgram<double> program([&](ad::Tape<double>&, const Vs& inputs) -> ad::Recording<double> {
    const V& start = inputs[0];
    const auto largest = [&](const V& p) { return argmin([&](const V& q) { return -f(p, q); }, start); };
    const V p = argmin([&](const V& here) { return f(here, largest(here)); }, start);
    return {{p, largest(p)}, {}};
  });
  const auto& found = program(Array<double>{1, 1});
  for (const auto& point : found)  // as GradBench's other tools have it
    CHECK_EQ(difference(point, Array<double>{8.246324826140356e-06, 8.246324826140356e-06}, 1e-18), "");
}

TEST_CASE("the slope of a path that a loop follows by slopes: GradBench's particle, compiled") {
  // Where a particle between two charges, of which w moves one, meets the axis: squared.
  const auto path = [](const V& w) {
    const V charges[] = {ad::stack({0 * w + 10.0, 10.0 - w}, 0), V(Array<double>{10, 0})};
    const auto potential = [&](const V& x) {
      V sum = V(Array<double>(0.0));
      for (const V& c : charges) sum = sum + 1.0 / ad::sqrt(ad::sum(ad::square(x - c)));
      return sum;
    };
    const auto moved = [](const V& x, const V& v) { return x + 0.1 * v; };
    const Vs end = ad::while_loop<double>([&](const Vs& c) { return ad::less(0.0, moved(c[0], c[1])(1)); },
                                          [&](const Vs& c) {
                                            const V here = 1.0 * c[0];
                                            const V force = -ad::recorded_gradient(potential(here), here);
                                            return Vs{moved(c[0], c[1]), moved(c[1], force)};
                                          },
                                          Vs{V(Array<double>{0, 8}), V(Array<double>{0.75, 0})});
    return ad::square(end[0](0) - end[0](1) / end[1](1) * end[1](0));
  };
  ad::ShapedProgram<double> program([&](ad::Tape<double>&, const Vs& inputs) -> ad::Recording<double> {
    return {{argmin(path, inputs[0])}, {}};
  });
  // By finite differences, in another program: 0.2071918746; as GradBench's other tools have it:
  CHECK(program(Array<double>(0.0))[0].flat(0) == doctest::Approx(0.20719187464861194).epsilon(1e-12));
}
