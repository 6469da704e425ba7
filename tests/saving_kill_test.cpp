// Kills a run that saves after every step, at random moments: its checkpoint must always be readable, and never go
// back. Argument: how many times. The run itself is this program with the word "run" and the path.
#include <fcntl.h>
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

/// Says when it begins, and never ends.
[[noreturn]] void run(const std::filesystem::path& path) {
  std::uint64_t step = std::filesystem::exists(path) ? step_of(path) : 0;
  std::puts("saving");
  std::fflush(stdout);
  for (;;) {
    nn::Checkpoint checkpoint;
    checkpoint.set("step", ++step);
    for (const std::size_t size : sizes)
      checkpoint.arrays.emplace("array " + std::to_string(size), Array<double>(Shape{size}, double(step)));
    nn::save_checkpoint(path, checkpoint);
  }
}

/// Starts a run, and returns once it has begun.
pid_t start(std::string program, std::string path) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw nn::DataError("cannot make a pipe");
  std::string word = "run";
  char* arguments[] = {program.data(), word.data(), path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  char begun = 0;
  const auto got = read(ends[0], &begun, 1);
  close(ends[0]);
  if (error != 0 || got != 1) throw nn::DataError("the run does not begin");
  return child;
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
    const pid_t child = start(argv[0], path);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
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
