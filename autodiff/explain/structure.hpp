// Which nodes of a recording are units, weights and biases: read off from what operations declare and what their rules
// look at, so that it holds for networks of modules and for those written by hand.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "../tape.hpp"

namespace autodiff::detail {

/// What a value is made of. Data: an array that is a constant or an input, and what is computed from it; a single
/// number is none, unless there is nothing else. Parameters: variables, and what is computed from one alone.
enum class Made : std::uint8_t { number, parameter, data };

/// What a variable does where it meets the data: its gradient there depends on them, or on nothing but what flows back.
enum class Role : std::uint8_t { none, weight, bias };

struct Structure {
  /// A variable that the loss depends on.
  struct Parameter {
    std::uint32_t node;
    Role role = Role::none;
    std::uint32_t layer = 0;    // that it belongs to, from 1; 0 outside of any
    const char* why = nullptr;  // of Role::none
  };
  /// A product that begins a layer: a weight meets data, element with all others.
  struct Product {
    std::uint32_t node, parameter, weight, data;  // the variable; the argument that holds it, and that of the data
    std::uint32_t layer;
    bool weight_first;  // in the order of arguments
    std::uint32_t sum;  // with biases, the pre-activation
  };
  /// A value of a layer that people look at.
  struct Units {
    std::uint32_t node, layer;
    bool output;
  };

  std::uint32_t loss = 0;
  std::vector<bool> needed;  // leads to the loss
  std::vector<bool> flows;   // depends on a variable, and a gradient reaches it
  std::vector<Made> made;
  std::vector<std::uint32_t> layer;
  std::vector<bool> tail;  // behind the last product: leads to the loss without another one
  bool nested = false;     // some operation is made of several that use parameters
  std::vector<Parameter> parameters;
  std::vector<Product> products;
  std::vector<Units> units;  // in the order of recording
};

/// Of what leads to the loss. Variables among `inputs` are data. Where a variable came from a cell, as parameters of
/// modules do, those that did not are data, too.
template <Real T>
Structure structure_of(const Variable<T>& loss, const std::vector<Variable<T>>& inputs);

}  // namespace autodiff::detail
