// Kills train_mlp, saving after every step, at random moments, and has it go on from there: its checkpoint must always
// be readable and never go back, and the network that it saves in the end be that of a run that was never killed, byte
// for byte. Arguments: train_mlp, and how many times.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nn/nn.hpp>
#include <random>
#include <thread>

#include "scratch.hpp"

namespace {

using std::chrono::milliseconds, std::chrono::seconds;

constexpr int most_milliseconds = 120;  // that a run gets
constexpr seconds patience(120);        // with one that should end by itself: some hundred times what it takes

[[noreturn]] void refuse(const std::string& what) { throw nn::DataError(what); }

pid_t start(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawn(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) refuse("train_mlp does not start");
  return child;
}

/// Whether a run was killed; false if it had come to its end. One that does not end at all is killed and refused.
bool killed(pid_t child) {
  const auto last = std::chrono::steady_clock::now() + patience;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > last) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      refuse("train_mlp hangs: it has not ended after " + std::to_string(patience.count()) + " seconds");
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) refuse("train_mlp has failed");
  return false;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) refuse("arguments: train_mlp, and how many times it is killed");
  const int kills = std::atoi(argv[2]);
  const Scratch scratch;
  const auto checkpoint = scratch / "checkpoint.safetensors", network = scratch / "network.safetensors";
  const std::vector<std::string> common{argv[1],     "--data", "iris",         "--epochs", "20",        "--batch", "4",
                                        "--dropout", "0.1",    "--validation", "0.2",      "--threads", "1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    return more;
  };
  const auto expected = scratch / "expected.safetensors";
  killed(start(with({"--save", expected.string()})));

  std::mt19937_64 random(std::random_device{}());
  std::size_t last = 0;
  int done = 0, ends = 0, in_the_middle = 0;
  while (done < kills || ends == 0) {
    std::vector<std::string> more{"--checkpoint", checkpoint.string(), "--checkpoint-steps", "1",
                                  "--save",       network.string()};
    if (std::filesystem::exists(checkpoint)) more.push_back("--resume");
    const pid_t child = start(with(more));
    if (done < kills) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % (most_milliseconds * 1000)));
      kill(child, SIGKILL);
      ++done;
    }
    const bool end = !killed(child);
    in_the_middle += std::filesystem::exists(scratch / ".checkpoint.safetensors.part");
    if (!std::filesystem::exists(checkpoint)) continue;  // killed before it had saved at all
    const auto steps = nn::load_checkpoint(checkpoint).number<std::size_t>("fit.steps");
    if (steps < last) refuse("a step was lost");
    last = steps;
    if (!end) continue;
    ++ends;
    if (bytes_of(network) != bytes_of(expected)) refuse("the network is not that of a run that was never killed");
    last = 0;
    std::filesystem::remove(checkpoint), std::filesystem::remove(network);
  }
  std::printf("killed %d times, %d of them while it wrote; %d runs came to their end\n", done, in_the_middle, ends);
  return 0;
} catch (const autodiff::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
