// The reverse sweep: one loop over the tape, for arrays and for recorded variables alike.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tape.hpp"

namespace autodiff {

/// What the sweep computes with: plain values, or variables recorded on the same tape (to be differentiated again).
enum class Sweep { plain, recorded };

/// The cotangents of `xs`, given that of `y`; zeros where y does not depend on one. Visits only nodes between. In the
/// body of a function, x may be a variable of the tapes around it, of which what the body uses was computed.
/// `caller` is named in errors: TapeError for constants, plain values and other tapes, ShapeError for a cotangent
/// that is not of y's shape. Griewank and Walther, Evaluating Derivatives (2008), section 3.2.
template <Real T>
std::vector<Variable<T>> sweep(std::string_view caller, Sweep mode, const Variable<T>& y, const Variable<T>& cotangent,
                               std::span<const Variable<T>> xs);

/// The same from several ys of one tape, each with its cotangent: what flows back from all of them, added up. There
/// must be one at least.
template <Real T>
std::vector<Variable<T>> sweep(std::string_view caller, Sweep mode, std::span<const Variable<T>> ys,
                               std::span<const Variable<T>> cotangents, std::span<const Variable<T>> xs);

namespace detail {
/// The same where all lie on the tape of the ys; empty where these do not depend on an x.
template <Real T>
std::vector<Variable<T>> sweep_tape(std::string_view caller, Sweep mode, std::span<const Variable<T>> ys,
                                    std::span<const Variable<T>> cotangents, std::span<const Variable<T>> xs);
}  // namespace detail

}  // namespace autodiff
