// What a program finds, handed over while it runs.
#pragma once

#include <autodiff/tape.hpp>
#include <functional>

namespace nn::detail {

/// Each run calls `take` with the elements of x, as soon as it has them, and gives the number 0. x counts as depending
/// on `each_run`, an input, so that nothing is taken when the program is compiled alone. `take` must not throw.
template <autodiff::Real T>
autodiff::Variable<T> hand_over(const autodiff::Variable<T>& x, const autodiff::Variable<T>& each_run,
                                std::function<void(const T* x)> take);

}  // namespace nn::detail
