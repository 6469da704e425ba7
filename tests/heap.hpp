// How often the process has asked for memory, to test what must not ask.
#pragma once

#include <cstddef>

namespace test {

/// Calls of malloc, and of all that stands in for it, by any thread and library so far; linking this counts them. Not
/// under sanitizers, which replace malloc themselves: there it is always 0.
std::size_t allocations();

}  // namespace test
