// train_mlp as one of several processes.
#pragma once

#include <memory>
#include <string>

/// All processes that mpirun has started, where there is MPI; else this one alone. The first one speaks for all: what
/// the others print goes nowhere, but for why they failed.
class Processes {
 public:
  Processes(int& argc, char**& argv);
  ~Processes();
  bool first() const { return first_; }
  /// Says what went wrong, on the standard error and once, and gives the exit code; all processes end. Where another
  /// one should say more, that one comes first.
  int failed(const std::string& what, int code, bool others_say_more = false);

 private:
  struct Others;
  std::unique_ptr<Others> others_;
  bool first_ = true;
};
