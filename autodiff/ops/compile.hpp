// Included by each family's .cpp file, which compiles the operations that the family lists.
#pragma once

#include "../op.hpp"
#include "elementary.hpp"

namespace autodiff {

template <class Op, Real T>
Variable<T> listed(const Op& op, std::span<const Variable<T>> inputs) {
  return Tape<T>::record(primitive<Op, T>(op), inputs);
}

#define AUTODIFF_COMPILE(Op)                                                    \
  template Variable<float> listed(const Op&, std::span<const Variable<float>>); \
  template Variable<double> listed(const Op&, std::span<const Variable<double>>);

}  // namespace autodiff
