#include "labels.hpp"

#include <cmath>
#include <cstdio>

namespace autodiff::detail {

template <Real T>
Labels<T>::Labels(const Tape<T>& tape) : tape_(tape) {
  std::unordered_map<std::string, std::vector<std::size_t>> nodes;
  for (std::size_t i = 0; i < tape.size(); ++i)
    if (auto name = tape.name(i); !name.empty()) nodes[std::move(name)].push_back(i);
  for (const auto& [name, all] : nodes)
    for (std::size_t k = 0; all.size() > 1 && k < all.size(); ++k)
      numbered_[all[k]] = name + "#" + std::to_string(k + 1);
}

template <Real T>
std::string Labels<T>::operator()(std::size_t node) const {
  if (const auto found = numbered_.find(node); found != numbered_.end()) return found->second;
  if (auto name = tape_.name(node); !name.empty()) return name;
  const std::string scope = tape_.scope_of(node);
  return (scope.empty() ? "%" : scope + "/%") + std::to_string(node);
}

template <Real T>
std::string Labels<T>::described(std::size_t node) const {
  const auto& operation = tape_.node(node).operation;
  const bool named = !tape_.name(node).empty();
  return (*this)(node) + (named || !operation ? "" : " (" + std::string(operation->name()) + ")");
}

template <Real T>
std::string Labels<T>::element(std::size_t node, std::size_t flat) const {
  const Dims shape(tape_.node(node).value->shape());
  return (*this)(node) + (count(shape) == 1 ? "" : indices(shape, flat));
}

std::string indices(Dims shape, std::size_t flat) {
  std::string text;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    text = std::to_string(flat % shape[axis]) + (text.empty() ? "" : ", ") + text;
    flat /= shape[axis];
  }
  return "[" + text + "]";
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", x);
  return text;
}

std::string percent(double share) {
  if (std::isnan(share)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", 100 * share);
  return text;
}

namespace {

/// Of an axis longer than two ends, only these are shown.
template <Real T>
std::string part(const T* from, Dims shape, std::size_t size, std::size_t end) {
  if (shape.empty()) return number(*from);
  std::string text = "[";
  const std::size_t length = shape[0], step = length ? size / length : 0;
  for (std::size_t i = 0; i < length; ++i) {
    if (i) text += ", ";
    if (length > 2 * end && i == end) text += "..., ", i = length - end;
    text += part(from + i * step, shape.subspan(1), step, end);
  }
  return text + "]";
}

}  // namespace

template <Real T>
std::string abbreviated(const Array<T>& a) {
  return part(a.data(), Dims(a.shape()), a.size(), a.dimension() > 2 ? 1 : 3);
}

#define AUTODIFF_LABELS(T)  \
  template class Labels<T>; \
  template std::string abbreviated(const Array<T>&);
AUTODIFF_LABELS(float)
AUTODIFF_LABELS(double)

}  // namespace autodiff::detail
