// Pictures of what was recorded.
#pragma once

#include <filesystem>

#include "program/report.hpp"
#include "tape.hpp"

namespace autodiff {

struct DrawOptions {
  bool values = false;          // of each node: those of small arrays in coloured cells, else norms
  bool gradients = false;       // of the loss, the same; and borders as thick as their norms, by powers of ten
  bool cotangents = false;      // edges of the way back, with the norm of what flows there
  std::size_t most_nodes = 40;  // above which scopes are folded into one node each, the innermost first
  std::size_t most_units = 10;  // of a layer that are drawn, where the network is drawn as one of layers
  bool layers = true;           // whether a plain network is drawn so, into a .svg
  const ProgramReport* report = nullptr;  // of a profiled program: bytes and times of nodes and scopes, by name
};

/// Draws what leads to a loss into a file, by the ending of its path: .dot, a graph for graphviz, scopes as nested
/// boxes; .svg and .png, the same laid out; .txt, the boxes as text. Into a .svg, a plain network (layers of units,
/// each read by the next one alone) is drawn as such: units, and connections as wide as their weights, or where only
/// gradients are asked for, as those. That needs nothing else; the other pictures need graphviz's `dot`, a program of
/// its own that is looked for when it is needed. Throws ShapeError for a loss of more elements than one; TapeError for
/// one that is plain, and where values or gradients are asked for that only a run of a program knows; ValueError for
/// another ending, for a file that cannot be written, and where graphviz is needed and not installed.
template <Real T>
void draw(const Variable<T>& loss, const std::filesystem::path& path, const DrawOptions& options = {});

}  // namespace autodiff
