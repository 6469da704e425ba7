// Recomputation: what waits long to be read again is computed again there, and takes no memory in between.
#pragma once

#include "copies.hpp"

namespace autodiff::detail {

/// A plan whose arena takes no more than so many bytes. Where the plain one is longer, values that are alive at
/// its fullest moment and read after it are computed a second time for those readers: first what is computed element by
/// element from values that are there, as few as suffice; then segments, as long as they fit when they are computed
/// again, from values that are kept between them (Chen, Xu, Zhang and Guestrin, Training deep nets with sublinear
/// memory cost, 2016); and where that is not enough, the same again on what has come of it. Throws ValueError, which
/// names what is computed at the fullest moment, where no plan that was found fits.
template <Real T>
Plan<T> plan_within(Graph<T>& graph, const ClusterOptions& options, std::size_t limit);

}  // namespace autodiff::detail
