// What many nodes of a graph have in common, kept once: nodes are small then, and comparing and handing on is quick.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "../primitive.hpp"

namespace autodiff::detail {

/// Layouts, and names of places. What is given stays where it is as long as this does.
class Interned {
 public:
  const View* dense(Dims shape);
  const View* layout(View view);
  std::string_view name(std::string_view text);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(Dims shape) const;
    std::size_t operator()(const View& view) const;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Same {
    using is_transparent = void;
    bool operator()(Dims a, Dims b) const;
    bool operator()(const View& a, const View& b) const;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  };

  std::unordered_map<Shape, View, Hash, Same> dense_;
  std::unordered_set<View, Hash, Same> others_;
  const View* last_dense_ = nullptr;  // most nodes are laid out as the one before
  std::unordered_set<std::string, Hash, Same> names_;
  std::string_view last_name_;
};

}  // namespace autodiff::detail
