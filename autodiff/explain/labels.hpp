// What nodes and numbers are called in texts and pictures.
#pragma once

#include <string>
#include <unordered_map>

#include "../tape.hpp"

namespace autodiff::detail {

/// What the nodes of a tape are called, as long as nothing more is recorded or named.
template <Real T>
class Labels {
 public:
  explicit Labels(const Tape<T>& tape);
  /// As Tape::find takes it: "layer1/h", "encoder/a#2"; "layer1/%12" for a node without a name.
  std::string operator()(std::size_t node) const;
  /// "layer1/h", whichever call of its module it is from; "" for a node without a name.
  std::string family(std::size_t node) const { return tape_.name(node); }
  /// The same, and of a node without a name the operation, too: "layer1/%12 (tanh)".
  std::string described(std::size_t node) const;
  /// One element of it, "layer1/h[0, 2]"; the name alone where there is one.
  std::string element(std::size_t node, std::size_t flat) const;

 private:
  const Tape<T>& tape_;
  std::unordered_map<std::size_t, std::string> numbered_;  // of several nodes that share a name
};

/// "[0, 2]" of a flat index.
std::string indices(Dims shape, std::size_t flat);
/// Four digits: "0.1234", "1.234e-07".
std::string number(double x);
/// "12.5 %"; "-" for NaN.
std::string percent(double share);

/// Rows and columns in brackets; of long axes the first and the last three.
template <Real T>
std::string abbreviated(const Array<T>& a);

}  // namespace autodiff::detail
