// How long each of several sequences is, for losses and layers that stop there.
#pragma once

#include <string>

#include "../variable.hpp"

namespace autodiff {

/// The lengths, asked at every run. Throws ValueError, which names the operation, says what they are lengths of, and
/// which sample's is no whole number from 0 to `longest`.
template <Real T>
Variable<T> checked_lengths(const std::string& operation, const std::string& what, const Variable<T>& lengths,
                            std::size_t longest);

}  // namespace autodiff
