// The paths along which a derivative comes about, through single elements.
#pragma once

#include "flow.hpp"

namespace autodiff::detail {

struct PathStep {
  std::uint32_t node;
  std::size_t element;
  double factor;  // d this element / d the one below; 1 at the source
};
struct FoundPath {
  std::vector<PathStep> steps;  // from the source up to the loss
  double product;
};
struct FoundPaths {
  std::vector<FoundPath> paths;  // largest first
  double count = 0;              // NaN where elements were left out
};

/// Of the paths through stations, nodes that are marked, the source and the loss among them: at most `most` of those
/// with the largest products. Exact unless a node has more elements on the way than `width`: then only those are
/// followed through which most of the derivative passes.
template <Real T>
FoundPaths find_paths(Flow<T>& flow, const std::vector<bool>& stations, std::size_t element, std::size_t most,
                      std::size_t width);

}  // namespace autodiff::detail
