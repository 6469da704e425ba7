// Several functions of the same inputs, for operations that choose between them.
#pragma once

#include "../function.hpp"

namespace autodiff::detail {

/// Functions of the inputs that they were recorded for, followed by all that any of them uses of the tapes around it.
template <Real T>
struct Sides {
  std::vector<std::shared_ptr<const RecordedFunction<T>>> functions;
  std::vector<Variable<T>> captured;
};

template <Real T>
Sides<T> record_sides(std::string_view caller, const std::vector<Body<T>>& bodies,
                      const std::vector<Variable<T>>& inputs);

}  // namespace autodiff::detail
