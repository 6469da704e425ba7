// Pictures as graphs that graphviz lays out: https://graphviz.org/doc/info/lang.html
#include <algorithm>
#include <cmath>

#include "../explain/labels.hpp"
#include "picture.hpp"

namespace autodiff::detail {

namespace {

const char* fill(PictureNode::Kind kind) {
  using Kind = PictureNode::Kind;
  return kind == Kind::variable   ? "#fff3cd"
         : kind == Kind::constant ? "#eeeeee"
         : kind == Kind::folded   ? "#dbeafe"
                                  : "#ffffff";
}

/// A table of its own, a coloured cell an element, with numbers where there are few.
std::string table(const Cells& cells) {
  double largest = 0;
  for (const double x : cells.numbers)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  const std::size_t block = cells.rows * cells.columns, blocks = cells.numbers.size() / block;
  const bool readable = blocks * cells.columns <= 8 && cells.numbers.size() <= 24;
  std::string text = "<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"1\" CELLPADDING=\"2\">";
  for (std::size_t i = 0; i < cells.numbers.size(); ++i) {
    const std::size_t row = i / (blocks * cells.columns), column = i % (blocks * cells.columns);
    const std::size_t its = column / cells.columns;  // block
    const double x = cells.numbers[its * block + row * cells.columns + column % cells.columns];
    if (column == 0)
      text += "<TR>";
    else if (column % cells.columns == 0)
      text += "<TD WIDTH=\"3\"></TD>";
    char digits[16];
    std::snprintf(digits, sizeof digits, "%.2g", x);
    text += "<TD BGCOLOR=\"" + colour(largest > 0 ? x / largest : 0) +
            "\" WIDTH=\"11\" HEIGHT=\"11\"><FONT POINT-SIZE=\"7\">" + (readable || !std::isfinite(x) ? digits : " ") +
            "</FONT></TD>";
    if (column + 1 == blocks * cells.columns) text += "</TR>";
  }
  return text + "</TABLE>";
}

std::string row(const std::string& what) { return "<TR><TD>" + what + "</TD></TR>"; }
std::string small(const std::string& text) {
  return "<FONT POINT-SIZE=\"9\" COLOR=\"#555555\">" + escaped(text) + "</FONT>";
}

std::string label(const Picture& picture, const PictureNode& node) {
  const bool known = !std::isnan(node.gradient);
  const double level = picture.level(node.gradient);
  const int width = known ? 1 + static_cast<int>(std::lround(level * 0.7)) : 1;
  std::string text = "<TABLE BORDER=\"" + std::to_string(width) +
                     "\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"2\" BGCOLOR=\"" + fill(node.kind) +
                     "\" COLOR=\"" + (known ? colour(-0.25 - level / 8) : "#999999") + "\"" +
                     (known && node.gradient == 0 ? " STYLE=\"dotted\"" : "") + ">";
  text += row("<B>" + escaped(node.name) + "</B>") + row(small(node.operation + node.numbers + "  " + node.shape));
  if (!std::isnan(node.value))
    text += row(node.values.numbers.empty() ? small("|value| " + number(node.value)) : table(node.values));
  if (known) text += row(small("|gradient| " + number(node.gradient)));
  if (!node.gradients.numbers.empty()) text += row(table(node.gradients));
  if (!node.cost.empty()) text += row(small(node.cost));
  return text + "</TABLE>";
}

void write_box(std::string& text, const Picture& picture, std::size_t box, const std::string& indent) {
  for (std::size_t k = 0; k < picture.nodes.size(); ++k)
    if (picture.nodes[k].box == box)
      text += indent + "n" + std::to_string(k) + " [label=<" + label(picture, picture.nodes[k]) + ">]\n";
  for (std::size_t inner = 1; inner < picture.boxes.size(); ++inner) {
    const auto& its = picture.boxes[inner];
    std::string inside;
    if (its.outer == box) write_box(inside, picture, inner, indent + "  ");
    if (inside.empty()) continue;
    text += indent + "subgraph cluster_" + std::to_string(inner) + " {\n" + indent + "  label=<" + escaped(its.name) +
            (its.cost.empty() ? "" : "<BR/>" + small(its.cost)) +
            ">; labeljust=l; style=rounded; color=\"#8899aa\"; bgcolor=\"#0000000a\"\n" + inside + indent + "}\n";
  }
}

}  // namespace

std::string as_dot(const Picture& picture) {
  std::string text =
      "digraph recording {\n  graph [fontname=\"Helvetica\", fontsize=11, ranksep=0.3, nodesep=0.25, labelloc=t, "
      "label=<" +
      escaped(picture.title) +
      ">]\n  node [shape=plain, fontname=\"Helvetica\", fontsize=11]\n  edge [color=\"#667788\", arrowsize=0.6]\n";
  write_box(text, picture, 0, "  ");
  for (const auto& edge : picture.edges) {
    text += "  n" + std::to_string(edge.from) + " -> n" + std::to_string(edge.to);
    if (edge.back)
      text += " [color=\"#d6604d\", style=dashed, constraint=false, fontsize=8, fontcolor=\"#d6604d\", label=\"  " +
              number(picture.nodes[edge.to].gradient) + "\"]";
    text += '\n';
  }
  return text + "}\n";
}

}  // namespace autodiff::detail
