// Where values of programs live: buffers, what is written over what, the arena.
#include <map>
#include <random>

#include "planned.hpp"
#include "random_graph.hpp"
#include "training.hpp"

using namespace test;
using ad::Tape;
using ad::detail::Buffer;
using ad::detail::nowhere;
using ad::detail::Source;
using ad::detail::Walk;
using V = ad::Variable<double>;

namespace {

/// Follows which node's value each buffer holds, group by group, and looks that every reader finds what it reads.
void check_values_survive(const Planned& p) {
  const auto& graph = p.graph;
  const auto& schedule = p.schedule;
  const auto& fusion = p.fusion;
  const auto& memory = p.memory;
  std::vector<std::uint32_t> holds(memory.buffers.size(), nowhere);
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].live && graph.nodes[i].source != Source::operation) holds[memory.buffer_of[i]] = i;
  for (std::uint32_t g = 0; g < schedule.groups.size(); ++g) {
    const auto& group = schedule.groups[g];
    std::map<std::uint32_t, std::uint32_t> writer;  // of buffers, the node of this group that writes it
    for (auto i : group.nodes) {
      const auto b = memory.buffer_of[i];
      if (b == nowhere) {
        REQUIRE((group.cluster && graph.nodes[i].operation->block()));
        continue;
      }
      REQUIRE_FALSE(writer.count(b));
      writer[b] = i;
      REQUIRE_EQ(memory.buffers[b].size, graph.nodes[i].size());
      REQUIRE_LE(memory.buffers[b].born, g);
      REQUIRE_GE(memory.buffers[b].last_use, g);
    }
    for (auto i : group.nodes) {
      const auto& node = graph.nodes[i];
      const auto at = fusion.into[i] == nowhere ? i : fusion.into[i];  // when it reads
      for (std::uint32_t k = 0; k < node.inputs.size(); ++k) {
        const auto read = node.inputs[k].node, b = memory.buffer_of[read];
        if (schedule.group_of[read] == g) continue;  // from the block, or before it is written over: see below
        REQUIRE_NE(b, nowhere);
        REQUIRE_EQ(holds[b], read);
        REQUIRE_GE(memory.buffers[b].last_use, g);
        const auto over = writer.find(b);
        if (over == writer.end()) continue;
        // Written over while it is read: by the reader itself or later, and element by element.
        if (!group.cluster) {
          REQUIRE_EQ(k, node.addend);
          continue;
        }
        REQUIRE_LE(at, over->second);
        REQUIRE(bool(node.operation->block()));
        REQUIRE((group.size == 1 || walk_of(graph, node, node.inputs[k])->walk == Walk::element));
        REQUIRE(graph.is_whole(node.inputs[k]));
      }
    }
    for (const auto& [b, i] : writer) holds[b] = i;
  }
  // Copies before the run keep old states; those after it bring outputs and states to where they are expected.
  for (const auto& move : memory.before) {
    const auto state = std::ranges::find(memory.states, move.from) - memory.states.begin();
    holds[move.to] = graph.states[static_cast<std::size_t>(state)];
  }
  for (const auto& move : memory.after) holds[move.to] = holds[move.from];
  for (std::size_t k = 0; k < graph.nexts.size(); ++k) REQUIRE_EQ(holds[memory.states[k]], graph.nexts[k].node);
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) REQUIRE_EQ(holds[memory.outputs[k]], graph.outputs[k].node);
}

void check_apart(const std::vector<Buffer>& buffers, std::size_t length) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const Buffer& a = buffers[i];
    if (!a.in_arena || a.size == 0) continue;
    REQUIRE_LE(a.offset + a.size, length);
    for (std::size_t j = i + 1; j < buffers.size(); ++j) {
      const Buffer& b = buffers[j];
      if (!b.in_arena || b.size == 0 || a.born > b.last_use || b.born > a.last_use) continue;
      REQUIRE((a.offset + a.size <= b.offset || b.offset + b.size <= a.offset));
    }
  }
}

}  // namespace

TEST_CASE("placement: buffers that live at one time never share memory, and the arena is reused") {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<Buffer> buffers;
    std::size_t sum = 0;
    for (std::uint32_t b = 0; b < 60; ++b) {
      buffers.push_back({1 + random() % 100, b, b + random() % 8, true, 0});
      sum += ad::detail::padded(buffers[b].size);
    }
    std::shuffle(buffers.begin(), buffers.end(), random);
    const std::size_t length = ad::detail::place(buffers);
    CHECK(length < sum / 3);
    CHECK(length >= ad::detail::peak(buffers));
    check_apart(buffers, length);
  }
}

