// What each operation is in ONNX's operators: https://onnx.ai/onnx/operators. One table a family; what is in none of
// them has no counterpart.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "../op.hpp"
#include "graph.hpp"

namespace autodiff::onnx {

/// One operation: what it reads and what it gives.
struct Step {
  std::vector<Value> x;
  std::vector<Shape> y;
  std::vector<bool> read;  // by result: whether anybody does
};

/// Adds what an operation is to the graph, and gives the names of its results; those that nobody reads may be "".
/// Throws ValueError, which says why, where ONNX has nothing of the kind.
struct Rule {
  std::string_view name;
  bool (*of_float)(const Primitive<float>&);
  bool (*of_double)(const Primitive<double>&);
  Names (*write)(Graph& to, const void* operation, const Step& step);

  /// Whether the operation is the library's of this name.
  bool fits(const Primitive<float>& p) const { return of_float(p); }
  bool fits(const Primitive<double>& p) const { return of_double(p); }
};

template <class Op, Real T>
bool is(const Primitive<T>& p) {
  return dynamic_cast<const detail::Declared<Op, T>*>(&p) != nullptr;
}

/// A rule of an operation; `write` is a function or a lambda without captures of (Graph&, const Op&, const Step&) that
/// gives Names or the only one.
template <class Op, class Write>
Rule rule(Write) {
  return {Op::name, is<Op, float>, is<Op, double>, [](Graph& to, const void* operation, const Step& step) -> Names {
            const auto names = Write()(to, *static_cast<const Op*>(operation), step);
            if constexpr (std::is_same_v<decltype(names), const Names>)
              return names;
            else
              return {names};
          }};
}

std::span<const Rule> elementwise_rules();
std::span<const Rule> array_rules();
std::span<const Rule> network_rules();

}  // namespace autodiff::onnx
