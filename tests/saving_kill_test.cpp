// Kills a run that saves after every step, at random moments: its checkpoint must always be readable, and never go
// back. Argument: how many times. The run itself is this program with the word "run" and the path.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nn/nn.hpp>
#include <random>
#include <thread>

#include "scratch.hpp"

namespace {

using autodiff::Array;
using autodiff::Shape;

constexpr std::size_t sizes[] = {1, 1000, 300'000};

/// All arrays hold the number of the step.
std::uint64_t step_of(const std::filesystem::path& path) {
  const auto checkpoint = nn::load_checkpoint(path);
  const auto step = checkpoint.number<std::uint64_t>("step");
  for (const std::size_t size : sizes) {
    const auto array = checkpoint.array<double>("array " + std::to_string(size));
    if (array.size() != size) throw nn::DataError("an array has another size");
    for (const double element : array)
      if (element != double(step)) throw nn::DataError("an array is of another step");
  }
  return step;
}

[[noreturn]] void run(const std::filesystem::path& path) {
  for (std::uint64_t step = std::filesystem::exists(path) ? step_of(path) + 1 : 1;; ++step) {
    nn::Checkpoint checkpoint;
    checkpoint.set("step", step);
    for (const std::size_t size : sizes)
      checkpoint.arrays.emplace("array " + std::to_string(size), Array<double>(Shape{size}, double(step)));
    nn::save_checkpoint(path, checkpoint);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3 && std::strcmp(argv[1], "run") == 0) run(argv[2]);
  const int kills = argc == 2 ? std::atoi(argv[1]) : 40;
  const Scratch scratch;
  const std::string path = (scratch / "run.safetensors").string();
  std::mt19937_64 random(std::random_device{}());
  std::uint64_t last = 0;
  int in_the_middle = 0;
  for (int kill = 0; kill < kills; ++kill) {
    std::string program = argv[0], word = "run", argument = path;
    char* arguments[] = {program.data(), word.data(), argument.data(), nullptr};
    pid_t child = 0;
    if (posix_spawn(&child, argv[0], nullptr, nullptr, arguments, environ) != 0) throw nn::DataError("cannot spawn");
    std::this_thread::sleep_for(std::chrono::microseconds(5'000 + random() % 95'000));
    ::kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) throw nn::DataError("the run ended by itself");
    if (!std::filesystem::exists(path)) continue;  // killed before it had saved at all
    in_the_middle += std::filesystem::exists(scratch / ".run.safetensors.part");
    if (scratch.files() > 2) throw nn::DataError("parts pile up");
    const auto step = step_of(path);
    if (step < last) throw nn::DataError("a step was lost");
    last = step;
  }
  std::printf("killed %d times, %d of them while it wrote, at last in step %" PRIu64 "\n", kills, in_the_middle, last);
  return last > 0 && in_the_middle > 0 ? 0 : 1;
} catch (const autodiff::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
