// What explain and draw ask of a loss.
#pragma once

#include "../tape.hpp"

namespace autodiff::detail {

/// Throws what they do for a loss that is not a recorded number.
template <Real T>
void check_recorded(std::string_view caller, const Variable<T>& loss) {
  Tape<T>::check_operands(caller, std::span(&loss, 1));
  if (!loss.recorded())
    fail<PlainError>(caller, "the loss is a plain value, recorded on no tape: ", Dims(loss.shape()));
  if (loss.size() != 1) fail<ShapeError>(caller, "the loss must have one element: ", Dims(loss.shape()));
}

/// The same for one whose value is not there.
template <Real T>
void check_loss(std::string_view caller, const Variable<T>& loss) {
  check_recorded(caller, loss);
  const auto& node = loss.tape().node(loss.index());
  if (loss.abstract())
    fail<TapeError>(caller, "only a run of the program knows the values, which depend on ",
                    loss.tape().origins(loss.index()), ": ", Dims(loss.shape()));
  if (node.constant)
    fail<TapeError>(caller, "the loss is a constant, to which no gradient leads: ", Dims(loss.shape()));
}

}  // namespace autodiff::detail
