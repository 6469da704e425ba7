// Several processes train one network: each with a part of the samples, or with a part of the hidden units. Both end
// where one process would. Run: mpirun -n 2 build/examples/11_parallel
#include <autodiff/autodiff.hpp>
#include <autodiff/mpi.hpp>
#include <cmath>
#include <cstdio>

namespace ad = autodiff;
namespace mpi = autodiff::mpi;
using Array = ad::Array<double>;
using Variable = ad::Variable<double>;
using Arrays = std::vector<Array>;
using Variables = std::vector<Variable>;

static constexpr std::size_t samples = 64, units = 12;
static constexpr int steps = 200;

/// Rows or columns [begin, end) of a matrix: no gradient is asked for.
static Array part(const Array& a, int axis, std::pair<std::size_t, std::size_t> range) {
  return ad::take_range(Variable(a), axis, std::ptrdiff_t(range.first), std::ptrdiff_t(range.second)).value();
}

/// Steps of gradient descent, where `loss` may be one of several that add up, and `whole` makes of this rank's
/// gradients those of the sum.
template <class Loss, class Whole>
static Arrays descend(Arrays weights, const Loss& loss, const Whole& whole) {
  for (int step = 0; step < steps; ++step) {
    ad::Tape<double> tape;
    Variables w;
    for (const auto& a : weights) w.push_back(tape.variable(a));
    const Arrays slopes = whole(ad::gradient(loss(w), w));
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= 0.2 * slopes[i];
  }
  return weights;
}

static double difference(const Array& a, const Array& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a.flat(i) - b.flat(i)));
  return most;
}

int main(int argc, char** argv) {
  const mpi::Session session(argc, argv);
  const auto& ranks = mpi::Communicator::world();

  Array x(ad::Shape{samples, 2}), y(ad::Shape{samples, 1});
  for (std::size_t i = 0; i < samples; ++i) {
    x(i, 0) = std::sin(0.7 * double(i)), x(i, 1) = std::cos(1.9 * double(i));
    y(i, 0) = x(i, 0) * x(i, 1);
  }
  Arrays start{Array(ad::Shape{2, units}), Array(ad::Shape{units, 1})};
  for (auto& a : start)
    for (std::size_t i = 0; i < a.size(); ++i) a.flat(i) = std::sin(1 + 2.3 * double(i));

  const auto network = [](const Variables& w, const Array& in) {
    return ad::matmul(ad::tanh(ad::matmul(in, w[0])), w[1]);
  };
  const auto same = [](const Arrays& slopes) { return slopes; };
  const Arrays alone = descend(
      start, [&](const Variables& w) { return ad::mean(ad::square(network(w, x) - y)); }, same);

  // Data parallel: each rank has some of the samples, and its part of the mean; the gradients are added up as one
  // message.
  const auto rows = mpi::part_of(samples);
  const Array some_x = part(x, 0, rows), some_y = part(y, 0, rows);
  const Arrays by_samples = descend(
      start, [&](const Variables& w) { return ad::sum(ad::square(network(w, some_x) - some_y)) / double(samples); },
      [](const Arrays& slopes) {
        Arrays sums;
        for (const auto& sum : mpi::allreduce(Variables(slopes.begin(), slopes.end()))) sums.push_back(sum.value());
        return sums;
      });

  // Tensor parallel: each rank has some of the hidden units, so columns of the first matrix and rows of the second. The
  // outputs are sums over all units. All ranks have the whole loss, which counts once: each has its share of it.
  const auto mine = mpi::part_of(units);
  const Arrays by_units = descend(
      {part(start[0], 1, mine), part(start[1], 0, mine)},
      [&](const Variables& w) {
        return ad::mean(ad::square(mpi::allreduce(network(w, x)) - y)) / double(ranks.size());
      },
      same);
  const Array second = mpi::all_gather(Variable(by_units[1])).value();

  const double samples_differ = difference(by_samples[1], alone[1]), units_differ = difference(second, alone[1]);
  if (ranks.rank() == 0)
    std::printf("%zu ranks: by samples within %.1e of one process, by hidden units within %.1e\n", ranks.size(),
                samples_differ, units_differ);
  return samples_differ < 1e-12 && units_differ < 1e-12 ? 0 : 1;
}
