// States in cells: a program changes what others hold a handle of, and they may replace it.
#include "cases.hpp"

using namespace test;
using ad::Tape;
using V = ad::Variable<double>;
using Cell = ad::StateCell<double>;
using Recorded = ad::Recording<double>;

namespace {

constexpr double same_bits = 1e-300;

Cell cell_of(const Array<double>& value) { return std::make_shared<V>(value); }

/// Gives the sum of x w, and adds x to w.
ad::Program<double> adding(const Cell& cell, const ad::CompileOptions& options = {}) {
  Tape<double> tape;
  const V x = tape.constant(array({2}, {0, 0})), w = tape.variable(cell, "w");
  return ad::compile({x}, {sum(x * w)}, {{w, w + x}}, options);
}

const auto ones = array({2}, {1, 1}), two = array({2}, {1, 2});

void check_is(const Array<double>& found, std::initializer_list<double> expected) {
  CHECK_EQ(difference(found, array({2}, expected), same_bits), "");
}

}  // namespace

TEST_CASE("a state in a cell: runs change what it holds in place, and go on from what others put there") {
  const auto cell = cell_of(two);
  auto program = adding(cell), other = adding(cell);
  program(ones);
  const double* data = cell->value().data();
  CHECK_EQ(other(ones)[0](), 5);  // the other program goes on where the first one stopped
  check_is(cell->value(), {3, 4});
  CHECK_EQ(cell->value().data(), data);
  CHECK_EQ(&program.state(0), &cell->value());
  *cell = V(array({2}, {10, 20}));
  CHECK_EQ(program(ones)[0](), 30);
  check_is(cell->value(), {11, 21});
  program.state(0, two);
  check_is(cell->value(), {1, 2});
  CHECK_EQ(other(cell->value())[0](), 5);  // the state itself as an input
  check_is(cell->value(), {2, 4});
}

TEST_CASE("a state in a cell: who shares the value keeps it, be it a variable, a tape or another cell") {
  const auto cell = cell_of(two), twin = std::make_shared<V>(*cell);
  Tape<double> tape;
  const V held = *cell, entered = tape.variable(cell);
  auto program = adding(cell), of_twin = adding(twin);
  program(ones), of_twin(array({2}, {5, 5}));
  for (const auto& kept : {held.value(), entered.value()}) check_is(kept, {1, 2});
  check_is(cell->value(), {2, 3});
  check_is(twin->value(), {6, 7});
  const V later = *cell;
  program(ones), program(ones);
  check_is(later.value(), {2, 3});
  check_is(cell->value(), {4, 5});
}

TEST_CASE("a state in a cell: what else was entered from it is the value before the run") {
  for (const bool state_first : {false, true}) {
    const auto cell = cell_of(two);
    Tape<double> tape;
    const auto enter = [&](bool state) {
      return state ? tape.variable(cell, "w") : tape.constant(ad::ValueCell<double>(cell));
    };
    const V first = enter(state_first), second = enter(!state_first);
    const V w = state_first ? first : second, read = state_first ? second : first;
    auto program = ad::compile({}, {sum(read) + sum(exp(w * 0.0))}, {{w, w * 2.0}});
    for (double k : {1.0, 2.0, 4.0}) CHECK_EQ(program(std::vector<Array<double>>())[0](), 3 * k + 2);
    const V again = tape.variable(cell);
    CHECK_THROWS_WITH_AS(ad::compile({}, {}, {{w, w * 2.0}, {again, again}}),
                         "[compile] state 1 is in the cell of another state", ad::TapeError);
  }
}

