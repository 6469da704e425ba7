// What was recorded, as text.
#pragma once

#include <iosfwd>

#include "tape.hpp"

namespace autodiff {

/// Writes name, shape and value: `layer1/W (4, 3) [[0.1, -0.2, 0.3], ..., [0.4, 0.5, -0.6]]`. Long values are
/// abbreviated, and a value that only a run of a program knows is left out. Of a variable that is empty, or whose tape
/// is gone, it writes so.
template <Real T>
std::ostream& operator<<(std::ostream& out, const Variable<T>& v);
/// The same of an array, such as a gradient: `(2, 3) [[1, 2, 3], [4, 5, 6]]`. xtensor prints all of an expression,
/// where its header for that is included.
template <Real T>
std::ostream& operator<<(std::ostream& out, const Array<T>& a);

/// Writes what the tape holds, a line a node in the order of recording: name, operation and arguments, shape, value.
/// Where gradients were recorded, their nodes stand there, too. Nodes without a name have a number, "%12".
///
///   # layer1
///     layer1/W = variable  (4, 3)  [[0.1, ...
///     layer1/a = linear x layer1/W layer1/b  (2, 3)  [[...
template <Real T>
void print(std::ostream& out, const Tape<T>& tape);

}  // namespace autodiff
