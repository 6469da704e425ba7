// How a public function reaches the compiled operation behind it.
#pragma once

#include <array>
#include <span>

#include "../../memory.hpp"
#include "../../variable.hpp"

namespace autodiff {

/// Where an elementwise argument is sampled when its gradient is checked: inside its domain, off its poles.
struct Domain {
  double low, high;
};

/// What an operation gives: a variable, or an array of them where it has several results.
template <class Op, Real T>
struct ResultOf {
  using type = Variable<T>;
};
template <class Op, Real T>
requires(Op::results > 0) struct ResultOf<Op, T> {
  using type = std::array<Variable<T>, Op::results>;
};

/// Runs an operation of the library. Each family ends with the list of its operations, from which they are compiled,
/// tested and documented: what is not listed does not link.
template <class Op, Real T>
typename ResultOf<Op, T>::type listed(const Op& op, std::span<const Variable<T>* const> inputs);

#define AUTODIFF_EXTERN(Op)                                                                                      \
  extern template typename ResultOf<Op, float>::type listed(const Op&, std::span<const Variable<float>* const>); \
  extern template typename ResultOf<Op, double>::type listed(const Op&, std::span<const Variable<double>* const>);

template <class Op, Real T>
auto listed(const Op& op, std::span<const Variable<T>> inputs) {
  detail::Few<const Variable<T>*> pointers(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) pointers[i] = &inputs[i];
  return listed<Op, T>(op, std::span<const Variable<T>* const>(pointers));
}

template <class Op, Real T, std::same_as<Variable<T>>... Rest>
auto listed(const Op& op, const Variable<T>& first, const Rest&... rest) {
  const Variable<T>* const inputs[] = {&first, &rest...};
  return listed<Op, T>(op, std::span<const Variable<T>* const>(inputs));
}

}  // namespace autodiff
