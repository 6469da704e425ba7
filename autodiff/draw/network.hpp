// A plain network as one draws it on a blackboard: layers of units, each connected to all of the next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../draw.hpp"

namespace autodiff::detail {

/// Where there is no gradient or no value, the vector is empty.
struct DrawnLayer {
  std::string name, function;  // of the node that holds its values, and how that is computed
  std::size_t units = 0;
  std::vector<double> values, gradients;  // means over the samples, sums over them
  std::vector<double> biases;
};
/// From one layer to the next: a row for each unit that is read, a column for each that is computed.
struct DrawnWeights {
  std::string name;
  bool transposed = false;  // as they are recorded
  std::vector<double> weights, gradients;
};
struct DrawnNetwork {
  std::string loss;
  double value = 0;
  std::size_t samples = 1;
  std::vector<DrawnLayer> layers;  // the input first
  std::vector<DrawnWeights> weights;
};

/// Nothing where the recording is not of one layer after the other, each with one matrix of weights, used once, whose
/// values are known.
template <Real T>
std::optional<DrawnNetwork> network_of(const Variable<T>& loss);

std::string as_svg(const DrawnNetwork& network, const DrawOptions& options);

}  // namespace autodiff::detail
