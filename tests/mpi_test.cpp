// Communication between ranks: values against what each rank can work out alone, derivatives of the sum of all losses
// to second order against differences, in eager mode and in programs. Run by mpirun, on any number of ranks.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/mpi.hpp>

#include <cmath>

namespace ad = autodiff;
namespace mpi = ad::mpi;
using ad::Array;
using ad::Shape;
using V = ad::Variable<double>;
using Vs = std::vector<V>;

namespace {

/// Numbers that differ from rank to rank.
Array<double> numbers(const Shape& shape, std::size_t rank, double phase = 0) {
  Array<double> a(shape);
  for (std::size_t i = 0; i < a.size(); ++i)
    a.flat(i) = std::sin(phase + 1.3 * double(rank + 1) + 0.7 * double(i) * double(rank + 2));
  return a;
}
std::size_t rank() { return mpi::Communicator::world().rank(); }
std::size_t ranks() { return mpi::Communicator::world().size(); }

/// A number of each rank, added up the plain way.
double total(double mine) { return mpi::allreduce(V(Array<double>(mine))).item(); }

using Loss = std::function<V(const V&)>;

/// The slope of the sum of all losses by the x of this rank, by central differences: each element of each rank in turn.
Array<double> slope_by_differences(const std::function<double(const Array<double>&)>& loss, const Array<double>& x) {
  Array<double> slope(x.shape());
  const double step = 1e-5;
  for (std::size_t r = 0; r < ranks(); ++r) {
    const auto elements = std::size_t(mpi::broadcast(V(Array<double>(double(x.size()))), r).item());
    for (std::size_t i = 0; i < elements; ++i) {
      double at[2];
      for (const int side : {0, 1}) {
        auto moved = x;
        if (r == rank()) moved.flat(i) += side ? step : -step;
        at[side] = total(loss(moved));
      }
      if (r == rank()) slope.flat(i) = (at[1] - at[0]) / (2 * step);
    }
  }
  return slope;
}

/// Of the largest element, where that is above one.
void check_close(const Array<double>& a, const Array<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a.flat(i) - b.flat(i))), largest = std::max(largest, std::abs(b.flat(i)));
  CHECK(worst <= tolerance * largest);
}

/// First derivatives, and those of their product with numbers of each rank, eagerly and in a program.
void check_derivatives(const Loss& loss, const Array<double>& at) {
  const auto weight = numbers(at.shape(), rank(), 5);
  // What was sent has its part in the losses of other ranks, which is why the first loss belongs to the second.
  const auto weighted_slope = [&](const V& first, const V& slope) { return ad::sum(slope * weight) + 0 * first; };
  const auto value = [&](const Array<double>& x) {
    ad::Tape<double> tape;
    return loss(tape.variable(x)).item();
  };
  const auto weighted = [&](const Array<double>& x) {
    ad::Tape<double> tape;
    const V v = tape.variable(x), first = loss(v);
    return weighted_slope(first, ad::recorded_gradient(first, v)).item();
  };
  ad::Tape<double> tape;
  const V x = tape.variable(at), y = loss(x), slope = ad::recorded_gradient(y, x);
  const V second = ad::recorded_gradient(weighted_slope(y, slope), x);
  check_close(slope.value(), slope_by_differences(value, at), 1e-8);
  check_close(second.value(), slope_by_differences(weighted, at), 1e-8);
  auto program = ad::compile({x}, {y, slope, second});
  for (const double factor : {1.0, 0.5}) {
    auto other = at;
    other *= factor;
    const auto found = program(other);
    ad::Tape<double> again;
    const V z = again.variable(other), loss_z = loss(z), slope_z = ad::recorded_gradient(loss_z, z);
    check_close(found[0], loss_z.value(), 1e-12);
    check_close(found[1], slope_z.value(), 1e-12);
    check_close(found[2], ad::recorded_gradient(weighted_slope(loss_z, slope_z), z).value(), 1e-12);
  }
}

}  // namespace

