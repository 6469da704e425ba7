// Keys and steps of random numbers, as operations take them: see random.hpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "../error.hpp"
#include "../variable.hpp"

namespace autodiff {

/// A key or a step as an integer. Throws ValueError for what is none in range.
template <class T>
std::uint64_t whole(std::string_view operation, std::string_view what, T value) {
  constexpr auto end = std::uint64_t{1} << std::numeric_limits<T>::digits;
  if (!(value >= 0 && value < static_cast<T>(end)) || value != std::floor(value))
    fail<ValueError>(operation, "the ", what, " must be a whole number from 0 to ", end, " (not included): ", value);
  return static_cast<std::uint64_t>(value);
}

/// Throws ShapeError unless both have one element.
inline void check_counters(std::string_view operation, Dims key, Dims step) {
  if (count(key) != 1 || count(step) != 1)
    fail<ShapeError>(operation, "key and step must have one element each: ", key, " and ", step);
}

/// The rate in the element type. Throws ValueError unless it is at least 0 and below 1.
template <Real T>
T checked_rate(std::string_view operation, double rate) {
  const T result = static_cast<T>(rate);
  if (!(result >= 0 && result < 1)) fail<ValueError>(operation, "the rate must be from 0 to 1 (not included): ", rate);
  return result;
}

/// Warns, once, where a recording, that of the first operand which is recorded, draws by the same key and step again.
template <Real T>
void note_draw(std::string_view operation, const Variable<T>& key, const Variable<T>& step,
               std::initializer_list<const Variable<T>*> others = {});

}  // namespace autodiff
