// Classes as numbers of the element type of an array.
#pragma once

#include <autodiff/array.hpp>
#include <autodiff/error.hpp>
#include <cmath>
#include <string_view>

namespace nn {

/// The class of sample i. Throws ValueError unless it is a whole number below `classes`.
template <autodiff::Real T>
std::size_t class_of(std::string_view caller, const autodiff::Array<T>& labels, std::size_t i, std::size_t classes) {
  const T label = labels.data()[i];
  if (!(label >= 0 && label < static_cast<T>(classes)) || label != std::floor(label))
    autodiff::fail<autodiff::ValueError>(caller, "label ", i, " must be a whole number from 0 to ", classes,
                                         " (not included): ", label);
  return static_cast<std::size_t>(label);
}

}  // namespace nn