TEST_CASE("what is communicated is what each rank can work out from the numbers of all") {
  for (const std::size_t n : {3, 700}) {  // by one message, and by two
    std::vector<Array<double>> all;
    for (std::size_t r = 0; r < ranks(); ++r) all.push_back(numbers({n, 2}, r));
    auto sum = all[0], largest = all[0];
    for (std::size_t r = 1; r < ranks(); ++r) {
      sum += all[r];
      for (std::size_t i = 0; i < sum.size(); ++i) largest.flat(i) = std::max(largest.flat(i), all[r].flat(i));
    }
    const V x(all[rank()]);
    check_close(mpi::allreduce(x).value(), sum, 1e-14 * double(ranks()));
    check_close(mpi::allreduce(x, mpi::Reduce::max).value(), largest, 0);
    check_close(mpi::broadcast(x, ranks() - 1).value(), all.back(), 0);
    const auto [begin, end] = mpi::part_of(n);
    const auto part = mpi::reduce_scatter(x);
    CHECK(part.shape() == Shape{end - begin, 2});
    for (std::size_t i = 0; i < part.size(); ++i)
      CHECK(std::abs(part.value().flat(i) - sum.flat(2 * begin + i)) <= 1e-14 * double(ranks()));
    auto mean = sum;
    mean *= 1 / double(ranks());
    check_close(mpi::allreduce(x, mpi::Reduce::mean).value(), mean, 1e-14);
  }
  // Of each rank, as many rows as its number says.
  const auto gathered = mpi::all_gather(V(numbers({rank(), 3}, rank())));
  std::size_t row = 0;
  for (std::size_t r = 0; r < ranks(); ++r) {
    const auto mine = numbers({r, 3}, r);
    for (std::size_t i = 0; i < mine.size(); ++i) CHECK(gathered.value().flat(3 * row + i) == mine.flat(i));
    row += r;
  }
  CHECK(gathered.shape() == Shape{row, 3});
  // Not a number on one rank is not lost.
  const double one_bad = rank() == 0 ? NAN : 1;
  CHECK(std::isnan(mpi::allreduce(V(Array<double>(one_bad)), mpi::Reduce::max).item()));
}

TEST_CASE("sums have the bits of the same order, in parts or all at once") {
  const auto mine = numbers({1000}, rank());
  const auto all = mpi::allreduce(V(mine)).value();
  for (const std::size_t i : {std::size_t{0}, std::size_t{499}, std::size_t{999}}) {
    CHECK(mpi::allreduce(V(Array<double>(mine.flat(i)))).item() == all.flat(i));
    std::vector<double> of_rank;
    for (std::size_t r = 0; r < ranks(); ++r) of_rank.push_back(numbers({1000}, r).flat(i));
    for (std::size_t apart = 1; apart < ranks(); apart *= 2)
      for (std::size_t r = 0; r + apart < ranks(); r += 2 * apart) of_rank[r] += of_rank[r + apart];
    CHECK(of_rank[0] == all.flat(i));
  }
}

TEST_CASE("derivatives are those of the sum of all losses, to second order") {
  const auto cube = [](const V& x) { return x * x * x; };
  const auto weight = numbers({4, 3}, rank(), 2);
  const auto at = numbers({4, 3}, rank());
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::allreduce(cube(x))) * weight); }, at);
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::allreduce(x, mpi::Reduce::mean)) * weight); }, at);
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::allreduce(cube(x), mpi::Reduce::max)) * weight); }, at);
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::broadcast(cube(x), ranks() - 1)) * weight); }, at);
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::reduce_scatter(cube(x))) * double(rank() + 1)); }, at);
  // Of as many rows as the rank's number says, and one more.
  check_derivatives([&](const V& x) { return ad::sum(cube(mpi::all_gather(cube(x)))) * double(rank() + 1); },
                    numbers({rank() + 1, 2}, rank()));
  check_derivatives(
      [&](const V& x) {
        const auto both = mpi::allreduce(Vs{ad::sum(x), ad::exp(x)});
        return both[0] * ad::sum(cube(both[1]) * weight) + mpi::allreduce(ad::sum(cube(x)));
      },
      at);
}

TEST_CASE("from rank to rank, and the gradient back: a chain over all of them") {
  const auto chain = [](const V& x) {
    const bool first = rank() == 0, last = rank() + 1 == ranks();
    V h = ad::exp(0.3 * x);
    if (!first) h = h * mpi::receive(x.shape(), rank() - 1, x);
    return last ? ad::sum(h * h) : mpi::send(h, rank() + 1);
  };
  check_derivatives(chain, numbers({3}, rank()));
}

