// Steps of training 784-512-512-10 by Adam, alone or under mpirun: milliseconds a step, the least and the median, and
// what communication takes of it. Arguments: samples in a batch, shards (0: one whole, of one process), and steps.
#include <algorithm>
#include <autodiff/mpi.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nn/nn.hpp>

namespace {

double milliseconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// Half the time that a message of so many bytes takes there and back, between ranks 0 and 1.
double one_way(autodiff::Ranks& ranks, std::size_t bytes) {
  std::vector<std::byte> out(bytes), in(bytes);
  std::vector<autodiff::Ranks::Sent> to(ranks.size());
  std::vector<autodiff::Ranks::Received> from(ranks.size());
  if (ranks.rank() < 2) to[1 - ranks.rank()] = out, from[1 - ranks.rank()] = in;
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ranks.exchange(to, from);
    times.push_back(milliseconds(start));
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  autodiff::mpi::Session session(argc, argv);
  auto& ranks = *autodiff::Ranks::of_session();
  const auto argument = [&](int k, int otherwise) { return std::size_t(argc > k ? std::atoi(argv[k]) : otherwise); };
  const std::size_t batch = argument(1, 256), shards = argument(2, 4), steps = argument(3, 200);

  nn::Sequential<float> model(nn::Linear<float>(784, 512), nn::Activation<float>("relu"), nn::Linear<float>(512, 512),
                              nn::Activation<float>("relu"), nn::Linear<float>(512, 10));
  model.initialise(1);
  nn::Adam<float> adam(1e-3);
  nn::StepOptions options;
  options.shards = shards, options.ranks = &ranks;
  nn::Batch<float> samples{{autodiff::Array<float>(autodiff::Shape{batch, 784})},
                           {autodiff::Array<float>(autodiff::Shape{batch})}};
  for (std::size_t i = 0; i < samples.inputs[0].size(); ++i)
    samples.inputs[0].flat(i) = float(std::sin(double(i) * double(i % 97)));
  for (std::size_t i = 0; i < batch; ++i) samples.targets[0](i) = float(i % 10);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), options);

  std::vector<double> times;
  nn::Traffic before;
  float loss = 0;
  for (std::size_t i = 0; i < steps + 5; ++i) {
    if (i == 5) times.clear(), before = step.traffic();
    const auto start = std::chrono::steady_clock::now();
    loss = step(samples);
    times.push_back(milliseconds(start));
  }
  const auto after = step.traffic();
  std::ranges::sort(times);
  const double small = ranks.size() > 1 ? one_way(ranks, 8) : 0, large = ranks.size() > 1 ? one_way(ranks, 1 << 20) : 0;
  if (ranks.rank() == 0)
    std::printf(
        "%zu ranks, %zu shards, %d threads: %.3f ms a step at least, %.3f in the middle; of each %.3f waiting, %.3f "
        "exchanging %.2f MB; 8 bytes in %.1f us, 1 MiB in %.3f ms; loss %.9g\n",
        ranks.size(), shards, autodiff::threads(), times.front(), times[times.size() / 2],
        1e3 * (after.waited - before.waited) / double(steps),
        1e3 * (after.exchanging - before.exchanging) / double(steps),
        (after.bytes - before.bytes) / 1e6 / double(steps), 1e3 * small, large, double(loss));
}
