// L-BFGS: minimises a smooth function of all parameters at once, from the loss over a whole data set.
#pragma once

#include <functional>
#include <nn/model/module.hpp>
#include <string>
#include <vector>

namespace nn {

struct LbfgsOptions {
  std::size_t history = 10;        // how many of the last steps tell of the curvature; each takes two copies in memory
  std::size_t iterations = 1000;   // at most
  std::size_t evaluations = 5000;  // after which no new iteration begins
  double gradient_tolerance = 1e-6;  // ends when no element of the gradient is larger than this, or when an iteration
  double change_tolerance = 1e-9;    // takes no more than this share off the loss, or off 1 where the loss is smaller
  // Of the strong Wolfe conditions, with 0 < decrease < curvature < 1: the share of the slope at the start of a step
  // that the mean slope along it must reach, and the share that the slope at its end may have.
  double decrease = 1e-4, curvature = 0.9;
};

/// Why L-BFGS ended: the gradient, or the change of the loss, is within its tolerance; iterations or evaluations were
/// used up; or no step makes the loss any smaller, be it for rounding or for a gradient that is wrong.
enum class LbfgsEnd { gradient, change, iterations, evaluations, no_step };

/// How it went.
struct LbfgsReport {
  std::size_t iterations = 0, evaluations = 0;  // that were made
  double loss = 0;                              // at the parameters found
  double gradient_norm = 0;                     // there: the largest magnitude of its elements
  LbfgsEnd end = LbfgsEnd::iterations;          // why it ended
  /// The same as a line for people.
  std::string text() const;
};

/// The loss at these parameters; sets the gradients, which come as zeros of the shapes of the parameters.
template <Real T>
using LossAndGradients = std::function<T(const std::vector<Array<T>>& parameters, std::vector<Array<T>>& gradients)>;

/// Moves the parameters to a minimum of the loss, which never becomes larger on the way. A loss that is infinite or not
/// a number counts as too large a step. J. Nocedal and S. Wright, "Numerical optimization", 2nd edition, algorithms 7.4
/// and 7.5, with the line search of 3.5 and 3.6.
///
/// Throws ValueError for options out of range and for a loss or gradient that is not finite at the start, ShapeError
/// for gradients that do not fit, and what the function throws: the parameters are then as before.
template <Real T>
LbfgsReport lbfgs(std::vector<Array<T>>& parameters, const std::type_identity_t<LossAndGradients<T>>& function,
                  LbfgsOptions options = {});

/// A loss put together on this tape.
template <Real T>
using RecordedLoss = std::function<Variable<T>(autodiff::Tape<T>& tape)>;

/// The same for a model, but for what is frozen of it, and its loss, recorded anew for each evaluation on the tape
/// given:
///
///   nn::lbfgs(model, [&](auto& tape) { return squared_error(model(tape.constant(x)), tape.constant(y)); });
///
/// The loss must be a function of the parameters alone: no Dropout, no mini-batches. Throws what the first one throws.
template <Real T>
LbfgsReport lbfgs(Module<T>& model, const std::type_identity_t<RecordedLoss<T>>& loss, LbfgsOptions options = {});

}  // namespace nn
