// Who is responsible for the loss: every quantity of a recorded network, by name and number.
#pragma once

#include <string>
#include <vector>

#include "tape.hpp"

namespace autodiff {

/// What the loss depends on, as a lecture on backpropagation goes through it: output units, hidden units, weights,
/// biases.
class Roadmap {
 public:
  /// What a row is.
  enum class Role : std::uint8_t { output, hidden, weights, biases, unclassified };
  /// "output units", "hidden units", "weights", "biases" or "unclassified".
  static const char* name(Role role);
  struct Row {
    Role role;
    std::size_t layer;       // from 1 at the input; 0 outside of any
    std::string name;        // as Tape::find takes it; of several with one name, that
    std::size_t nodes;       // of that name, in a recurrence one a step
    Shape shape;             // of each
    double value, gradient;  // Euclidean norms, of all of them
    double zero;             // share of elements that are zero,
    double saturated;   // that are results of a function whose derivative there is below 0.01, NaN for other nodes,
    double non_finite;  // and that are not finite, or whose gradient is not
    std::string note;   // why it is unclassified
  };

  Roadmap(std::string loss, double value, std::vector<Row> rows)
      : loss_(std::move(loss)), value_(value), rows_(std::move(rows)) {}
  /// In the order from the loss down.
  const std::vector<Row>& rows() const { return rows_; }
  /// How many numbers weights, biases and what is unclassified hold.
  std::size_t parameters() const;
  /// The rows as a table, and what could not be classified, and why.
  std::string text() const;

 private:
  std::string loss_;
  double value_;
  std::vector<Row> rows_;
};

/// The derivative of the loss by one element of a variable, and how it comes about.
class Derivation {
 public:
  /// All that leads from the element to the loss passes here: what is on the way, times what flows back to it, is the
  /// derivative, whichever place it is cut at.
  struct Cut {
    std::string name;  // of the node, or of those that are cut together
    double value;
    std::string
        most;  // the element through which most of it passes, "layer1/h[0, 2]", and how much; "" where there is one
    double most_value;
  };
  /// d above / d below, of two elements that follow each other on a path.
  struct Factor {
    std::string above, below;
    double value;
    std::string name() const { return "d " + above + " / d " + below; }
  };
  /// A way from the loss down to the element, and the product of the factors along it.
  struct Path {
    std::vector<Factor> factors;  // from the loss down
    double product;
  };

  /// d loss / d element, as the reverse sweep gives it.
  double value() const { return value_; }
  /// From the loss down to the variable. The values differ by rounding alone: each is computed there, tangents by
  /// cotangents.
  const std::vector<Cut>& cuts() const { return cuts_; }
  /// The paths from the loss down, through one element of each node that has a name or is a unit; the factor between
  /// two is what leads from one to the other directly. All of them while there are at most 32, else the ten whose
  /// products are largest, first those. In very wide networks they are the largest that are found when at each node
  /// only the 128 elements are followed through which most passes.
  const std::vector<Path>& paths() const { return paths_; }
  /// How many paths there are, which do not pass a zero; NaN where not all elements were followed.
  double path_count() const { return path_count_; }
  /// How many products of one operation's derivative with a tangent were computed.
  std::size_t products() const { return products_; }
  /// The chain as people read it: the cuts, then the paths.
  std::string text() const;

 private:
  template <Real T>
  friend Derivation explain(const Variable<T>&, const Variable<T>&, const std::vector<std::size_t>&);
  std::string loss_, element_;
  double value_ = 0, path_count_ = 0;
  std::size_t products_ = 0;
  std::vector<Cut> cuts_;
  std::vector<Path> paths_;
};

/// The roadmap of a recorded loss: norms of values and gradients, shares of zero, saturated and non-finite elements.
/// What is what follows from the recording: a variable whose gradient depends on the data that it meets is a weight,
/// one that is added is a bias; a product with a weight begins a layer. Variables among `inputs` are data; constants
/// are, and where parameters of modules are recorded, all other variables. What cannot be told is unclassified, and
/// says why. Throws ShapeError for a loss of more elements than one, TapeError for one that is plain or whose value
/// only a run of a program knows, and for inputs of another tape.
template <Real T>
Roadmap explain(const Variable<T>& loss, const std::vector<Variable<T>>& inputs = {});

/// The derivative of the loss by one element of a variable, by forward products alone: no Jacobian is computed. Throws
/// what the other one throws, ShapeError for an element that the variable does not have, TapeError for a constant and
/// for a variable that the loss does not depend on. The forward products are those of R. E. Wengert, "A simple
/// automatic derivative evaluation program", 1964.
template <Real T>
Derivation explain(const Variable<T>& loss, const Variable<T>& weight, const std::vector<std::size_t>& element);

}  // namespace autodiff