TEST_CASE("a state in a cell: a copy of a program goes on by itself") {
  const auto cell = cell_of(two);
  auto program = adding(cell), copy = program;
  copy(ones), copy(ones);
  check_is(cell->value(), {1, 2});
  check_is(copy.state(0), {3, 4});
  program(array({2}, {7, 7}));
  check_is(copy.state(0), {3, 4});
  // One that has compiled nothing yet, too.
  ad::ShapedProgram<double> shaped([&](Tape<double>& tape, const std::vector<V>& in) {
    const V w = tape.variable(cell, "w");
    return Recorded{{sum(in[0]) * sum(w)}, {{w, w + sum(in[0])}}};
  });
  auto early = shaped;
  early(ones);
  check_is(cell->value(), {8, 9});
  shaped(ones), shaped(array({1}, {10}));  // programs for two shapes, one state
  check_is(cell->value(), {20, 21});
  check_is(early.state(0), {10, 11});
  auto late = shaped;
  late(array({3}, {1, 1, 1}));
  check_is(late.state(0), {23, 24});
  check_is(shaped.state(0), {20, 21});
}

TEST_CASE("a state in a cell: a run that throws changes nothing, whether it shares the value or not") {
  for (const bool held : {false, true}) {
    const auto cell = cell_of(two);
    auto program = adding(cell, {.stop_at_non_finite = true});
    program(ones);
    const V keeper = held ? *cell : V();
    const auto infinite = array({2}, {1, std::numeric_limits<double>::infinity()});
    CHECK_THROWS_AS(program(infinite), ad::ValueError);
    CHECK_THROWS_AS(program(array({3}, {1, 1, 1})), ad::ShapeError);
    check_is(cell->value(), {2, 3});
    CHECK_EQ(program(ones)[0](), 5);
    if (held) check_is(keeper.value(), {2, 3});
  }
}

TEST_CASE("a state in a cell: values that cannot be are refused by name, and the program goes on with others") {
  const auto cell = cell_of(two);
  auto program = adding(cell);
  program(ones);
  *cell = V(array({3}, {1, 2, 3}));
  CHECK_THROWS_WITH_AS(program(ones), "[program] w must keep the shape that it was compiled for: (3) and (2)",
                       ad::ShapeError);
  *cell = V();
  CHECK_THROWS_WITH_AS(program(ones), "[program] w has no value any more: give it one, or record anew", ad::TapeError);
  *cell = V(two);
  CHECK_EQ(program(array({2}, {3, 4}))[0](), 11);
  check_is(cell->value(), {4, 6});
  auto other = cell_of(two);
  ad::ShapedProgram<double> shaped([&](Tape<double>& tape, const std::vector<V>& in) {
    const V w = tape.variable(other, "w");
    return Recorded{{sum(in[0])}, {{w, w + 1}}};
  });
  shaped(two);
  other = cell_of(two);
  CHECK_THROWS_WITH_AS(shaped(array({1}, {1})), "[compile] state 0 must be in the cell that it was in before: (2)",
                       ad::ValueError);
}

TEST_CASE("a read cell that fails leaves no stale inputs behind") {
  const auto cell = cell_of(two);
  Tape<double> tape;
  const V x = tape.constant(two), read = tape.variable(ad::ValueCell<double>(cell), "read");
  auto program = ad::compile({x}, {sum(exp(x) * read), transpose(x * read)});
  auto first = std::make_unique<Array<double>>(two);
  program(*first);
  const auto next = array({2}, {3, 4});
  *cell = V();
  CHECK_THROWS_AS(program(next), ad::TapeError);
  *cell = V(ones);
  first.reset();
  CHECK(program(next)[0]() == doctest::Approx(std::exp(3) + std::exp(4)));
  check_is(program(next)[1], {3, 4});
}

TEST_CASE("a program that has no inputs, no state and no cells still runs twice, and random keys in cells advance") {
  const auto key = std::make_shared<V>(array({}, {1}));
  Tape<double> tape;
  const V k = tape.variable(key, "key");
  auto program = ad::compile({}, {random_uniform(k, tape.constant(0.0), {4})}, {{k, k + 1}});
  const Array<double> first = program(std::vector<Array<double>>())[0],
                      second = program(std::vector<Array<double>>())[0];
  CHECK(first != second);
  *key = V(array({}, {1}));
  CHECK_EQ(difference(program(std::vector<Array<double>>())[0], first, same_bits), "");
}
