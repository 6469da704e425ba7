#include "processes.hpp"

#include <iostream>

#ifdef WITH_MPI

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <autodiff/mpi.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <streambuf>
#include <thread>

namespace {

/// Takes what is written, and forgets it.
class Nowhere : public std::streambuf {
  int overflow(int c) override { return traits_type::not_eof(c); }
};

pid_t child = 0;
void pass_on(int signal) { kill(child, signal); }

/// What this process does from now on is done by a child, which ends with it. If it is killed, this says so: MPI itself
/// may end the others before they can.
void watch_over_itself(int argc, char** argv) {
  const pid_t parent = getpid();
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) std::_Exit(1);
    setpgid(0, 0);  // so that signals come once, from the parent
    return;
  }
  if (child < 0) return;  // nobody watches then
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) std::signal(signal, pass_on);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) std::_Exit(WEXITSTATUS(status));
  const auto is_checkpoint = [](const char* argument) { return std::strncmp(argument, "--checkpoint", 12) == 0; };
  const bool saved = std::any_of(argv, argv + argc, is_checkpoint);
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (WTERMSIG(status) != SIGTERM)
    std::cerr << "train_mlp: rank " << (rank ? rank : "?") << " has ended by signal " << WTERMSIG(status)
              << ", and so do all: "
              << (saved ? "with --resume, it goes on from the checkpoint"
                        : "without a --checkpoint, it has to begin anew")
              << std::endl;
  std::signal(WTERMSIG(status), SIG_DFL);
  std::raise(WTERMSIG(status));
  std::_Exit(1);
}

}  // namespace

struct Processes::Others {
  autodiff::mpi::Session session;
  Nowhere nowhere;
  std::streambuf *out = std::cout.rdbuf(), *errors = std::cerr.rdbuf();
  ~Others() { std::cout.rdbuf(out), std::cerr.rdbuf(errors); }
};

Processes::Processes(int& argc, char**& argv) {
  const std::size_t copies = autodiff::copies_started();
  if (copies == 0) return;
  if (copies > 1) watch_over_itself(argc, argv);
  others_.reset(new Others{{argc, argv}, {}});
  first_ = autodiff::Ranks::of_session()->rank() == 0;
  if (!first_) std::cout.rdbuf(&others_->nowhere), std::cerr.rdbuf(&others_->nowhere);
}

int Processes::failed(const std::string& what, int code, bool others_say_more) {
  if (others_) {
    // Most often all have failed alike: whoever says so ends the others.
    if (others_say_more || !others_->session.first_alive()) std::this_thread::sleep_for(std::chrono::seconds(2));
    if (autodiff::Ranks::of_session()->size() > 1) others_->session.give_up();
    std::cerr.rdbuf(others_->errors);
  }
  std::cerr << "train_mlp: " << what << std::endl;
  return code;
}

#else

struct Processes::Others {};

Processes::Processes(int&, char**&) {}

int Processes::failed(const std::string& what, int code, bool) {
  std::cerr << "train_mlp: " << what << std::endl;
  return code;
}

#endif

Processes::~Processes() = default;
