// Counts what is taken from operator new, which a program that links allocations.cpp has replaced.
#pragma once

#include <cstddef>

struct Allocations {
  /// How many, the largest, and the most bytes that were held at once beyond those held at the start.
  std::size_t count, largest, peak;
};

/// Counts from here.
void start_counting();
/// What has been taken since, by all threads.
Allocations allocations();