TEST_CASE("placement: the most that lives at one time, counted moment by moment") {
  std::mt19937 random(6);
  for (int round = 0; round < 20; ++round) {
    std::vector<Buffer> buffers;
    for (std::uint32_t b = 0; b < 40; ++b) {
      const std::size_t born = random() % 30;
      buffers.push_back(
          {random() % 100, born, random() % 9 == 0 ? Buffer::for_ever : born + random() % 8, random() % 4 != 0, 0});
    }
    std::size_t most = 0;
    for (std::size_t moment = 0; moment < 40; ++moment) {
      std::size_t now = 0;
      for (const auto& b : buffers)
        if (b.in_arena && b.born <= moment && moment <= b.last_use) now += (b.size + 15) / 16 * 16;
      most = std::max(most, now);
    }
    CHECK_EQ(ad::detail::peak(buffers), most);
    check_apart(buffers, ad::detail::place(buffers));
  }
}

TEST_CASE("buffers of random graphs with updates: every reader finds what it reads, and nothing shares its place") {
  std::size_t in_place = 0;
  for (unsigned seed = 1; seed <= random_graphs; ++seed) {
    INFO("graph " << seed);
    Tape<double> tape;
    Variables<double> x;
    for (const auto& a : random_graph_inputs(seed)) x.push_back(tape.variable(a));
    const auto y = RandomGraph<double>(seed)(x);
    const auto slopes = recorded_gradient(sum(y), x);
    const Updates updates{{x[1], x[1] - 0.1 * slopes[1]}, {x[2], x[2] * slopes[2]}};
    for (const bool exact : {true, false})
      for (const std::size_t most : {1, 4, 96}) {
        Planned p({x[0]}, {y, slopes[0], x[2]}, updates, exact, most);
        check_values_survive(p);
        in_place += p.memory.in_place;
        for (std::uint32_t g = 0; g < p.schedule.groups.size(); ++g)
          if (p.schedule.groups[g].cluster) emit_blocks(p.graph, p.schedule, g, p.fusion, p.memory);
        check_apart(p.memory.buffers, ad::detail::place(p.memory.buffers));
      }
  }
  CHECK_GT(in_place, 100);
}

TEST_CASE("in place: states over themselves, unless the old value is still needed") {
  Tape<double> tape;
  const auto w = tape.variable(sample({6, 5}, -1, 1)), x = tape.variable(sample({6, 5}, -1, 1, 2));
  const auto u = tape.variable(sample({6, 5}, -1, 1, 3)), square = tape.variable(sample({5, 5}, -1, 1, 4));
  CHECK(Planned({x}, {}, {{w, w + x}}).updated_in_place(0));
  CHECK(Planned({x}, {}, {{w, w - 0.1 * matmul(x, square)}}).updated_in_place(0));
  const auto earlier = tanh(w);
  CHECK(Planned({x}, {earlier}, {{w, w + x}}).updated_in_place(0));
  CHECK_FALSE(Planned({x}, {w}, {{w, w + x}}).updated_in_place(0));         // an output
  CHECK_FALSE(Planned({x}, {}, {{w, w + x}, {u, w}}).updated_in_place(0));  // another state
  CHECK_FALSE(
      Planned({}, {}, {{square, square - matmul(square, square)}}).updated_in_place(0));  // an operand of the product
  CHECK(Planned({}, {}, {{square, square - transpose(square)}}).updated_in_place(0));     // of which there is a copy
  CHECK_FALSE(Planned({}, {}, {{square, square - broadcast_to(slice(square, {ad::Range{0, 1}}), {5, 5})}})
                  .updated_in_place(0));  // read as a row
  const Planned swapped({x}, {}, {{w, u}, {u, w}});
  CHECK_EQ(swapped.memory.before.size(), 2);
  CHECK_EQ(swapped.memory.after.size(), 2);
  // One value for two states: in place of one, and copied to the other.
  const auto next = w * x;
  const Planned twice({x}, {}, {{w, next}, {u, next}});
  CHECK(twice.updated_in_place(0));
  CHECK_FALSE(twice.updated_in_place(1));
  CHECK_EQ(twice.memory.after.size(), 1);
}

