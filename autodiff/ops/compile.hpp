// Included by each family's .cpp file, which compiles the operations that the family lists, and their functions.
#pragma once

#include "../op.hpp"
#include "structs/listed.hpp"

namespace autodiff {

template <class Op, Real T>
typename ResultOf<Op, T>::type listed(const Op& op, std::span<const Variable<T>* const> inputs) {
  if constexpr (requires { Op::results; }) {
    std::array<Variable<T>, Op::results> results;
    Tape<T>::record(primitive<Op, T>(op), inputs, results);
    return results;
  } else {
    return Tape<T>::record(primitive<Op, T>(op), inputs);
  }
}

#define AUTODIFF_COMPILE(Op)                                                                              \
  template typename ResultOf<Op, float>::type listed(const Op&, std::span<const Variable<float>* const>); \
  template typename ResultOf<Op, double>::type listed(const Op&, std::span<const Variable<double>* const>);

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
