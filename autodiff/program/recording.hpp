// What of a tape is to be compiled.
#pragma once

#include <vector>

#include "../tape.hpp"

namespace autodiff {

/// A value that a program keeps from run to run: it starts as the variable `state`, and each run makes it `next`.
template <Real T>
struct Update {
  Variable<T> state, next;
};

/// What a recording leaves to be compiled.
template <Real T>
struct Recording {
  std::vector<Variable<T>> outputs;
  std::vector<Update<T>> updates;
};

}  // namespace autodiff
