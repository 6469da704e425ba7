// Steps of recurrent networks, each in one pass over its units.
#pragma once

#include "linalg.hpp"

namespace autodiff {

/// What an LSTM makes of its gates and its cell: h = o tanh(c') and c' = f c + i g, where i, f, o are the logistic and
/// g is the hyperbolic tangent of their parts of x + y, side by side along the last axis in the order i, f, g, o. x and
/// y
/// (..., 4 units) are what inputs and state give, c (..., units). Throws ShapeError for other shapes. S. Hochreiter and
/// J. Schmidhuber, 1997; F. Gers, J. Schmidhuber and F. Cummins, 2000.
template <Real T>
std::array<Variable<T>, 2> lstm_cell(const Variable<T>& x, const Variable<T>& y, const Variable<T>& c);

}  // namespace autodiff