TEST_CASE("gradients that are infinite, or of what is, stay where they belong") {
  ad::Tape<double> tape;
  const V x = tape.variable(numbers({2}, rank()));
  // The gradient of the root is infinite, those of the others zero.
  const auto slope = ad::gradient(ad::sum(ad::sqrt(mpi::broadcast(x, 0) * 0)), x);
  for (std::size_t i = 0; i < slope.size(); ++i) CHECK((rank() == 0 ? !(slope.flat(i) == 0) : slope.flat(i) == 0));
  if (rank() < 2 && ranks() > 1) {
    const V mask = tape.variable(Array<double>{-INFINITY, 0});
    const V loss = rank() == 0 ? mpi::send(x, 1) : ad::sum(mpi::receive({2}, 0, mask));
    const auto found = ad::gradient(loss, rank() == 0 ? x : mask);
    for (std::size_t i = 0; i < 2; ++i) CHECK(found.flat(i) == (rank() == 0 ? 1 : 0));
  }
}

TEST_CASE("a program communicates in the order of recording, also what another rank alone has a use for") {
  ad::Tape<double> tape;
  const V x = tape.variable(numbers({rank() + 2, 3}, rank()));
  const V total = mpi::allreduce(ad::sum(x));
  ad::hvp(ad::sum(ad::square(total * x)), x, x.value());  // what it records is taken off again
  const V rows = mpi::all_gather(ad::exp(x));
  const V largest = mpi::allreduce(ad::sum(x), mpi::Reduce::max);
  const Vs outputs = rank() == 0 ? Vs{largest} : rank() == 1 ? Vs{largest, rows} : Vs{rows, largest, total};
  const auto found = ad::compile({x}, outputs)(x.value());
  for (std::size_t k = 0; k < outputs.size(); ++k) check_close(found[k], outputs[k].value(), 0);
}

TEST_CASE("parts of all ranks communicate among themselves") {
  const auto half = mpi::Communicator::world().split(int(rank() % 2));
  const double sum = mpi::allreduce(V(Array<double>(double(rank()))), mpi::Reduce::sum, half).item();
  double expected = 0;
  for (std::size_t r = rank() % 2; r < ranks(); r += 2) expected += double(r);
  CHECK(sum == expected);
  CHECK(half.size() == (ranks() + 1 - rank() % 2) / 2);
}

TEST_CASE("ranks that ask for different things are told so, all of them, and can go on") {
  if (ranks() > 1) {
    const V x(numbers({rank() == 1 ? 2u : 3u}, rank()));
    CHECK_THROWS_WITH_AS(mpi::allreduce(x),
                         "[allreduce] ranks must ask for the same: rank 0 for allreduce by sum of (3) of double, "
                         "rank 1 for allreduce by sum of (2) of double",
                         ad::ValueError);
    const V y(numbers({3}, rank()));
    CHECK_THROWS_AS(rank() == 1 ? mpi::broadcast(y) : mpi::allreduce(y), ad::ValueError);
    CHECK_THROWS_AS(mpi::send(y, rank()), ad::ValueError);
    if (rank() < 2) CHECK_THROWS_AS(rank() == 0 ? mpi::send(y, 1) : mpi::receive({4}, 0, y), ad::ValueError);
  }
  ad::Tape<double> tape;
  const V steps = tape.variable(numbers({4}, rank()));
  CHECK_THROWS_WITH_AS(
      ad::scan([](const V& c, const V& x) { return std::pair(c + mpi::allreduce(x), c); }, ad::sum(steps), steps),
      doctest::Contains("outside of scan"), ad::TapeError);
  CHECK_THROWS_AS(mpi::all_gather(V(Array<double>(1.0))), ad::ShapeError);
  CHECK_THROWS_AS(mpi::broadcast(V(Array<double>(1.0)), ranks()), ad::ValueError);
  CHECK(total(1) == double(ranks()));
}

int main(int argc, char** argv) {
  const mpi::Session session(argc, argv);
  doctest::Context context(argc, argv);
  if (rank() != 0) context.setOption("minimal", true);  // one summary, and all failures
  return context.run();
}