TEST_CASE("in place: over operands that die, not over what is read later, or as a row or column") {
  Tape<double> tape;
  const auto x = tape.variable(sample({8, 8}, -1, 1)), row = tape.variable(sample({8}, -1, 1, 2));
  const auto count = [&](const V& y) { return Planned({x, row}, {sum(y)}, {}, true).memory.in_place; };
  const auto p = matmul(x, x);
  CHECK_EQ(count(matmul(tanh(p), x)), 1);                          // tanh over the product
  CHECK_EQ(count(matmul(tanh(p), p)), 0);                          // which is read after it
  CHECK_EQ(count(matmul(tanh(p), x) + p), 1);                      // the last sum over either of them
  CHECK_EQ(count(matmul(x * matmul(row, x), x)), 0);               // a row is shorter
  CHECK_EQ(count(matmul(transpose(p) + x, x)), 1);                 // over the copy that is transposed
  CHECK_EQ(count(matmul(p + slice(p, {ad::Range{0, 1}}), x)), 1);  // a row of itself, copied first
}

TEST_CASE("products are added where they are computed, where nobody else reads them") {
  Tape<double> tape;
  const auto a = tape.variable(sample({9}, -1, 1)), b = tape.variable(sample({9}, -1, 1, 2)),
             c = tape.variable(sample({9}, -1, 1, 3));
  const auto product = a * b;
  const auto fused = [&](const Variables<double>& y) {
    const Planned p({a, b, c}, y);
    return p.graph.nodes.size() - static_cast<std::size_t>(std::ranges::count(p.fusion.into, nowhere));
  };
  CHECK_EQ(fused({product + c}), 1);
  CHECK_EQ(fused({c - product}), 1);
  CHECK_EQ(fused({product - a * c}), 1);
  CHECK_EQ(fused({product + c, product}), 0);
  CHECK_EQ(fused({product + c, tanh(product)}), 0);
  CHECK_EQ(fused({product + product}), 0);
  CHECK_EQ(fused({a / b + c}), 0);
  auto program = ad::compile({a, b, c}, {product + c, c - product, product - c, product - a * c, c + product});
  const auto& y = program(a.value(), b.value(), c.value());
  for (std::size_t i = 0; i < 9; ++i) {
    const double p = a.value()(i), q = b.value()(i), r = c.value()(i);
    CHECK_EQ(y[0](i), std::fma(p, q, r));
    CHECK_EQ(y[1](i), std::fma(-p, q, r));
    CHECK_EQ(y[2](i), std::fma(p, q, -r));
    CHECK(y[3](i) == doctest::Approx(p * q - p * r).epsilon(1e-14));
    CHECK_EQ(y[4](i), std::fma(p, q, r));
  }
}

TEST_CASE("the arena of training steps is as long as what lives at one time") {
  const nn::GradientDescent<float> descent(0.1);
  const nn::Adam<float> adam(0.1);
  for (const auto& network : step_networks)
    for (const nn::Optimiser<float>* rule :
         {static_cast<const nn::Optimiser<float>*>(&descent), static_cast<const nn::Optimiser<float>*>(&adam)}) {
      if (network.sizes[0] > 1000 && rule != &descent) continue;
      INFO(network.batch << ": " << network.sizes[0] << "-" << network.sizes[1] << (rule == &adam ? ", Adam" : ""));
      auto program = TrainingStep<float>(network, *rule).compile();
      const auto& report = program.report();
      CHECK_GE(report.bytes, report.peak_bytes);
      CHECK_EQ(report.bytes, report.peak_bytes);
      CHECK_LT(report.bytes, report.unplanned_bytes);
    }
}

namespace {

/// A deep network in training, with dropout and means over samples between its layers.
struct Deep {
  explicit Deep(int layers) {
    auto h = x;
    for (int l = 0; l < layers; ++l) {
      const auto scope = tape.scope("layer" + std::to_string(l));
      weights.push_back(tape.variable(sample({24, 24}, -0.5, 0.5, unsigned(l)), "W"));
      const auto a = ad::matmul(h, weights.back());
      h = ad::logistic(a - ad::mean(a, {0}));
      if (l % 3 == 2) h = ad::dropout(h, 0.1, double(l), step);
    }
    loss = ad::sum(ad::square(h)).named("loss");
    const auto slopes = ad::recorded_gradient(loss, weights);
    for (std::size_t i = 0; i < slopes.size(); ++i) updates.push_back({weights[i], weights[i] - 0.1 * slopes[i]});
  }
  ad::Program<double> compile(const ad::CompileOptions& options) {
    return ad::compile({x, step}, {loss}, updates, options);
  }

