// What tests of the network layer share.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <nn/nn.hpp>
#include <string>
#include <vector>

namespace test {

/// What the error says that f throws.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const autodiff::Error& error) {
    return error.what();
  }
  return "no error";
}

inline autodiff::Array<double> array(const std::vector<double>& numbers, const autodiff::Shape& shape) {
  auto result = autodiff::uninitialised<double>(shape);
  REQUIRE(result.size() == numbers.size());
  std::ranges::copy(numbers, result.begin());
  return result;
}

/// Checks that all elements are these, to a few roundings of double where they are of the order of one.
inline void check_close(const autodiff::Array<double>& values, const std::vector<double>& numbers) {
  REQUIRE(values.size() == numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    CAPTURE(i);
    CHECK(values.flat(i) == doctest::Approx(numbers[i]).epsilon(1e-13));
  }
}

}  // namespace test
