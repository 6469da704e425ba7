// Loops whose body is recorded once, however often it runs.
#pragma once

#include <utility>

#include "../function.hpp"

namespace autodiff {

struct ScanOptions {
  /// How many steps; -1: as many as the sequences are long.
  std::ptrdiff_t length = -1;
  /// The axis of sequences and outputs along which the steps go.
  int axis = 0;
  /// From the last element to the first.
  bool reverse = false;
  /// What is kept for the gradient: 1, all that it needs; k, the carry at every k-th step, from where the steps between
  /// are computed again; 0, nothing, and all of it is computed again. The best k for memory is near the root of the
  /// number of steps.
  std::size_t keep_every = 1;
};

namespace detail {
/// From carries and elements, followed by nothing else, to the next carries and the outputs, so many of each.
template <Real T>
using ScanStep = std::function<std::pair<std::vector<Variable<T>>, std::vector<Variable<T>>>(
    const std::vector<Variable<T>>& carry, const std::vector<Variable<T>>& elements)>;

template <Real T>
std::pair<std::vector<Variable<T>>, std::vector<Variable<T>>> scan(const ScanStep<T>& step,
                                                                   const std::vector<Variable<T>>& carry,
                                                                   const std::vector<Variable<T>>& sequences,
                                                                   const ScanOptions& options);
}  // namespace detail

/// A loop over the elements of sequences: body(carry, elements) gives the next carry and the outputs of the step, both
/// vectors, as a pair. Gives the last carry, and the outputs of all steps, stacked along the axis. The body is recorded
/// once, with shapes alone, however many steps there are, and may use variables around it, such as parameters: those,
/// too, have gradients of any order. Throws what the body throws; ShapeError where the carry would change its shape, or
/// sequences differ in length; TapeError where the body reads values. What fails in a step says in which.
template <Real T, class F>
std::pair<std::vector<Variable<T>>, std::vector<Variable<T>>> scan(F&& body, const std::vector<Variable<T>>& carry,
                                                                   const std::vector<Variable<T>>& sequences,
                                                                   const ScanOptions& options = {}) {
  return detail::scan<T>([&body](const auto& c, const auto& x) { return body(c, x); }, carry, sequences, options);
}
/// The same of one carry and one sequence: body(carry, element) gives a pair of variables, and so does scan.
template <Real T, class F>
std::pair<Variable<T>, Variable<T>> scan(F&& body, const Variable<T>& carry, const Variable<T>& sequence,
                                         const ScanOptions& options = {}) {
  auto [last, outputs] = detail::scan<T>(
      [&body](const auto& c, const auto& x) {
        auto [next, output] = body(c[0], x[0]);
        return std::pair(std::vector<Variable<T>>{next}, std::vector<Variable<T>>{output});
      },
      std::vector{carry}, std::vector{sequence}, options);
  return {std::move(last[0]), std::move(outputs[0])};
}

}  // namespace autodiff
