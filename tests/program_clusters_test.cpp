// What a program runs together, and in which order.
#include <set>

#include "passes.hpp"
#include "random_graph.hpp"
#include "training.hpp"

using namespace test;
using ad::Tape;
using Graph = ad::detail::Graph<double>;
using ad::detail::Source;
using ad::detail::Walk;

TEST_CASE("clusters: bias and activation together, slopes with their bias gradient, values where they are needed") {
  const nn::GradientDescent<double> rule(0.1);
  const TrainingStep<double> step({4, {5, 6, 3}}, rule);
  Passes p({step.x, step.y, step.rate}, {step.loss}, step.updates);
  const auto schedule = p.all().schedule();
  std::string groups = text(p.graph, schedule);
  CHECK_MESSAGE(groups.find("| add tanh |") != std::string::npos, groups);
  // 1 - h^2 is computed where the slope is, and the sum over the batch runs along.
  CHECK_MESSAGE(groups.find("| mul sub mul sum") != std::string::npos, groups);
  std::size_t clusters = 0;
  for (const auto& group : schedule.groups) clusters += group.cluster;
  CHECK_LT(clusters, schedule.groups.size());
  // In an exact program reductions stand alone.
  Passes exact({step.x, step.y, step.rate}, {step.loss}, step.updates, true);
  groups = text(exact.graph, exact.all().schedule());
  CHECK_MESSAGE(groups.find("| sum |") != std::string::npos, groups);
}

TEST_CASE("clusters: joined over one space, where nothing stands between; as many nodes as they may hold") {
  Tape<double> tape;
  const auto x = tape.variable(sample({40}, -1, 1)), z = tape.variable(sample({40}, -1, 1, 2));
  {
    Passes p({x, z}, {sin(x), cos(z)});
    CHECK_EQ(text(p.graph, p.all().schedule()), "sin cos");
  }
  {
    Passes p({x, z}, {x - sum(x * z)});  // what follows a sum cannot run along with it
    CHECK_EQ(text(p.graph, p.all().schedule()), "mul sum | sub");
  }
  {
    Passes p({x, z}, {softmax(x)});
    CHECK_EQ(p.schedule().groups.size(), 1);
  }
  {
    auto y = x;
    for (int i = 0; i < 100; ++i) y = sin(y);
    Passes p({x}, {y});
    const auto schedule = p.all().schedule(7);
    for (const auto& group : schedule.groups) CHECK_LE(group.nodes.size(), 7);
    CHECK_EQ(schedule.groups.size(), 15);
  }
  {
    Passes p({x, z}, {tanh(x) + reshape(z, {40}), sum(reshape(tanh(x), {8, 5}), 0)});
    CHECK_EQ(text(p.graph, p.all().schedule()), "tanh add sum");
  }
}

TEST_CASE("updates run right behind the last reader of their state") {
  Tape<double> tape;
  const auto w = tape.variable(sample({8, 8}, -1, 1)), x = tape.variable(sample({6, 8}, -1, 1, 2));
  const auto first = matmul(x, w), slope = matmul(transpose(x), first);
  auto rest = matmul(first, slope);
  for (int i = 0; i < 5; ++i) rest = matmul(tanh(rest), slope);
  const auto next = w * 0.5 + tanh(slope);
  Passes p({x}, {rest}, {{w, next}});
  const auto schedule = p.all().schedule();
  const auto where = schedule.group_of[p.graph.nexts[0].node];
  CHECK_LE(where, 3);
}

namespace {

/// Whether each group finds what it reads: computed by an earlier one, or by itself, element by element.
void check_schedule(const Graph& graph, const ad::detail::Schedule& schedule) {
  std::set<std::uint32_t> done;
  for (std::uint32_t g = 0; g < schedule.groups.size(); ++g) {
    const auto& group = schedule.groups[g];
    std::set<std::uint32_t> mine;
    REQUIRE((group.cluster || group.nodes.size() == 1));
    for (auto i : group.nodes) {
      const auto& node = graph.nodes[i];
      REQUIRE_EQ(schedule.group_of[i], g);
      for (const auto& input : node.inputs) {
        const auto& from = graph.nodes[input.node];
        if (from.source != Source::operation || done.count(input.node)) continue;
        REQUIRE(mine.count(input.node));
        REQUIRE(bool(from.operation->block()));
        REQUIRE_EQ(from.size(), group.size);
        REQUIRE(graph.is_whole(input));
        if (!node.operation->block()) continue;
        const auto walk = walk_of(graph, node, input)->walk;
        REQUIRE((walk == Walk::element || group.size == 1));
      }
      mine.insert(i);
    }
    done.merge(mine);
  }
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    REQUIRE_EQ(done.count(i), graph.nodes[i].live && graph.nodes[i].source == Source::operation);
}

}  // namespace

TEST_CASE("schedules of random graphs: each group finds what it reads") {
  std::size_t clustered = 0, nodes = 0;
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    Tape<double> tape;
    Variables<double> x;
    for (const auto& a : random_graph_inputs(seed)) x.push_back(tape.variable(a));
    Variables<double> y{RandomGraph<double>(seed)(x)};
    for (const auto& g : recorded_gradient(sum(y[0]), x)) y.push_back(g);
    for (const bool exact : {true, false}) {
      Passes p(x, y, {}, exact);
      p.all();
      for (const std::size_t most : {1, 3, 96}) {
        const auto schedule = p.schedule(most);
        check_schedule(p.graph, schedule);
        if (most != 96 || exact) continue;
        for (const auto& group : schedule.groups)
          clustered += group.cluster ? group.nodes.size() : 0, nodes += group.nodes.size();
      }
    }
  }
  CHECK_GT(clustered, nodes / 2);
}
