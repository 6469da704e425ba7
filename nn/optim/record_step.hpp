// A step of an optimiser as updates of a program.
#pragma once

#include "optimisers.hpp"

namespace nn {

namespace detail {
/// Whether a recorded gradient is nothing but the zeros of a parameter that the loss does not depend on.
template <Real T>
bool is_of_unused(const Variable<T>& gradient);
}  // namespace detail

/// What a step of the optimiser makes of parameters, variables of one tape, and of its slots, as updates of a program
/// of your own: the learning rate is read at each run. Throws ShapeError unless there is a gradient of its shape for
/// each parameter, ValueError for parameters without names, by which slots go. Slots are those of the optimiser, and
/// parameters those of their model: each run changes them there, and goes on from what they are by then. A copy of the
/// program goes on by itself. First the parameters in their order, then the slots of one after those of another. A
/// parameter that the loss does not use stays as it is.
///
/// Where a batch comes in several, one program adds their gradients up in cells that another one shares, which makes
/// the step and sets them back. (A batch that is there as a whole needs no more than StepOptions::parts.)
///
///   std::vector<StateCell<T>> sums;           // zeros, one for each parameter
///   additions.push_back({sum, sum + slope});  // on one tape, where sum = tape.variable(sums[k])
///   auto add = compile({x, y}, {loss}, additions);
///   means.push_back(share * sum);  // on another tape: sum = other.variable(sums[k]), share = other.input({})
///   auto updates = record_step(adam, model.variables(share), means);
///   updates.push_back({sum, other.constant(zeros)});
///   auto step = compile({share}, {}, updates);  // for (...) add(x, y); step(1.0 / batches);
template <Real T>
std::vector<autodiff::Update<T>> record_step(Optimiser<T>& optimiser, const std::vector<Variable<T>>& parameters,
                                             const std::vector<Variable<T>>& gradients);

}  // namespace nn
