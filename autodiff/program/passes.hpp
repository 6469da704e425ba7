// Passes: each rewrites the graph in one way, leaning on what operations declare about themselves.
#pragma once

#include "graph.hpp"

namespace autodiff::detail {

/// Makes constants of what depends on no input and no state: its value is on the tape already. Lets operations that a
/// neutral argument makes idle be their other argument; in an exact program, only where no bit changes.
template <Real T>
void fold(Graph<T>& graph, bool exact, ProgramReport& report);

/// For the hunt: throws ValueError for a variable that keeps a value that is not finite, and for a result of constants
/// alone, which no run computes. Constants themselves are let through: an infinity may be meant.
template <Real T>
void require_finite_constants(Graph<T>& graph);

/// Lets one node stand for all that are equal: the same operation with the same parameters on the same inputs, or
/// constants of the same bits.
template <Real T>
void merge_equal(Graph<T>& graph, ProgramReport& report);

/// Lets nodes read through operations that move no data, as far as they take the layout that these give. In an exact
/// program, elementwise nodes alone.
template <Real T>
void resolve_views(Graph<T>& graph, bool exact, ProgramReport& report);

/// Lets operations that accumulate take over the scales that their results get and the terms that are added to them.
template <Real T>
void absorb(Graph<T>& graph, ProgramReport& report);

/// Tells which nodes lead to an output or a next value, and lets go of what the others hold.
template <Real T>
void drop_dead(Graph<T>& graph);

}  // namespace autodiff::detail