  ad::Tape<double> tape;
  V x = tape.variable(sample({64, 24}, -1, 1, 5), "x"), step = tape.variable(0.0), loss;
  Variables<double> weights;
  Updates updates;
};

}  // namespace

TEST_CASE("a limit of memory is kept to by computing again, with the same results") {
  Deep deep(24);
  for (const bool exact : {false, true}) {
    auto plain = deep.compile({.exact = exact});
    const std::size_t bytes = plain.report().bytes;
    CHECK_EQ(deep.compile({.exact = exact, .memory_limit = bytes}).report().recomputed, 0);
    double work = 0;
    for (const double share : {0.9, 0.7, 0.5, 0.4}) {
      if (exact && share < 0.5) continue;  // more of a step waits there
      INFO(share << " of " << bytes << " bytes" << (exact ? ", exact" : ""));
      auto program = deep.compile({.exact = exact, .memory_limit = std::size_t(share * double(bytes))});
      const auto& report = program.report();
      CHECK_LE(double(report.bytes), share * double(bytes));
      CHECK_GT(report.recomputed, 0);
      CHECK_GT(report.recomputed_work, work);
      CHECK_LT(work = report.recomputed_work, 0.4);  // forward is a third of a step
      CHECK(report.text().find("computed again rather than kept") != std::string::npos);
      CHECK(report.text().find("[matmul] in layer") != std::string::npos);
      auto unlimited = deep.compile({.exact = exact});
      for (int run = 0; run < 3; ++run)
        CHECK_EQ(difference(program(deep.x.value(), double(run))[0], unlimited(deep.x.value(), double(run))[0], 0), "");
      for (std::size_t i = 0; i < deep.weights.size(); ++i)
        CHECK_EQ(difference(program.state(i), unlimited.state(i), 0), "");
    }
  }
}

TEST_CASE("what is computed element by element from what is there is computed again first") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({100, 100}, -1, 1, 1));
  Variables<double> weights;
  V loss = tape.constant(0.0);
  for (int k = 1; k <= 8; ++k) {
    weights.push_back(tape.variable(sample({4, 100}, -1, 1, unsigned(k))));
    loss = loss + ad::sum(ad::square(ad::matmul(weights.back(), ad::sin(x * double(k)))));
  }
  const auto slopes = ad::recorded_gradient(loss, weights);
  const std::size_t bytes = ad::compile({x}, slopes).report().bytes;
  auto program = ad::compile({x}, slopes, {}, {.memory_limit = bytes / 2});
  CHECK_LE(program.report().bytes, bytes / 2);
  CHECK_LT(program.report().recomputed, 8 * 2);
  for (const auto& step : program.report().steps)
    CHECK_MESSAGE(!(step.text.starts_with("[matmul]") && step.text.ends_with(", again")), step.text);
  const auto wanted = ad::compile({x}, slopes)(x.value());
  const auto& found = program(x.value());
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK_EQ(difference(found[i], wanted[i], 0), "");
}

TEST_CASE("operations of several results are computed again as a whole, in the memory that a limit leaves") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({40, 40}, -1, 1, 1));
  V h = x;
  for (int k = 0; k < 8; ++k) {
    const auto [q, r] = ad::qr(h + double(k) * xt::eye<double>(40));
    h = ad::tanh(ad::matmul(r, q));
  }
  const auto slope = ad::recorded_gradient(ad::sum(ad::square(h)), x);
  const std::size_t bytes = ad::compile({x}, {slope}).report().bytes;
  auto program = ad::compile({x}, {slope}, {}, {.memory_limit = bytes / 2});
  CHECK_LE(program.report().bytes, bytes / 2);
  CHECK_EQ(difference(program(x.value())[0], ad::compile({x}, {slope})(x.value())[0], 1e-13), "");
}

TEST_CASE("copies have the bits of what they copy: a maximum is found again") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    ad::Tape<double> tape;
    const V x = tape.variable(sample({300, 200}, -1, 1, seed));
    const V w = tape.variable(sample({300, 300}, -0.1, 0.1, seed + 10));
    const V row = tape.variable(sample({200}, 0.5, 1, seed + 20));
    const V y = ad::exp(x) + ad::sum(ad::sin(x)), top = ad::max(y);
    V h = y;
    for (int k = 0; k < 6; ++k) h = ad::tanh(ad::matmul(w, h) * row);
    const V slope = ad::recorded_gradient(ad::sum(h) * 1e-3 + ad::square(top), x);
    const std::size_t bytes = ad::compile({x, w, row}, {slope}).report().bytes;
    for (const double share : {0.8, 0.75, 0.7, 0.6}) {
      auto program = ad::compile({x, w, row}, {slope}, {}, {.memory_limit = std::size_t(share * double(bytes))});
      CHECK_GT(program.report().recomputed, 0);
      CHECK_EQ(difference(program(x.value(), w.value(), row.value())[0], slope.value(), 1e-12), "");
    }
  }
}

