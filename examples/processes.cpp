#include "processes.hpp"

#include <chrono>
#include <iostream>
#include <streambuf>
#include <thread>

#ifdef WITH_MPI
#include <autodiff/mpi.hpp>
#endif

namespace {

/// Takes what is written, and forgets it.
class Nowhere : public std::streambuf {
  int overflow(int c) override { return traits_type::not_eof(c); }
};

}  // namespace

#ifdef WITH_MPI

struct Processes::Others {
  autodiff::mpi::Session session;
  Nowhere nowhere;
  std::streambuf* before = std::cout.rdbuf();
  ~Others() { std::cout.rdbuf(before); }
};

Processes::Processes(int& argc, char**& argv) {
  if (autodiff::copies_started() == 0) return;
  others_.reset(new Others{{argc, argv}, {}});
  first_ = autodiff::Ranks::of_session()->rank() == 0;
  if (!first_) std::cout.rdbuf(&others_->nowhere);
}

int Processes::failed(const std::string& what, int code) {
  if (others_) {
    // Most often all have failed alike: whoever says so ends the others.
    if (!others_->session.first_alive()) std::this_thread::sleep_for(std::chrono::seconds(2));
    if (autodiff::Ranks::of_session()->size() > 1) others_->session.give_up();
  }
  std::cerr << "train_mlp: " << what << std::endl;
  return code;
}

#else

struct Processes::Others {};

Processes::Processes(int&, char**&) {}

int Processes::failed(const std::string& what, int code) {
  std::cerr << "train_mlp: " << what << std::endl;
  return code;
}

#endif

Processes::~Processes() = default;
