// Included by each family's .cpp file, which compiles the operations that the family lists, and their functions.
#pragma once

#include "../op.hpp"
#include "structs/listed.hpp"

namespace autodiff {

template <class Op, Real T>
Variable<T> listed(const Op& op, std::span<const Variable<T>> inputs) {
  return Tape<T>::record(primitive<Op, T>(op), inputs);
}

#define AUTODIFF_COMPILE(Op)                                                    \
  template Variable<float> listed(const Op&, std::span<const Variable<float>>); \
  template Variable<double> listed(const Op&, std::span<const Variable<double>>);

/// The public function of an operation without parameters.
#define AUTODIFF_FUNCTION(function, Op)                      \
  template <Real T>                                          \
  Variable<T> function(const Variable<T>& x) {               \
    return listed(Op{}, x);                                  \
  }                                                          \
  template Variable<float> function(const Variable<float>&); \
  template Variable<double> function(const Variable<double>&);
#define AUTODIFF_FUNCTION_OF_TWO(function, Op)                                       \
  template <Real T>                                                                  \
  Variable<T> function(const Variable<T>& a, const Variable<T>& b) {                 \
    return listed(Op{}, a, b);                                                       \
  }                                                                                  \
  template Variable<float> function(const Variable<float>&, const Variable<float>&); \
  template Variable<double> function(const Variable<double>&, const Variable<double>&);

}  // namespace autodiff