TEST_CASE("limits of memory go with the hunt for what is not finite, with long chains, and with exchanges of states") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({300, 1}, -1, 1, 1)), b = tape.variable(sample({1, 300}, -1, 1, 2));
  const V y = x + b;
  auto watched =
      ad::compile({x, b}, {ad::sum(ad::sin(y)), ad::matmul(ad::cos(y), x)}, {}, {.stop_at_non_finite = true});
  CHECK_EQ(difference(watched(x.value(), b.value())[1], ad::matmul(ad::cos(y), x).value(), 1e-12), "");

  const V w = tape.variable(sample({16, 16}, -0.3, 0.3, 3));
  V h = tape.variable(sample({16, 16}, -1, 1, 4));
  const V start = h;
  for (int k = 0; k < 400; ++k) h = ad::tanh(ad::matmul(w, h));
  const V slope = ad::recorded_gradient(ad::sum(h), w);
  const std::size_t bytes = ad::compile({start, w}, {slope}).report().bytes;
  for (const bool stop : {false, true}) {
    auto program = ad::compile({start, w}, {slope}, {}, {.stop_at_non_finite = stop, .memory_limit = bytes / 4});
    CHECK_LE(program.report().bytes, bytes / 4);
    CHECK_EQ(difference(program(start.value(), w.value())[0], slope.value(), 1e-12), "");
  }
  const V one = tape.variable(sample({300}, -1, 1, 5)), other = tape.variable(sample({300}, -1, 1, 6));
  CHECK_THROWS_WITH_AS(ad::compile({}, {}, {{one, other}, {other, one}}, {.memory_limit = 100}),
                       doctest::Contains("states change places"), ad::ValueError);
}

TEST_CASE("a limit of memory that cannot be kept to is refused by name") {
  Deep deep(3);
  CHECK_THROWS_WITH_AS(deep.compile({.memory_limit = 1000}), doctest::Contains("[compile] memory_limit: 1000 bytes"),
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(deep.compile({.memory_limit = 1000}), doctest::Contains("is computed"), ad::ValueError);
}

TEST_CASE("clusters compute for themselves what is made of shorter values, and read such values in any order") {
  ad::Tape<double> tape;
  const std::size_t n = 300, k = 11, d = 7;
  const V x = tape.variable(sample({n, 1, d}, -1, 1, 1)), c = tape.variable(sample({1, k, d}, -1, 1, 2));
  const V loss = ad::sum(ad::min(ad::sum(ad::square(x - c), {2}), {1}));  // k-means
  const V slope = ad::recorded_gradient(loss, c);
  for (const bool exact : {false, true}) {
    auto program = ad::compile({x, c}, {loss, slope}, {}, {.exact = exact});
    CHECK_GT(program.report().recomputed, 0);
    if (!exact) CHECK_LT(program.report().bytes, n * k * d * sizeof(double));  // no differences are kept
    const auto& found = program(x.value(), c.value());
    CHECK_EQ(difference(found[0], loss.value(), exact ? 0 : 1e-13), "");
    CHECK_EQ(difference(found[1], slope.value(), exact ? 0 : 1e-13), "");
  }
}

TEST_CASE("channels of images are scaled in the cluster that reads them") {
  ad::Tape<double> tape;
  const V x = tape.variable(sample({4, 3, 5, 6}, -1, 1, 1)), scale = tape.variable(sample({3, 1, 1}, -1, 1, 2));
  const V shift = tape.variable(sample({4, 3, 1, 1}, -1, 1, 3));
  const V y = ad::tanh(x * scale + shift) * ad::slice(x, {ad::Range(), ad::Range{1, 2}});
  auto program = ad::compile({x, scale, shift}, {y});
  CHECK_EQ(program.report().instructions, 1);
  CHECK_EQ(difference(program(x.value(), scale.value(), shift.value())[0], y.value(), 1e-15), "");
}
