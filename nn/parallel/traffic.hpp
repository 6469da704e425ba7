// What communication costs.
#pragma once

namespace nn {

/// Of a rank so far: seconds of waiting for others, with nothing to compute, and of exchanging sums of gradients,
/// mostly while it computed; and the bytes that it sent for these.
struct Traffic {
  double waited = 0, exchanging = 0, bytes = 0;
};

}  // namespace nn
