// What was recorded, as a model of ONNX, which other programs run: https://onnx.ai.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "tape.hpp"

namespace autodiff {

struct OnnxOptions {
  std::vector<std::string> inputs = {}, outputs = {};  // their names; else those on the tape, or "input", "output"
  /// Lengths of axes that are a multiple of this are those of samples, of which the model takes any number; take one
  /// that no other length is a multiple of. 0: the model takes the shapes that were recorded. What computes with their
  /// number, as a mean over samples does, is written for the number that was recorded.
  std::size_t samples = 0;
};

/// What leads on a tape from the inputs to the outputs, as the bytes of a model of ONNX (operators of version 17),
/// which belong into a file "*.onnx". Whatever else the outputs depend on is a constant of the model, with the value
/// that it has now; those with names keep them.
///
/// Throws ValueError for an operation without a counterpart, such as random draws and one's own, and names it; for an
/// output that does not depend on the inputs; for another number of names; and for a model of more than 2 GB. Throws
/// TapeError for variables of different tapes.
template <Real T>
std::string to_onnx(std::span<const Variable<T>> inputs, std::span<const Variable<T>> outputs,
                    const OnnxOptions& options = {});
template <Real T>
std::string to_onnx(std::initializer_list<Variable<T>> inputs, std::initializer_list<Variable<T>> outputs,
                    const OnnxOptions& options = {}) {
  return to_onnx(std::span<const Variable<T>>(inputs.begin(), inputs.size()),
                 std::span<const Variable<T>>(outputs.begin(), outputs.size()), options);
}

}  // namespace autodiff
