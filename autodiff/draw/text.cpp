// Pictures as text: nested boxes, in the order of recording.
#include <cmath>

#include "../explain/labels.hpp"
#include "picture.hpp"

namespace autodiff::detail {

namespace {

std::string bars(std::size_t depth) {
  std::string text;
  for (std::size_t k = 0; k < depth; ++k) text += "│ ";
  return text;
}

std::vector<std::size_t> path(const Picture& picture, std::size_t box) {
  std::vector<std::size_t> result;
  for (; box != 0; box = picture.boxes[box].outer) result.insert(result.begin(), box);
  return result;
}

std::string numbers(const Cells& cells) {
  std::string text;
  for (std::size_t i = 0; i < cells.numbers.size(); ++i)
    text += (i == 0 ? "" : i % cells.columns == 0 ? " | " : " ") + number(cells.numbers[i]);
  return text;
}

std::string line(const Picture& picture, std::size_t k) {
  const auto& node = picture.nodes[k];
  std::string text = node.name + " = " + node.operation;
  for (const auto& edge : picture.edges)
    if (edge.to == k && !edge.back) text += " " + picture.nodes[edge.from].name;
  text += node.numbers + "  " + node.shape;
  if (!std::isnan(node.value)) text += "  |value| " + number(node.value);
  if (!std::isnan(node.gradient)) {
    text += "  |gradient| " + number(node.gradient) + " ";
    for (long n = std::lround(picture.level(node.gradient)); n > 0; --n) text += "▪";
  }
  return node.cost.empty() ? text : text + "  " + node.cost;
}

}  // namespace

std::string as_text(const Picture& picture) {
  std::string text = picture.title + "\n";
  std::vector<std::size_t> open;
  for (std::size_t k = 0; k <= picture.nodes.size(); ++k) {
    const auto next = k < picture.nodes.size() ? path(picture, picture.nodes[k].box) : std::vector<std::size_t>();
    std::size_t common = 0;
    while (common < open.size() && common < next.size() && open[common] == next[common]) ++common;
    while (open.size() > common) open.pop_back(), text += bars(open.size()) + "└\n";
    for (; open.size() < next.size(); open.push_back(next[open.size()])) {
      const auto& box = picture.boxes[next[open.size()]];
      text += bars(open.size()) + "┌ " + box.name + (box.cost.empty() ? "" : "  " + box.cost) + "\n";
    }
    if (k == picture.nodes.size()) break;
    text += bars(open.size()) + line(picture, k) + "\n";
    for (const auto* cells : {&picture.nodes[k].values, &picture.nodes[k].gradients})
      if (!cells->numbers.empty())
        text += bars(open.size()) + (cells == &picture.nodes[k].values ? "    value    " : "    gradient ") +
                numbers(*cells) + "\n";
  }
  return text;
}

}  // namespace autodiff::detail
